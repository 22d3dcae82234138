"""The listener killed at its N-th system call of each kind, N = 1, 2, 3 ... until a run ends by itself."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults.house import House, Stable, injected
from benchmarks.faults.peer import ASSOCIATE_AC, SUCCESS, Lost, Peer
from benchmarks.faults.report import Row, at_most, none_of, row, wait_until
from benchmarks.faults.testimony import Testimony, judge

CALLS = (
    "fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "rmdir", "mkdir",
    "openat", "write", "writev", "pwrite64", "pwritev", "ftruncate", "fallocate", "close", "sendto", "sendmsg",
)  # fmt: skip
"""Whatever touches a disk or answers a peer; kinds the listener does not use end at their first, unharmed run."""
SHORT: tuple[tuple[str, int], ...] = (
    ("fsync", 1), ("fsync", 3), ("fsync", 6), ("fdatasync", 2), ("fdatasync", 4), ("rename", 1), ("rename", 3),
    ("mkdir", 1), ("openat", 5), ("write", 3), ("pwrite64", 5), ("pwrite64", 9), ("close", 6), ("sendto", 3),
    ("sendto", 4),
)  # fmt: skip
"""A spread: the calls around which an acknowledgement turns."""
ASSOCIATIONS, SLICES = 2, 4
RESTART_S = 5.0
UNHARMED_S, DEATH_S = 0.15, 10.0
"""How long to wait for a death after everything was taken, and after something was not."""
MOST_POINTS = 80
"""Of one kind; none has so many with so few slices."""


@dataclass
class Tally:
    """What all the kills came to."""

    points: list[str] = field(default_factory=list)
    clean_runs: int = 0
    restarts_s: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    phantom: list[str] = field(default_factory=list)
    dangling: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    acknowledged: int = 0

    @property
    def _told(self) -> str:
        kinds = Counter(point.split()[0] for point in self.points)
        return f"{len(self.points)}: {', '.join(f'{kind} {count}' for kind, count in kinds.items())}"

    def rows(self) -> list[Row]:
        """The table's lines."""
        return [
            row("kill points", "every one reached", self._told, met=bool(self.points)),
            row("acknowledged while being killed", "> 0", self.acknowledged, met=self.acknowledged > 0),
            none_of("killed: acknowledged and lost", self.lost),
            none_of("killed: never sent and present", self.phantom),
            none_of("killed: rows without their file", self.dangling),
            none_of("killed: ledger not intact", self.broken),
            at_most("killed: start to accepting again", RESTART_S, max(self.restarts_s, default=0.0), "s"),
        ]


def send(
    port: int, testimony: Testimony, slices: int = SLICES, size_bytes: int = 3000, *, again: bool = False
) -> list[int]:
    """One association with several instances; returns their statuses, and stops where the listener does.

    With `again`, what was acknowledged last is sent once more before: the new file takes the place of one that counts.
    """
    statuses: list[int] = []
    try:
        with Peer(port, timeout_s=30) as peer:
            if peer.associate()[0] != ASSOCIATE_AC:
                return statuses
            repeated = [testimony.latest] if again and testimony.latest else []
            for number in range(slices + len(repeated)):
                chosen = repeated[0] if number < len(repeated) else testimony.slice(size_bytes)
                statuses.append(testimony.store(peer, *chosen))
                if statuses[-1] != SUCCESS:
                    return statuses
            peer.release()
    except (Lost, OSError):
        pass
    return statuses


def send_together(port: int, testimony: Testimony, slices: int = SLICES, size_bytes: int = 3000) -> bool:
    """Two associations at once, both beginning with the same bytes again; returns whether all of it was taken."""
    with ThreadPoolExecutor(ASSOCIATIONS) as pool:
        sent = [
            pool.submit(send, port, testimony, slices, size_bytes, again=True) for _ in range(ASSOCIATIONS)
        ]
    return all(len(one.result()) >= slices and set(one.result()) == {SUCCESS} for one in sent)


def kill_at(house: House, call: str, number: int, testimony: Testimony) -> bool:
    """Send while the process is to be killed at its `number`-th `call`; returns whether it died.

    A process that is being killed is there for a while after its peers have lost it.
    """
    with injected(house.pid, f"?{call}:signal=KILL:when={number}", house.folder / "trace"):
        was_unharmed = send_together(house.port, testimony)
        return wait_until(lambda: not house.is_alive(), UNHARMED_S if was_unharmed else DEATH_S) < DEATH_S


def points(*, is_long: bool) -> Iterator[tuple[str, list[int]]]:
    """Kinds of calls, each with the numbers to try until one is not reached."""
    if is_long:
        yield from ((call, list(range(1, MOST_POINTS))) for call in CALLS)
        return
    yield from ((call, [number]) for call, number in SHORT)


def kill_everywhere(stable: Stable, folder: Path, chosen: Sequence[tuple[str, list[int]]]) -> Tally:
    """One data directory that survives all the kills; judged after each."""
    tally, testimony = Tally(), Testimony()
    house = House(stable, folder, folder / "data")
    house.start()
    try:
        for call, numbers in chosen:
            for number in numbers:
                if not kill_at(house, call, number, testimony):
                    tally.clean_runs += 1
                    break
                _recover(house, f"{call} {number}", testimony, tally)
    finally:
        house.kill()
    tally.acknowledged = len(testimony.acknowledged)
    return tally


def _recover(house: House, point: str, testimony: Testimony, tally: Tally) -> None:
    tally.points.append(point)
    tally.restarts_s.append(house.start())
    verdict = judge(house.data_dir, testimony)
    tally.lost += [f"{point}: {what}" for what in verdict.lost]
    tally.phantom += [f"{point}: {what}" for what in verdict.phantom]
    tally.dangling += [f"{point}: {what}" for what in verdict.dangling]
    tally.broken += [point] if verdict.integrity != "ok" else []


def rows(stable: Stable, folder: Path, *, is_long: bool) -> list[Row]:
    """Kill and judge; the short form takes a spread of points, the long one all."""
    return kill_everywhere(stable, folder, list(points(is_long=is_long))).rows()
