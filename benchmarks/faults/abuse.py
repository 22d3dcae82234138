"""Everything that peers can do to the port, against one running listener, with a real sender among them."""

import time
from pathlib import Path

from benchmarks.faults import crowds, fuzz, lawless
from benchmarks.faults.house import House, Stable, Vitals
from benchmarks.faults.report import Row, none_of
from benchmarks.faults.testimony import Testimony, judge

SHORT_FUZZ, LONG_FUZZ = 2_000, 100_000
SHORT_NAMES, LONG_NAMES = 300, 1_000
SHORT_ENDLESS_MIB, LONG_ENDLESS_MIB = 64, 2_048
SETTLE_S = 1.0


def rows(stable: Stable, folder: Path, *, is_long: bool) -> list[Row]:
    """One attack after another; the long form also waits until the listener ends what does not end itself."""
    house = House(stable, folder, folder / "data")
    house.start()
    try:
        return _attack(house, folder, is_long=is_long)
    finally:
        house.kill()


def _attack(house: House, folder: Path, *, is_long: bool) -> list[Row]:
    testimony = Testimony()
    crowds.waits_ms(house.port, testimony)
    quiet_ms = crowds.p95(crowds.waits_ms(house.port, testimony))
    with crowds.stalled(house.port):
        pass  # what a crowd leaves behind once, such as the database's connections, is normal
    time.sleep(SETTLE_S)
    before = Vitals.of(house.pid)
    found = _silent_and_stalled(house, folder, testimony, quiet_ms, is_long=is_long)
    found += crowds.calm_rows(house, before, "silent and stalled peers")
    verdict = judge(house.data_dir, testimony)
    found.append(none_of("real senders meanwhile: acknowledged and lost", verdict.lost))
    found += crowds.burst_rows(house.port)
    found += crowds.crowd_row(house.port)
    found.append(lawless.wrong_names_row(house, LONG_NAMES if is_long else SHORT_NAMES))
    found += lawless.long_unit_rows(house)
    found.append(lawless.endless_row(house, LONG_ENDLESS_MIB if is_long else SHORT_ENDLESS_MIB))
    found += fuzz.rows(house, LONG_FUZZ if is_long else SHORT_FUZZ)
    return found + crowds.calm_rows(house, before, "everything")


def _silent_and_stalled(
    house: House, folder: Path, testimony: Testimony, quiet_ms: float, *, is_long: bool
) -> list[Row]:
    found = []
    start = time.monotonic()
    with crowds.silent(house.port) as socks:
        found.append(crowds.during(house.port, testimony, f"{crowds.SILENT} silent peers", quiet_ms))
        found.append(crowds.storescu_works(house.port, folder, testimony))
        if is_long:
            left_s = crowds.SILENT_CUT_S - (time.monotonic() - start)
            found.append(crowds.none_open_row("silent peers", socks, left_s))
    with crowds.stalled(house.port) as socks:
        start = time.monotonic()
        found.append(crowds.during(house.port, testimony, f"{crowds.STALLED} stalled peers", quiet_ms))
        if is_long:
            left_s = crowds.STALL_CUT_S - (time.monotonic() - start)
            found.append(crowds.none_open_row("stalled and dripping peers", socks, left_s))
    return found
