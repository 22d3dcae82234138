"""Disks that are full, and syncs that fail: nothing is acknowledged that is not kept, and the sender is told."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults.disks import Disk, a_forgetful_disk, a_small_disk, why_no_fuse
from benchmarks.faults.house import House, Stable
from benchmarks.faults.kills import send
from benchmarks.faults.peer import ABORT, ASSOCIATE_AC, GONE, SUCCESS, Lost, Peer
from benchmarks.faults.report import Row, at_most, none_of, row, wait_until
from benchmarks.faults.testimony import Testimony, judge

MIB = 1 << 20
OUT_OF_RESOURCES = 0xA700
SMALL_MIB, LONG_SMALL_MIB = 16, 64
BALLAST = 0.5
"""Share of the small disk that is freed again."""
SLICE_BYTES = 525_000
CROWD = 4
AGAIN_S, PATIENCE_S = 10.0, 60.0
"""The bound, and the patience with a busy machine."""
SHORT_SYNCS, MOST_SYNCS = 8, 200
FLOOR_MIB = 4


@dataclass
class Answers:
    """How instances were answered that were not kept."""

    statuses: list[int] = field(default_factory=list)
    told: int = 0
    silent: list[str] = field(default_factory=list)

    def note(self, status: int, after: str) -> None:
        """One refused instance, and what came after its answer."""
        self.statuses.append(status)
        if after in {"abort", "closed", "reset"}:
            self.told += 1
        else:
            self.silent.append(f"{status:04X} then {after}" if status != GONE else after)

    @property
    def wrong(self) -> list[str]:
        """Statuses other than A700; a lost association is an answer too."""
        return sorted({f"{s:04X}" for s in self.statuses if s not in {OUT_OF_RESOURCES, GONE}})


def send_until_refused(port: int, testimony: Testimony, answers: Answers, most: int = 400) -> int:
    """Send big slices over one association until one is refused; returns how many were taken."""
    taken = 0
    try:
        with Peer(port, timeout_s=20) as peer:
            if peer.associate()[0] != ASSOCIATE_AC:
                answers.told += 1
                return taken
            for _ in range(most):
                status = testimony.store(peer, *testimony.slice(SLICE_BYTES))
                if status != SUCCESS:
                    answers.note(status, _what_follows(peer))
                    return taken
                taken += 1
            peer.release()
    except (Lost, OSError):
        answers.told += 1
    return taken


def _what_follows(peer: Peer) -> str:
    """After a failure status: whether the association ends."""
    try:
        peer.sock.settimeout(10)
        kind = peer.receive()[0]
    except Lost as exc:
        return str(exc)
    return "abort" if kind == ABORT else f"unit of type {kind}"


def fill(house: House, testimony: Testimony, answers: Answers) -> None:
    """Four associations at once until each is refused."""
    crowd = [
        threading.Thread(target=send_until_refused, args=(house.port, testimony, answers))
        for _ in range(CROWD)
    ]
    for sender in crowd:
        sender.start()
    for sender in crowd:
        sender.join()


def works(port: int, testimony: Testimony) -> bool:
    """Whether a small slice is taken now."""
    return send(port, testimony, slices=1) == [SUCCESS]


def parts(house: House) -> list[str]:
    """Files in the spool that are no datasets."""
    spool = house.data_dir / "spool"
    return [path.name for path in spool.rglob("*") if path.is_file() and path.suffix != ".dcm"]


@contextmanager
def a_disk_of(folder: Path, size_bytes: int) -> Iterator[str]:
    """A small disk: a tmpfs where we may mount one, else FUSE; yields its kind, or "" when there is neither."""
    with a_small_disk(folder / "small", size_bytes) as is_mounted:
        if is_mounted:
            yield "tmpfs"
            return
    if why_no_fuse():
        yield ""
        return
    (folder / "small").rmdir()
    with a_forgetful_disk(folder / "small") as disk:
        disk.limit(size_bytes)
        yield "FUSE"


def full_disk_rows(stable: Stable, folder: Path, size_mib: int, floor_mib: int) -> list[Row]:
    """Fill a small disk, with or without a floor of free space, then free half of it."""
    name = f"{size_mib} MiB disk, floor {floor_mib} MiB"
    with a_disk_of(folder, size_mib * MIB) as kind:
        if not kind:
            return []
        house = House(stable, folder, folder / "small", free_floor_bytes=floor_mib * MIB)
        testimony, answers = Testimony(), Answers()
        ballast = house.data_dir / "ballast"
        ballast.write_bytes(b"\1" * int(size_mib * MIB * BALLAST))
        try:
            house.start()
            fill(house, testimony, answers)
            time.sleep(0.2)
            left_over = parts(house)
            ballast.unlink()
            again_s = wait_until(lambda: works(house.port, testimony), PATIENCE_S, 0.1)
            verdict = judge(house.data_dir, testimony)
        finally:
            house.kill()
    return [
        row(
            f"{name}: taken before it was full",
            "> 0",
            len(testimony.acknowledged),
            met=len(testimony.acknowledged) > 1,
        ),
        none_of(f"{name}: answered with anything but A700 or an abort", answers.wrong),
        none_of(f"{name}: association not ended after a refusal", answers.silent),
        row(f"{name}: senders told", f"{CROWD}", answers.told, met=answers.told == CROWD),
        none_of(f"{name}: temporary files left", left_over),
        at_most(f"{name}: taken again after space was made", AGAIN_S, again_s, "s"),
        none_of(f"{name}: acknowledged and lost", verdict.lost),
        none_of(f"{name}: never sent and present", verdict.phantom),
    ]


@dataclass
class Syncs:
    """What the failing syncs came to."""

    failed: int = 0
    answers: Answers = field(default_factory=Answers)
    slow: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    phantom: list[str] = field(default_factory=list)

    def rows(self) -> list[Row]:
        """The table's lines."""
        return [
            row("syncs that failed (EIO)", "> 0", self.failed, met=self.failed > 0),
            none_of("EIO: answered with anything but A700 or an abort", self.answers.wrong),
            none_of("EIO: association not ended after a refusal", self.answers.silent),
            none_of("EIO: nothing taken afterwards", self.slow),
            none_of("EIO: temporary files left", self.left_over),
            none_of("EIO, then a power cut: acknowledged and lost", self.lost),
            none_of("EIO: never sent and present", self.phantom),
        ]


