"""What the removal of noise is worth: the same patients with none, with a plain Gaussian, and with ours.

``.venv/bin/python -m benchmarks.denoising [--patients N]`` prints a table and writes nothing. Patients are those that
constants were set on, so that none of the scored ones is looked at.
"""

import argparse
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from benchmarks import population
from benchmarks.phantom import Phantom, make_patient
from benchmarks.scoring import dice, on_grid
from triage.analysis import Method, analyse
from triage.denoise import Denoiser, denoised
from triage.gaussian import gaussian
from triage.types import Analysis, Geometry, Mask

NOISE_HU = (10.0, 5.0)
PATIENTS = 8
SCORED_CORE_ML = 10.0
"""Overlap is counted for cores above it."""


class Row(NamedTuple):
    """One line of the table; `met` is None where there is no bound."""

    what: str
    bound: str
    found: str
    met: bool | None


class Outcome(NamedTuple):
    """One patient by one denoiser: absolute errors in ml, overlaps, and the true core in ml."""

    core_ml: float
    core_dice: float
    core_error_ml: float
    late_dice: float
    late_error_ml: float


DENOISERS: Mapping[str, Denoiser] = MappingProxyType(
    {"none": lambda curves_hu, *_: curves_hu, "Gaussian": gaussian, "ours": denoised}
)
FIGURES: Mapping[str, str] = MappingProxyType(
    {"core_dice": "core Dice", "core_error_ml": "core MAE, ml"}
    | {"late_dice": "hypoperfused Dice", "late_error_ml": "hypoperfused MAE, ml"}
)
LARGER_IS_BETTER = frozenset({"core_dice", "late_dice"})


def rows(patients: int = PATIENTS) -> list[Row]:
    """Every figure of every denoiser; ours is bound to be better than the Gaussian."""
    return [row for noise_hu in NOISE_HU for row in _rows(noise_hu, patients)]


def _rows(noise_hu: float, patients: int) -> Iterator[Row]:
    outcomes: dict[str, list[Outcome]] = {name: [] for name in DENOISERS}
    for patient in population.lesions(population.TUNING, patients, noise_hu):
        phantom = make_patient(patient)
        for name, denoiser in DENOISERS.items():
            outcomes[name].append(outcome(phantom, denoiser))
    means = {name: {figure: _mean(those, figure) for figure in FIGURES} for name, those in outcomes.items()}
    for figure, words in FIGURES.items():
        for name in DENOISERS:
            yield _row(f"{noise_hu:.0f} HU, {name}: {words}", figure, means[name], means["Gaussian"], name)


def _row(what: str, figure: str, mine: Mapping[str, float], plain: Mapping[str, float], name: str) -> Row:
    found = f"{mine[figure]:.3f}"
    if name != "ours":
        return Row(what, "", found, None)
    sign = ">" if figure in LARGER_IS_BETTER else "<"
    better = mine[figure] > plain[figure] if sign == ">" else mine[figure] < plain[figure]
    return Row(what, f"{sign} {plain[figure]:.3f}", found, better)


def outcome(phantom: Phantom, denoiser: Denoiser) -> Outcome:
    """Analyse one patient and compare with the truth; a refused scan found nothing."""
    analysis = analyse(phantom.series, clock=time.perf_counter, method=Method(denoise=denoiser))
    truth, result = phantom.truth, analysis.result
    return Outcome(
        truth.core_ml,
        dice(truth.core, _found(analysis, "core", truth.geometry)),
        abs((result.core_ml or 0.0) - truth.core_ml),
        dice(truth.hypoperfused, _found(analysis, "hypoperfused", truth.geometry)),
        abs((result.hypoperfused_ml or 0.0) - truth.hypoperfused_ml),
    )


def _found(analysis: Analysis, name: str, grid: Geometry) -> Mask:
    if analysis.findings is None:
        return np.zeros(grid.shape, bool)
    return on_grid(getattr(analysis.findings, name), analysis.findings.geometry, grid)


def _mean(outcomes: list[Outcome], figure: str) -> float:
    """Mean over the patients; overlaps of cores only where the core is large enough."""
    floor = SCORED_CORE_ML if figure == "core_dice" else 0.0
    values = [getattr(each, figure) for each in outcomes if each.core_ml >= floor]
    return float(np.mean(values)) if values else float("nan")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=PATIENTS)
    for what, bound, found, met in rows(parser.parse_args().patients):
        print(f"{what:45} {bound:>10} {found:>9}  {'' if met is None else 'met' if met else 'MISSED'}")


if __name__ == "__main__":
    main()
