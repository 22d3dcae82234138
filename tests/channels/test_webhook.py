"""Signed webhooks at real receivers: what arrives, what a receiver checks, and which answers mean "later" and which "never"."""

import base64
import hmac
import json
import time
from hashlib import sha256

import pytest

from gateway.channels.sending import Outcome, Target, check, probe, send
from gateway.channels.signature import WINDOW_S, Seen, sign, signed, verify
from gateway.team.contacts import ChannelKind
from tests.channels.peers import closed_port
from triage.errors import ConfigError, InputError, TemporaryError

SECRET = "a-secret-of-the-site"
KEY = "alert:5f2c:r1:on-call"


def to(url, secret=SECRET):
    return Target(ChannelKind.WEBHOOK, url, secret)


def test_a_webhook_carries_the_notice_as_json_with_its_key(receiver, open_site, notice):
    assert send(to(receiver.url), notice, KEY, open_site()) is Outcome.DELIVERED
    ((method, _, headers, body),) = receiver.requests
    assert method == "POST"
    assert json.loads(body) == json.loads(json.dumps(notice.to_json()))
    assert headers["Idempotency-Key"] == KEY
    assert headers["Content-Type"].startswith("application/json")


def test_a_receiver_can_verify_it_by_the_documented_lines_alone(receiver, open_site, notice):
    send(to(receiver.url), notice, KEY, open_site())
    ((*_, headers, body),) = receiver.requests
    names = ("X-Stroke-Gateway-Timestamp", "X-Stroke-Gateway-Nonce", "Idempotency-Key")
    lines = "".join(f"{headers[name]}\n" for name in names).encode()
    wanted = hmac.new(SECRET.encode(), lines + body, sha256).hexdigest()
    assert headers["X-Stroke-Gateway-Signature"] == f"v2={wanted}"
    assert verify(SECRET, headers, body, time.time(), Seen()) == KEY


def a_request(now_s=1000.0, body=b"{}"):
    return signed(SECRET, KEY, body, now_s), body


def test_a_replay_is_known_by_its_nonce_or_its_time():
    headers, body = a_request()
    seen = Seen()
    verify(SECRET, headers, body, 1001.0, seen)
    with pytest.raises(InputError, match="came before"):
        verify(SECRET, headers, body, 1002.0, seen)
    for now_s in (1000.0 + WINDOW_S + 1, 1000.0 - WINDOW_S - 1, 1000.0 + 3 * WINDOW_S):
        with pytest.raises(InputError, match="clocks"):
            verify(SECRET, headers, body, now_s, seen)


def test_a_nonce_is_remembered_as_long_as_its_time_is_taken_and_no_longer():
    seen = Seen()
    headers, body = a_request(1000.0)
    verify(SECRET, headers, body, 1000.0 - WINDOW_S, seen)
    with pytest.raises(InputError, match="came before"):
        verify(SECRET, headers, body, 1000.0 + WINDOW_S, seen)
    assert seen.is_new(headers["X-Stroke-Gateway-Nonce"], 1000.0 + 2 * WINDOW_S)
    assert len(seen._until) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"X-Stroke-Gateway-Timestamp": "1001"},
        {"X-Stroke-Gateway-Nonce": "0" * 32},
        {"Idempotency-Key": "another"},
        {"X-Stroke-Gateway-Signature": "v2=" + "0" * 64},
        {"X-Stroke-Gateway-Signature": ""},
        {"X-Stroke-Gateway-Nonce": ""},
    ],
)
def test_whatever_is_changed_on_the_way_is_noticed(change):
    headers, body = a_request()
    with pytest.raises(InputError):
        verify(SECRET, headers | change, body, 1000.0, Seen())
    with pytest.raises(InputError, match="somebody else"):
        verify(SECRET, headers, body + b" ", 1000.0, Seen())
    with pytest.raises(InputError, match="somebody else"):
        verify("another-secret-of-16", headers, body, 1000.0, Seen())


def test_nothing_can_move_from_one_line_to_another():
    """A mutant that joins without a separator, or with one that values may hold, fails here."""
    assert sign(SECRET, "1", "23", "k", b"x") != sign(SECRET, "12", "3", "k", b"x")
    assert sign(SECRET, "1", "2", "k.x", b"y") != sign(SECRET, "1", "2", "k", b".x\ny")
    assert sign(SECRET, "1", "2", "k", b"3\n") != sign(SECRET, "1", "2", "k\n3", b"\n")[:-1]


