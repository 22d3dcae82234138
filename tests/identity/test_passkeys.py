"""Passkeys in a real Chromium, whose virtual authenticator signs as a phone does (CDP domain WebAuthn)."""

import json
import re
from contextlib import contextmanager
from dataclasses import replace

import pytest

from benchmarks.running import free_port
from gateway.identity.passkeys import CHALLENGE_S, Passkeys, RelyingParty
from gateway.team.people import Role
from tests.api.staging import close_site, open_site, serving
from tests.identity.conftest import OWN, PASSWORD, House, now
from triage.errors import InputError

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def named_house(tmp_path_factory):
    """A site at a host name, as browsers want it for passkeys."""
    port = free_port()
    http = {"public_url": f"http://localhost:{port}"}
    site = open_site(tmp_path_factory.mktemp("named"), http=http)
    with serving(site, port):
        yield House(site, http["public_url"])
    close_site(site)


@contextmanager
def a_phone(chromium, house, *, verified=True):
    """A page of a browser with an authenticator."""
    context = chromium.new_context(base_url=house.url, viewport={"width": 360, "height": 740})
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {**AUTHENTICATOR, "isUserVerified": verified}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield page
    context.close()
    assert complaints == []


def enrol(page, person) -> None:
    page.goto("/login?next=/times")
    page.fill("#name", person.login)
    page.fill("#password", PASSWORD)
    page.click("#account button")
    page.wait_for_url("**/login/enrol?next=/times")
    page.fill("#label", "my phone")
    page.click("[data-passkey=create]")
    page.wait_for_url(re.compile(r"//[^/]+/times$"))


def test_a_passkey_is_made_and_opens_without_a_password(chromium, named_house):
    person = named_house.person(Role.ADMINISTRATOR)
    with a_phone(chromium, named_house) as page:
        enrol(page, person)
        kept = named_house.accounts.factors(person.id).passkeys
        assert [(one.label, one.person_id) for one in kept] == [("my phone", person.id)]
        page.context.clear_cookies()
        page.goto("/login?next=/times")
        page.click("[data-passkey=get]")
        page.wait_for_url(re.compile(r"//[^/]+/times$"))
        session = named_house.accounts.sessions.of(person.id, now())[0]
        assert session.means == "passkey"
        assert session.device == "Chrome on Linux"
        used = named_house.accounts.factors(person.id).passkeys[0]
        assert used.sign_count > kept[0].sign_count

        # an answer that was given is worth nothing the second time
        page.context.clear_cookies()
        sent = []
        page.on("request", lambda asked: sent.append(asked) if asked.url.endswith("/login/passkey") else None)
        page.goto("/login")
        page.click("[data-passkey=get]")
        page.wait_for_url(f"{named_house.url}/")
        page.context.clear_cookies()
        with named_house.browser() as replayer:
            body = json.loads(sent[0].post_data)
            again = replayer.post("/login/passkey", json=body, headers=OWN)
            assert again.status_code == 401
            assert "before" in again.text
            assert replayer.post("/login/passkey", json=body).status_code == 401
            foreign = {"Sec-Fetch-Site": "cross-site"}
            assert replayer.post("/login/passkey", json=body, headers=foreign).status_code == 403

        # and a closed account's opens nothing, in a sentence
        named_house.accounts.disable(person, now())
        page.goto("/login")
        page.click("[data-passkey=get]")
        page.wait_for_selector("#passkey-said:visible")
        assert "not known here" in page.inner_text("#passkey-said")


def test_a_device_that_asks_nobody_is_refused(chromium, named_house):
    person = named_house.person(Role.IT)
    with a_phone(chromium, named_house, verified=False) as page:
        page.goto("/login")
        page.fill("#name", person.login)
        page.fill("#password", PASSWORD)
        page.click("#account button")
        page.wait_for_url("**/login/enrol**")
        page.click("[data-passkey=create]")
        page.wait_for_selector("#passkey-said:visible")
        assert "No passkey was used" in page.inner_text("#passkey-said")
    assert named_house.accounts.factors(person.id).passkeys == []


def test_challenges_are_for_one_purpose_one_person_and_a_while(house):
    us = RelyingParty("localhost", "http://localhost")
    passkeys = Passkeys(house.site.ledger, house.site.access, us)
    person, moment = house.person(), now()
    for_login, for_person = passkeys.begin_login(moment)["proof"], passkeys.begin(person, moment)["proof"]
    other = replace(passkeys, access=replace(house.site.access, token="another house's token"))
    late = moment.fromtimestamp(moment.timestamp() + CHALLENGE_S + 1, moment.tzinfo)
    for what, proof, whom, at in (
        (passkeys, for_login, person.id, moment),
        (passkeys, for_person, "login", moment),
        (passkeys, for_person, house.person().id, moment),
        (passkeys, for_person, person.id, late),
        (other, for_person, person.id, moment),
        (passkeys, f"x{for_person}", person.id, moment),
        (passkeys, "", person.id, moment),
    ):
        with pytest.raises(InputError):
            what._challenge(proof, whom, at)
    assert len(passkeys._challenge(for_person, person.id, moment)) == 32
    with pytest.raises(InputError, match="before"):
        passkeys._challenge(for_person, person.id, moment)


@pytest.mark.parametrize("nonsense", [{}, {"id": 7}, {"id": "x", "response": None}, {"id": "x" * 5000}])
def test_nonsense_for_an_answer_is_a_refusal(named_house, nonsense):
    with named_house.browser() as browser:
        proof = browser.post("/login/passkey/begin", json={}, headers=OWN).json()["proof"]
        answer = browser.post("/login/passkey", json={"credential": nonsense, "proof": proof}, headers=OWN)
        assert answer.status_code == 401


def test_where_there_is_no_host_name_nobody_is_offered_a_passkey(house):
    house.person()
    with house.browser() as browser:
        assert "data-passkey" not in browser.get("/login").text
        refused = browser.post("/login/passkey/begin", json={}, headers=OWN)
        assert refused.status_code == 400
        assert "http.public_url" in refused.text
