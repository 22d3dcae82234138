"""The simulated patients on whom accuracy is counted: drawn by number, never chosen by their result.

Numbers from `TUNING` are for setting constants; numbers below it are for scoring and nothing else.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.phantom import Patient, Residue
from triage.types import Side

TUNING = 100
"""First number of the patients that constants may be set on; all below are held out."""

LESION_ML = (5.0, 200.0)
"""Hypoperfused volume, uniform in its logarithm: small strokes are the most frequent."""

CORE_SHARE = (0.0, 0.6)
"""Core as a share of the hypoperfused volume."""

LARGEST_CORE_ML = 100.0
RIM_ML = (0.0, 40.0)
BOLUS_HU = (200.0, 450.0)
ARRIVAL_S = (6.0, 14.0)
MOTION = 3.0
"""Largest translation in mm and rotation in degrees; every patient draws limits below it."""

MATRIX = 256
"""The phantom averages its noise to this matrix as the reduction of a finer one would."""


def with_lesion(number: int, noise_hu: float, matrix: int = MATRIX) -> Patient:
    """Draw one stroke patient."""
    rng = np.random.default_rng([number, 1])
    late = float(np.exp(rng.uniform(*np.log(LESION_ML))))
    core = min(late * float(rng.uniform(*CORE_SHARE)), LARGEST_CORE_ML)
    return replace(
        _scanned(number, rng, noise_hu, matrix),
        side=(Side.LEFT, Side.RIGHT)[int(rng.integers(2))],
        core_ml=core,
        hypoperfused_ml=late,
        benign_rim_ml=float(rng.uniform(*RIM_ML)),
    )


def without_lesion(number: int, noise_hu: float, matrix: int = MATRIX) -> Patient:
    """Draw one patient whose brain is healthy."""
    return _scanned(number, np.random.default_rng([number, 2]), noise_hu, matrix)


def lesions(first: int, count: int, noise_hu: float) -> Iterator[Patient]:
    """Successive stroke patients."""
    return (with_lesion(number, noise_hu) for number in range(first, first + count))


def _scanned(number: int, rng: np.random.Generator, noise_hu: float, matrix: int) -> Patient:
    """Draw what the scan and the bolus are like; the brain is healthy."""
    return Patient(
        seed=number,
        side=Side.NONE,
        residue=list(Residue)[int(rng.integers(len(Residue)))],
        bolus_hu=float(rng.uniform(*BOLUS_HU)),
        bolus_arrival_s=float(rng.uniform(*ARRIVAL_S)),
        motion_mm=float(rng.uniform(0, MOTION)),
        motion_deg=float(rng.uniform(0, MOTION)),
        noise_hu=noise_hu,
        matrix=matrix,
    )
