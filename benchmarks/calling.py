"""How fast, and how surely, people are called: a whole gateway, fifty people, four kinds of channels, a worker that is killed.

``python -m benchmarks.calling`` prints what was found beside its bound. The gateway runs under its supervisor; results are
put where an analysis leaves them, because the clock starts with the result. The channels are real on our side and play their
part in another process (`benchmarks.calling_peers`); everything is on loopback.
"""

import argparse
import base64
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
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

ALERT_S = 0.3
FALL_OVER_S = 10.0
ESCALATION_S = 1.0
PER_CENT = 100

PEOPLE = {ChannelKind.PUSH: 20, ChannelKind.WEBHOOK: 10, ChannelKind.EMAIL: 10, ChannelKind.MQTT: 10}
WAYS = {
    ChannelKind.PUSH: "push",
    ChannelKind.WEBHOOK: "hook",
    ChannelKind.EMAIL: "mail",
    ChannelKind.MQTT: "mqtt",
}
SECRET = "secret-of-sixteen-or-more"  # noqa: S105 - of receivers that exist for one run
MINUTES = 0.15
"""Of the levels whose escalation is timed: nine seconds."""


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


FIFTY = {"name": "on duty", "role": "stroke_doctor", "who": "everybody", "minutes": 60}


def fifty(site: Site) -> list[str]:
    """Fifty people, each with one channel; returns their names."""
    names = []
    for kind, number in PEOPLE.items():
        for place in range(number):
            names.append(f"{WAYS[kind]}{place}")
            site.enter(names[-1], Role.STROKE_DOCTOR, site.way(kind, names[-1]))
    return names


def hand_over(alerts: int) -> list[tuple[str, float, float]]:
    """Seconds from the row of the result to the last, and to each, of fifty first channels."""
    last, each = [], []
    with a_site([FIFTY]) as site:
        names = fifty(site)
        for number in range(alerts + 1):
            case_id = site.result()
            begun = site.analysed_at(case_id)
            wait_for(lambda: len({one["who"] for one in site.heard(begun, *WAYS.values())}) == len(names), 20)  # noqa: B023
            waits = [one["at"] - begun for one in site.heard(begun, *WAYS.values())]
            site.take(case_id)
            site.quiet()
            if number:  # the first alert of a process opens every connection; it is told apart
                last.append(max(waits))
                each += waits
            else:
                first = max(waits)
    return [
        ("result to the last of 50 first channels, p95 s", percentile(last, 95), ALERT_S),
        ("result to each of 50 first channels, p95 s", percentile(each, 95), ALERT_S),
        ("the same, the last channel of a fresh worker's first alert, s", first, ALERT_S),
    ]


