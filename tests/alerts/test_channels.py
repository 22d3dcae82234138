"""Real receivers: what arrives, and which answers mean "later" and which "never"."""

import hmac
import json
import logging
import socket
import time
from hashlib import sha256

import pytest

from gateway.alerts import channels
from gateway.alerts.channels import Channel, check, redacted, send, send_apprise, send_webhook, sign
from triage.errors import ConfigError, InputError, TemporaryError

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise imports every service at first use, one of them with an old module."""

SECRET = "a-secret-of-the-site"
KEY = "alert:5f2c:r1:on-call"


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_a_webhook_carries_the_alert_as_json_with_its_key(receiver, make_alert):
    alert = make_alert()
    send_webhook(receiver.url, SECRET, alert, KEY)
    ((headers, _),) = receiver.requests
    assert receiver.bodies == [alert.to_json()]
    assert headers["Idempotency-Key"] == KEY
    assert headers["Content-Type"].startswith("application/json")


def test_a_receiver_can_verify_the_signature_with_the_shared_secret(receiver, make_alert):
    send_webhook(receiver.url, SECRET, make_alert(), KEY)
    ((headers, body),) = receiver.requests
    stamp = headers["X-Stroke-Gateway-Timestamp"]
    wanted = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, sha256).hexdigest()
    assert headers["X-Stroke-Gateway-Signature"] == f"sha256={wanted}"
    assert abs(int(stamp) - time.time()) < 60


@pytest.mark.parametrize(
    ("secret", "stamp", "body"),
    [("other", "100", b"{}"), (SECRET, "101", b"{}"), (SECRET, "100", b"{ }"), (SECRET, "10", b"0.{}")],
)
def test_a_signature_fits_one_secret_one_time_and_one_body(secret, stamp, body):
    assert sign(secret, stamp, body) != sign(SECRET, "100", b"{}")


def test_a_repeat_carries_the_same_key_and_body(receiver, make_alert):
    for _ in range(2):
        send_webhook(receiver.url, SECRET, make_alert(), KEY)
    (first, one), (second, two) = receiver.requests
    assert first["Idempotency-Key"] == second["Idempotency-Key"]
    assert one == two


@pytest.mark.parametrize("key", ["alert:x:r1:trực đêm", "alert\r\nX-Evil: 1"])
def test_a_key_that_a_header_cannot_carry_is_encoded(receiver, key, make_alert):
    send_webhook(receiver.url, SECRET, make_alert(), key)
    ((headers, _),) = receiver.requests
    assert headers["Idempotency-Key"].isascii()
    assert "X-Evil" not in headers


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_accepted(receiver, status, make_alert):
    receiver.status = status
    send_webhook(receiver.url, SECRET, make_alert(), KEY)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_answers_about_now_ask_for_another_try(receiver, status, make_alert):
    receiver.status = status
    with pytest.raises(TemporaryError, match=str(status)):
        send_webhook(receiver.url, SECRET, make_alert(), KEY)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 422])
def test_answers_about_the_message_ask_for_a_person(receiver, status, make_alert):
    receiver.status = status
    with pytest.raises(InputError, match=str(status)):
        send_webhook(receiver.url, SECRET, make_alert(), KEY)


def test_a_redirect_is_not_followed(receiver, make_alert):
    receiver.status, receiver.headers = 307, {"Location": receiver.url + "/elsewhere"}
    with pytest.raises(InputError, match="307"):
        send_webhook(receiver.url, SECRET, make_alert(), KEY)
    assert len(receiver.requests) == 1


def test_a_receiver_that_does_not_answer_is_given_up_in_time(receiver, make_alert):
    receiver.delay_s = 1.5
    with pytest.raises(TemporaryError, match="ReadTimeout"):
        send_webhook(receiver.url, SECRET, make_alert(), KEY, timeout_s=0.2)


def test_a_receiver_that_is_away_may_come_back(make_alert):
    with pytest.raises(TemporaryError, match="ConnectError"):
        send_webhook(f"http://127.0.0.1:{closed_port()}/", SECRET, make_alert(), KEY)


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "http://", "http://[bad", "https://host:99999/", "http://h:0/"]
)
def test_an_address_that_cannot_be_used_asks_for_a_person(url, make_alert):
    with pytest.raises(InputError, match="cannot be used"):
        send_webhook(url, SECRET, make_alert(), KEY)


def test_a_webhook_without_a_secret_is_not_sent(receiver, make_alert):
    with pytest.raises(InputError, match="no secret"):
        send(Channel(receiver.url), make_alert(), KEY)
    assert receiver.requests == []


def test_apprise_delivers_headline_lines_and_link(receiver, make_alert):
    alert = make_alert()
    send_apprise(receiver.url.replace("http", "json"), alert, KEY)
    (body,) = receiver.bodies
    assert body["title"] == alert.headline
    assert body["message"] == alert.body
    assert body["type"] == "info"
    assert receiver.requests[0][0]["Idempotency-Key"] == KEY


def test_apprise_marks_a_refused_scan_as_a_warning(receiver, make_alert, refused):
    send_apprise(receiver.url.replace("http", "json"), make_alert(refused()), KEY)
    assert receiver.bodies[0]["type"] == "warning"


@pytest.mark.parametrize("status", [400, 500])
def test_what_apprise_could_not_deliver_is_tried_again(receiver, status, make_alert):
    receiver.status = status
    with pytest.raises(TemporaryError, match="not delivered"):
        send_apprise(receiver.url.replace("http", "json"), make_alert(), KEY)


def test_an_apprise_service_that_does_not_answer_is_given_up_in_time(receiver, make_alert):
    receiver.delay_s = 2.0
    started = time.monotonic()
    with pytest.raises(TemporaryError, match="timeout"):
        send_apprise(receiver.url.replace("http", "json"), make_alert(), KEY, timeout_s=0.3)
    assert time.monotonic() - started < 1.8


@pytest.mark.parametrize("url", ["nosuchservice://host", "not an address", "", "slack://", "tgram://x"])
def test_an_address_apprise_does_not_know_asks_for_a_person(url, make_alert):
    with pytest.raises(InputError, match="not an Apprise address"):
        send_apprise(url, make_alert(), KEY)


def test_the_scheme_chooses_the_sender(receiver, make_alert):
    send(Channel(receiver.url, SECRET), make_alert(), KEY)
    send(Channel(receiver.url.replace("http", "json")), make_alert(), KEY)
    assert ["headline" in body for body in receiver.bodies] == [True, False]


@pytest.mark.parametrize(
    "url",
    [
        "json://user:hunter2@127.0.0.1:1/token-abc",
        "tgram://hunter2:token-abc/1/",
        "https://hunter2@127.0.0.1:1/token-abc",
        "nosuch://hunter2/token-abc",
    ],
)
def test_secrets_of_an_address_are_in_no_error_and_no_repr(url, caplog, receiver, make_alert):
    caplog.set_level(logging.INFO)
    channel = Channel(url, "hunter2-secret", timeout_s=0.5)
    with pytest.raises((TemporaryError, InputError)) as caught:
        send(channel, make_alert(), KEY)
    said = str(caught.value) + repr(channel) + redacted(url)
    assert "hunter2" not in said
    assert "token-abc" not in said


def test_redacted_addresses_can_be_told_apart():
    assert redacted("json://a") != redacted("json://b")
    assert redacted("json://a").startswith("json#")


def test_what_is_sent_names_nobody(receiver, make_alert):
    """The alert has no field for a person; the canary is a UID, the only thing that could lead to one."""
    send_webhook(receiver.url, SECRET, make_alert(), KEY)
    send_apprise(receiver.url.replace("http", "json"), make_alert(), KEY)
    sent = json.dumps([(headers, body.decode()) for headers, body in receiver.requests])
    assert "1.2.826" not in sent


def test_every_scheme_of_the_table_is_lower_case():
    assert set(channels.SENDERS) == {"http", "https"}


@pytest.mark.parametrize(
    "channel",
    [
        Channel("https://hook.example/x"),
        Channel("https://", SECRET),
        Channel("nosuch://x"),
        Channel("ftp:/x"),
    ],
    ids=["no secret", "no host", "no service", "no host either"],
)
def test_a_channel_that_could_never_deliver_stops_the_start(channel):
    with pytest.raises(ConfigError):
        check(channel)


@pytest.mark.parametrize(
    "channel",
    [Channel("https://hook.example/x", SECRET), Channel("json://host"), Channel("mailto://u:p@example.org")],
)
def test_a_channel_that_could_deliver_passes_without_sending(channel):
    check(channel)
