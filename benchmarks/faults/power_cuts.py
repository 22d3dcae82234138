"""The power cut while instances come in: spool and ledger lie on a disk that forgets what was not synced."""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults.disks import a_forgetful_disk
from benchmarks.faults.house import House, Stable
from benchmarks.faults.kills import send
from benchmarks.faults.peer import SUCCESS
from benchmarks.faults.report import Row, none_of, row, wait_until
from benchmarks.faults.stable import MUTANTS
from benchmarks.faults.testimony import Testimony, Verdict, judge

SHORT_CUTS, LONG_CUTS = 20, 200
MUTANT_CUTS = 4
SEED = 20_261
FORGETFUL_SEED = 2
"""Even seeds forget everything."""
ENOUGH = 4
"""Acknowledgements before the power may go, so that every cut has something to lose."""
LONGEST_WAIT_S = 0.15
"""After those, a random time up to this."""
BIG_BYTES = 300_000
"""Some slices are longer than the listener's buffers, most are short and many."""
SENDERS = 2
SLICES_A_TURN = 5


@dataclass
class Cuts:
    """What all the cuts came to."""

    verdicts: list[Verdict] = field(default_factory=list)
    acknowledged: int = 0
    refused: str = ""
    """Why the listener did not start any more."""

    @property
    def lost(self) -> list[str]:
        """Everything that was acknowledged and lost."""
        return [what for verdict in self.verdicts for what in verdict.lost]

    @property
    def is_caught(self) -> bool:
        """Whether anything at all was wrong."""
        return bool(self.refused) or any(not verdict.is_clean for verdict in self.verdicts)

    def rows(self) -> list[Row]:
        """The table's lines."""
        intact = sum(verdict.integrity == "ok" for verdict in self.verdicts)
        count = len(self.verdicts)
        return [
            row("power cuts", "> 0", count, met=count > 0),
            row(
                "acknowledged before the cuts",
                f">= {ENOUGH * count}",
                self.acknowledged,
                met=self.acknowledged >= ENOUGH * count,
            ),
            none_of("power cut: acknowledged and lost", self.lost),
            none_of("power cut: never sent and present", [p for v in self.verdicts for p in v.phantom]),
            none_of("power cut: rows without their file", [d for v in self.verdicts for d in v.dangling]),
            row("power cut: ledger intact", f"{count} of {count}", f"{intact}", met=intact == count),
        ]


def cut_often(
    stable: Stable, folder: Path, seeds: Sequence[int], mutant: str | None = None, below: str = ""
) -> Cuts:
    """Cut the power again and again under one data directory; every second cut keeps a random part.

    A mutant is given up at its first proven fault.
    """
    cuts, testimony = Cuts(), Testimony()
    with a_forgetful_disk(folder / "disk") as disk:
        house = House(stable, folder, disk.folder / below, mutant=mutant)
        try:
            house.start()
            for seed in seeds:
                chance = random.Random(seed)
                _send_until_cut(house, testimony, chance, lambda s=seed: disk.cut_power(s if s % 2 else None))
                disk.restore_power()
                try:
                    house.start()  # what counts is what is there when the next scanner may send
                except RuntimeError as exc:
                    if not mutant:
                        raise
                    cuts.refused = str(exc)
                    break
                cuts.verdicts.append(judge(house.data_dir, testimony))
                if mutant and cuts.is_caught:
                    break
        finally:
            house.kill()
    cuts.acknowledged = len(testimony.acknowledged)
    return cuts


def _send_until_cut(house: House, testimony: Testimony, chance: random.Random, cut: object) -> None:
    """Send from several associations, cut, and end the process: it would see nothing but errors from now on."""
    before = len(testimony.acknowledged)
    sizes = [chance.choice((3000, 3000, BIG_BYTES)) for _ in range(SENDERS)]
    senders = [threading.Thread(target=_send_in_turns, args=(house.port, testimony, size)) for size in sizes]
    for sender in senders:
        sender.start()
    wait_until(lambda: len(testimony.acknowledged) >= before + ENOUGH, 10, 0.002)
    time.sleep(chance.uniform(0, LONGEST_WAIT_S))
    cut()  # type: ignore[operator]
    house.kill()
    for sender in senders:
        sender.join()


def _send_in_turns(port: int, testimony: Testimony, size_bytes: int) -> None:
    """Short associations, each of which sends something again, until the listener is gone."""
    while SUCCESS in send(port, testimony, SLICES_A_TURN, size_bytes, again=True):
        continue


def first_start_rows(stable: Stable, folder: Path) -> list[Row]:
    """The power cut during the very first start, in a data directory that did not exist before."""
    (folder / "first").mkdir()
    cuts = cut_often(stable, folder / "first", [FORGETFUL_SEED], below="new/data")
    return [none_of("power cut in a new data directory: acknowledged and lost", cuts.lost)]


def mutant_rows(stable: Stable, folder: Path) -> list[Row]:
    """Planted faults: the cuts must reveal each of them."""
    found = []
    for number, mutant in enumerate(MUTANTS):
        place = folder / f"mutant-{number}"
        place.mkdir()
        cuts = cut_often(stable, place, range(FORGETFUL_SEED, FORGETFUL_SEED + 2 * MUTANT_CUTS, 2), mutant)
        what = f"caught at cut {len(cuts.verdicts)}" if cuts.is_caught else "not caught"
        found.append(row(f"planted: {mutant}", "caught", what, met=cuts.is_caught))
    return found


def rows(stable: Stable, folder: Path, *, is_long: bool) -> list[Row]:
    """Cut 20 times, or 200 times in the long form, and then with the planted faults."""
    count = LONG_CUTS if is_long else SHORT_CUTS
    healthy = cut_often(stable, folder, range(SEED, SEED + count)).rows()
    return healthy + first_start_rows(stable, folder) + mutant_rows(stable, folder)
