"""Random processes killed while studies keep coming: nothing acknowledged is lost, and every case ends with one alert.

``python -m benchmarks.chaos [--kills N | --long] [--seed S] [--log FILE]``. Listener, worker, API, Orthanc, the process that forks
analysts and the analyst at work are killed with SIGKILL, one at a time at random moments, and only while they live: the
supervisor's growing pauses before a restart are its own affair. Scanners send small studies one after the other, each in
one association, and come again for what was not acknowledged.

A webhook's receiver drops repeats by their idempotency key; so an alert counts once per key, and repeats are told apart.
"""

import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from blake3 import blake3

from benchmarks.aftermath import END_S, Case, lost, told, unfinished, wait_for_the_end
from benchmarks.ingest import Row
from benchmarks.pacing import Image, Turn, take_turn
from benchmarks.phantom import Patient, make_patient
from benchmarks.raw_sender import RawSender
from benchmarks.running import RunningGateway, running_gateway
from benchmarks.scanner import USUAL, Written, write_study
from benchmarks.watching import TimedPhone, analysts, command_of, descendants
from dicom_scp.wire import PduType
from gateway.ledger.records import case_id_of

KILLS, KILLS_LONG = 20, 200
PAUSE_S = (1.0, 6.0)
"""Between two kills."""
AGAIN_S = 0.5
"""How soon a scanner comes again."""
SCANNERS = 2
BETWEEN_STUDIES_S, MOST_OPEN = 1.0, 8
"""A scanner waits while so many cases have not ended: the question is what a kill costs, not what a queue does."""
SMALL = Patient(matrix=64, slices=8, frames=20, frame_step_s=2.0)
"""An analysis takes less than a second."""
VENDOR = "canon"
RESTARTED = '"process died and is restarted"'
WANTS_A_PERSON = '"run wants a person"'


@dataclass(slots=True)
class Scanner:
    """Sends study after study; what it holds is what it was told."""

    written: Written
    folder: Path
    gateway: RunningGateway
    first_turn: int
    acknowledged: dict[str, str] = field(default_factory=dict)
    """Digest of the dataset by SOP instance UID."""
    studies: list[str] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)
    broken: int = 0

    def send_until(self, over: threading.Event) -> None:
        """Send; the study that is under way when it is over is finished."""
        number = self.first_turn
        while not over.is_set():
            turn = take_turn(self.written, self.folder, number)
            self.studies.append(turn.study_uid)
            self._send(turn)
            turn.remove()
            number += 1
            while not over.wait(BETWEEN_STUDIES_S) and self._has_enough():
                pass

    def _has_enough(self) -> bool:
        return unfinished(self.gateway.data_dir, self.studies) >= MOST_OPEN / SCANNERS

    def _send(self, turn: Turn) -> None:
        left = list(turn.images)
        while left and self.gateway.process.poll() is None:
            try:
                self._associate(left)
            except OSError:
                self.broken += 1
            if left:
                time.sleep(AGAIN_S)

    def _associate(self, left: list[Image]) -> None:
        """One association; images leave `left` as they are acknowledged."""
        with RawSender(self.gateway.dicom_port, timeout_s=60.0) as sender:
            if sender.associate() != PduType.ASSOCIATE_AC:
                raise ConnectionError("refused")
            while left:
                dataset = left[0].dataset
                if status := sender.store(dataset, left[0].uid):
                    self.refused[status] += status > 0
                    raise ConnectionError("not acknowledged")
                self.acknowledged[left.pop(0).uid] = blake3(dataset).hexdigest()
            sender.release()


def victims(gateway: RunningGateway) -> dict[str, int]:
    """Whom to kill: process ids by name, of those that live."""
    found = {}
    supervisor = gateway.process.pid
    for pid in descendants(supervisor)[1:]:
        command = command_of(pid)
        if "stroke-gateway" in command or "Orthanc" in "".join(command[:1]):
            name = next((name for name in ("listener", "worker", "api") if name in command), "orthanc")
            found[name] = pid
    at_work = analysts(supervisor)
    found |= dict(zip(("analyst source", "analyst"), at_work, strict=False))
    return found


def kill_some(gateway: RunningGateway, kills: int, draw: random.Random) -> Counter[str]:
    """Kill at random moments; returns how often each was hit."""
    hit: Counter[str] = Counter()
    while hit.total() < kills and gateway.process.poll() is None:
        time.sleep(draw.uniform(*PAUSE_S))
        if not (alive := victims(gateway)):
            continue
        name = draw.choice(sorted(alive))
        try:
            os.kill(alive[name], signal.SIGKILL)
        except ProcessLookupError:
            continue
        hit[name] += 1
        print(f"{time.strftime('%H:%M:%S', time.gmtime())}Z killed {name} {alive[name]}", file=sys.stderr)
    return hit


