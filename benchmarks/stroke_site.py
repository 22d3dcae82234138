"""A gateway with a phone, and stroke patients that are sent to it and followed, stage by stage."""

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pacing import Turn, send_fast, send_paced, take_turn
from benchmarks.running import RunningGateway, running_gateway
from benchmarks.scanner import Written
from benchmarks.watching import Peaks, TimedPhone, watched
from gateway.ledger.records import case_id_of, moment_of

IMAGES_PER_S = 20.0
"""A scanner's pace of reconstruction."""
TIMEOUT_S = 240.0


@dataclass(frozen=True, slots=True)
class Walk:
    """Seconds from the last acknowledged perfusion image to every stage."""

    proof: float
    start: float
    end: float
    alert: float
    objects: float


class Site:
    """A gateway, its phone, and the studies that are sent to it."""

    def __init__(self, gateway: RunningGateway, phone: TimedPhone, peaks: Peaks, folder: Path) -> None:
        self.gateway, self.phone, self.peaks, self._folder = gateway, phone, peaks, folder
        self._turns = itertools.count(1)

    def turn(self, written: Written) -> Turn:
        """A study with new UIDs, on disk for good."""
        turn = take_turn(written, self._folder / "sent", next(self._turns))
        os.sync()  # what is written for the sender must not be written at the gateway's expense
        return turn

    def paced(self, turn: Turn) -> float:
        """Send at a scanner's pace."""
        return send_paced(self.gateway.dicom_port, turn.images, IMAGES_PER_S)

    def fast(self, turn: Turn) -> float:
        """Send as fast as it goes."""
        return send_fast(self.gateway.dicom_port, turn.images)

    def walk(self, turn: Turn, send: Callable[[Turn], float]) -> Walk:
        """Send one study and follow it to its end."""
        found = self.follow(turn, send(turn))
        self.await_archive()
        turn.remove()
        return found

    def follow(self, turn: Turn, acknowledged_at: float) -> Walk:
        """Wait for the alert, asking nobody, then for the objects; raises TimeoutError."""
        case_id = case_id_of(turn.study_uid)
        deadline = time.monotonic() + TIMEOUT_S
        while (case_id, 1) not in self.phone.taken_at:
            if time.monotonic() > deadline:
                raise TimeoutError("no alert; the log ends with\n" + "".join(self.gateway.log[-10:]))
            time.sleep(0.02)
        case = self.gateway.wait_for(turn.study_uid, lambda c: bool(c["times"]["published_at"]), TIMEOUT_S)
        if case["revision"] != 1 or case["state"] != "analysed":
            raise RuntimeError(f"revision {case['revision']} is {case['state']}: {case.get('reason')}")
        folder = self.gateway.data_dir / "cases" / case_id
        moments = (
            moment_of(case["times"]["complete_at"]).timestamp(),
            (folder / "r1.inputs.json").stat().st_mtime,
            (folder / "r1" / "result.json").stat().st_mtime,
            self.phone.taken_at[case_id, 1],
            moment_of(case["times"]["published_at"]).timestamp(),
        )
        return Walk(*(moment - acknowledged_at for moment in moments))

    def await_archive(self) -> None:
        """Return when every image is in the archive, so that no turn pays for the one before it."""
        deadline = time.monotonic() + TIMEOUT_S
        while any(case["images"].get("pending") for case in self.gateway.cases()):
            if time.monotonic() > deadline:
                raise TimeoutError("the archive did not get everything")
            time.sleep(0.5)


@contextmanager
def a_site() -> Iterator[Site]:
    """A fresh gateway with a phone as its first channel."""
    with tempfile.TemporaryDirectory(prefix="latency-", dir=roomy_disk()) as name, TimedPhone() as phone:
        webhook = {"url": phone.url, "secret": phone.secret}
        alerts = {"levels": [{"name": "stroke team", "webhooks": [webhook]}]}
        with (
            running_gateway(Path(name) / "gateway", {"alerts": alerts}) as gateway,
            watched(gateway.process.pid) as peaks,
        ):
            yield Site(gateway, phone, peaks, Path(name))


def roomy_disk() -> Path | None:
    """Where gigabytes may lie for a while."""
    return Path(".cache").resolve() if Path(".cache").is_dir() else None
