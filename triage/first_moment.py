"""Without an arterial input: when each tissue curve peaks and where its centre lies, against the healthier half.

Times of the tissue's own curve need no deconvolution, and contain arrival, delay and transit time together. They tell
late tissue from timely tissue within one scan; flow and volume they do not tell.

References
----------
Wouters 2017, Front Neurol 8:539 (relative time to peak in the place of Tmax).
Nasel 2004, Am J Neuroradiol 25:945 (standardised time to peak: up to 3.5 s regular, from 7 s critical).
"""

import numpy as np

from triage.errors import AnalysisError, InputError
from triage.types import Float32, Float64, Mask

LATE_TTP_S = 4.5
"""Time to peak behind the healthier half from which tissue is late: of all cut-offs its volumes came closest to those
of Tmax > 6 s, median difference 6.9 ml in the 102 patients of DEFUSE 2. Wouters 2017."""


def time_to_peak(enhancement_hu: Float32, time_s: Float64, arrival_s: float) -> Float32:
    """Seconds from the bolus' arrival to the peak of each curve ``(V, N)`` at `time_s` ``(N,)``, float32 ``(V,)``.

    Peaks are looked for after the arrival; a parabola through the highest sample and its neighbours places them
    between samples. A curve that never rises peaks at once: 0.

    Raises
    ------
    InputError
        When curves and times differ in length, or times are not uniform.
    AnalysisError
        When the scan ends as the bolus arrives.
    """
    curves, since_s = _after_arrival(enhancement_hu, time_s, arrival_s)
    at = np.clip(curves.argmax(axis=1), 1, since_s.size - 2)
    row = np.arange(len(curves))
    before, top, after = curves[row, at - 1], curves[row, at], curves[row, at + 1]
    bend = before - 2 * top + after
    shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, -1), 0).clip(-1, 1)
    peak_s = since_s[0] + (at + shift) * (since_s[1] - since_s[0])
    rises = curves.max(axis=1, initial=0) > 0
    return np.asarray(np.where(rises, np.maximum(peak_s, 0), 0), dtype=np.float32)


def first_moment(enhancement_hu: Float32, time_s: Float64, arrival_s: float) -> Float32:
    """Seconds from the bolus' arrival to the centre of the area under each curve ``(V, N)``, float32 ``(V,)``.

    The centre lies within the scan; NaN where there is no area.

    Raises
    ------
    InputError
        When curves and times differ in length, or times are not uniform.
    AnalysisError
        When the scan ends as the bolus arrives.
    """
    curves, since_s = _after_arrival(enhancement_hu, time_s, arrival_s)
    area = curves.sum(axis=1, dtype=np.float64)
    moment = curves @ since_s / np.where(area > 0, area, np.nan)
    return np.asarray(np.clip(moment, 0, since_s[-1]), dtype=np.float32)


def relative_delay(times_s: Float32, left: Mask) -> Float32:
    """Times ``(V,)`` behind the median of the half in which it is earlier; `left` ``(V,)`` tells the halves apart."""
    halves = [times_s[half & np.isfinite(times_s)] for half in (left, ~left)]
    medians = [float(np.median(half)) for half in halves if half.size]
    return np.asarray(times_s - np.float32(min(medians, default=0.0)), dtype=np.float32)


def _after_arrival(enhancement_hu: Float32, time_s: Float64, arrival_s: float) -> tuple[Float32, Float64]:
    """Curves and seconds since the arrival, from the last sample before it on."""
    if time_s.ndim != 1 or enhancement_hu.ndim != 2 or enhancement_hu.shape[1] != time_s.size:
        raise InputError(f"curves {enhancement_hu.shape} do not fit times {time_s.shape}")
    if time_s.size < 2 or not np.allclose(np.diff(time_s), time_s[1] - time_s[0]):
        raise InputError("the times must be uniform")
    start = max(0, int(np.searchsorted(time_s, arrival_s, side="right")) - 1)
    if time_s.size - start < 3:
        raise AnalysisError(
            f"the bolus arrives at {arrival_s:.0f} s, as the scan ends: no curve can be timed"
        )
    return enhancement_hu[:, start:], time_s[start:] - arrival_s
