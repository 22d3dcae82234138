"""One's own page: channels, a test alarm, devices, and how one logs in."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import uuid4

import pyotp
import pytest

from benchmarks.running import free_port
from gateway.desk import Desk
from gateway.ledger.call import CallState
from gateway.ledger.records import utc_text
from gateway.steps.summoning import LOOKS, ring_trial
from gateway.team.contact_list import TRIAL, a_contact
from gateway.team.contacts import ChannelKind, Device
from gateway.team.people import Role
from tests.api.staging import close_site, open_site, serving
from tests.team.conftest import PHONE, Team, now
from viewer_bridge.report.wording.language import Language

DOCTOR = Role.STROKE_DOCTOR


def a_device(person_id: str) -> Device:
    endpoint = f"https://push.example/{uuid4()}"
    return Device(str(uuid4()), person_id, endpoint, "k", "a", "Chrome on Android", utc_text(now()))


AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
"""Of Chromium's own, which signs as a phone does (DevTools, domain WebAuthn)."""


@pytest.fixture
def listener():
    """A receiver on the web; what it was sent."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", got
    server.shutdown()
    thread.join(5)
    server.server_close()


def test_the_token_is_nobody_and_is_told_so(team):
    with team.client() as client:
        assert "which is nobody" in client.get("/me").text
        refused = client.post("/me/contacts", data={"kind": "push"})
        assert refused.status_code == 403
        assert "an account of your own" in refused.text


def test_a_test_alarm_goes_the_way_of_an_alert(team, doctors, listener):
    """The dead channel first: the test falls over to the next one, and the page says how both went."""
    an, (address, got) = doctors[0], listener
    site, people = team.site, team.site.ledger.people
    people.change(an.__class__(an.id, an.login, an.name, an.roles, Language.VIETNAMESE, an.phone))
    dead = a_contact(an.id, ChannelKind.WEBHOOK, "http://127.0.0.1:9/", "s" * 20)
    people.set_contacts(an.id, [dead, a_contact(an.id, ChannelKind.WEBHOOK, address, "s" * 20)])
    desk = Desk(site.config, site.ledger, site.client, None, None)
    subject = f"{TRIAL}{uuid4()}"
    try:
        for _ in range(LOOKS):
            if ring_trial(desk, subject, an.id) is None:
                break
            threading.Event().wait(0.2)
    finally:
        desk.switchboard.close()
    first, second = sorted(site.ledger.calls.of_subject(subject), key=lambda call: call.place)
    assert first.state is CallState.FAILED
    assert second.state in {CallState.SENT, CallState.DELIVERED}
    assert "THỬ" in json.dumps(got[0], ensure_ascii=False), "in the person's own language"
    assert an.name not in json.dumps(got, ensure_ascii=False)
    with team.client(an) as client:
        page = client.get("/me").text
        failed = page.index("không đến được bằng kênh này", page.index("Lần thử gần nhất"))
        assert failed < page.index('class="light good"', failed)
        client.headers["Accept"] = "application/json"
        again = client.post("/api/v1/me/test")
        assert again.status_code == 409, "a button that is pressed twice does not ring twice"


def test_a_test_alarm_is_work_for_the_worker(team, doctors):
    an = doctors[1]
    with team.client(an) as client:
        client.headers["Accept"] = "application/json"
        assert client.post("/api/v1/me/test").status_code == 409, "there is no channel"
        wanted = {"contacts": [{"kind": "email", "address": "binh@hospital.example"}, {"kind": "push"}]}
        assert [one["kind"] for one in client.put("/api/v1/me/contacts", json=wanted).json()] == [
            "email",
            "push",
        ]
        started = client.post("/api/v1/me/test")
        assert started.status_code == 202
        assert started.json()["subject"] in client.get("/api/v1/jobs").text


def test_nobody_touches_what_is_anothers(team, doctors):
    an, binh = doctors
    people = team.site.ledger.people
    people.set_contacts(binh.id, [a_contact(binh.id, ChannelKind.EMAIL, "b@hospital.example")])
    device = a_device(binh.id)
    people.add_device(device)
    team.word(binh)
    session = team.accounts.sessions.of(binh.id, now())[0]
    with team.client(an) as client:
        contact = people.contacts_of([binh.id])[binh.id][0]
        assert client.post("/me/contacts/remove", data={"contact": contact.id}).status_code == 400
        assert client.post("/me/devices/remove", data={"device": device.id}).status_code == 400
        client.post("/me/sessions/end", data={"session": session.id})
        assert client.post(f"/people/{binh.id}/revoke").status_code == 403
    assert people.contacts_of([binh.id])[binh.id]
    assert [known.id for known in people.devices_of([binh.id])[binh.id]] == [device.id]
    assert session.id in {one.id for one in team.accounts.sessions.of(binh.id, now())}


def test_ones_own_page_works_on_a_phone_without_script(team, doctors, chromium):
    an = doctors[0]
    team.site.ledger.people.add_device(a_device(an.id))
    with team.page(chromium, an, PHONE, java_script_enabled=False) as page:
        page.goto("/me")
        assert "now, until" in page.inner_text("main")
        page.get_by_text("Add a channel").click()
        page.select_option("#kind", "zalo")
        page.fill("#address", "+84 90 123 45 67")
        with page.expect_navigation():
            page.get_by_role("button", name="Add the channel").click()
        assert "+84901234567" in page.inner_text(".people-contacts")
        page.select_option("#language", "fr")
        with page.expect_navigation():
            page.get_by_role("button", name="Save").click()
        assert team.site.ledger.people.get(an.id).language is Language.FRENCH
        with page.expect_navigation():
            page.get_by_label("Retirer Chrome on Android").click()
        assert team.site.ledger.people.devices_of([an.id]) == {}
        with page.expect_navigation():
            page.get_by_text("Terminer toutes les autres").click()
        assert len(team.accounts.sessions.of(an.id, now())) == 1, "this one stays"


def test_one_time_codes_are_set_up_and_their_recovery_codes_shown_once(team, doctors, chromium):
    an = doctors[1]
    with team.page(chromium, an) as page:
        page.goto("/me/codes")
        seed = page.inner_text(".me-spoken").replace(" ", "")
        assert page.locator(".me-picture svg").bounding_box()["width"] > 150
        page.fill("#code", pyotp.TOTP(seed).now())
        page.get_by_role("button", name="Confirm").click()
        page.wait_for_selector(".me-recovery")
        assert page.locator(".me-recovery li").count() == 10
        page.goto("/me")
        assert "10 recovery codes left" in page.inner_text("#account")
        with page.expect_navigation():
            page.get_by_label("Remove one-time codes").click()
    assert not team.accounts.factors(an.id).totp
    assert seed not in "".join(team.log(an))


def test_whoever_finds_an_open_screen_cannot_change_how_its_owner_logs_in(team, doctors):
    an = doctors[0]
    code = pyotp.TOTP(team.accounts.begin_totp(an).spoken.replace(" ", "")).now()
    recovery = team.accounts.confirm_totp(an, code, now())
    with team.client(an, now() - timedelta(minutes=16)) as client:
        page = client.get("/me").text
        assert "/login?next=/me" in page
        assert not any(way in page for way in ("/me/codes", "/me/passkeys"))
        for way in ("codes/remove", "codes/recovery", "passkeys/begin"):
            refused = client.post(f"/me/{way}")
            assert refused.status_code == 403
            assert "log in again first" in refused.text.lower()
        assert client.get("/me/codes").status_code == 403
    assert team.accounts.factors(an.id).totp
    assert team.accounts.spend_recovery(an, recovery[0], now()), "its codes are as they were"


def test_a_passkey_is_added_on_ones_own_page(tmp_path, chromium):
    port = free_port()
    site = open_site(tmp_path, http={"public_url": f"http://localhost:{port}"})
    with serving(site, port):
        team = Team(site, f"http://localhost:{port}")
        an = team.person("BS An", DOCTOR)
        with team.page(chromium, an) as page:
            devtools = page.context.new_cdp_session(page)
            devtools.send("WebAuthn.enable")
            devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
            page.goto("/me")
            page.fill("#passkey-label", "my phone")
            page.get_by_role("button", name="Add a passkey").click()
            page.get_by_text("Passkey: my phone").wait_for()
            with page.expect_navigation():
                page.get_by_label("Remove my phone").click()
            assert not team.accounts.factors(an.id).passkeys
        assert team.log(an)[:2] == [
            "changed own account: passkey removed",
            "changed own account: passkey added",
        ]
    close_site(site)


def test_a_password_is_changed_by_whoever_knows_it_and_ends_other_sessions(team, doctors):
    an = doctors[0]
    team.accounts.set_password(an, "bốn con trâu gặm cỏ", now())
    with team.client(an) as client, team.client(an) as elsewhere:
        wrong = client.post("/me/password", data={"old": "no", "new": "năm con bò ngủ trưa"})
        assert wrong.status_code == 400
        right = {"old": "bốn con trâu gặm cỏ", "new": "năm con bò ngủ trưa"}
        assert client.post("/me/password", data=right).status_code == 303
        assert client.get("/me").status_code == 200
        assert elsewhere.get("/api/v1/me").status_code == 401


def test_the_duties_come_as_a_calendar(team, doctors):
    an = doctors[0]
    with team.client(an) as client:
        answer = client.get("/me/duties.ics")
        assert answer.headers["content-type"].startswith("text/calendar")
        lines = answer.content.decode().split("\r\n")
        duties = client.get("/api/v1/me/duties", params={"days": 7}).json()
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") >= 90
    assert an.name not in answer.text
    assert duties[0]["starts_at"] <= utc_text(now() + timedelta(seconds=1))
