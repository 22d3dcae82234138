"""The infarct-core network beside the threshold rule and their union, on patients neither has seen.

``python -m benchmarks.segmentation`` draws the held-out patients of `benchmarks.cohort` (another brain, other residues
and another reconstruction than those the network was trained on; Debian's package mricron-data has that brain), reads
each scan by both, and prints the table in about ten minutes; ``--patients 6`` is a short form. ``--markdown FILE``
writes the table as a page with pictures of calibration and of the worst patients beside it.
"""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.accuracy_page import MET, Row
from benchmarks.cohort import KINDS, shown
from benchmarks.phantom import LesionTooLargeError, make_patient
from benchmarks.scoring import dice
from benchmarks.segmentation_pictures import Picture, calibration_curve, gallery, picture_of
from models.infarct_core import load_core_model
from triage.arterial import NoArterialInputError
from triage.core_network import areas
from triage.errors import AnalysisError
from triage.types import Float64, Mask

PROCESSES = 2
STROKES, HEALTHY = 60, 40
STROKE, NO_LESION = "held-out", "held-out-healthy"

ENGINES = ("threshold", "network", "union")
SCORED_CORE_ML, LARGE_CORE_ML = 1.0, 10.0
"""Overlap is counted for cores above the first, the smallest that either may report, and shown for those above the other."""

LEAST_GAIN, LARGEST_SHARE, LARGEST_GHOST_ML, GHOST_SHARE, LARGEST_ECE = 0.05, 0.8, 1.0, 0.95, 0.05
PATIENT_S = 60.0
"""No deadline here: accuracy is counted, not speed."""

BINS = 10
UNSURE = (0.05, 0.95)
"""Probabilities between which a network is not sure; most voxels of a head are healthy, and everybody is sure of them."""

SHOWN = 6
"""Worst patients in the gallery."""

ISLES = "ISLES 2018 (Hakim 2021, 40 real patients, MRI as truth; not ours): threshold .30, best network .51"


@dataclass(frozen=True, slots=True)
class Read:
    """One patient: true and found core in ml and overlap by engine; voxels, their mean probability and truth by bin."""

    kind: str
    number: int
    truth_ml: float = 0.0
    found_ml: Mapping[str, float] = field(default_factory=dict)
    dice: Mapping[str, float] = field(default_factory=dict)
    bins: Float64 = field(default_factory=lambda: np.zeros((3, BINS)))
    picture: Picture | None = None
    failure: str = ""

    def error_ml(self, engine: str) -> float:
        """Found minus true."""
        return self.found_ml[engine] - self.truth_ml


def read(kind: str, number: int) -> Read:
    """Draw one patient and let both methods look."""
    try:
        phantom = make_patient(KINDS[kind](number))
        evidence, tissue, first = shown(phantom)
    except (LesionTooLargeError, NoArterialInputError, AnalysisError) as refusal:
        return Read(kind, number, failure=str(refusal))
    model = load_core_model(threads=1)
    if model is None:
        raise SystemExit("no model for the infarct core is installed: nothing to compare")
    said = model(evidence, PATIENT_S)
    network = areas(said, tissue.brain, tissue.tissue, evidence.geometry).core
    cores = {"threshold": first.assessment.core, "network": network, "union": first.assessment.core | network}
    truth, voxel_ml = phantom.truth.core, evidence.geometry.voxel_ml
    return Read(
        kind,
        number,
        float(truth.sum()) * voxel_ml,
        {name: float(core.sum()) * voxel_ml for name, core in cores.items()},
        {name: dice(truth, core) for name, core in cores.items()},
        binned(said.core[tissue.tissue], truth[tissue.tissue]),
        picture_of(evidence, truth, cores),
    )


def binned(probability: Float64, truth: Mask) -> Float64:
    """Voxels, sum of probabilities and of truth in equal bins of probability, float64 ``(3, BINS)``.

    Examples
    --------
    >>> binned(np.array([0.05, 0.07, 0.95]), np.array([False, True, True]))[:, [0, 9]].round(2).tolist()
    [[2.0, 1.0], [0.12, 0.95], [1.0, 1.0]]
    """
    bins = np.clip((probability * BINS).astype(int), 0, BINS - 1)
    weights = (np.ones(len(bins)), probability, truth.astype(np.float64))
    return np.stack([np.bincount(bins, one, BINS) for one in weights])


def calibration_error(bins: Float64) -> float:
    """Mean distance of probability and frequency, weighted by voxels (Guo 2017, ICML).

    Examples
    --------
    >>> calibration_error(np.array([[2.0], [0.5], [1.0]]))
    0.25
    """
    voxels, stated, true = bins
    return float(np.abs(stated - true).sum() / max(voxels.sum(), 1.0))


def rows(reads: Sequence[Read]) -> Iterator[Row]:
    """The table."""
    strokes = [r for r in reads if r.kind == STROKE and not r.failure]
    healthy = [r for r in reads if r.kind == NO_LESION and not r.failure]
    yield from overlap_rows(strokes)
    yield from volume_rows(strokes)
    yield from ghost_rows(healthy)
    yield from calibration_rows(np.sum([r.bins for r in (*strokes, *healthy)], axis=0))
    refused = [r for r in reads if r.failure]
    yield Row(
        "scans not drawn or refused before either method looked", "", f"{len(refused)} of {len(reads)}", None
    )


