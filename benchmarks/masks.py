"""How well the classical masks know the inside of the skull and the brain, on simulated patients.

``python -m benchmarks.masks [--patients N]`` prints every bound with what was found, then one line for each kind of
scan; some three minutes on two cores. Patients are those of `benchmarks.population` whom no constant was set on.

What is compared, on the working grid, with the share of each voxel that the phantom was drawn with:

inside the skull
    `triage.masks.skull_of` against what lies within the dura: tissue, blood, fluid.
brain
    What the maps show, that is the inside of the skull without fluid, against what within the dura is no fluid.
tissue
    The classes tissue and old infarct, in which volumes are counted, against all grey and white matter. Voxels beside
    vessels and lime are left out of it on purpose: their curves are not tissue's.
tissue apart
    The same, where neither vessels nor lime were found.

Dice is counted over the whole scan and slice by slice. The distance is the 95th percentile of the in-plane distances
between the two outlines, both ways, over all slices. A refused scan has a Dice of 0.
"""

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from benchmarks import population
from benchmarks.accuracy_page import MET, Row
from benchmarks.phantom import Patient, Truth, make_patient
from benchmarks.scoring import Case, dice
from triage import stages
from triage.errors import AnalysisError
from triage.record import Record
from triage.reduction import block_mean, steps
from triage.types import CtpSeries, Float64, Geometry, Mask, TissueClass

LEAST_DICE = 0.97
"""What a network would have to reach to be worth its weights."""

PATIENTS, PROCESSES = 16, 2
NOISE_HU = 10.0
"""Of one frame of an unusual scan."""

HALF = 0.5

LEAST_SLICE_CM2 = 20.0
"""Slices are compared where the truth has this area; smaller ones graze the vertex, and bone is in every voxel."""

PERCENTILE = 95.0
RESTLESS = 8.0
"""Largest translation in mm and rotation in degrees of a patient who moves, but can be followed."""

JUDGED = (TissueClass.TISSUE, TissueClass.OLD_INFARCT)
NOT_TISSUE = (TissueClass.VESSEL, TissueClass.CALCIFICATION)
CROSS = ndimage.generate_binary_structure(2, 1)[None]

INSIDE, BRAIN, TISSUE, APART = "inside the skull", "brain", "tissue", "tissue apart"
MASKS = (INSIDE, BRAIN, TISSUE, APART)

PLAIN: Mapping[str, Callable[[int], Patient]] = MappingProxyType(
    {
        "stroke, 10 HU": lambda n: population.with_lesion(n, 10.0),
        "stroke, 5 HU": lambda n: population.with_lesion(n, 5.0),
        "no lesion, 10 HU": lambda n: population.without_lesion(n, 10.0),
    }
)
"""The population: kind of scan to the patient of a number."""

UNUSUAL: Mapping[str, Callable[[Patient], Patient]] = MappingProxyType(
    {
        **population.UNUSUAL,
        "restless": lambda p: replace(p, motion_mm=RESTLESS, motion_deg=RESTLESS),
        "moving": lambda p: population.moving(p.seed, p.noise_hu),
    }
)