def percentile(values: Sequence[float], percent: int) -> float:
    """Nearest rank."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, -(-len(ranked) * percent // PER_CENT) - 1)]


def fall_over() -> list[tuple[str, float, float]]:
    """Seconds from the first call to the arrival by the next channel, for three ways to be dead."""
    found = []
    with a_site([FIFTY]) as site:
        base = f"http://127.0.0.1:{site.peers.http}"
        dead = {
            "a port where nobody listens": (ChannelKind.WEBHOOK, f"http://127.0.0.1:{free_port()}/x"),
            "a server that never answers": (ChannelKind.WEBHOOK, f"{base}/silent/x"),
            "a push that no phone confirms": site.way(ChannelKind.PUSH, "p"),
        }
        for number, way in enumerate(dead.values()):
            site.enter(
                f"fall{number}", Role.STROKE_DOCTOR, way, site.way(ChannelKind.WEBHOOK, f"fall{number}")
            )
        case_id = site.result()
        site.analysed_at(case_id)
        wait_for(lambda: len(site.heard(0, "hook")) == len(dead), 30)
        arrived = {one["who"]: one["at"] for one in site.heard(0, "hook")}
        queued = min(
            moment_of(call.times["queued_at"]).timestamp() for call in site.ledger.calls.of_case(case_id)
        )
        for number, name in enumerate(dead):
            found.append((f"fall-over from {name}, s", arrived[f"fall{number}"] - queued, FALL_OVER_S))
    return found


LADDER = (
    {"name": "first", "role": "stroke_doctor", "who": "everybody", "minutes": MINUTES},
    {"name": "second", "role": "cath_lab", "who": "everybody", "minutes": 60},
)


def escalation(alerts: int, kills: dict[str, float]) -> list[tuple[str, float, float]]:
    """How late the second level is called, without and with a worker that is killed so many seconds before its minute."""
    found = []
    with a_site(LADDER) as site:
        site.enter("first", Role.STROKE_DOCTOR, site.way(ChannelKind.WEBHOOK, "first"))
        site.enter("second", Role.CATH_LAB, site.way(ChannelKind.WEBHOOK, "second"))
        cases = []
        for _ in range(alerts):
            cases.append(site.result())
            time.sleep(0.5)
        late = [_lateness(site, case_id) for case_id in cases]
        found.append((f"escalation after its minute, worst of {alerts}, s", max(late), ESCALATION_S))
        for name, before_s in kills.items():
            late = []
            for _ in range(KILLS):
                time.sleep(SETTLED_S)
                case_id = site.result()
                due = site.announced_at(case_id) + MINUTES * 60
                time.sleep(max(0.0, due - before_s - time.time()))
                site.kill_worker()
                late.append(_lateness(site, case_id))
            found.append((f"the same, worker killed {name}, worst of {KILLS}, s", max(late), ESCALATION_S))
            found.append(("  and the middle of them, s", statistics.median(late), ESCALATION_S))
    return found


KILLS = 3
SETTLED_S = 32.0
"""A worker that lived so long is started again at once; one that dies again and again waits."""


def _lateness(site: Site, case_id: str) -> float:
    due = site.announced_at(case_id) + MINUTES * 60

    def second() -> list[float]:
        return [
            one["at"] for one in site.heard(0, "hook") if one["case"] == case_id and one["who"] == "second"
        ]

    wait_for(second, MINUTES * 60 + 60)
    late = min(second()) - due
    assert late > -0.05, "escalated before its minute"
    site.take(case_id)
    return late


def killed_while_calling(kills: int) -> list[tuple[str, float, float]]:
    """Calls lost, and called twice without reason, when the worker dies in the middle of fifty calls."""
    lost = doubled = excused = 0
    with a_site([FIFTY]) as site:
        names = fifty(site)
        case_id = site.result()
        wait_for(lambda: len(_sent(site, case_id)) == len(names), 30)
        site.take(case_id)
        site.quiet()
        for number in range(kills):
            time.sleep(SETTLED_S)
            case_id = site.result()
            begun = site.analysed_at(case_id)
            time.sleep(max(0.0, begun + 0.3 * number / kills - time.time()))
            killed = site.kill_worker()
            noted = _sent(site, case_id)
            wait_for(lambda: len({one["who"] for one in site.heard(begun, *WAYS.values())}) == len(names), 60)  # noqa: B023
            wait_for(lambda: len(_sent(site, case_id)) == len(names), 30)  # noqa: B023
            times = Counter(one["who"] for one in site.heard(begun, *WAYS.values()))
            twice = {who for who, count in times.items() if count > 1}
            lost += len(set(names) - times.keys())
            doubled += len(twice & noted)
            excused += len(twice - noted)
            sys.stderr.write(
                f"killed {killed - begun:.3f} s after the result: {len(noted)} noted, {len(twice)} twice\n"
            )
            site.take(case_id)
            site.quiet()
    return [
        (f"calls lost over {kills} kills of 50 calls", float(lost), 0.0),
        ("calls made twice that had been noted as sent", float(doubled), 0.0),
        (
            "  (in the line's hand when the kill came, made again under the same key)",
            float(excused),
            float("inf"),
        ),
    ]


def _sent(site: Site, case_id: str) -> set[str]:
    people = {person.id: person.login for person in site.ledger.people.all()}
    calls = site.ledger.calls.of_case(case_id)
    return {people[call.person_id or ""] for call in calls if call.times["sent_at"]}


PARTS: dict[str, Callable[[], list[tuple[str, float, float]]]] = {
    "hand-over": lambda: hand_over(20),
    "fall-over": fall_over,
    "escalation": lambda: escalation(8, {"4 s before": 4.0, "0.3 s before": 0.3}),
    "kills": lambda: killed_while_calling(8),
}


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    rows = [row for part in parser.parse_args().parts for row in PARTS[part]()]
    width = max(len(name) for name, *_ in rows)
    sys.stdout.write(f"{'':{width}}  {'bound':>7}  {'found':>7}  met\n")
    for name, found, bound in rows:
        met = "yes" if found <= bound else "NO"
        sys.stdout.write(f"{name:{width}}  {bound:7.3g}  {found:7.3f}  {met}\n")


if __name__ == "__main__":
    main()
