"""Arterial input and venous output, found in the images without a click.

References
----------
Mouridsen 2006, Magn Reson Med 55:524 (automatic arterial input: high, early, narrow, smooth).
Riordan 2014, PLoS ONE 9:e97586 (venous scaling is an assumption, hence clamped and reported).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triage.bolus import Bolus
from triage.errors import AnalysisError
from triage.types import ArterialInput, Float32, Float64, Mask

CANDIDATE_SHARE = 0.005
"""Share of the voxels inside the skull with the highest peaks that may be vessels."""

FAINTEST_ARTERY_HU = 40.0
"""Peak enhancement below which nothing is a usable artery; a good bolus gives 150 to 400 HU."""

LONGEST_WIDTH_S = 20.0
"""Full width at half maximum above which a curve is not a first pass in an artery."""

HIGHEST_END = 0.6
"""Share of its peak at which an artery's curve may end."""

VOXELS = 10
"""Voxels averaged into each curve."""

VENOUS_DELAY_S = (1.0, 15.0)
"""A draining sinus peaks this much after the artery."""

VESSEL_SHARE = 0.2
"""Share of the vein's peak above which a voxel is a vessel: grey matter reaches a twentieth."""

VESSEL_HU = 25.0
"""Enhancement that grey matter and its noise do not reach, however weak the bolus."""

VENOUS_SCALES = (1.0, 3.0)
"""Limits of the partial-volume factor; beyond them the vein, not the artery, is in doubt."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """Features of curves, each ``(V,)``: height and end in HU, peak and width in seconds, unevenness."""

    peak_hu: Float64
    end_hu: Float64
    peak_s: Float64
    width_s: Float64
    roughness: Float64


def find_inputs(curves_hu: Float32, bolus: Bolus, voxels: Mask, away_from_bone: Mask) -> ArterialInput:
    """Arterial and venous curves from the enhancement ``(V, N)`` of `voxels` ``(Z, Y, X)``.

    Vessels are looked for `away_from_bone`, bool ``(Z, Y, X)``, whose edge would move into their curves. The arterial curve comes scaled for partial volume by the ratio of the venous to the arterial area.

    Raises
    ------
    AnalysisError
        When no voxel behaves like an artery.
    """
    index = np.argwhere(voxels)
    tall = _tallest(curves_hu, away_from_bone[voxels])
    candidates, at = curves_hu[tall].astype(np.float64), index[tall]
    time_s = bolus.time_s
    shape = _shape(candidates, time_s)
    arterial = _best(_arterial_score(shape, bolus), at, voxels.shape)
    artery = candidates[arterial].mean(axis=0)
    venous = _best(_venous_score(shape, float(time_s[artery.argmax()])), at, voxels.shape)
    vein = candidates[venous].mean(axis=0) if venous.size else artery
    scale = float(np.clip(vein.sum() / artery.sum(), *VENOUS_SCALES))
    return ArterialInput(time_s, artery * scale, vein, at[arterial], at[venous], scale)


def _tallest(curves_hu: Float32, allowed: Mask) -> NDArray[np.intp]:
    """Indices of the `allowed` voxels ``(V,)`` with the highest peaks, three samples averaged."""
    height = np.where(allowed, _height(curves_hu), 0)
    count = max(VOXELS, round(CANDIDATE_SHARE * len(curves_hu)))
    return np.flatnonzero((height >= np.partition(height, -count)[-count]) & (height >= FAINTEST_ARTERY_HU))


def _height(curves_hu: Float32) -> Float32:
    """Peaks ``(V,)``, three samples averaged."""
    return np.asarray((curves_hu[:, :-2] + curves_hu[:, 1:-1] + curves_hu[:, 2:]).max(axis=1) / 3)


def _shape(curves_hu: Float64, time_s: Float64) -> _Shape:
    smooth = ndimage.gaussian_filter1d(curves_hu, 0.7, axis=1, mode="nearest")
    peak = smooth.max(axis=1)
    bend = np.abs(np.diff(curves_hu, 2, axis=1)).mean(axis=1)
    return _Shape(
        peak_hu=peak,
        end_hu=curves_hu[:, -5:].mean(axis=1),
        peak_s=time_s[smooth.argmax(axis=1)],
        width_s=(smooth > peak[:, None] / 2).sum(axis=1) * float(time_s[1] - time_s[0]),
        roughness=bend / peak,
    )


def _arterial_score(shape: _Shape, bolus: Bolus) -> Float64:
    """High, early, narrow and smooth, and washed out at the end; zero for what cannot be an artery."""
    narrow = (shape.width_s <= LONGEST_WIDTH_S) & (shape.end_hu <= HIGHEST_END * shape.peak_hu)
    brain_peak_s = bolus.time_s[bolus.curve_hu.argmax()]
    possible = narrow & (shape.peak_s >= bolus.arrival_s) & (shape.peak_s <= brain_peak_s)
    if not possible.any():
        raise AnalysisError("no arterial input found: no vessel shows a first pass of contrast")
    earliest = np.percentile(shape.peak_s[possible], 10)
    lateness = np.exp(-np.maximum(shape.peak_s - earliest, 0) / 2.0)
    clean = 1 / (0.05 + shape.roughness)
    return np.where(
        possible, (shape.peak_hu - np.maximum(shape.end_hu, 0)) * lateness * clean / shape.width_s, 0.0
    )


def _venous_score(shape: _Shape, arterial_peak_s: float) -> Float64:
    """High and washed out at the end, among the curves that peak after the artery; rising ends are moving bone."""
    delay = shape.peak_s - arterial_peak_s
    later = (delay >= VENOUS_DELAY_S[0]) & (delay <= VENOUS_DELAY_S[1])
    return np.where(later, np.maximum(shape.peak_hu - 2 * np.maximum(shape.end_hu, 0), 0), 0.0)


def _best(score: Float64, index: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Candidates with the best scores, neighbours of one another: a lone bright voxel is noise or bone."""
    good = np.flatnonzero(score >= 0.3 * score.max()) if score.max() > 0 else np.array([], dtype=np.intp)
    map_ = np.zeros(shape, dtype=bool)
    map_[tuple(index[good].T)] = True
    labels, _ = ndimage.label(map_, np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel())
    grown = good[sizes[labels[tuple(index[good].T)]] >= 3] if good.size else good
    chosen = grown if grown.size else good
    return chosen[np.argsort(score[chosen])[::-1][:VOXELS]]


def like_vessels(curves_hu: Float32, inputs: ArterialInput) -> Mask:
    """Which curves ``(V, N)`` enhance like vessels rather than tissue."""
    return np.asarray(_height(curves_hu) > max(VESSEL_SHARE * inputs.venous_hu.max(), VESSEL_HU))
