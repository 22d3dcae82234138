"""The first pass of contrast in single curves: which hold one, how high, how early, how wide, how like another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triage.bolus import Bolus
from triage.types import Float32, Float64, Mask

CANDIDATE_SHARE = 0.005
"""Share of the voxels inside the skull with the clearest first passes that may be vessels."""

FIRST_PASS_LEADS_S = (0.0, 2.0, 4.0, 6.0)
"""Times by which vessels may be ahead of the brain's typical curve."""

FAINTEST_ARTERY_HU = 40.0
"""Peak enhancement below which nothing is a usable artery; a good bolus gives 150 to 400 HU."""

FEWEST_CANDIDATES = 10
"""Voxels considered in the smallest of grids."""

ARTERIAL_LEAD_S = 2.0
"""Arteries fill this much before the brain's typical curve is seen to rise."""

BLOCK = 4096
"""Curves worked on at once: they stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Features of curves, each ``(V,)``: heights and end in HU, area in HU s, times in seconds."""

    peak_hu: Float64
    end_hu: Float64
    area: Float64
    peak_s: Float64
    rise_s: Float64
    width_s: Float64


def height(curves_hu: Float32) -> Float32:
    """Peaks ``(V,)``, three samples averaged."""
    peaks = np.empty(len(curves_hu), np.float32)
    for start in range(0, len(curves_hu), BLOCK):
        part = curves_hu[start : start + BLOCK]
        three = part[:, :-2] + part[:, 1:-1]
        three += part[:, 2:]
        peaks[start : start + BLOCK] = three.max(axis=1)
    return peaks / np.float32(3)


def likely_vessels(curves_hu: Float32, bolus: Bolus, allowed: Mask) -> NDArray[np.intp]:
    """Indices of the `allowed` curves ``(V,)`` that hold most of a first pass and little else.

    Height alone would pick the edge of bone, which motion lifts by hundreds of HU.
    """
    row = np.flatnonzero(allowed)
    count = min(max(FEWEST_CANDIDATES, round(CANDIDATE_SHARE * len(curves_hu))), row.size)
    if count == 0:
        return row
    amount = (curves_hu @ first_passes(bolus).T).max(axis=1)
    power = np.einsum("vn,vn->v", curves_hu, curves_hu) - curves_hu.shape[1] * curves_hu.mean(axis=1) ** 2
    share = np.maximum(amount, 0) ** 2 / np.maximum(power, np.float32(1e-6))
    merit = (amount * share)[row]
    best = row[merit >= np.partition(merit, -count)[-count]]
    return np.asarray(best[height(curves_hu[best]) >= FAINTEST_ARTERY_HU])


def first_passes(bolus: Bolus) -> Float32:
    """What the brain shows, as much earlier as arteries are, without level and trend; unit rows ``(L, N)``."""
    curve, time_s = bolus.curve_hu, bolus.time_s
    rows = np.stack([np.interp(time_s + lead, time_s, curve) for lead in FIRST_PASS_LEADS_S])
    level_and_trend, _ = np.linalg.qr(np.stack([np.ones_like(time_s), time_s - time_s.mean()], axis=1))
    return standardised(rows - (rows @ level_and_trend) @ level_and_trend.T).astype(np.float32)


def rebased(curves_hu: Float32, bolus: Bolus) -> Float64:
    """Curves ``(K, N)`` above their level before the arteries fill, where that was seen."""
    early = bolus.time_s <= bolus.arrival_s - ARTERIAL_LEAD_S
    before = early if early.sum() >= 3 else bolus.baseline
    curves = curves_hu.astype(np.float64)
    return np.asarray(curves - curves[:, before].mean(axis=1, keepdims=True))


def shape_of(curves_hu: Float64, time_s: Float64) -> Shape:
    """Features of curves ``(V, N)`` sampled at `time_s` ``(N,)``."""
    smooth = ndimage.gaussian_filter1d(curves_hu, 0.7, axis=1, mode="nearest")
    peak = np.maximum(smooth.max(axis=1), np.finfo(float).eps)
    dt_s = float(time_s[1] - time_s[0])
    return Shape(
        peak_hu=peak,
        end_hu=curves_hu[:, -5:].mean(axis=1),
        area=curves_hu.sum(axis=1) * dt_s,
        peak_s=time_s[smooth.argmax(axis=1)],
        rise_s=_half_way_s(smooth, peak, time_s),
        width_s=np.maximum((smooth > peak[:, None] / 2).sum(axis=1), 1) * dt_s,
    )


def _half_way_s(smooth: Float64, peak: Float64, time_s: Float64) -> Float64:
    """When each curve ``(V, N)`` passes half its `peak` on the way up, between two samples."""
    row, top = np.arange(len(smooth)), smooth.argmax(axis=1)
    below = (smooth < peak[:, None] / 2) & (np.arange(time_s.size) < top[:, None])
    last = np.where(below.any(axis=1), time_s.size - 1 - below[:, ::-1].argmax(axis=1), 0)
    low, high = smooth[row, last], smooth[row, np.minimum(last + 1, time_s.size - 1)]
    share = np.clip((peak / 2 - low) / np.maximum(high - low, 1e-6), 0, 1)
    return np.asarray(time_s[last] + share * (time_s[1] - time_s[0]))


def likeness_to(curves_hu: Float64, shapes: Float64) -> Float64:
    """Highest correlation of each curve ``(V, N)`` with one of the `shapes` ``(S, N)``."""
    return np.asarray((standardised(curves_hu) @ standardised(shapes).T).max(axis=1))


def standardised(curves: Float64) -> Float64:
    """Curves ``(V, N)`` of mean zero and unit length; flat ones stay zero."""
    centred = curves - curves.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9))
