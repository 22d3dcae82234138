"""A whole gateway with people and their channels, for measuring how they are called."""

import base64
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.running import RunningGateway, free_port, running_gateway
from gateway import casefolder
from gateway.engine import Client
from gateway.lanes import Priority, Queue
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import moment_of
from gateway.team.answering import AnswerKind, answer
from gateway.team.contacts import ChannelKind, Contact, Device
from gateway.team.people import SITE, Person, Role
from triage.results import Side, Status, TriageResult

PEOPLE = {ChannelKind.PUSH: 20, ChannelKind.WEBHOOK: 10, ChannelKind.EMAIL: 10, ChannelKind.MQTT: 10}
WAYS = {
    ChannelKind.PUSH: "push",
    ChannelKind.WEBHOOK: "hook",
    ChannelKind.EMAIL: "mail",
    ChannelKind.MQTT: "mqtt",
}
SECRET = "secret-of-sixteen-or-more"  # noqa: S105 - of receivers that exist for one run


@dataclass(frozen=True)
class Peers:
    """The other side of every channel."""

    http: int
    smtp: int
    mqtt: int
    log: Path

    def heard(self) -> list[dict[str, Any]]:
        """Everything that arrived so far."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]


@contextmanager
def peers_in(folder: Path) -> Iterator[Peers]:
    """Start them, and stop them by their process id."""
    peers = Peers(free_port(), free_port(), free_port(), folder / "heard.jsonl")
    ports = [str(port) for port in (peers.http, peers.smtp, peers.mqtt)]
    command = [sys.executable, "-m", "benchmarks.calling_peers", *ports, str(peers.log)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield peers
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


@dataclass
class Site:
    """A running gateway, its ledger, and people."""

    gateway: RunningGateway
    peers: Peers
    ledger: Ledger
    client: Client
    cases: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, gateway: RunningGateway, peers: Peers) -> "Site":
        """Open the ledger and the engine of a gateway."""
        data = gateway.data_dir.resolve()
        ledger = Ledger.open(f"sqlite:///{data / 'ledger.db'}")
        return cls(gateway, peers, ledger, Client(f"sqlite:///{data / 'engine.db'}"))

    def enter(self, name: str, role: Role, *ways: tuple[ChannelKind, str]) -> str:
        """Somebody with channels in this order."""
        person = Person(str(uuid4()), name, name, frozenset({role}))
        self.ledger.people.add(person, datetime.now(UTC))
        contacts = [
            Contact(str(uuid4()), person.id, place, kind, address, SECRET)
            for place, (kind, address) in enumerate(ways)
        ]
        self.ledger.people.set_contacts(person.id, contacts)
        for kind, address in ways:
            if kind is ChannelKind.PUSH:
                self.ledger.people.add_device(_device(person.id, address))
        return person.id

    def way(self, kind: ChannelKind, name: str) -> tuple[ChannelKind, str]:
        """Channel and address of somebody."""
        base = f"http://127.0.0.1:{self.peers.http}"
        return kind, {
            ChannelKind.PUSH: f"{base}/push/{name}",
            ChannelKind.WEBHOOK: f"{base}/hook/{name}",
            ChannelKind.EMAIL: f"{name}@hospital.example",
            ChannelKind.MQTT: name,
        }[kind]

    def result(self) -> str:
        """A study was analysed: its numbers lie where an analysis leaves them, and the case goes on."""
        study, now = f"2.25.{random.getrandbits(100)}", datetime.now(UTC)
        case = self.ledger.cases.open(study, now)
        self.ledger.cases.complete(case.id, 1, f"{study}.4", "whole", now)
        found = replace(RESULT, study_uid=study, series_uid=f"{study}.4")
        with casefolder.appearing(self.gateway.data_dir / "cases" / case.id / "r1") as folder:
            casefolder.save_result(found, folder)
        key = f"case:{case.id}:r1"
        self.client.submit("case", key, case.id, 1, queue=Queue.ANALYSIS, priority=Priority.URGENT)
        self.cases.append(case.id)
        return case.id

    def take(self, case_id: str) -> None:
        """Somebody at the console answers."""
        wait_for(lambda: self._time(case_id, "alert_sent_at"), 30)
        case = self.ledger.cases.get(case_id)
        assert case
        answer(self.ledger, self.client, case, SITE, AnswerKind.TAKE, "", datetime.now(UTC))

    def analysed_at(self, case_id: str) -> float:
        """When the row of the result was there."""
        return wait_for(lambda: self._time(case_id, "analysed_at"), 60)

    def announced_at(self, case_id: str) -> float:
        """When the alert began."""
        moment = wait_for(lambda: self.ledger.announcements.announced_at(case_id, 1), 60)
        return float(moment.timestamp())

    def _time(self, case_id: str, name: str) -> float | None:
        case = self.ledger.cases.get(case_id)
        at = case.times[name] if case else None
        return moment_of(at).timestamp() if at else None

    def heard(self, since: float, *ways: str) -> list[dict[str, Any]]:
        """What arrived since a moment, by these ways."""
        return [each for each in self.peers.heard() if each["at"] >= since and each["way"] in ways]

    def quiet(self, seconds: float = 1.0) -> None:
        """Wait until nothing arrives any more."""
        seen = -1
        while len(self.peers.heard()) != seen:
            seen = len(self.peers.heard())
            time.sleep(seconds)

    def kill_worker(self) -> float:
        """SIGKILL; the supervisor starts another."""
        pid = wait_for(lambda: self.gateway.children().get("worker"), 30)
        os.kill(pid, signal.SIGKILL)
        return time.time()


RESULT = TriageResult(
    status=Status.ANALYSED,
    reason=None,
    study_uid="",
    series_uid="",
    side=Side.LEFT,
    core_ml=34.2,
    hypoperfused_ml=112.4,
    mismatch_ml=78.2,
    mismatch_ratio=3.29,
)


def _device(person_id: str, endpoint: str) -> Device:
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    texts = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (point, os.urandom(16)))
    return Device(str(uuid4()), person_id, endpoint, *texts, "bench", "2026-01-01T00:00:00Z")


def wait_for(look: Callable[[], Any], timeout_s: float) -> Any:
    """Look until there is something."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.02)
    raise TimeoutError("it did not happen in time")


@contextmanager
def a_site(levels: Sequence[dict[str, Any]]) -> Iterator[Site]:
    """A gateway with a plan, and peers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with peers_in(folder) as peers:
            tables = {
                "alerts": {"levels": levels},
                "channels": {
                    "smtp": {"host": "127.0.0.1", "port": peers.smtp, "security": "none"},
                    "mqtt": {"host": "127.0.0.1", "port": peers.mqtt, "tls": False},
                },
                "silence": {"enabled": False},
            }
            with running_gateway(folder, tables) as gateway:
                site = Site.of(gateway, peers)
                yield site
                site.client.close()
                site.ledger.engine.dispose()
