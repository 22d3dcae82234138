"""MQTT: the notice as JSON on a topic, at least once; done when the broker has confirmed it.

References
----------
MQTT 3.1.1 (OASIS 2014), 3.3 (PUBLISH) and 4.3.2 (QoS 1).
"""

import json
import secrets
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from gateway.alerts.notice import Notice
from gateway.channels.limit import leash
from gateway.channels.post import trusting
from gateway.channels.settings import Mqtt
from gateway.channels.site import ChannelSite
from gateway.channels.target import Outcome, Target, redacted
from triage.errors import InputError, TemporaryError

AT_LEAST_ONCE = 1
KEEPALIVE_S = 30
TURN_S = 0.05
"""How long the client waits for the broker before it looks again whether it is done."""

LONGEST_TOPIC_BYTES = 65_535
"""MQTT 3.1.1, 1.5.3."""

REFUSED = frozenset({"Not authorized", "Bad user name or password"})
"""What a broker says of credentials."""


def send(target: Target, notice: Notice, key: str, site: ChannelSite, _picture: Path | None) -> Outcome:
    """Publish and wait for the broker's confirmation; raises as `gateway.channels.sending.send`."""
    check(target, site)
    settings = site.settings.mqtt
    body = json.dumps({**notice.to_json(), "key": key}, ensure_ascii=False, sort_keys=True).encode()
    with _connected(target, settings) as client:
        message = client.publish(f"{settings.topic_prefix}{target.address}", body, AT_LEAST_ONCE)
        _turn(client, message.is_published, target)
    return Outcome.SENT


def probe(target: Target, site: ChannelSite) -> None:
    """Connect and log in; nothing is published."""
    check(target, site)
    with _connected(target, site.settings.mqtt):
        return


def check(target: Target, site: ChannelSite) -> None:
    """A broker, and a topic that can be published to."""
    if not site.settings.mqtt.host:
        raise InputError(f"{redacted(target)}: [channels.mqtt] is not set up")
    topic = f"{site.settings.mqtt.topic_prefix}{target.address}"
    if not target.address or set(topic) & set("#+\0") or len(topic.encode()) > LONGEST_TOPIC_BYTES:
        raise InputError(f"{redacted(target)}: not a topic; leave # and + out")


@contextmanager
def _connected(target: Target, settings: Mqtt) -> Iterator[paho.Client]:
    """A client that the broker has let in; it says goodbye at the end."""
    client = _client(settings)
    answers: list[Any] = []
    client.on_connect = lambda *said: answers.append(said[3])
    try:
        client.connect(settings.host, settings.port, KEEPALIVE_S)
        _turn(client, lambda: bool(answers), target)
        if answers[0].is_failure:
            _refuse(target, str(answers[0]))
        yield client
    except (OSError, ValueError) as exc:
        raise TemporaryError(f"{redacted(target)}: {type(exc).__name__}") from None
    finally:
        leash().hold(None)
        client.close()


def _refuse(target: Target, reason: str) -> None:
    if reason in REFUSED:
        raise InputError(f"{redacted(target)}: the broker refused the login; check [channels.mqtt]")
    raise TemporaryError(f"{redacted(target)}: the broker let nobody in")


class _Client(paho.Client):
    """Opens its connection by itself: on the leash from the first byte, for a handshake of TLS has no time limit."""

    handle: socket.socket | None = None
    secured_by: ssl.SSLContext | None = None

    def _create_socket(self) -> Any:
        sock = socket.create_connection((self.host, self.port), leash().left_s)
        self.handle = sock.dup()  # TLS takes the socket over; both are one connection
        leash().hold(self.handle)
        return self.secured_by.wrap_socket(sock, server_hostname=self.host) if self.secured_by else sock

    def close(self) -> None:
        """Say goodbye and hang up."""
        self.disconnect()
        for sock in (self.socket(), self.handle):
            if sock is not None:
                sock.close()


def _client(settings: Mqtt) -> _Client:
    client = _Client(CallbackAPIVersion.VERSION2, f"stroke-gateway-{secrets.token_hex(6)}")
    if settings.username:
        client.username_pw_set(settings.username, settings.password)
    client.secured_by = _context(settings) if settings.tls else None
    return client


def _context(settings: Mqtt) -> ssl.SSLContext:
    context = trusting(settings.authorities)
    if settings.certificate:
        context.load_cert_chain(settings.certificate, settings.key)
    return context


def _turn(client: paho.Client, is_done: Callable[[], bool], target: Target) -> None:
    """Let the client work until it is done."""
    while not is_done():
        if leash().is_over:
            raise TemporaryError(f"{redacted(target)}: the broker did not answer in time")
        if client.loop(TURN_S) is not MQTTErrorCode.MQTT_ERR_SUCCESS and not is_done():
            raise TemporaryError(f"{redacted(target)}: the broker hung up")
