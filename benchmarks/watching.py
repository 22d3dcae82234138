"""What a running gateway does, seen from outside: when alerts arrive, and what its processes hold."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.small_phone import SmallPhone
from gateway.channels.signature import KEY_HEADER

ANALYST = "gateway.jobs.analyst"
LOOK_S = 0.05
KIB_PER_MB = 1024
ACCEPTED = 204


class TimedPhone(SmallPhone):
    """A phone that notes when it first took an alert, and how often each came."""

    def __init__(self) -> None:
        super().__init__()
        self.taken_at: dict[tuple[str, int], float] = {}
        self.keys: dict[tuple[str, int], Counter[str]] = {}

    def take(self, headers: Any, body: bytes) -> int:
        """Note one request beside what every phone does with it."""
        at, status = time.time(), super().take(headers, body)
        if status == ACCEPTED:
            alert = json.loads(body)
            what = (alert["case_id"], alert["revision"])
            self.taken_at.setdefault(what, at)
            self.keys.setdefault(what, Counter())[headers[KEY_HEADER]] += 1
        return status


def descendants(pid: int) -> list[int]:
    """A process and everything below it that lives now, parents first."""
    found, queue = [], [pid]
    while queue:
        found.append(queue.pop(0))
        try:
            for task in Path(f"/proc/{found[-1]}/task").iterdir():
                queue += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def command_of(pid: int) -> list[str]:
    """Words of a process's command line or title; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ").split()
    except OSError:
        return []


def held_mb(pid: int, key: str, file: str = "status") -> float:
    """One line of a process's account in /proc, in MB; 0 when the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) / KIB_PER_MB


@dataclass(frozen=True, slots=True)
class Held:
    """Memory of one process: its share of what it holds, and all of it."""

    name: str
    proportional_mb: float
    resident_mb: float


PARTS = ("listener", "worker", "api", "run")


def service_memory(pid: int) -> list[Held]:
    """Memory of a gateway and everything below it."""
    return [Held(_name(p), held_mb(p, "Pss", "smaps_rollup"), held_mb(p, "VmRSS")) for p in descendants(pid)]


def _name(pid: int) -> str:
    command = command_of(pid)
    if ANALYST in command:
        return "analyst"
    return next((part for part in PARTS if part in command), Path(command[0]).name if command else "gone")


def analysts(pid: int) -> list[int]:
    """The gateway's processes that analyse: the one that forks first, then those at work."""
    return [p for p in descendants(pid) if ANALYST in command_of(p)]


@dataclass(slots=True)
class Peaks:
    """The largest resident memory that any analyst had so far, shared pages included."""

    analyst_mb: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def watch(self, pid: int) -> None:
        """Look again and again until it is over."""
        while not self._over.wait(LOOK_S):
            at_work = analysts(pid)[1:]
            self.analyst_mb = max([self.analyst_mb, *(held_mb(p, "VmHWM") for p in at_work)])

    def end(self) -> None:
        """Look no more."""
        self._over.set()


@contextmanager
def watched(pid: int) -> Iterator[Peaks]:
    """Watch the analysts of a gateway."""
    peaks = Peaks()
    watcher = threading.Thread(target=peaks.watch, args=(pid,))
    watcher.start()
    try:
        yield peaks
    finally:
        peaks.end()
        watcher.join()
