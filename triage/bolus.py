"""When the contrast agent arrives, seen by the whole brain."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from triage.errors import AnalysisError
from triage.types import Float32, Float64, Mask

ARRIVAL_SHARE = 0.05
"""Share of the brain curve's peak that counts as arrived."""

ARRIVAL_DEVIATIONS = 3.0
"""Standard deviations of the unenhanced curve that count as arrived."""

SAFETY_S = 1.0
"""Arteries fill before the brain's mean shows it."""

SHORTEST_BASELINE_S = 2.0
"""Less than this before arrival is not an average."""

FAINTEST_BRAIN_HU = 0.8
"""Mean enhancement of brain below which there was no bolus; a good one gives 4 to 8 HU."""


SAMPLE = 20_000
"""Voxels the typical curve is taken from; more do not change it."""


@dataclass(frozen=True, slots=True)
class Bolus:
    """Typical enhancement of the brain at `time_s`, both float64 ``(N,)``, and when it begins.

    `baseline` marks the samples before arrival, bool ``(N,)``; `cut_off` says that there are too few of them.
    """

    time_s: Float64
    curve_hu: Float64
    arrival_s: float
    baseline: Mask
    cut_off: bool


def typical_curve(curves_hu: Float32) -> Float64:
    """Median change over time among curves ``(V, N)``: the few that bone moves into do not count."""
    sample = curves_hu[:: max(1, len(curves_hu) // SAMPLE)]
    change = sample - sample[:, :3].mean(axis=1, keepdims=True)
    return np.asarray(np.median(change, axis=0), dtype=np.float64)


def find_bolus(mean_hu: Float64, time_s: Float64) -> Bolus:
    """Arrival in the typical curve of the brain ``(N,)``.

    Raises
    ------
    AnalysisError
        When the brain does not enhance.
    """
    smooth = ndimage.gaussian_filter1d(mean_hu, 1.0, mode="nearest")
    peak = int(smooth.argmax())
    floor = float(np.percentile(smooth[: peak + 1], 20))
    height = float(smooth[peak]) - floor
    early = smooth[: max(3, peak // 3)]
    threshold = floor + max(
        ARRIVAL_SHARE * height, ARRIVAL_DEVIATIONS * float(np.std(mean_hu[: early.size] - early))
    )
    if height < FAINTEST_BRAIN_HU:
        raise AnalysisError(
            f"no contrast bolus: the brain enhances by {height:.1f} HU; check injection and scan timing"
        )
    below = np.flatnonzero(smooth[: peak + 1] < threshold)
    arrival = float(time_s[below[-1]]) if below.size else float(time_s[0])
    baseline = time_s <= arrival - SAFETY_S
    cut_off = not bool(baseline.sum() * (time_s[1] - time_s[0]) >= SHORTEST_BASELINE_S)
    baseline[: max(2, int(baseline.sum()))] = True
    return Bolus(time_s, mean_hu - mean_hu[baseline].mean(), arrival, baseline, cut_off)
