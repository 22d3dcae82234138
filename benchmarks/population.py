"""The simulated patients on whom accuracy is counted: drawn by number, never chosen by their result.

Numbers from `TUNING` are for setting constants; numbers below it are for scoring and nothing else.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from benchmarks.phantom import Patient, Residue, Ruin, Scheme
from benchmarks.phantom.curves import BOLUS_ALPHA, BOLUS_BETA_S
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

STROKES, HEALTHY = 40, 8
"""How many patients are scored."""

LATE_ARRIVAL_S = (6.0, 30.0)
ENDS_AFTER_PEAK_S = (8.0, 12.0)
"""A truncated scan: the bolus comes in time or late, and the scan ends this long after the arterial peak."""

WEAK_BOLUS_HU = (60.0, 110.0)
RUINED_SHARE, JERK = (0.35, 0.6), (15.0, 30.0)
"""Frames beyond repair, and displacement in mm and degrees."""

RESIDUES = (Residue.EXPONENTIAL, Residue.LINEAR, Residue.BOX)
"""Of the patients here; others are for those on whom models are judged."""

OTHER = MappingProxyType({Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT})

SLICE_MM = 5.0
"""Thickness that the noise is given for."""

LOST_FRAMES = 5
"""Of a scan with missing frames."""


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
        residue=RESIDUES[int(rng.integers(len(RESIDUES)))],
        bolus_hu=float(rng.uniform(*BOLUS_HU)),
        bolus_arrival_s=float(rng.uniform(*ARRIVAL_S)),
        motion_mm=float(rng.uniform(0, MOTION)),
        motion_deg=float(rng.uniform(0, MOTION)),
        noise_hu=noise_hu,
        matrix=matrix,
    )


def truncated(number: int, noise_hu: float) -> Patient:
    """Draw one stroke patient whose scan ends with the first pass."""
    rng = np.random.default_rng([number, 3])
    patient = with_lesion(number, noise_hu)
    arrival_s = float(rng.uniform(*LATE_ARRIVAL_S))
    end_s = arrival_s + BOLUS_ALPHA * BOLUS_BETA_S + float(rng.uniform(*ENDS_AFTER_PEAK_S))
    return replace(patient, bolus_arrival_s=arrival_s, frames=int(end_s / patient.frame_step_s) + 1)


def weak_bolus(number: int, noise_hu: float) -> Patient:
    """Draw one stroke patient whose injection mostly failed."""
    rng = np.random.default_rng([number, 4])
    return replace(with_lesion(number, noise_hu), bolus_hu=float(rng.uniform(*WEAK_BOLUS_HU)))


def moving(number: int, noise_hu: float) -> Patient:
    """Draw one stroke patient who does not lie still."""
    rng = np.random.default_rng([number, 5])
    return replace(
        with_lesion(number, noise_hu),
        ruin=list(Ruin)[int(rng.integers(len(Ruin)))],
        ruined_share=float(rng.uniform(*RUINED_SHARE)),
        jerk=float(rng.uniform(*JERK)),
    )


RUINED: Mapping[str, tuple[Callable[[int, float], Patient], int]] = MappingProxyType(
    {"truncated": (truncated, 7), "weak bolus": (weak_bolus, 7), "moving": (moving, 6)}
)
"""Scans whose numbers must not be trusted, and how many of each are scored."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A way to take the same 67 s; `exposed` is the exposure of one frame relative to the plain scan's."""

    scheme: Scheme = Scheme.UNIFORM
    frames: int = 45
    step_s: float = 1.5
    exposed: float = 1.0
    lost: int = 0


SCHEDULES: Mapping[str, Schedule] = MappingProxyType(
    {
        "last third twice as far apart": Schedule(Scheme.VARIABLE, 34, 1.5, 45 / 34),
        "uneven intervals": Schedule(Scheme.UNEVEN),
        "lost frames": Schedule(lost=LOST_FRAMES),
        "table sweeping back and forth": Schedule(Scheme.SWEEP),
        "shuttle of two slabs": Schedule(Scheme.SHUTTLE, 23, 1.5, 45 / 23),
        "shuttle, half the exposure": Schedule(Scheme.SHUTTLE, 23, 1.5),
        "bursts of two slabs": Schedule(Scheme.BURSTS, 34, 1.0, 45 / 34),
    }
)
"""Every position gets the plain scan's exposure in sum, but where it says otherwise: noise goes with its root."""


def under(patient: Patient, schedule: Schedule) -> Patient:
    """Scan the same patient by another schedule."""
    rng = np.random.default_rng([patient.seed, 6])
    lost = rng.choice(np.arange(1, schedule.frames), schedule.lost, replace=False)
    return replace(
        patient,
        scheme=schedule.scheme,
        frames=schedule.frames,
        frame_step_s=schedule.step_s,
        noise_hu=patient.noise_hu / schedule.exposed**0.5,
        missing=tuple(sorted(map(int, lost))),
    )


def _thick(patient: Patient) -> Patient:
    """Four slices hold no large lesion."""
    late = min(patient.hypoperfused_ml, 60.0)
    return _sliced(replace(patient, hypoperfused_ml=late, core_ml=min(patient.core_ml, late / 2)), 4, 10.0)


def _sliced(patient: Patient, slices: int, slice_mm: float, matrix: int = MATRIX) -> Patient:
    """Other slices of the same exposure: thin ones are noisy."""
    noise_hu = patient.noise_hu * (SLICE_MM / slice_mm) ** 0.5
    return replace(patient, slices=slices, slice_mm=slice_mm, matrix=matrix, noise_hu=noise_hu)


UNUSUAL: Mapping[str, Callable[[Patient], Patient]] = MappingProxyType(
    {
        "4 slices of 10 mm": _thick,
        "80 slices of 1.25 mm": lambda p: _sliced(p, 80, 1.25, 128),
        "320 slices of 0.5 mm": lambda p: _sliced(p, 320, 0.5, 128),
        "gantry tilted by 20 degrees": lambda p: replace(p, tilt_deg=20.0),
        "gantry tilted by -15 degrees": lambda p: replace(p, tilt_deg=-15.0),
        "late bolus": lambda p: replace(p, bolus_arrival_s=24.0),
        "old infarct of 30 ml": lambda p: replace(p, old_infarct_ml=30.0),
        "calcifications": lambda p: replace(p, calcifications=7),
        "narrow carotid on the lesion's side": lambda p: replace(p, stenosis=p.side),
        "narrow carotid on the other side": lambda p: replace(p, stenosis=OTHER[p.side]),
        "both carotids narrow": lambda p: replace(p, stenosis=Side.BILATERAL),
        "metal": lambda p: replace(p, metal=True),
        "atrophy": lambda p: replace(p, atrophy=0.4),
    }
)
"""One stroke patient in unusual circumstances."""
