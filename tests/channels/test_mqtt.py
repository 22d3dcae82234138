"""MQTT at a real mosquitto, plain and with TLS."""

import json

import pytest

from gateway.channels.sending import Outcome, Target, check, probe, send
from gateway.team.contacts import ChannelKind
from tests.channels import peers
from triage.errors import ConfigError, InputError, TemporaryError

KEY = "7d9f2c1e-call"


def to(topic="trực/bác-sĩ"):
    return Target(ChannelKind.MQTT, topic)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with peers.a_broker(tmp_path_factory.mktemp("broker")) as running, peers.a_listener(running):
        yield running


def settings(broker, **changes):
    plain = {"host": "127.0.0.1", "port": broker.port, "tls": False, "username": "gate", "password": "way"}
    return plain | changes


def test_a_notice_is_published_and_confirmed(broker, open_site, notice):
    assert send(to(), notice, KEY, open_site(mqtt=settings(broker))) is Outcome.SENT
    peers.until(lambda: broker.heard)
    message = broker.heard[-1]
    assert (message.topic, message.qos, message.retain) == ("stroke-gateway/trực/bác-sĩ", 1, False)
    said = json.loads(message.payload)
    assert said == {**json.loads(json.dumps(notice.to_json())), "key": KEY}


def test_a_probe_logs_in_and_publishes_nothing(broker, open_site):
    before = len(broker.heard)
    probe(to(), open_site(mqtt=settings(broker)))
    assert len(broker.heard) == before


def test_tls_reaches_the_broker_that_somebody_vouches_for(tmp_path, certificate, open_site, notice):
    with peers.a_broker(tmp_path / "tls", certificate) as broker:
        known = settings(broker, tls=True, authorities=str(certificate))
        assert send(to(), notice, KEY, open_site(mqtt=known)) is Outcome.SENT
        with pytest.raises(TemporaryError, match="SSLCertVerificationError"):
            send(to(), notice, KEY, open_site(mqtt=settings(broker, tls=True)))


def test_a_wrong_password_asks_for_a_person(broker, open_site, notice):
    with pytest.raises(InputError, match="login") as caught:
        send(to(), notice, KEY, open_site(mqtt=settings(broker, password="hunter2")))
    assert "hunter2" not in str(caught.value)


def test_a_broker_that_is_away_may_come_back(open_site, notice):
    away = {"host": "127.0.0.1", "port": peers.closed_port(), "tls": False}
    with pytest.raises(TemporaryError, match="ConnectionRefusedError"):
        send(to(), notice, KEY, open_site(mqtt=away))


@pytest.mark.parametrize("topic", ["", "a/#", "+/b", "a\0b"])
def test_a_topic_that_is_none_asks_for_a_person(broker, open_site, notice, topic):
    with pytest.raises(ConfigError, match="not a topic"):
        check(to(topic), open_site(mqtt=settings(broker)))
    with pytest.raises(ConfigError, match=r"\[channels.mqtt\]"):
        check(to(), open_site())
