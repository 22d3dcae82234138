"""Cases for networks: what an analysis has to show of simulated patients, and what was true.

``python -m benchmarks.cohort FOLDER --kind training --cases 320`` writes one file a patient; what is there already is
not made again, so that a stopped run goes on. Training patients and held-out ones differ in everything that a network
could learn by heart: whose brain it is, how contrast leaves the capillaries, and how images are reconstructed.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from benchmarks.phantom import (
    Anatomy,
    Grain,
    Lesion,
    LesionTooLargeError,
    Occlusion,
    Patient,
    Phantom,
    Residue,
    make_patient,
)
from benchmarks.population import ARRIVAL_S, CORE_SHARE, LARGEST_CORE_ML, MATRIX, MOTION, RESIDUES, RIM_ML
from triage import stages
from triage.arterial import NoArterialInputError
from triage.errors import AnalysisError
from triage.evidence import Evidence, of_perfusion
from triage.record import Record
from triage.types import Side

PROCESSES = 2
HELD_OUT_NOISE_HU = 10.0

LARGEST_ML: Mapping[Occlusion, float] = MappingProxyType(
    {
        Occlusion.TRUNK: 200.0,
        Occlusion.SUPERIOR: 80.0,
        Occlusion.INFERIOR: 80.0,
        Occlusion.ANTERIOR: 45.0,
        Occlusion.POSTERIOR: 40.0,
    }
)
SMALLEST_ML = 4.0
"""Hypoperfused volume, uniform in its logarithm up to what the artery supplies."""

OCCLUSIONS = (
    *[Occlusion.TRUNK] * 3,
    Occlusion.SUPERIOR,
    Occlusion.INFERIOR,
    Occlusion.ANTERIOR,
    Occlusion.POSTERIOR,
)
"""Stems of the middle cerebral artery are as frequent as its branches and one other together."""

BOLUS_HU, WIDTH, DISPERSION_S, DEFORMATION_MM = (180.0, 450.0), (0.8, 1.5), (0.0, 1.5), (1.0, 7.0)
NOISE_HU = (4.0, 14.0)
PIECES, PATCHINESS, LATER_S = 4, (0.6, 1.8), (0.0, 2.0)
CORE_FLOW, PENUMBRA_FLOW = (0.06, 0.20), (0.42, 0.60)
"""Of healthy tissue: a core stays below 30 % of the other side's flow, penumbra above."""

PROTOCOLS = (
    (45, 1.5, 16, 5.0),
    (45, 1.5, 16, 5.0),
    (60, 1.0, 16, 5.0),
    (34, 2.0, 16, 5.0),
    (45, 1.5, 10, 8.0),
)
"""Frames, seconds between them, slices and their thickness in mm."""

HEALTHY_SHARE, OLD_SHARE, STENOSIS_SHARE, METAL_SHARE, TILT_SHARE, RUINED_SHARE = (
    0.2,
    0.2,
    0.15,
    0.06,
    0.2,
    0.15,
)
OLD_ML, STENOSIS_S, TILT_DEG, ATROPHY, RUINED, JERK = (
    (5.0, 35.0),
    (1.0, 3.0),
    20.0,
    0.5,
    (0.02, 0.12),
    (3.0, 12.0),
)


def training(number: int) -> Patient:
    """Draw one patient to learn from: the average brain, bent; filtered back-projection of any noise."""
    rng = np.random.default_rng([number, 11])
    patient = _with_past(_scanned(rng, number, RESIDUES), rng)
    frames, step_s, slices, slice_mm = PROTOCOLS[int(rng.integers(len(PROTOCOLS)))]
    patient = replace(
        patient,
        noise_hu=float(rng.uniform(*NOISE_HU)),
        deformation_mm=float(rng.uniform(*DEFORMATION_MM)),
        frames=frames,
        frame_step_s=step_s,
        slices=slices,
        slice_mm=slice_mm,
    )
    return patient if rng.random() < HEALTHY_SHARE else _with_lesion(patient, rng)


def held_out(number: int) -> Patient:
    """Draw one stroke patient to be judged by: another brain, other residues, iterative reconstruction at 10 HU."""
    return _with_lesion(_foreign(number, 12), np.random.default_rng([number, 13]))


def held_out_healthy(number: int) -> Patient:
    """Draw one such patient without a lesion."""
    return _foreign(number, 14)


KINDS: Mapping[str, Callable[[int], Patient]] = MappingProxyType(
    {"training": training, "held-out": held_out, "held-out-healthy": held_out_healthy}
)


def _foreign(number: int, kind: int) -> Patient:
    rng = np.random.default_rng([number, kind])
    patient = _with_past(_scanned(rng, number, (Residue.SIGMOID, Residue.TWO_PATHS)), rng)
    return replace(
        patient,
        anatomy=Anatomy.INDIVIDUAL,
        deformation_mm=float(rng.uniform(0.0, 4.0)),
        grain=Grain.ITERATIVE,
        noise_hu=HELD_OUT_NOISE_HU,
    )


