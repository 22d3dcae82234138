"""The accuracy table as a page of Markdown."""

import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from benchmarks.population import TUNING
from benchmarks.scoring import VOLUMES, Score

LISTED = 8
"""Worst patients to show."""

LIBRARIES = ("numpy", "scipy", "SimpleITK")
PLAIN_TOO = ", found in the plain scan"
MET = {True: "yes", False: "**no**", None: ""}
EXPECTED_FAILURES = ("truncated", "weak bolus", "moving")
"""Groups that should be refused or distrusted; their refusals are no failures."""

INTRODUCTION = """\
Written by `python -m benchmarks.accuracy`; every number below was computed in that run. Patients are simulated
(`benchmarks/phantom`, `benchmarks/population.py`): real anatomy, known flow, volume and delay in every voxel. Constants
of the analysis were set on patients from number {tuning} on; {who}.
Research use: not for primary diagnosis."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what is bounded, the bound, what was found, whether it is met (None: nothing was promised)."""

    what: str
    bound: str
    found: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a run found."""

    table: list[Row]
    scores: list[Score]
    first: int
    day: date


def page(report: Report) -> str:
    """Markdown of the whole report."""
    held_out = report.first < TUNING
    who = "those scored here are others" if held_out else "**these are tuning patients, not a score**"
    parts = [
        "# Accuracy on simulated patients",
        INTRODUCTION.format(tuning=TUNING, who=who),
        _circumstances(report.day),
        "## Bounds",
        _table(
            ("what", "bound", "found", "met"), ((r.what, r.bound, r.found, MET[r.met]) for r in report.table)
        ),
        f"{sum(r.met is True for r in report.table)} of {sum(r.met is not None for r in report.table)} bounds met.",
        "## Unusual scans, one patient each",
        _patients((s for s in report.scores if s.group.startswith("unusual")), _plain(report.scores)),
        "## Worst stroke patients",
        _patients(_worst(report.scores), {}),
        "## Patients without a result",
        _failures(report.scores),
    ]
    return "\n\n".join(parts) + "\n"


def _circumstances(day: date) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    machine = f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    return f"{day}, commit {_commit()}, Python {platform.python_version()}, {versions}; {machine}."


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def _commit() -> str:
    """Short hash, and whether the working tree differs from it."""
    head, changed = (
        subprocess.run(["git", *words], capture_output=True, text=True, check=False).stdout.strip()
        for words in (
            ("rev-parse", "--short", "HEAD"),
            ("status", "--porcelain", "--", "benchmarks", "triage"),
        )
    )
    return f"{head or 'unknown'}{' with local changes' if changed else ''}"


def _table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    cells = [list(head), *map(list, lines)]
    cells.insert(1, ["---"] * len(cells[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _plain(scores: list[Score]) -> dict[int, Score]:
    """The first stroke scan of each number: the one at the higher noise."""
    return {s.number: s for s in reversed(scores) if s.group == "stroke"}


def _patients(scores: Iterable[Score], plain: Mapping[int, Score]) -> str:
    also = PLAIN_TOO if plain else ""
    core, late = (f"{word}: true, found{also} (ml)" for word in ("core", "hypoperfused"))
    lines = (_patient(score, plain.get(score.number)) for score in scores)
    return _table(("scan", core, "Dice", late, "Dice", "side", "flags"), lines)


def _patient(score: Score, plain: Score | None) -> Iterator[str]:
    yield score.name
    for what in VOLUMES:
        founds = [s.found_ml.get(what) for s in (score, plain) if s]
        yield ", ".join("-" if ml is None else f"{ml:.1f}" for ml in (score.truth_ml[what], *founds))
        yield f"{score.dice.get(what, 0.0):.2f}"
    yield "right" if score.side == score.truth_side else f"**{score.side or '-'}**, is {score.truth_side}"
    yield score.failure or ", ".join(f"{code} ({how})" for code, how in score.flags.items() if how != "info")


def _worst(scores: list[Score]) -> list[Score]:
    plain = [s for s in scores if s.group == "stroke"]
    return sorted(plain, key=lambda s: -max(abs(s.error_ml(what)) for what in VOLUMES))[:LISTED]


def _failures(scores: list[Score]) -> str:
    failed = [s for s in scores if s.failure and s.group not in EXPECTED_FAILURES]
    return "\n".join(f"* {s.name}: {s.failure}" for s in failed) or "None."
