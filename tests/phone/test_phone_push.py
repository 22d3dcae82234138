"""The service worker rings, says so to the gateway, and keeps nothing of a patient; the push comes by the browser's own door."""

import json
import time

import pytest

from gateway.alerts.message import alert_for
from gateway.channels import webpush
from gateway.team.contacts import Device
from tests.api.staging import a_result
from tests.phone.staging import LE, SAM
from viewer_bridge.report.wording.language import Language

PATIENCE_S = 10.0
READY = "() => navigator.serviceWorker.ready.then(r => r.active.state === 'activated' || new Promise(d => r.active.addEventListener('statechange', d)))"
SHOWN = """() => navigator.serviceWorker.ready.then(r => r.getNotifications())
    .then(all => all.map(n => ({title: n.title, body: n.body, tag: n.tag, lang: n.lang, silent: n.silent, link: n.data.link})))"""


def until(check, seconds=PATIENCE_S):
    deadline = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.fixture
def rung(phone, team_at):
    """A page whose worker is ready, and a way to push to it through the browser's own door."""
    _team, url = team_at
    page = phone(LE)
    page.context.grant_permissions(["notifications"], origin=url)
    page.goto("/phone")
    page.evaluate(READY)
    session = page.context.new_cdp_session(page)
    registrations = []
    session.on("ServiceWorker.workerRegistrationUpdated", lambda e: registrations.extend(e["registrations"]))
    session.send("ServiceWorker.enable")
    assert until(lambda: page.wait_for_timeout(20) or registrations)
    known = {"origin": url, "registrationId": registrations[0]["registrationId"]}

    def push(payload):
        session.send("ServiceWorker.deliverPushMessage", {**known, "data": payload})

    return page, push


def payload_for(team, call, word, **also):
    result = a_result("2.1")
    case = team.case("open")
    notice = alert_for(
        result,
        case_id=case.id,
        revision=1,
        link=f"{team.site.config.http.base_url}/a/{word}",
        last_image_at=None,
        now=team.site_now(),
        language=Language.VIETNAMESE,
    )
    return json.dumps({**json.loads(webpush.payload_of(notice, call)), **also}, ensure_ascii=False)


def test_an_alert_shows_in_vietnamese_and_is_confirmed(rung, team_at):
    team, _ = team_at
    page, push = rung
    call = next(
        each for each in team.site.ledger.calls.of_case(team.ids["uncertain"]) if each.state == "sent"
    )
    word = team.word(call)
    push(payload_for(team, call.id, word))
    shown = until(lambda: page.evaluate(SHOWN))
    assert len(shown) == 1
    assert shown[0]["title"].startswith("CT đột quỵ: có mismatch mục tiêu")
    assert "lõi nhồi máu" in shown[0]["body"]
    assert shown[0]["lang"] == "vi"
    assert "không dùng để chẩn đoán" in shown[0]["body"]
    assert not any(secret in json.dumps(shown) for secret in ("CANARY", "BN-CANARY", "1950", "2.1.1"))
    assert until(lambda: team.site.ledger.calls.get(call.id).state == "delivered"), "the receipt has come"
    push(payload_for(team, "unknown", word, urgent=False, title="lần hai"))
    assert until(lambda: [n["title"] for n in page.evaluate(SHOWN)] == ["lần hai"]), (
        "the same tag takes its place"
    )
    assert page.evaluate(SHOWN)[0]["silent"]


def test_a_push_that_says_nothing_still_shows_something(rung):
    page, push = rung
    push("no JSON")
    assert until(lambda: [n["title"] for n in page.evaluate(SHOWN)] == ["Stroke gateway"])


def test_nothing_of_a_patient_is_kept_and_offline_is_told(rung, team_at):
    page, _ = rung
    team, _ = team_at
    page.goto(f"/phone/cases/{team.ids['open']}")
    page.wait_for_selector("#connection.on")
    kept = page.evaluate(
        "async () => (await Promise.all((await caches.keys()).map(async n => (await (await caches.open(n)).keys()).map(r => new URL(r.url).pathname)))).flat()"
    )
    assert kept
    assert all(path.startswith("/static/") for path in kept)
    page.context.set_offline(True)
    page.goto(f"/phone/cases/{team.ids['taken']}")
    assert page.inner_text("h1 >> visible=true") == "Không có kết nối"
    assert page.inner_text(".since >> visible=true") != "lần kết nối trước", "since when is known"
    assert "TRÁI" not in page.content()
    page.context.set_offline(False)
    page.wait_for_url("**/phone/cases/*")
    page.wait_for_selector("#connection.on")


def test_a_device_belongs_to_a_person_and_only_to_a_real_push_service(phone, team_at):
    team, url = team_at
    page = phone(SAM)
    page.goto("/phone")
    keys = {"p256dh": "B" * 87, "auth": "a" * 22}

    def ask(path, plain, actor=page):
        script = "([p, d]) => fetch(p, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(d)}).then(async r => [r.status, await r.json()])"
        return actor.evaluate(script, [path, plain])

    good = {
        "endpoint": "https://push.example.org/1",
        "keys": keys,
        "label": "Chrome on Android",
        "expirationTime": None,
    }
    assert ask("/api/v1/phone/devices", good)[0] == 201
    (device,) = team.site.ledger.people.devices_of([SAM.id])[SAM.id]
    assert isinstance(device, Device)
    assert device.label == "Chrome on Android"
    assert ask("/api/v1/phone/devices/known", good) == [200, {"known": True}]
    moved = {**good, "endpoint": "https://push.example.org/2", "former": good["endpoint"]}
    assert ask("/api/v1/phone/devices", moved)[0] == 201
    assert [d.endpoint for d in team.site.ledger.people.devices_of([SAM.id])[SAM.id]] == [moved["endpoint"]]
    assert ask("/api/v1/phone/devices/remove", moved) == [200, {"removed": 1}]
    for endpoint in (
        "http://push.example.org/1",
        "https://localhost/1",
        "https://u@push.example.org/1",
        "file:///etc",
    ):
        assert (
            page.request.post(
                "/api/v1/phone/devices",
                data={**good, "endpoint": endpoint},
                headers={"Sec-Fetch-Site": "same-origin"},
            ).status
            == 422
        )
    key = page.evaluate("fetch('/api/v1/phone/push-key').then(r => r.json())")["key"]
    assert len(key) == 87
    assert (
        page.request.post(
            f"{url}/api/v1/phone/devices/test",
            data={"endpoint": "https://x.example/"},
            headers={"Sec-Fetch-Site": "same-origin"},
        ).status
        == 409
    )