def test_a_repeat_has_the_same_key_and_body_and_another_nonce(receiver, open_site, notice):
    site = open_site()
    for _ in range(2):
        send(to(receiver.url), notice, KEY, site)
    (*_, first, one), (*_, second, two) = receiver.requests
    assert first["Idempotency-Key"] == second["Idempotency-Key"]
    assert one == two
    assert first["X-Stroke-Gateway-Nonce"] != second["X-Stroke-Gateway-Nonce"]
    seen = Seen()
    assert {verify(SECRET, headers, one, time.time(), seen) for headers in (first, second)} == {KEY}


@pytest.mark.parametrize("key", ["alert:x:r1:trực đêm", "alert\r\nX-Evil: 1"])
def test_a_key_that_a_header_cannot_carry_is_encoded(receiver, open_site, notice, key):
    send(to(receiver.url), notice, key, open_site())
    ((*_, headers, _),) = receiver.requests
    assert headers["Idempotency-Key"].isascii()
    assert "X-Evil" not in headers


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_accepted(receiver, open_site, notice, status):
    receiver.status = status
    send(to(receiver.url), notice, KEY, open_site())


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_answers_about_now_ask_for_another_try(receiver, open_site, notice, status):
    receiver.status = status
    with pytest.raises(TemporaryError, match=str(status)):
        send(to(receiver.url), notice, KEY, open_site())


@pytest.mark.parametrize("status", [307, 400, 401, 403, 404, 409, 410, 413, 422])
def test_answers_about_the_message_ask_for_a_person_and_redirects_are_not_followed(
    receiver, open_site, notice, status
):
    receiver.status, receiver.headers = status, {"Location": receiver.url + "/elsewhere"}
    with pytest.raises(InputError, match=str(status)):
        send(to(receiver.url), notice, KEY, open_site())
    assert len(receiver.requests) == 1


def test_a_receiver_that_is_away_may_come_back(open_site, notice):
    with pytest.raises(TemporaryError, match="ConnectError"):
        send(to(f"http://127.0.0.1:{closed_port()}/"), notice, KEY, open_site())


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        *(
            (url, SECRET)
            for url in ("ftp://host/x", "http://", "http://[bad", "https://host:99999/", "http://h:0/")
        ),
        ("https://hook.example/x", ""),
    ],
)
def test_what_could_never_be_delivered_stops_the_start_and_the_sending(open_site, notice, url, secret):
    with pytest.raises(ConfigError):
        check(to(url, secret), open_site())
    with pytest.raises(InputError):
        send(to(url, secret), notice, KEY, open_site())
    check(to("https://hook.example/x"), open_site())


@pytest.mark.parametrize(
    ("status", "is_there"), [(200, True), (404, True), (405, True), (501, True), (502, False)]
)
def test_a_probe_asks_without_telling(receiver, open_site, status, is_there):
    receiver.status = status
    if is_there:
        probe(to(receiver.url), open_site())
    else:
        with pytest.raises(TemporaryError, match="502"):
            probe(to(receiver.url), open_site())
    assert {method for method, *_ in receiver.requests} == {"OPTIONS"}


def test_a_kept_connection_that_was_hung_up_is_tried_once_more(receiver, open_site, notice):
    receiver.headers = {"Connection": "close"}
    site = open_site()
    for _ in range(3):
        send(to(receiver.url), notice, KEY, site)
    assert len(receiver.requests) == 3


def test_services_on_the_web_are_reached_through_the_sites_proxy(receiver, open_site, notice, monkeypatch):
    proxy = receiver.url.removesuffix("/hook")
    send(to("http://hook.example/x"), notice, KEY, open_site(proxy=proxy))
    assert receiver.requests[0][1] == "http://hook.example/x"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    send(to(f"{proxy}/direct"), notice, KEY, open_site(proxy=proxy))
    assert receiver.requests[1][1] == "/direct"


def test_a_name_and_a_password_in_the_address_are_a_login(receiver, open_site, notice):
    send(to(receiver.url.replace("http://", "http://gate:w%C3%A4y@")), notice, KEY, open_site())
    headers = receiver.requests[0][2]
    assert headers["Authorization"] == "Basic " + base64.b64encode("gate:wäy".encode()).decode()
