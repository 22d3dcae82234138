"""How accurate the analysis is: every bound, what was found, and whether it is met.

``python -m benchmarks.accuracy`` draws the simulated patients of `benchmarks.population`, analyses them in two
processes and prints the whole table in about a quarter of an hour; ``--patients 3`` is a short form. Equal code gives
equal tables. ``--markdown FILE`` writes the table as a page, ``--out FOLDER`` one JSON file a patient as they come.
"""

import argparse
import json
import multiprocessing
import os
import re
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import designs, population
from benchmarks.accuracy_page import Report, Row, page
from benchmarks.scoring import VOLUMES, Case, Score, score

PROCESSES = 2
NOISE_HU = (10.0, 5.0)
"""Of one frame; bounds on volumes hold for the first, on overlap for both."""

PLAIN, NO_LESION = "stroke", "no lesion"
SCHEDULE, UNUSUAL = "schedule: ", "unusual: "

SCHEDULED = 20
"""Patients who are scanned by every schedule as well."""

LARGEST_ERROR_ML = {"core_ml": 4.0, "hypoperfused_ml": 8.0}
"""Mean absolute error at the higher noise."""

LEAST_DICE = {
    10.0: {"core_ml": 0.80, "hypoperfused_ml": 0.88},
    5.0: {"core_ml": 0.87, "hypoperfused_ml": 0.92},
}
SCORED_CORE_ML = 10.0
"""Overlap is counted for cores above this."""

LARGEST_GHOST_ML = {"core_ml": 1.0, "hypoperfused_ml": 3.0}
"""In a patient without a lesion."""

LARGEST_RATIO = 1.10
"""Error of a schedule over the plain one's, same patients."""

COVERAGE = (0.85, 0.97)
"""Share of patients whose 90 % interval contains the truth."""

WORDS = {"core_ml": "core", "hypoperfused_ml": "hypoperfused"}


def cases(first: int, patients: int | None) -> list[Case]:
    """Everybody who is scored, numbers from `first`; at most `patients` of each group."""

    def numbers(count: int) -> range:
        return range(first, first + min(count, patients or count))

    noise, drawn = NOISE_HU[0], population
    return [
        *(Case(PLAIN, n, drawn.with_lesion(n, hu)) for hu in NOISE_HU for n in numbers(drawn.STROKES)),
        *(Case(NO_LESION, n, drawn.without_lesion(n, hu)) for hu in NOISE_HU for n in numbers(drawn.HEALTHY)),
        *(
            Case(kind, n, draw(n, noise))
            for kind, (draw, count) in drawn.RUINED.items()
            for n in numbers(count)
        ),
        *(
            Case(SCHEDULE + name, n, drawn.under(drawn.with_lesion(n, noise), schedule))
            for name, schedule in drawn.SCHEDULES.items()
            for n in numbers(SCHEDULED)
        ),
        *(
            Case(UNUSUAL + name, first + n, change(drawn.with_lesion(first + n, noise)))
            for n, (name, change) in enumerate(drawn.UNUSUAL.items())
        ),
    ]


def population_rows(scores: list[Score]) -> Iterator[Row]:
    """Volumes, overlap, side and ghosts."""
    for hu in NOISE_HU:
        strokes = [s for s in scores if s.group == PLAIN and s.noise_hu == hu]
        for what in VOLUMES:
            bound = LARGEST_ERROR_ML[what] if hu == NOISE_HU[0] else None
            yield _at_most(
                f"{WORDS[what]}, mean absolute error, {hu:.0f} HU", _mae(strokes, what), bound, "ml"
            )
        for what, floor in (("core_ml", SCORED_CORE_ML), ("hypoperfused_ml", 0.0)):
            overlaps = [s.dice.get(what, 0.0) for s in strokes if s.truth_ml[what] > floor]
            name = f"{WORDS[what]}, mean Dice, {hu:.0f} HU" + (" (true core above 10 ml)" if floor else "")
            yield _at_least(name, overlaps, LEAST_DICE[hu][what])
    everybody = [s for s in scores if s.group == PLAIN]
    yield _count("side of the lesion right", [s.side == s.truth_side for s in everybody], all_of=True)
    healthy = [s for s in scores if s.group == NO_LESION]
    for what, bound in LARGEST_GHOST_ML.items():
        largest = max((float("inf") if s.failure else s.error_ml(what) for s in healthy), default=0.0)
        yield _at_most(f"no lesion: largest {WORDS[what]}, {len(healthy)} scans", largest, bound, "ml")


