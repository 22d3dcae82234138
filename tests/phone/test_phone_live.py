"""What one does everybody sees: at once, without a script as well, and never as present when it is not."""

import threading
import time
from pathlib import Path

import httpx
import pytest

from gateway.api import events
from gateway.ledger import views
from gateway.ledger.thread import PostKind
from gateway.team.answering import AnswerKind
from tests.phone.staging import CLAIRE, HOA, LE, SAM

AT_ONCE_S = 0.5
PNG = Path("gateway/console/static/icon-192.png").read_bytes()


def show(page, team_at, name):
    page.goto(f"/phone/cases/{team_at[0].ids[name]}")
    page.wait_for_selector("#connection.on")
    return page


@pytest.fixture
def caller(team_at):
    """A person's browser without a script."""
    team, url = team_at
    made = []

    def of(person):
        cookie = team.cookie(person, url)
        client = httpx.Client(
            base_url=url, cookies={cookie["name"]: cookie["value"]}, trust_env=False, timeout=10
        )
        client.headers.update({"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
        made.append(client)
        return client

    yield of
    for client in made:
        client.close()


def test_taking_on_one_phone_shows_on_two_others(phone, team_at):
    mine, hers, theirs = (show(phone(person), team_at, "open") for person in (LE, HOA, CLAIRE))
    hers.evaluate("document.querySelector('.stage img').dataset.kept = 'yes'")
    mine.click("text=Tôi nhận ca này")
    for page, said in (
        (mine, "Bạn đã nhận"),
        (hers, "BS. Lê Minh đã nhận"),
        (theirs, "BS. Lê Minh l'a pris"),
    ):
        page.wait_for_function("t => document.querySelector('#who').innerText.includes(t)", arg=said)
    assert hers.locator(".bar .main").count() == 0
    assert hers.locator(".bar button").inner_text() == "Nhận thay"
    assert hers.get_attribute(".bar .call", "href") == f"tel:{LE.phone}"
    assert hers.evaluate("document.querySelector('.stage img').dataset.kept") == "yes", (
        "pictures are not fetched again"
    )
    hers.fill("#comment", "half a sentence")
    mine.fill("#comment", "<img src=x onerror=document.title='owned'> NIHSS 14")
    mine.click(".comment button")
    hers.wait_for_selector("text=NIHSS 14")
    assert hers.input_value("#comment") == "half a sentence"
    assert mine.input_value("#comment") == ""
    assert "owned" not in hers.title()


def test_handing_over_leaves_the_case_until_it_is_taken(phone, team_at):
    mine, hers = (show(phone(person), team_at, "uncertain") for person in (LE, HOA))
    mine.click(".bar .main")
    mine.wait_for_selector("#who.me")
    mine.click(".bar >> text=Bàn giao")
    mine.select_option("#to", HOA.id)
    mine.click("#hand-over button")
    mine.wait_for_selector("text=đã bàn giao cho BS. Trần Hoa, chưa nhận")
    assert mine.get_attribute(".bar .call", "href") == f"tel:{HOA.phone}"
    hers.wait_for_selector("text=BS. Lê Minh đang giữ ca và bàn giao cho bạn")
    hers.click(".bar button")
    mine.wait_for_selector("#who.other >> text=BS. Trần Hoa đã nhận")


def test_saying_that_it_is_no_stroke_needs_a_reason_and_ends_it_for_all(phone, team_at):
    mine, hers = (
        show(phone(person), team_at, person_case)
        for person, person_case in ((SAM, "revised"), (LE, "revised"))
    )
    mine.click("#not-stroke summary")
    mine.click("#not-stroke button")
    assert mine.locator("#who.nobody").count() == 1, "the browser asks for a reason first"
    mine.click("#not-stroke label:has-text('Old infarct')")
    mine.fill("#not-stroke-words", "seen in 2021")
    mine.click("#not-stroke button")
    hers.wait_for_selector("#who.over >> text=Dr Sam Okafor: không phải đột quỵ")
    hers.wait_for_selector("text=Old infarct. seen in 2021")
    cath = show(phone(CLAIRE), team_at, "recalled")
    assert cath.locator("#not-stroke").count() == 0, "that is not the cath lab's to say"


def test_a_call_is_noted_and_the_picture_comes_by_itself(phone, team_at):
    page = show(phone(LE), team_at, "not_stroke")
    page.evaluate("document.querySelector('.bar .call').removeAttribute('href')")
    page.click(".bar .call")
    page.wait_for_selector(".posts .called >> text=Dr Sam Okafor")
    folder = team_at[0].site.config.cases_dir / team_at[0].ids["drawing"] / "r1" / "pictures"
    waiting = show(phone(HOA), team_at, "drawing")
    folder.mkdir(parents=True)
    (folder / "alert.png").write_bytes(PNG)
    waiting.wait_for_selector("#slices.early img", state="attached")
    assert (
        waiting.request.get(waiting.get_attribute("#slices img", "src")).headers["content-type"]
        == "image/png"
    )


def test_a_line_that_breaks_is_told_and_mends_itself(phone, team_at):
    page = show(phone(LE), team_at, "taken")
    page.context.set_offline(True)
    page.wait_for_selector("#stale:not([hidden]) >> text=Mất kết nối từ")
    page.wait_for_function("() => getComputedStyle(document.querySelector('.screen')).opacity === '0.6'")
    page.click(".bar button")
    page.wait_for_selector("#sent.failed >> text=Chưa gửi được")
    assert page.locator("#who.other").count() == 1, "nothing is shown as taken that was not"
    page.context.set_offline(False)
    page.wait_for_selector("#stale", state="hidden")
    page.wait_for_selector("#connection.on")


def test_everything_works_without_a_script(team_at, caller):
    team, _ = team_at
    client, case_id = caller(HOA), team.ids["nothing"]
    answer = client.post(
        f"/phone/cases/{case_id}/answer", data={"kind": "decline", "reason": "Ở quá xa", "text": ""}
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/phone/cases/{case_id}"
    said = team.site.ledger.thread.of_case(case_id)[-1]
    assert (said.kind, said.text, said.name) == (PostKind.DECLINED, "Ở quá xa", HOA.name)
    assert client.post(f"/phone/cases/{case_id}/comment", data={"text": "  "}).status_code == 422
    assert client.post(f"/phone/cases/{case_id}/hand-over", data={"to": "nobody"}).status_code == 404
    client.headers["Sec-Fetch-Site"] = "cross-site"
    assert client.post(f"/phone/cases/{case_id}/answer", data={"kind": "take"}).status_code == 403


def test_opening_is_noted_once_a_person_sees_it(team_at, caller):
    team, _ = team_at
    case_id = team.ids["untrusted"]
    mine = lambda: next(c for c in team.site.ledger.calls.of_case(case_id) if c.person_id == CLAIRE.id)  # noqa: E731
    assert mine().state == "sent"
    client = caller(CLAIRE)
    client.get(f"/phone/cases/{case_id}", headers={"Sec-Purpose": "prefetch"})
    assert mine().state == "sent", "fetched ahead is not seen"
    client.get(f"/phone/cases/{case_id}")
    assert mine().state == "opened"


def test_a_change_of_this_process_is_told_at_once(team_at, caller, monkeypatch):
    """The look at the ledger is put off by a minute: only the nudge can be this fast."""
    monkeypatch.setattr(events, "LOOK_EVERY_S", 60.0)
    team, _ = team_at
    case_id, heard = team.ids["no_volumes"], []
    begun = threading.Event()

    def listen():
        with caller(HOA).stream("GET", f"/phone/cases/{case_id}/events") as answer:
            for line in answer.iter_lines():
                if line == "event: part":
                    heard.append(time.monotonic())
                    begun.set()
                if len(heard) == 2:
                    return

    thread = threading.Thread(target=listen)
    thread.start()
    assert begun.wait(10)
    time.sleep(0.3)  # the look that was under way before the patch is over
    at = time.monotonic()
    assert caller(SAM).post(f"/phone/cases/{case_id}/answer", data={"kind": "take"}).status_code == 303
    thread.join(10)
    assert len(heard) == 2
    assert heard[1] - at < AT_ONCE_S + 0.5, "a loaded machine gets another half second"


def test_without_a_listener_nobody_looks(team_at, caller, monkeypatch):
    team, _ = team_at
    looks, marks = [], views.marks
    monkeypatch.setattr(views, "marks", lambda *a: looks.append(1) or marks(*a))
    time.sleep(0.6)  # listeners of the tests before are gone
    looks.clear()
    time.sleep(0.6)
    assert looks == []
    with caller(HOA).stream("GET", f"/phone/cases/{team.ids['open']}/events") as answer:
        next(answer.iter_lines())
        until = time.monotonic() + 10
        while not looks and time.monotonic() < until:
            time.sleep(0.05)
    assert looks, "a listener is looked for"


def test_answers_are_of_the_four_kinds_only(team_at, caller):
    case_id = team_at[0].ids["analysing"]
    assert caller(LE).post(f"/phone/cases/{case_id}/answer", data={"kind": "explode"}).status_code == 422
    refused = caller(LE).post(f"/phone/cases/{case_id}/answer", data={"kind": AnswerKind.TAKE.value})
    assert refused.status_code == 409, "there is no alert yet"