@dataclass(frozen=True, slots=True)
class Overlap:
    """A mask that was found against the true one: Dice of the scan and of its worst slice, distance, volumes."""

    dice: float
    slice_dice: float
    distance_mm: float
    found_ml: float
    true_ml: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scan; `overlaps` by mask, empty where the scan was refused for the reason in `refused`."""

    group: str
    number: int
    overlaps: Mapping[str, Overlap] = field(default_factory=dict)
    refused: str = ""

    def dice(self, mask: str) -> float:
        """Overlap of the whole scan; none where it was refused."""
        return self.overlaps[mask].dice if self.overlaps else 0.0


def compare(found: Mask, true: Mask, geometry: Geometry) -> Overlap:
    """Two masks ``(Z, Y, X)`` of the same grid."""
    z, pixel_mm = geometry.spacing_mm[0], geometry.spacing_mm[1:]
    large = true.sum(axis=(1, 2)) * geometry.voxel_ml / z >= LEAST_SLICE_CM2 / 10
    slices = [dice(one, other) for one, other in zip(found[large], true[large], strict=True)]
    distances = [_between(*pair, pixel_mm) for pair in zip(_edge(found), _edge(true), strict=True)]
    return Overlap(
        dice(found, true),
        min(slices, default=1.0),
        float(np.percentile(np.concatenate(distances), PERCENTILE)),
        float(found.sum()) * geometry.voxel_ml,
        float(true.sum()) * geometry.voxel_ml,
    )


def _edge(mask: Mask) -> Mask:
    return np.asarray(mask & ~ndimage.binary_erosion(mask, CROSS))


def _between(one: Mask, other: Mask, pixel_mm: tuple[float, ...]) -> Float64:
    """Distances of two outlines of a slice, both ways; none where one of them is empty."""
    if not (one.any() and other.any()):
        return np.empty(0)
    to_one, to_other = (ndimage.distance_transform_edt(~edge, pixel_mm) for edge in (one, other))
    return np.concatenate([to_other[one], to_one[other]])


def overlaps(series: CtpSeries, truth: Truth) -> dict[str, Overlap]:
    """Find the masks as an analysis does, and compare each with the truth.

    Raises
    ------
    AnalysisError
        When the scan is refused.
    """
    record = Record(time.perf_counter)
    head = stages.look_at_head(stages.take_scan(series, record), record)
    tissue = stages.clean_tissue(head, stages.find_input(head), lambda curves_hu, *_: curves_hu, record)
    judged, apart = (np.isin(tissue.classes, kinds) for kinds in (JUDGED, NOT_TISSUE))
    step = steps(truth.geometry)
    inside, solid, brain = (
        block_mean(mask.astype(np.float32), *step) >= HALF
        for mask in (truth.inside, truth.solid, truth.brain)
    )
    pairs = ((head.inside, inside), (tissue.brain, solid), (judged, brain), (judged, brain & ~apart))
    return {name: compare(*pair, head.geometry) for name, pair in zip(MASKS, pairs, strict=True)}


def measure(case: Case) -> Outcome:
    """Draw one patient and compare; a refusal is an outcome."""
    phantom = make_patient(case.patient)
    try:
        return Outcome(case.group, case.number, overlaps(phantom.series, phantom.truth))
    except AnalysisError as error:
        return Outcome(case.group, case.number, refused=str(error))


def cases(first: int, patients: int) -> Iterator[Case]:
    """Everybody who is measured, numbers from `first`; the unusual scans last longest and come first."""
    for number, (name, change) in enumerate(UNUSUAL.items(), first):
        yield Case(name, number, change(population.with_lesion(number, NOISE_HU)))
    for name, draw in PLAIN.items():
        for number in range(first, first + patients):
            yield Case(name, number, draw(number))


def rows(outcomes: Iterable[Outcome]) -> Iterator[Row]:
    """What is bounded: mean and lowest Dice of the population, and the lowest of the unusual scans."""
    known = list(outcomes)
    plain = [each for each in known if each.group in PLAIN]
    unusual = [each for each in known if each.group in UNUSUAL and not each.refused]
    for mask in MASKS:
        values = [each.dice(mask) for each in plain]
        yield _row(f"{mask}: mean of {len(plain)} patients", float(np.mean(values)))
        yield _row(f"{mask}: lowest of them", min(values))
        lowest = min(unusual, key=lambda each: each.dice(mask))
        yield _row(f"{mask}: lowest of {len(unusual)} unusual scans ({lowest.group})", lowest.dice(mask))


def _row(what: str, found: float) -> Row:
    return Row(what, f">= {LEAST_DICE:.2f}", f"{found:.3f}", found >= LEAST_DICE)


def details(outcomes: Iterable[Outcome]) -> Iterator[tuple[str, ...]]:
    """One line for each kind of scan: for each mask the Dice, its worst slice, the distance, the error of volume."""
    known = list(outcomes)
    for group in (*PLAIN, *UNUSUAL):
        those = [each for each in known if each.group == group]
        seen = [each for each in those if not each.refused]
        refused = "".join(f", refused: {each.refused}" for each in those if each.refused)
        cells = [_cell([each.overlaps[mask] for each in seen]) if seen else "-" for mask in MASKS]
        yield (f"{group} ({len(those)}){refused}", *cells)


def _cell(found: list[Overlap]) -> str:
    means = {
        name: float(np.mean([getattr(each, name) for each in found])) for name in ("dice", "distance_mm")
    }
    worst = min(each.slice_dice for each in found)
    error = sum(each.found_ml for each in found) / sum(each.true_ml for each in found) - 1
    return f"{means['dice']:.3f}, {worst:.2f}, {means['distance_mm']:.1f} mm, {error:+.1%}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def report(outcomes: list[Outcome]) -> str:
    """Both tables in Markdown."""
    bounds = [("Dice", "bound", "found", "met"), ("---",) * 4]
    bounds += [(row.what, row.bound, row.found, MET[row.met]) for row in rows(outcomes)]
    lines = [("scan: Dice, worst slice, 95 % distance, volume", *MASKS), ("---",) * (len(MASKS) + 1)]
    return "\n".join([*map(_line, bounds), "", *map(_line, [*lines, *details(outcomes)])])


def main() -> None:
    """Compute and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.masks", description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=PATIENTS, help="of each kind in the population")
    parser.add_argument("--first", type=int, default=0, help=f"first number; {population.TUNING} for tuning")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.processes, mp_context=context) as pool:
        outcomes = list(pool.map(measure, cases(options.first, options.patients)))
    print(report(outcomes))


if __name__ == "__main__":
    main()
