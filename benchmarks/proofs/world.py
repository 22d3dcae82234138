"""The other side of every channel: doubles that really decrypt and decode, and people who are called by them."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiosmtpd.controller import Controller

from benchmarks.proofs.outside import Outside
from benchmarks.running import free_port
from gateway.ledger.ledger import Ledger
from gateway.team.contacts import ChannelKind, Contact, Device
from gateway.team.people import Person, Role
from tests.channels import peers

SECRET = "secret-of-sixteen-or-more"  # noqa: S105 - of receivers that exist for one run
FIRST_MINUTES, REPEAT_MINUTES = 0.4, 0.3


class _Mailbox:
    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(envelope.content)
        return "250 OK"


@dataclass(frozen=True)
class World:
    """The other side of every channel."""

    push: Any
    hook: Any
    apprise: Any
    zalo: Any
    broker: Any
    mailbox: _Mailbox
    smtp: int

    def tables(self) -> dict[str, Any]:
        """Configuration of a gateway that knows all of them, and says everything it does."""
        base = self.zalo.url.rpartition("/")[0]
        first = {"name": "first", "role": "stroke_doctor", "who": "everybody", "minutes": FIRST_MINUTES}
        second = {"name": "second", "role": "cath_lab", "who": "everybody", "minutes": 60}
        nobody = {"name": "nobody", "role": "sending_hospital", "minutes": FIRST_MINUTES}
        shared = {
            "webhooks": [{"url": self.hook.url, "secret": SECRET}],
            "apprise": [self.apprise.url.replace("http", "json", 1)],
        }
        return {
            "alerts": {"levels": [{**first, "repeat_minutes": REPEAT_MINUTES, **shared}, nobody, second], "same_patient_minutes": 0.1},
            "channels": {
                "smtp": {"host": "127.0.0.1", "port": self.smtp, "security": "none"},
                "mqtt": {"host": "127.0.0.1", "port": self.broker.port, "tls": False, "username": "gate", "password": "way"},
                "zalo": {
                    "app_id": "app", "app_secret": "app-secret", "refresh_token": "seed-token", "templates": {"vi": "1"},
                    "message_url": f"{base}/message", "token_url": f"{base}/token", "template_url": f"{base}/info",
                },
            },
            "silence": {"phantom": {"enabled": False}},
            "logging": {"level": "debug"},
            "intake": {"quiet_s": 3},
            "dicom": {"free_bytes_floor": 0},
        }  # fmt: skip

    def emptied_into(self, outside: Outside) -> None:
        """Everything that anybody got, opened."""
        for told in (one for taken in self.push.taken.values() for one in taken):
            outside.add("web push, decrypted", json.dumps([told[1], told[2]], ensure_ascii=False))
        for name in ("hook", "apprise", "zalo"):
            for method, path, headers, body in getattr(self, name).requests:
                outside.add(name, f"{method} {path} {headers}\n")
                outside.add(name, body)
        for mail in self.mailbox.mails:
            outside.add("mail", mail)
        for heard in self.broker.heard:
            outside.add("mqtt", f"{heard.topic} {heard.payload.decode()}")

    def counts(self) -> dict[str, int]:
        """How much each got."""
        pushes = sum(len(taken) for taken in self.push.taken.values())
        requests = {name: len(getattr(self, name).requests) for name in ("hook", "apprise", "zalo")}
        return {"push": pushes, **requests, "mail": len(self.mailbox.mails), "mqtt": len(self.broker.heard)}


@contextlib.contextmanager
def a_world(folder: Path) -> Iterator[World]:
    """Start every other side."""
    zalo, mailbox, port = peers.Zalo(), _Mailbox(), free_port()
    with contextlib.ExitStack() as stack:
        push = stack.enter_context(peers.a_push_service())
        hook, apprise, oa = (stack.enter_context(peers.a_receiver()) for _ in range(3))
        oa.answer = zalo.answer
        broker = stack.enter_context(peers.a_listener(stack.enter_context(peers.a_broker(folder / "broker"))))
        mail = Controller(mailbox, hostname="127.0.0.1", port=port)
        mail.start()
        stack.callback(mail.stop)
        yield World(push, hook, apprise, oa, broker, mailbox, port)


def enter(ledger: Ledger, world: World) -> None:
    """Somebody by each kind of channel in both levels, and one whose only channel is dead."""
    ways = {
        ChannelKind.PUSH: "", ChannelKind.EMAIL: "le@hospital.example", ChannelKind.MQTT: "le",
        ChannelKind.WEBHOOK: world.hook.url, ChannelKind.ZALO: "84901000001",
        ChannelKind.APPRISE: world.apprise.url.replace("http", "json", 1),
    }  # fmt: skip
    for role in (Role.STROKE_DOCTOR, Role.CATH_LAB):
        for kind, address in ways.items():
            _person(ledger, world, role, kind, address)
    _person(ledger, world, Role.STROKE_DOCTOR, ChannelKind.WEBHOOK, f"http://127.0.0.1:{free_port()}/dead")
    _person(ledger, world, Role.IT, ChannelKind.WEBHOOK, world.hook.url)


def _person(ledger: Ledger, world: World, role: Role, kind: ChannelKind, address: str) -> None:
    person = Person(str(uuid4()), f"{role}-{uuid4().hex[:6]}", f"Dr {kind.value}", frozenset({role}))
    ledger.people.add(person, datetime.now(UTC))
    ledger.people.set_contacts(person.id, [Contact(str(uuid4()), person.id, 0, kind, address, SECRET)])
    if kind is ChannelKind.PUSH:
        told = world.push.device(person.login)
        keys = (told.p256dh, told.auth, "phone", "2026-03-01T10:00:00Z")
        ledger.people.add_device(Device(str(uuid4()), person.id, told.endpoint, *keys))
