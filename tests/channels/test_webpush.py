"""Pushes to a service that checks who speaks, whether it may, and really decrypts."""

import base64
import json
import os
import stat
import threading
from dataclasses import replace

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.alerts.notice import NoticeKind
from gateway.channels import webpush
from gateway.channels.sending import RECEIPTS, Outcome, Target, probe, send
from gateway.team.contacts import ChannelKind, Device
from tests.channels.peers import closed_port
from triage.errors import ConfigError, InputError, TemporaryError

KEY = "7d9f2c1e-call"


def to(*devices):
    return Target(ChannelKind.PUSH, devices=devices)


def test_a_push_arrives_decrypted_with_urgency_topic_and_type(push_service, open_site, notice):
    device = push_service.device("arrives")
    assert send(to(device), notice, KEY, open_site()) is Outcome.SENT
    ((told, headers, said),) = push_service.taken["arrives"]
    assert (told.urgency, told.topic, told.ttl) == ("high", notice.tag, 300)
    assert len(told.topic) <= 32
    assert headers["content-type"] == "application/octet-stream"
    assert said["title"] == notice.headline == "CT đột quỵ: có mismatch mục tiêu, BÊN TRÁI (DEFUSE 3)"
    assert (said["call"], said["tag"], said["link"], said["kind"]) == (KEY, notice.tag, notice.link, "alert")
    assert said["lines"] == list(notice.lines[:4])
    assert push_service.refusals == []
    assert ChannelKind.PUSH in RECEIPTS


def test_only_the_browsers_own_key_opens_it(notice):
    """Our own decryption, beside the service's: with the right key the words, with another's nothing."""
    mine, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    secret = os.urandom(16)
    point = mine.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    texts = [base64.urlsafe_b64encode(raw).decode().rstrip("=") for raw in (point, secret)]
    device = Device("d", "p", "https://push.example/x", *texts, "Phone", "")
    packed = webpush._encrypted(device, webpush.payload_of(notice, KEY))
    opened = http_ece.decrypt(packed, private_key=mine, auth_secret=secret, version="aes128gcm")
    assert json.loads(opened)["title"] == notice.headline
    assert notice.headline.encode() not in packed
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the library says of a wrong key
        http_ece.decrypt(packed, private_key=other, auth_secret=secret, version="aes128gcm")


def test_a_payload_fits_whatever_the_words(notice):
    long = replace(notice, lines=("ự" * 300,) * 9, headline="ệ" * 60, disclaimer="ữ" * 200)
    packed = webpush.payload_of(long, KEY)
    assert len(packed) <= webpush.MOST_BYTES
    assert len(json.loads(packed)["lines"]) == webpush.MOST_LINES
    with pytest.raises(InputError, match="public_url"):
        webpush.payload_of(replace(notice, link="https://x/" + "a" * 4000), KEY)


def test_the_quiet_kinds_are_not_urgent(push_service, open_site, notice):
    device = push_service.device("quiet")
    send(to(device), replace(notice, kind=NoticeKind.REPEAT), KEY, open_site())
    assert push_service.taken["quiet"][0][0].urgency == "normal"


@pytest.mark.parametrize("status", [404, 410])
def test_a_device_that_is_gone_is_reported(push_service, open_site, notice, status):
    device = push_service.device(f"gone{status}")
    push_service.forced[device.id] = status
    dropped = []
    with pytest.raises(InputError, match="gone"):
        send(to(device), notice, KEY, open_site(gone=dropped.append))
    assert dropped == [device.id]


def test_one_device_that_takes_it_is_enough_and_the_gone_one_is_dropped(push_service, open_site, notice):
    good, gone = push_service.device("good"), push_service.device("away")
    push_service.forced[gone.id] = 410
    dropped = []
    assert send(to(gone, good), notice, KEY, open_site(gone=dropped.append)) is Outcome.SENT
    assert dropped == [gone.id]
    assert len(push_service.taken["good"]) == 1


@pytest.mark.parametrize(("status", "error"), [(429, TemporaryError), (503, TemporaryError), (413, InputError), (403, InputError)])  # fmt: skip
def test_what_a_push_service_answers_is_for_now_or_for_good(push_service, open_site, notice, status, error):
    device = push_service.device(f"answers{status}")
    push_service.forced[device.id] = status
    with pytest.raises(error, match=str(status)):
        send(to(device), notice, KEY, open_site())


def test_a_push_service_that_is_away_may_come_back(open_site, push_service, notice):
    device = replace(push_service.device("away2"), endpoint=f"http://127.0.0.1:{closed_port()}/push/x")
    with pytest.raises(TemporaryError, match="ConnectError"):
        send(to(device), notice, KEY, open_site())


@pytest.mark.parametrize("damage", [{"p256dh": "no key"}, {"auth": "AA"}, {"p256dh": "BA" + "A" * 85}, {"endpoint": "push"}])  # fmt: skip
def test_a_damaged_subscription_asks_for_a_person(push_service, open_site, notice, damage):
    device = replace(push_service.device("damaged"), **damage)
    with pytest.raises(InputError, match="added again"):
        send(to(device), notice, KEY, open_site())


def test_without_a_device_nothing_is_said_to_be_sent(open_site, notice):
    with pytest.raises(InputError, match="no device"):
        send(to(), notice, KEY, open_site())


def test_the_key_is_made_once_for_the_owner_alone_whoever_comes_first(open_site):
    sites = [open_site() for _ in range(8)]
    keys = []
    threads = [threading.Thread(target=lambda s=site: keys.append(webpush.public_key(s))) for site in sites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert len(base64.urlsafe_b64decode(keys[0] + "=")) == 65
    (kept,) = sites[0].folder.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(sites[0].folder.stat().st_mode) == 0o700
    kept.write_text("no key")
    with pytest.raises(ConfigError, match="vapid"):
        webpush.public_key(open_site())


def test_a_probe_reaches_the_service_and_no_device(push_service, open_site, notice):
    device = push_service.device("probed")
    probe(to(device), open_site())
    assert push_service.taken["probed"] == []
    with pytest.raises(TemporaryError):
        probe(to(replace(device, endpoint=f"http://127.0.0.1:{closed_port()}/x")), open_site())


def test_pushes_share_connections(receiver, open_site, push_service, notice):
    receiver.status = 201
    device = replace(push_service.device("pooled"), endpoint=receiver.url)
    site = open_site()
    for _ in range(3):
        send(to(device), notice, KEY, site)
    assert (len(receiver.requests), len(receiver.connections)) == (3, 1)


def test_the_endpoint_of_a_device_is_in_no_error(receiver, open_site, push_service, notice):
    receiver.status = 500
    device = replace(push_service.device("secret"), endpoint=f"{receiver.url}/hunter2-subscription")
    with pytest.raises(TemporaryError) as caught:
        send(to(device), notice, KEY, open_site())
    assert "hunter2" not in f"{caught.value!r} {device!r} {to(device)!r}"
