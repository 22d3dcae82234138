"""Whether silence is noticed, and how often it rings for nothing: ``python -m benchmarks.silence [--short]``.

* Scanners: a simulated year of five kinds of hospital (`benchmarks.silence_sites`), learned anew every week as the watch
  does every six hours; holidays that nobody told the gateway of, and the same with them in ``silence.quiet_days``. The
  time to the alarm counts from the moment at which a scanner stops, any hour of the week.
* Clocks: right ones over a year, and how many visits pass until a wrong one is told.
* The phantom: the whole gateway, once idle and with phantoms one after the other as fast as they go, while patients
  come; the phantom's processor time is that of all processes of the gateway.

Load average and machine are printed, because the last part shares its processors with whatever else runs.
"""

import os
import random
import statistics
import sys
import tempfile
import time
from argparse import ArgumentParser
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.phantom import Patient, make_patient
from benchmarks.running import RunningGateway, running_gateway
from benchmarks.scanner import Part, write_study
from benchmarks.silence_sites import HOLIDAYS, PROFILES, ZONE, visits
from gateway.ledger.ledger import Ledger
from gateway.silence import truth
from gateway.silence.rhythm import LEVEL_VISITS, Rhythm, Visit, learned
from gateway.silence.scanner_clock import judged

Row = tuple[str, str, str, bool]

START = datetime(2025, 11, 3, tzinfo=ZONE).astimezone(UTC)
LEARN_DAYS, YEAR_DAYS, HISTORY = 56, 365, timedelta(days=56)
WEEK = timedelta(days=7)
STOPS_A_WEEK = 12
SATURDAY, DAY_HOURS = 5, (8, 15)
NEAR_HOLIDAY = timedelta(days=2)

FALSE_BOUND, FALSE_HOLIDAY_BOUND = 3.0, 6.0
"""Alarms for nothing in a year and scanner: apart from holidays, and with them."""
DELAY_BOUND_H = {
    "commune station, 2 patients a day": (168.0, 168.0),
    "district hospital": (36.0, 36.0),
    "provincial ward": (12.0, 6.0),
    "emergency CT of a big hospital": (3.0, 1.0),
    "office hours, nights and Sundays off": (24.0, 24.0),
}
"""Median time to the alarm: stops at any hour of the week, and on weekdays by day."""

DRIFT_S, CLOCK_SITES, VISITS_A_YEAR = 60.0, 20, 4000
PATIENTS, WALKS = 8, 6
BESIDE_RATIO, WALK_BOUND_S, CPU_BOUND_S = 1.15, 20.0, 8.0


