"""Whoever came by an alert's link never learns whose case it is; whoever may, has to ask, and that is noted."""

import re

import httpx
import pytest

from gateway.ledger.records import case_id_of
from tests.api.staging import CANARY_ID
from tests.phone.staging import CLAIRE, LE, SAM

WHO = ("CANARY", "TUẤN", CANARY_ID, "1950")
STUDY = "2.1"


@pytest.fixture
def asked(team_at):
    """Clients by cookie."""
    _team, url = team_at
    made = []

    def of(cookie):
        client = httpx.Client(
            base_url=url, cookies={cookie["name"]: cookie["value"]}, trust_env=False, timeout=10
        )
        client.headers.update({"Accept": "text/html,*/*", "Sec-Fetch-Site": "same-origin"})
        made.append(client)
        return client

    yield of
    for client in made:
        client.close()


def first_events(client, path, lines=12):
    with client.stream("GET", path) as answer:
        assert answer.status_code == 200
        found = []
        for line in answer.iter_lines():
            found.append(line)
            if len(found) >= lines or line.startswith('data: {"mark"'):
                break
        return "\n".join([*found, str(answer.headers)])


def names_in(text):
    """What of the patient is in a text; the study's UID as a whole number of components."""
    found = [word for word in WHO if word in text]
    return found + re.findall(rf"(?<![\d.]){re.escape(STUDY)}(?:\.1)?(?![\d.])(?=[\"'/<&?])", text)


def test_a_link_shows_one_case_and_never_whose_it_is(team_at, asked):
    team, url = team_at
    client, here = asked(team.link_cookie("open", LE, url)), f"/phone/cases/{team.ids['open']}"
    seen = []
    page = client.get(here)
    assert page.status_code == 200
    assert "Bán cầu TRÁI" in page.text
    addresses = {here, f"{here}/part", *re.findall(rf'(?:src|href)="({here}[^"]*)"', page.text)}
    for address in sorted(addresses):
        answer = client.get(address)
        assert answer.status_code == 200, address
        body = answer.text if "text" in answer.headers["content-type"] else ""
        seen.append(body + str(answer.headers) + address)
    seen.append(first_events(client, f"{here}/events"))
    for action, data in (("comment", {"text": "xin chào"}), ("answer", {"kind": "take"}), ("seen", {})):
        answer = client.post(f"{here}/{action}", data=data)
        assert answer.status_code in {204, 303}, action
        seen.append(answer.text + str(answer.headers))
    assert [names_in(text) for text in seen if names_in(text)] == []
    assert names_in(f'"{STUDY}"'), "the search can find it"
    assert team.site.ledger.thread.of_case(team.ids["open"])[-1].person_id == LE.id
    assert client.post(f"{here}/patient").status_code == 403
    for beyond in ("/phone", "/", f"/phone/cases/{team.ids['taken']}", f"/cases/{team.ids['open']}"):
        assert client.get(beyond, headers={"Accept": "application/json"}).status_code in {401, 403}, beyond


def test_a_person_sees_the_name_behind_one_tap_which_is_noted(phone, team_at):
    team, _ = team_at
    page = phone(SAM)
    page.goto(f"/phone/cases/{team.ids['taken']}")
    page.wait_for_selector("#connection.on")
    assert names_in(page.content()) == []
    before = len(team.site.ledger.accesses.latest(case_id=team.ids["taken"]))
    page.click("text=Show patient")
    page.wait_for_selector("#patient >> text=CANARY TUẤN")
    assert "BN-CANARY-77" in page.inner_text("#patient")
    noted = team.site.ledger.accesses.latest(case_id=team.ids["taken"])
    assert len(noted) > before
    assert any("patient shown" in entry.detail and entry.person_id == SAM.id for entry in noted)
    page.click("[data-hide]")
    assert names_in(page.content()) == []


def test_the_cath_lab_reads_and_answers_in_french(phone, team_at):
    page = phone(CLAIRE, link_to="taken")
    page.goto(f"/phone/cases/{team_at[0].ids['taken']}")
    page.wait_for_selector("text=BS. Trần Hoa l'a pris")
    assert page.locator("[data-patient]").count() == 0
    assert page.locator(".home[href]").count() == 0, "a link leads nowhere else"


def test_a_case_is_no_study(team_at):
    assert team_at[0].ids["open"] == case_id_of(STUDY)
    assert STUDY not in team_at[0].ids["open"]