def schedule_rows(scores: list[Score]) -> Iterator[Row]:
    """Error of the same patients by another schedule, relative to the plain one."""
    plain = {s.number: s for s in scores if s.group == PLAIN and s.noise_hu == NOISE_HU[0]}
    for name in population.SCHEDULES:
        those = [s for s in scores if s.group == SCHEDULE + name]
        same = [plain[s.number] for s in those]
        for what in VOLUMES:
            error, plain_error = _mae(those, what), _mae(same, what)
            ratio = error / plain_error if plain_error else float("inf")
            found = f"{ratio:.2f} ({error:.1f} / {plain_error:.1f} ml)"
            title = f"{name}: {WORDS[what]} error over the plain scan's"
            yield Row(title, f"<= {LARGEST_RATIO:.2f}", found, ratio <= LARGEST_RATIO)


def flag_rows(scores: list[Score]) -> Iterator[Row]:
    """Whether scans that cannot be trusted say so, and others do not."""
    for kind in population.RUINED:
        those = [s for s in scores if s.group == kind]
        refused = sum(bool(s.failure) for s in those)
        yield _count(
            f"{kind}: severe flag or refusal ({refused} refused)", [s.distrusted for s in those], all_of=True
        )
    for hu in NOISE_HU:
        good = [s for s in scores if s.group == PLAIN and s.noise_hu == hu]
        yield _count(f"good scans flagged severe, {hu:.0f} HU", [s.distrusted for s in good], all_of=False)


def interval_rows(scores: list[Score]) -> Iterator[Row]:
    """How often the 90 % intervals contain the truth."""
    low, high = COVERAGE
    bound = f"{low:.0%} to {high:.0%}"
    everybody = [s for s in scores if s.group in (PLAIN, NO_LESION)]
    for what in VOLUMES:
        title = f"90 % interval of {WORDS[what]} contains the truth"
        if not any(what in s.intervals for s in everybody):
            yield Row(title, bound, "no result has an interval", met=False)
            continue
        held = sum(s.holds(what) for s in everybody)
        share = held / len(everybody)
        yield Row(title, bound, f"{share:.0%} ({held} of {len(everybody)})", low <= share <= high)


def rows(scores: list[Score]) -> list[Row]:
    """The whole table of the simulated patients."""
    parts = (population_rows, schedule_rows, flag_rows, interval_rows)
    return [row for part in parts for row in part(scores)]


def _mae(scores: list[Score], what: str) -> float:
    return _mean([abs(s.error_ml(what)) for s in scores])


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _at_most(what: str, found: float, bound: float | None, unit: str) -> Row:
    if bound is None:
        return Row(what, "", f"{found:.2f} {unit}", None)
    return Row(what, f"<= {bound:g} {unit}", f"{found:.2f} {unit}", found <= bound)


def _at_least(what: str, found: list[float], bound: float) -> Row:
    mean = f"{_mean(found):.3f} (n = {len(found)})"
    return Row(what, f">= {bound:.2f}", mean, _mean(found) >= bound if found else None)


def _count(what: str, so: list[bool], *, all_of: bool) -> Row:
    wanted = len(so) if all_of else 0
    return Row(what, f"{wanted} of {len(so)}", f"{sum(so)} of {len(so)}", sum(so) == wanted)


def _scored(everybody: list[Case], pool: ProcessPoolExecutor, folder: Path | None) -> Iterator[Score]:
    for number, found in enumerate(pool.map(score, everybody), 1):
        said = found.failure or ", ".join(
            f"{w} {found.found_ml[w]:.1f} of {found.truth_ml[w]:.1f}" for w in VOLUMES
        )
        print(f"[{number}/{len(everybody)}] {found.name}: {said}", file=sys.stderr, flush=True)
        if folder:
            file = folder / f"{re.sub('[^0-9a-z]+', '-', found.name.lower())}.json"
            file.write_text(json.dumps(asdict(found), indent=1))
        yield found


def run(first: int, patients: int | None, folder: Path | None) -> Report:
    """Score everybody in worker processes that use one thread for linear algebra each."""
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        designed = pool.submit(designs.rows)
        scores = list(_scored(cases(first, patients), pool, folder))
        table = [*(Row(*row) for row in designed.result()), *rows(scores)]
    return Report(table, scores, first, datetime.now(UTC).date())


def main(arguments: Iterable[str] | None = None) -> None:
    """Compute, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--patients", type=int, help="at most so many of each group")
    parser.add_argument("--first", type=int, default=0, help=f"first number; {population.TUNING} for tuning")
    parser.add_argument("--markdown", type=Path, help="page to write")
    parser.add_argument("--out", type=Path, help="folder for one JSON file a patient")
    options = parser.parse_args(None if arguments is None else list(arguments))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    report = run(options.first, options.patients, options.out)
    text = page(report)
    print(text)
    if options.markdown:
        options.markdown.write_text(text)


if __name__ == "__main__":
    main()