def run(kills: int, seed: int, log: Path | None = None) -> Iterator[Row]:
    """Start everything, kill, wait, and judge."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as name, TimedPhone() as phone:
        folder = Path(name)
        written = write_study(make_patient(SMALL), folder / "patient", VENDOR, parts=USUAL)
        webhook = {"url": phone.url, "secret": phone.secret}
        alerts = {"levels": [{"name": "stroke team", "webhooks": [webhook]}]}
        with running_gateway(folder / "gateway", {"alerts": alerts}) as gateway:
            scanners = [
                Scanner(written, folder / f"scanner{k}", gateway, first_turn=100_000 * k + 1)
                for k in range(SCANNERS)
            ]
            try:
                with sending(scanners):
                    hit = kill_some(gateway, kills, random.Random(seed))
                studies = [study for scanner in scanners for study in scanner.studies]
                took_s, cases = wait_for_the_end(gateway.data_dir, studies)
                yield from _rows(gateway, scanners, phone, hit, took_s, cases)
            finally:
                if log:
                    log.write_text("".join(gateway.log), "utf-8")


@contextmanager
def sending(scanners: Sequence[Scanner]) -> Iterator[None]:
    """Scanners at work; what is under way at the end is finished."""
    over = threading.Event()
    threads = [threading.Thread(target=scanner.send_until, args=(over,)) for scanner in scanners]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _rows(
    gateway: RunningGateway,
    scanners: Sequence[Scanner],
    phone: TimedPhone,
    hit: Counter[str],
    took_s: float,
    cases: Sequence[Case],
) -> Iterator[Row]:
    restarts = sum(RESTARTED in line for line in list(gateway.log))
    lives = gateway.process.poll() is None
    yield "the supervisor", "lives", "lives" if lives else "ended", lives
    yield "killed", "", ", ".join(f"{name} {count}" for name, count in sorted(hit.items())), True
    yield "restarts by the supervisor", "", str(restarts), True
    yield "connections refused or broken", "", str(sum(scanner.broken for scanner in scanners)), True
    acknowledged = {uid: sha for scanner in scanners for uid, sha in scanner.acknowledged.items()}
    yield "images acknowledged", "> 0", str(len(acknowledged)), bool(acknowledged)
    gone = lost(gateway.data_dir, acknowledged)
    yield "acknowledged and lost", "0", _named(gone), not gone
    studies = {study for scanner in scanners for study in scanner.studies}
    without = sorted(map(case_id_of, studies - {case.study_uid for case in cases}))
    yield "studies without a case", "0", _named(without), not without
    waiting = sum(case.archive_left > 0 for case in cases)
    yield "cases not wholly in the archive by then", "", str(waiting), True
    yield "last kill to every alert at the phone", f"<= {END_S:.0f} s", f"{took_s:.1f} s", took_s <= END_S
    open_ = [f"{case.id} {case.state}" for case in cases if not case.is_over]
    yield "cases not over", "0", _named(open_), not open_
    states = Counter(case.state for case in cases)
    yield "cases", "", ", ".join(f"{state} {count}" for state, count in states.items()), True
    later = sum(case.revision > 1 for case in cases)
    yield "cases with more than one revision", "", str(later), True
    heard = told(phone, cases)
    yield "cases whose last revision nobody heard of", "0", _named(heard.without), not heard.without
    yield "revisions alerted under two keys", "0", _named(heard.twice), not heard.twice
    yield "alerts; repeats under a known key", "", f"{heard.first}; {heard.repeats}", True
    failed = [case.id for case in cases if case.deliveries_failed]
    yield "deliveries given up", "0", _named(failed), not failed
    wanting = sorted({json.loads(line)["run"] for line in list(gateway.log) if WANTS_A_PERSON in line})
    yield "runs that ended by mistake or stood still", "0", _named(wanting), not wanting


def _named(found: Sequence[str]) -> str:
    """How many, and the first two."""
    return f"{len(found)}{': ' * bool(found)}{'; '.join(found[:2])}"


def main() -> int:
    """Print the table; 1 on any violation."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--long", action="store_const", const=KILLS_LONG, dest="kills")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--log", type=Path, help="keep here what the gateway logged")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the gateway is stopped
    violated = 0
    for what, bound, found, met in run(options.kills, options.seed, options.log):
        verdict = ("met" if met else "VIOLATED") if bound else ""
        print(f"{what:44} {bound:9} {found:70} {verdict}", flush=True)
        violated += not met
    return int(violated > 0)


if __name__ == "__main__":
    sys.exit(main())