def year_of(name: str, seed: int, *, told: bool) -> tuple[int, int, list[tuple[datetime, float]]]:
    """Alarms for nothing apart from and near holidays, and stops with the hours until their alarms."""
    found = visits(PROFILES[name], START, LEARN_DAYS + YEAR_DAYS, seed)
    begins = [visit.began for visit in found]
    chance, false, delays = random.Random(seed), [], []
    for number in range(LEARN_DAYS // 7, (LEARN_DAYS + YEAR_DAYS) // 7):
        now = START + number * WEEK
        first = bisect_left(begins, now)
        past = found[bisect_left(begins, now - HISTORY) : first]
        rhythm = learned(past, past[-1].ended, ZONE, HOLIDAYS if told else ())
        if rhythm is None:
            continue
        last = min(bisect_left(begins, now + WEEK), len(found) - 1)
        false += [at for place in range(first - 1, last) if (at := _false(rhythm, found, place))]
        stops = [now + chance.random() * WEEK for _ in range(STOPS_A_WEEK)]
        delays += [(stop, _delay_h(rhythm, found, begins, stop)) for stop in stops]
    near = [at for at in false if _near_holiday(at)]
    return len(false) - len(near), len(near), delays


def _false(rhythm: Rhythm, found: Sequence[Visit], place: int) -> datetime | None:
    """When a silence that ended by itself was told, if it was."""
    since, until = found[place].ended, found[place + 1].began
    if rhythm.expected(since, until) <= rhythm.limit:
        return None
    at = rhythm.too_long_at(since, rhythm.level(found[max(0, place + 1 - LEVEL_VISITS) : place + 1]))
    return at if at and at < until else None


def _delay_h(rhythm: Rhythm, found: Sequence[Visit], begins: Sequence[datetime], stop: datetime) -> float:
    place = bisect_left(begins, stop) - 1
    at = rhythm.too_long_at(
        found[place].ended, rhythm.level(found[max(0, place + 1 - LEVEL_VISITS) : place + 1])
    )
    return (max(at, stop) - stop).total_seconds() / 3600 if at else 24.0 * 60


def _near_holiday(at: datetime) -> bool:
    return any(
        (at - timedelta(days=days)).astimezone(ZONE).date() in HOLIDAYS
        for days in range(NEAR_HOLIDAY.days + 1)
    )


def _is_by_day(stop: datetime) -> bool:
    """On a weekday, in the hours in which most is scanned."""
    local = stop.astimezone(ZONE)
    return local.weekday() < SATURDAY and DAY_HOURS[0] <= local.hour < DAY_HOURS[1]


def scanners(seeds: int) -> Iterator[Row]:
    """Every kind of hospital, with holidays unknown and known."""
    for name in PROFILES:
        for told in (False, True):
            years = [year_of(name, seed, told=told) for seed in range(seeds)]
            apart = statistics.mean(year[0] for year in years)
            near = statistics.mean(year[1] for year in years)
            stops = [stop for year in years for stop in year[2]]
            delays = sorted(delay for _, delay in stops)
            by_day = statistics.median(delay for stop, delay in stops if _is_by_day(stop))
            label = f"{name}; holidays {'told' if told else 'not told'}"
            yield (
                f"{label}: false alarms a year apart from holidays",
                f"<= {FALSE_BOUND:g}",
                f"{apart:.1f}",
                apart <= FALSE_BOUND,
            )
            total = apart + near
            yield (
                f"{label}: all false alarms a year",
                f"<= {FALSE_HOLIDAY_BOUND:g}",
                f"{total:.1f}",
                total <= FALSE_HOLIDAY_BOUND,
            )
            median, p95 = statistics.median(delays), delays[int(0.95 * len(delays))]
            bound, day_bound = DELAY_BOUND_H[name]
            found = f"{median:.1f} h ({p95:.1f})"
            yield f"{label}: stop to alarm, median (p95)", f"<= {bound:g} h", found, median <= bound
            what = f"{label}: stop on a weekday by day to alarm, median"
            yield what, f"<= {day_bound:g} h", f"{by_day:.1f} h", by_day <= day_bound


def clocks() -> Iterator[Row]:
    """Right clocks for a year, then wrong ones."""
    chance = random.Random(5)
    wrong = 0
    for number in range(CLOCK_SITES):
        sigma = 0.5 + 1.5 * number / CLOCK_SITES
        lags = [20 + chance.lognormvariate(4.0, sigma) for _ in range(VISITS_A_YEAR)]
        wrong += any(
            judged(lags[max(0, end - 400) : end], DRIFT_S).is_wrong for end in range(20, VISITS_A_YEAR, 5)
        )
    yield (
        f"{CLOCK_SITES} right clocks, a year each, senders from prompt to hours late: told as wrong",
        "<= 1",
        f"{wrong}",
        wrong <= 1,
    )
    for name, offset_s, bound in (
        ("2 min ahead", 120.0, 20),
        ("5 min behind", -300.0, 12),
        ("7 h ahead (another zone)", 25_200.0, 20),
        ("9 years behind", -2.8e8, 20),
    ):
        needed = []
        for _ in range(CLOCK_SITES):
            before = [20 + chance.lognormvariate(4.0, 1.0) for _ in range(300)]
            after = [20 + chance.lognormvariate(4.0, 1.0) - offset_s for _ in range(40)]
            seen = (count for count in range(1, 41) if judged([*before, *after[:count]], DRIFT_S).is_wrong)
            needed.append(next(seen, 99))
        worst = max(needed)
        yield (
            f"a scanner's clock {name}: visits until told, worst of {CLOCK_SITES}",
            f"<= {bound}",
            f"{worst}",
            worst <= bound,
        )


def phantom(patients: int) -> Iterator[Row]:
    """Cost, time and numbers of phantoms alone, then patients without and beside them."""
    with tempfile.TemporaryDirectory(prefix="silence-") as name:
        folder = Path(name)
        studies = [_study(folder, number) for number in range(patients)]
        with running_gateway(folder / "off", {"silence": {"phantom": {"enabled": False}}}) as gateway:
            idle_cpu_s = _cpu_over(gateway, 30.0)
            without = [_alert_s(gateway, *study) for study in studies]
        with running_gateway(folder / "on", {"silence": {"phantom": {"every_minutes": 0.02}}}) as gateway:
            ledger = Ledger.open(f"sqlite:///{gateway.data_dir / 'ledger.db'}")
            yield from _alone(gateway, ledger, idle_cpu_s / 30.0)
            beside = [_alert_s(gateway, *study) for study in studies]
            gave_way = sum(walk.outcome == "gave_way" for walk in ledger.phantoms.latest(200))
            ledger.engine.dispose()
    ratio = statistics.median(beside) / statistics.median(without)
    text = f"{ratio:.2f} ({statistics.median(beside):.2f} s to {statistics.median(without):.2f} s)"
    yield (
        f"{patients} patients beside back-to-back phantoms: last image to alert, median ratio",
        f"<= {BESIDE_RATIO:g}",
        text,
        ratio <= BESIDE_RATIO,
    )
    worst = max(beside) / max(without)
    yield (
        "the same, slowest patient",
        "<= 1.3",
        f"{worst:.2f} ({max(beside):.2f} s to {max(without):.2f} s)",
        worst <= 1.3,
    )
    yield "phantoms that gave way meanwhile", ">= 1", f"{gave_way}", gave_way >= 1


def _alone(gateway: RunningGateway, ledger: Ledger, idle_share: float) -> Iterator[Row]:
    begun_s, begun = _cpu_s(gateway), time.monotonic()
    while len(done := [walk for walk in ledger.phantoms.latest(99) if walk.removed_at]) < WALKS:
        time.sleep(0.2)
    spent = _cpu_s(gateway) - begun_s - idle_share * (time.monotonic() - begun)
    seconds = [walk.seconds or 0.0 for walk in done]
    cpu_s = spent / len(done)
    yield (
        f"{len(done)} phantoms alone: door to numbers and archive, slowest",
        f"<= {WALK_BOUND_S:g} s",
        f"{max(seconds):.1f} s",
        max(seconds) <= WALK_BOUND_S,
    )
    yield (
        "processor time of one phantom, traces removed",
        f"<= {CPU_BOUND_S:g} s",
        f"{cpu_s:.1f} s",
        cpu_s <= CPU_BOUND_S,
    )
    cores = [abs(float((walk.numbers or {}).get("core_ml", 99)) - truth.CORE_ML) for walk in done]
    yield (
        "numbers beside what was drawn: core, worst",
        f"<= {truth.CORE_TOLERANCE_ML:g} ml",
        f"{max(cores):.2f} ml",
        max(cores) <= truth.CORE_TOLERANCE_ML,
    )


def _study(folder: Path, seed: int) -> tuple[list[Path], str]:
    drawn = make_patient(Patient(seed=seed, slices=8, matrix=256, frames=40))
    written = write_study(
        drawn, folder / f"study-{seed}", "siemens", study=f"beside-{seed}", parts=(Part.PERFUSION,)
    )
    return list(written.paths), written.study_uid


def _alert_s(gateway: RunningGateway, paths: list[Path], study_uid: str) -> float:
    """Seconds from the last image to the alert of one patient, who comes at any moment."""
    time.sleep(3 * random.Random(study_uid).random())
    gateway.send(paths).communicate(timeout=120)
    case = gateway.wait_for(study_uid, lambda case: bool(case["times"]["alert_sent_at"]), 120)
    times = case["times"]
    ends, begins = (datetime.fromisoformat(times[name]) for name in ("alert_sent_at", "last_image_at"))
    time.sleep(2.0)
    return (ends - begins).total_seconds()


def _cpu_over(gateway: RunningGateway, seconds: float) -> float:
    before = _cpu_s(gateway)
    time.sleep(seconds)
    return _cpu_s(gateway) - before


def _cpu_s(gateway: RunningGateway) -> float:
    """Processor seconds of the gateway and all its children, also those that have ended."""
    tick = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for pid in [gateway.process.pid, *gateway.children().values()]:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15])) / tick
    return total


def main() -> int:
    """Print the table; returns 1 when a bound is missed."""
    parser = ArgumentParser(description="Whether silence is noticed, and how often it rings for nothing.")
    parser.add_argument("parts", nargs="*", default=["scanners", "clocks", "phantom"])
    parser.add_argument("--short", action="store_true", help="one year of each, three patients")
    chosen = parser.parse_args()
    known = {
        "scanners": lambda: scanners(1 if chosen.short else 5),
        "clocks": clocks,
        "phantom": lambda: phantom(3 if chosen.short else PATIENTS),
    }
    table = Table("what", "bound", "found", "met", title="Silence")
    rows = [row for part in chosen.parts for row in known[part]()]
    for what, bound, found, met in rows:
        table.add_row(what, bound, found, "yes" if met else "NO")
    Console(width=150).print(table)
    sys.stdout.write(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}\n")
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
