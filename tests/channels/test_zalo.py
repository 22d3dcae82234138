"""Template messages by a double of Zalo's service: its documented shapes and codes, never the service itself."""

import json
import stat
import threading
import time

import pytest

from gateway.channels.sending import Outcome, Target, check, probe, send
from gateway.team.contacts import ChannelKind
from tests.channels.peers import Zalo
from triage.errors import ConfigError, InputError, TemporaryError

KEY = "7d9f2c1e-call"


def to(phone="+84 912 345 678"):
    return Target(ChannelKind.ZALO, phone)


@pytest.fixture
def zalo(receiver):
    double = Zalo()
    receiver.answer = double.answer
    return double


@pytest.fixture
def account(receiver, zalo):
    base = receiver.url.removesuffix("/hook")
    return {
        "app_id": "1234",
        "app_secret": "app-secret",
        "refresh_token": zalo.seed,
        "templates": {"vi": "4711", "fr": "4712"},
        "fields": {"tieu_de": "headline", "noi_dung": "lines", "lien_ket": "link"},
        "message_url": f"{base}/message",
        "token_url": f"{base}/token",
        "template_url": f"{base}/info",
    }


def test_a_message_has_the_shape_that_the_service_documents(zalo, account, open_site, notice):
    assert send(to(), notice, KEY, open_site(zalo=account)) is Outcome.SENT
    (message,) = zalo.sent
    assert sorted(message) == ["phone", "template_data", "template_id", "tracking_id"]
    assert (message["phone"], message["template_id"]) == ("84912345678", "4711")
    data = message["template_data"]
    assert (data["tieu_de"], data["lien_ket"]) == (notice.headline, notice.link)
    assert data["noi_dung"].startswith("lõi nhồi máu 34.2 ml (28-39)")
    assert len(data["noi_dung"]) <= 200
    assert message["tracking_id"] not in KEY


def test_a_repeat_has_the_same_tracking_id(zalo, account, open_site, notice):
    site = open_site(zalo=account)
    for _ in range(2):
        send(to(), notice, KEY, site)
    first, second = zalo.sent
    assert first["tracking_id"] == second["tracking_id"]


def test_a_refresh_token_serves_once_and_the_next_is_on_disk(zalo, account, open_site, notice):
    send(to(), notice, KEY, open_site(zalo=account))
    site = open_site(zalo=account)  # a second process
    send(to(), notice, KEY, site)
    assert zalo.renewals == ["seed-token"]
    kept = site.folder / "zalo.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text())["refresh"] == "refresh-1"
    zalo.access = "revoked-meanwhile"
    send(to(), notice, KEY, site)
    assert zalo.renewals == ["seed-token", "refresh-1"]


def test_processes_that_find_the_token_expired_together_renew_it_once(zalo, account, open_site, notice):
    sites = [open_site(zalo=account) for _ in range(8)]
    threads = [threading.Thread(target=send, args=(to(), notice, KEY, site)) for site in sites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(zalo.sent), zalo.renewals) == (8, ["seed-token"])


def test_the_hourly_probe_renews_in_good_time_and_sends_nothing(zalo, account, open_site, notice):
    zalo.life_s = 3600
    site = open_site(zalo=account)
    send(to(), notice, KEY, site)
    zalo.life_s = 90_000
    probe(to(), site)
    assert (len(zalo.renewals), len(zalo.sent)) == (2, 1)
    probe(to(), site)
    assert len(zalo.renewals) == 2
    zalo.state = "DISABLE"
    with pytest.raises(InputError, match="ENABLE"):
        probe(to(), site)


def test_a_slow_renewal_is_not_lost_when_the_alert_has_gone_elsewhere(zalo, account, receiver, open_site, notice, monkeypatch):  # fmt: skip
    monkeypatch.setattr("gateway.channels.sending.LIMIT_S", 0.3)
    receiver.delay_s = 0.6
    site = open_site(zalo=account)
    with pytest.raises(TemporaryError, match="within"):
        send(to(), notice, KEY, site)
    end = time.monotonic() + 5
    while not (site.folder / "zalo.json").exists() and time.monotonic() < end:
        time.sleep(0.02)
    receiver.delay_s = 0
    send(to(), notice, KEY, site)
    assert (zalo.renewals, len(zalo.sent)) == (["seed-token"], 1)


def test_a_lost_token_is_told_and_mended_by_a_new_one_in_the_settings(zalo, account, open_site, notice):
    zalo.refresh = "another"
    with pytest.raises(InputError, match="new refresh token"):
        send(to(), notice, KEY, open_site(zalo=account))
    send(to(), notice, KEY, open_site(zalo={**account, "refresh_token": "another"}))
    assert len(zalo.sent) == 1


@pytest.mark.parametrize(("code", "error"), [(-100, TemporaryError), (-108, InputError), (-115, InputError), (-133, InputError)])  # fmt: skip
def test_codes_in_the_body_count_though_the_status_is_200(zalo, account, open_site, notice, code, error):
    zalo.code = code
    with pytest.raises(error, match=str(code)):
        send(to(), notice, KEY, open_site(zalo=account))


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"error": "x"}', b'{"ok": true}'])
def test_an_answer_that_is_not_the_services_is_tried_again(
    receiver, zalo, account, open_site, notice, answer
):
    def half(method, path, headers, body):
        return zalo.answer(method, path, headers, body) if path == "/token" else answer

    receiver.answer = half
    with pytest.raises(TemporaryError, match="not Zalo"):
        send(to(), notice, KEY, open_site(zalo=account))


def test_neither_number_nor_token_is_in_an_error(receiver, zalo, account, open_site, notice):
    zalo.code = -108
    with pytest.raises(InputError) as caught:
        send(to(), notice, KEY, open_site(zalo=account))
    said = f"{caught.value!r} {to()!r} {open_site(zalo=account).settings!r}"
    assert not any(word in said for word in ("912345678", "912 345", "seed-token", "app-secret", "access-1"))


def test_a_number_that_is_none_and_a_site_without_an_account_stop_the_start(account, open_site):
    with pytest.raises(ConfigError, match="telephone"):
        check(to("ten"), open_site(zalo=account))
    with pytest.raises(ConfigError, match=r"\[channels.zalo\]"):
        check(to(), open_site())
    with pytest.raises(ValueError, match="app_secret"):
        open_site(zalo={"app_id": "1"})