def fail_syncs(stable: Stable, folder: Path, most: int) -> Syncs:
    """Fail the N-th sync, N = 1, 2 ... until a run ends clean; cut the power after each, for what was not rewritten."""
    found, testimony = Syncs(), Testimony()
    with a_forgetful_disk(folder / "disk") as disk:
        house = House(stable, folder, disk.folder)
        try:
            for number in range(1, most + 1):
                house.start()
                if not _fail_one(house, disk, number, testimony, found):
                    break
        finally:
            house.kill()
    return found


def _fail_one(house: House, disk: Disk, number: int, testimony: Testimony, found: Syncs) -> bool:
    disk.fail_sync(number)
    for _ in range(2):
        send_until_refused(house.port, testimony, found.answers, most=3)
    if not disk.has_failed:
        return False
    found.failed += 1
    if wait_until(lambda: works(house.port, testimony), PATIENCE_S, 0.1) > PATIENCE_S:
        found.slow.append(f"sync {number}")
    found.left_over += [f"sync {number}: {name}" for name in parts(house)]
    disk.cut_power()
    house.kill()
    disk.restore_power()
    house.start()
    verdict = judge(house.data_dir, testimony)
    house.kill()
    found.lost += [f"sync {number}: {what}" for what in verdict.lost]
    found.phantom += [f"sync {number}: {what}" for what in verdict.phantom]
    return True


def rows(stable: Stable, folder: Path, *, is_long: bool) -> list[Row]:
    """Full disks with and without a floor, then every sync failing once."""
    found: list[Row] = []
    size_mib = LONG_SMALL_MIB if is_long else SMALL_MIB
    for floor_mib in (0, FLOOR_MIB):
        place = folder / f"full-{floor_mib}"
        place.mkdir()
        found += full_disk_rows(stable, place, size_mib, floor_mib)
    if not why_no_fuse():
        found += fail_syncs(stable, folder, MOST_SYNCS if is_long else SHORT_SYNCS).rows()
    return found
