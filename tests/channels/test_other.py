"""Apprise services, and what holds for channels of every kind."""

import logging
import time
from dataclasses import replace

import pytest

from gateway.alerts.notice import NoticeKind
from gateway.channels.limit import within
from gateway.channels.sending import LIMIT_S, SENDERS, Target, check, probe, redacted, send
from gateway.team.contacts import ChannelKind
from tests.channels import peers
from triage.errors import ConfigError, InputError, TemporaryError

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise imports every service at first use, one of them with an old module."""

KEY = "alert:5f2c:r1:on-call"


def to(url):
    return Target(ChannelKind.APPRISE, url)


def by_json(receiver):
    return to(receiver.url.replace("http", "json"))


def test_apprise_delivers_headline_lines_and_link(receiver, open_site, notice):
    send(by_json(receiver), notice, KEY, open_site())
    (body,) = receiver.bodies
    assert (body["title"], body["message"], body["type"]) == (notice.headline, notice.body, "info")
    assert receiver.requests[0][2]["Idempotency-Key"] == KEY


def test_apprise_marks_what_is_no_result_as_a_warning(receiver, open_site, notice):
    send(by_json(receiver), replace(notice, kind=NoticeKind.NOT_ANALYSED), KEY, open_site())
    assert receiver.bodies[0]["type"] == "warning"


@pytest.mark.parametrize("status", [400, 500])
def test_what_apprise_could_not_deliver_is_tried_again(receiver, open_site, notice, status):
    receiver.status = status
    with pytest.raises(TemporaryError, match="not delivered"):
        send(by_json(receiver), notice, KEY, open_site())


@pytest.mark.parametrize("url", ["nosuchservice://host", "not an address", "", "slack://", "tgram://x"])
def test_an_address_apprise_does_not_know_asks_for_a_person(open_site, notice, url):
    with pytest.raises(InputError, match="not an Apprise address"):
        send(to(url), notice, KEY, open_site())
    with pytest.raises(ConfigError):
        check(to(url), open_site())


def test_a_probe_reaches_the_host_and_says_nothing(receiver, open_site):
    probe(by_json(receiver), open_site())
    assert receiver.requests == []
    with pytest.raises(TemporaryError, match="ConnectionRefusedError"):
        probe(to(f"json://127.0.0.1:{peers.closed_port()}/"), open_site())
    check(to("mailto://u:p@example.org"), open_site())


def test_every_kind_has_a_sender():
    assert set(SENDERS) == set(ChannelKind)


GREETING = b"HTTP/1.1 200 OK\r\n"
ACCOUNT = {"app_id": "1", "app_secret": "s", "templates": {"vi": "1"}}


def targets(port, push_service):
    """A target of every kind, and settings, all of which lead to one port."""
    url = f"http://127.0.0.1:{port}/x"
    device = replace(push_service.device("slow"), endpoint=url)
    there = {"host": "127.0.0.1", "port": port}
    return {
        ChannelKind.WEBHOOK: (Target(ChannelKind.WEBHOOK, url, "a-secret-of-the-site"), {}),
        ChannelKind.PUSH: (Target(ChannelKind.PUSH, devices=(device,)), {}),
        ChannelKind.APPRISE: (to(url.replace("http", "json")), {}),
        ChannelKind.EMAIL: (Target(ChannelKind.EMAIL, "le@x.vn"), {"smtp": {**there, "security": "none"}}),
        ChannelKind.MQTT: (Target(ChannelKind.MQTT, "t"), {"mqtt": {**there, "tls": False}}),
        ChannelKind.ZALO: (
            Target(ChannelKind.ZALO, "+84912345678"),
            {"zalo": {**ACCOUNT, **dict.fromkeys(("message_url", "token_url", "template_url"), url)}},
        ),
    }


@pytest.mark.parametrize("kind", list(ChannelKind))
def test_a_server_that_drips_is_given_up_in_time_and_hung_up(kind, push_service, open_site, notice, monkeypatch):  # fmt: skip
    """Also one that says a byte now and then for ever: no timeout of a socket ends that."""
    monkeypatch.setattr("gateway.channels.sending.LIMIT_S", 0.6)
    monkeypatch.setattr("gateway.channels.tokens.RENEWAL_S", 0.8)
    with peers.a_dripper(b"2" if kind is ChannelKind.EMAIL else b"H") as (port, opened):
        target, settings = targets(port, push_service)[kind]
        site, started = open_site(**settings), time.monotonic()
        with pytest.raises(TemporaryError):
            send(target, notice, KEY, site)
        assert time.monotonic() - started < 1.2
        if kind is not ChannelKind.APPRISE:  # Apprise leaves its thread behind, as it says
            peers.until(lambda: not opened and not peers.pid_threads(), 3)


def test_tls_that_never_ends_its_handshake_is_hung_up(open_site, notice, monkeypatch):
    monkeypatch.setattr("gateway.channels.sending.LIMIT_S", 0.5)
    for settings in ({"smtp": {"security": "tls"}}, {"mqtt": {"tls": True}}, {}):
        with peers.a_dripper(b"\x16") as (port, opened):
            there = {"host": "127.0.0.1", "port": port}
            tables = {name: {**there, **table} for name, table in settings.items()}
            kind = {"smtp": ChannelKind.EMAIL, "mqtt": ChannelKind.MQTT}.get(next(iter(settings), ""))
            target = Target(kind, "le@x.vn") if kind else Target(ChannelKind.WEBHOOK, f"https://127.0.0.1:{port}/", "s" * 16)  # fmt: skip
            with pytest.raises(TemporaryError):
                send(target, notice, KEY, open_site(**tables))
            peers.until(lambda opened=opened: not opened and not peers.pid_threads(), 3)


def test_the_limit_leaves_time_for_the_next_channel():
    assert 2 * LIMIT_S < 10


def test_what_is_raised_within_the_limit_is_raised_to_the_caller():
    def wrong():
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        within(1.0, wrong, "x")
    assert within(1.0, lambda: 7, "x") == 7


CANARY = "hunter2-CANARY"


@pytest.mark.parametrize(
    "target",
    [
        to(f"json://user:{CANARY}@127.0.0.1:1/{CANARY}"),
        to(f"tgram://{CANARY}:abc/1/"),
        to(f"nosuch://{CANARY}/"),
        Target(ChannelKind.WEBHOOK, f"http://{CANARY}@127.0.0.1:1/{CANARY}", CANARY),
        Target(ChannelKind.EMAIL, f"{CANARY}@x.vn", CANARY),
        Target(ChannelKind.ZALO, CANARY),
        Target(ChannelKind.MQTT, f"{CANARY}/#"),
    ],
)
def test_neither_address_nor_secret_is_in_an_error_a_log_or_a_repr(target, open_site, notice, caplog):
    caplog.set_level(logging.INFO)
    site = open_site(smtp={"host": "127.0.0.1", "port": 1, "password": CANARY})
    for act in (lambda: send(target, notice, KEY, site), lambda: probe(target, site)):
        with pytest.raises((TemporaryError, InputError)) as caught:
            act()
        assert CANARY not in f"{caught.value!r} {target!r} {redacted(target)} {site.settings!r}"
    ours = [record for record in caplog.records if record.name.startswith(("gateway", "httpcore", "httpx"))]
    assert not any(CANARY in record.getMessage() for record in ours)


def test_redacted_addresses_can_be_told_apart():
    assert redacted(to("json://a")) != redacted(to("json://b"))
    assert redacted(to("json://a")).startswith("json#")


def test_no_identifier_of_the_study_leaves_by_any_channel(
    receiver, push_service, mail_server, open_site, notice
):
    """The notice has no field for a person; the canary is a UID, the only thing in a result that could lead to one."""
    settings, box = mail_server()
    device = push_service.device("canary")
    site = open_site(smtp=settings)
    send(by_json(receiver), notice, KEY, site)
    send(Target(ChannelKind.WEBHOOK, receiver.url, "a-secret-of-the-site"), notice, KEY, site)
    send(Target(ChannelKind.PUSH, devices=(device,)), notice, KEY, site)
    send(Target(ChannelKind.EMAIL, "le@x.vn"), notice, KEY, site)
    sent = [str(receiver.requests), str(push_service.taken["canary"])]
    sent += [envelope.content.decode() for envelope, _ in box.mails]
    assert all(len(text) > 300 for text in sent)
    assert not any("1.2.826" in text for text in sent)