def _scanned(rng: np.random.Generator, number: int, residues: tuple[Residue, ...]) -> Patient:
    return Patient(
        seed=number,
        side=Side.NONE,
        residue=residues[int(rng.integers(len(residues)))],
        bolus_hu=float(rng.uniform(*BOLUS_HU)),
        bolus_arrival_s=float(rng.uniform(*ARRIVAL_S)),
        bolus_width=float(rng.uniform(*WIDTH)),
        dispersion_s=float(rng.uniform(*DISPERSION_S)),
        motion_mm=float(rng.uniform(0, MOTION)),
        motion_deg=float(rng.uniform(0, MOTION)),
        matrix=MATRIX,
    )


def _with_past(patient: Patient, rng: np.random.Generator) -> Patient:
    """Give some patients what confuses: old infarcts, narrow carotids, metal, a tilted gantry, lost frames, spots."""
    old, narrow, metal, tilted, ruined = rng.random(5) < (
        OLD_SHARE,
        STENOSIS_SHARE,
        METAL_SHARE,
        TILT_SHARE,
        RUINED_SHARE,
    )
    sides = (Side.LEFT, Side.RIGHT, Side.BILATERAL)
    return replace(
        patient,
        atrophy=float(rng.uniform(0, ATROPHY)),
        calcifications=int(rng.integers(4)),
        old_infarct_ml=float(old * rng.uniform(*OLD_ML)),
        stenosis=sides[int(rng.integers(3))] if narrow else Side.NONE,
        stenosis_s=float(rng.uniform(*STENOSIS_S)),
        metal=bool(metal),
        tilt_deg=float(tilted * rng.uniform(-TILT_DEG, TILT_DEG)),
        ruined_share=float(ruined * rng.uniform(*RUINED)),
        jerk=float(rng.uniform(*JERK)),
    )


def _with_lesion(patient: Patient, rng: np.random.Generator) -> Patient:
    occlusion = OCCLUSIONS[int(rng.integers(len(OCCLUSIONS)))]
    late = float(np.exp(rng.uniform(*np.log((SMALLEST_ML, LARGEST_ML[occlusion])))))
    return replace(
        patient,
        side=(Side.LEFT, Side.RIGHT)[int(rng.integers(2))],
        hypoperfused_ml=late,
        core_ml=min(late * float(rng.uniform(*CORE_SHARE)), LARGEST_CORE_ML),
        benign_rim_ml=float(rng.uniform(*RIM_ML)),
        lesion=Lesion(
            occlusion,
            int(rng.integers(1, PIECES + 1)),
            float(rng.uniform(*PATCHINESS)),
            float(rng.uniform(*CORE_FLOW)),
            float(rng.uniform(*PENUMBRA_FLOW)),
            float(rng.uniform(*LATER_S)),
        ),
    )


def shown(phantom: Phantom) -> tuple[Evidence, stages.TissueCurves, stages.Perfused]:
    """Analyse a scan up to its maps.

    Raises
    ------
    AnalysisError
        The scan is refused.
    """
    record = Record(time.perf_counter)
    scan = stages.take_scan(phantom.series, record)
    head = stages.look_at_head(scan, record)
    inputs = stages.find_input(head)
    tissue = stages.clean_tissue(head, inputs, stages.USUAL.denoise, record)
    first = stages.quantify(head, tissue, inputs, stages.USUAL, record)
    return of_perfusion(scan, head, tissue, first), tissue, first


def write(kind: str, folder: Path, number: int) -> str:
    """Make one case; returns a line about it. A lesion that does not fit or a scan that is refused leaves an empty file."""
    file = folder / f"{kind}-{number:05d}.npz"
    if file.exists():
        return f"{file.name}: there"
    patient = KINDS[kind](number)
    try:
        phantom = make_patient(patient)
        evidence, _, first = shown(phantom)
    except (LesionTooLargeError, AnalysisError, NoArterialInputError) as refusal:
        file.touch()
        return f"{file.name}: none: {refusal}"
    truth = phantom.truth
    with file.with_suffix(".part").open("wb") as out:
        np.savez(out, **_arrays(evidence, phantom, first))
    file.with_suffix(".part").rename(file)
    return (
        f"{file.name}: core {truth.core_ml:.1f} found {first.assessment.core_ml:.1f}, "
        f"late {truth.hypoperfused_ml:.1f} found {first.assessment.hypoperfused_ml:.1f} ml"
    )


def _arrays(evidence: Evidence, phantom: Phantom, first: stages.Perfused) -> dict[str, np.ndarray]:
    geometry, truth = evidence.geometry, phantom.truth
    if geometry.shape != truth.geometry.shape:
        raise ValueError("cases are drawn on the working grid")
    return {
        **{f"volume:{name}": volume.astype(np.float16) for name, volume in evidence.volumes.items()},
        "affine": geometry.affine,
        "normal": evidence.plane.normal,
        "offset_mm": np.array(evidence.plane.offset_mm),
        "core": truth.core,
        "hypoperfused": truth.hypoperfused,
        "brain": truth.brain,
        "threshold_core": first.assessment.core,
        "threshold_hypoperfused": first.assessment.hypoperfused,
        "noise_hu": np.array(phantom.patient.noise_hu),
    }


def main() -> None:
    """Draw, analyse, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cohort", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=sorted(KINDS), default="training")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--cases", type=int, default=320)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    numbers = range(options.first, options.first + options.cases)
    with ProcessPoolExecutor(options.processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for line in pool.map(partial(write, options.kind, options.folder), numbers):
            print(line, flush=True)


if __name__ == "__main__":
    main()