def overlap_rows(strokes: Sequence[Read]) -> Iterator[Row]:
    """Dice by engine, and what the network gains."""
    for floor_ml in (SCORED_CORE_ML, LARGE_CORE_ML):
        those = [r for r in strokes if r.truth_ml > floor_ml]
        means = {engine: _mean([r.dice[engine] for r in those]) for engine in ENGINES}
        for engine in ENGINES:
            title = f"core, mean Dice, true core above {floor_ml:g} ml (n = {len(those)}): {engine}"
            yield Row(title, "", f"{means[engine]:.3f}", None)
        gain = means["network"] - means["threshold"]
        bounded = floor_ml == SCORED_CORE_ML
        yield Row(
            f"core above {floor_ml:g} ml, Dice of the network over that of the threshold",
            f">= +{LEAST_GAIN:.2f}" if bounded else "",
            f"{gain:+.3f}",
            gain >= LEAST_GAIN if bounded else None,
        )


def volume_rows(strokes: Sequence[Read]) -> Iterator[Row]:
    """Errors of the volume by engine, and their ratio."""
    errors = {engine: _mean([abs(r.error_ml(engine)) for r in strokes]) for engine in ENGINES}
    for engine in ENGINES:
        bias = _mean([r.error_ml(engine) for r in strokes])
        found = f"{errors[engine]:.2f} ml (bias {bias:+.2f})"
        yield Row(f"core, mean absolute error of the volume (n = {len(strokes)}): {engine}", "", found, None)
    share = errors["network"] / errors["threshold"] if errors["threshold"] else float("inf")
    yield Row(
        "error of the network over that of the threshold",
        f"<= {LARGEST_SHARE:g}",
        f"{share:.2f}",
        share <= LARGEST_SHARE,
    )


def ghost_rows(healthy: Sequence[Read]) -> Iterator[Row]:
    """Cores where there is none."""
    for engine in ENGINES:
        clean = sum(r.found_ml[engine] <= LARGEST_GHOST_ML for r in healthy)
        share = clean / len(healthy) if healthy else float("nan")
        bounded = engine == "network"
        largest = max((r.found_ml[engine] for r in healthy), default=0.0)
        yield Row(
            f"no lesion: patients with at most {LARGEST_GHOST_ML:g} ml of core: {engine}",
            f">= {GHOST_SHARE:.0%}" if bounded else "",
            f"{clean} of {len(healthy)} (largest {largest:.1f} ml)",
            share >= GHOST_SHARE if bounded else None,
        )


def calibration_rows(bins: Float64) -> Iterator[Row]:
    """How far probabilities are from frequencies."""
    error = calibration_error(bins)
    yield Row(
        "network: expected calibration error over all tissue",
        f"<= {LARGEST_ECE:g}",
        f"{error:.4f}",
        error <= LARGEST_ECE,
    )
    inner = bins[:, 1:-1]
    yield Row(
        f"the same where it is not sure (probability {1 / BINS:g} to {1 - 1 / BINS:g})",
        "",
        f"{calibration_error(inner):.3f} ({inner[0].sum() / max(bins[0].sum(), 1):.1%} of tissue)",
        None,
    )


def everybody(patients: int | None) -> list[tuple[str, int]]:
    """Kind and number of all who are read; at most `patients` of each kind."""
    counts = {STROKE: STROKES, NO_LESION: HEALTHY}
    return [(kind, n) for kind, count in counts.items() for n in range(min(count, patients or count))]


def run(patients: int | None) -> list[Read]:
    """Read everybody, two at a time."""
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    reads = []
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for one in pool.map(read, *zip(*everybody(patients), strict=True)):
            found = ", ".join(f"{engine} {ml:.1f}" for engine, ml in one.found_ml.items())
            said = one.failure or f"core {one.truth_ml:.1f}, {found} ml"
            print(f"{one.kind} {one.number}: {said}", file=sys.stderr, flush=True)
            reads.append(one)
    return reads


def page(reads: Sequence[Read], pictures: str) -> str:
    """Markdown of the table, `pictures` is the folder the two pictures lie in."""
    table = "\n".join(f"| {r.what} | {r.bound} | {r.found} | {MET[r.met]} |" for r in rows(reads))
    return PAGE.format(table=table, pictures=pictures, isles=ISLES, shown=SHOWN)


PAGE = """\
# The infarct-core network on simulated patients

Written by `python -m benchmarks.segmentation`; every number in the table was computed in that run. The network was
trained on simulated patients and is judged here on simulated patients of another brain, other residue functions and
another reconstruction, at 10 HU. It has never seen a real patient's truth. The threshold's operating point was set on
patients of the usual reconstruction, on whom it does better (`accuracy.md`); the coarse noise here costs it more than the
network. Research use: not for primary diagnosis.

| what | bound | found | met |
| --- | --- | --- | --- |
{table}

The only yardstick from real patients is somebody else's: {isles}.

![Stated probability and frequency]({pictures}/calibration.png)

## The {shown} patients on whom the network does worst

White: truth; red: threshold; blue: network.

![Worst patients]({pictures}/worst.png)
"""


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def main(arguments: Iterable[str] | None = None) -> None:
    """Read, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.segmentation", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--patients", type=int, help="at most so many of each kind")
    parser.add_argument(
        "--markdown", type=Path, help="page to write, its pictures in a folder of the same name"
    )
    options = parser.parse_args(None if arguments is None else list(arguments))
    reads = run(options.patients)
    folder = options.markdown.with_suffix("") if options.markdown else None
    text = page(reads, folder.name if folder else ".")
    print(text)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        worst = sorted((r for r in reads if r.picture), key=lambda r: -abs(r.error_ml("network")))[:SHOWN]
        gallery(
            [(f"patient {r.number}, {r.kind}", r.picture) for r in worst if r.picture], folder / "worst.png"
        )
        calibration_curve(np.sum([r.bins for r in reads], axis=0), folder / "calibration.png")
        options.markdown.write_text(text)


if __name__ == "__main__":
    main()
