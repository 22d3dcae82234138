"""Arterial input and venous output, found in the images without a click.

References
----------
Mouridsen 2006, Magn Reson Med 55:524 (automatic arterial input: high, early, narrow, smooth).
Riordan 2014, PLoS ONE 9:e97586 (venous scaling is an assumption, hence clamped and reported).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from triage.bolus import Bolus
from triage.errors import AnalysisError, InputError
from triage.first_pass import (
    FAINTEST_ARTERY_HU,
    Shape,
    first_passes,
    height,
    likely_vessels,
    likeness_to,
    rebased,
    shape_of,
    standardised,
)
from triage.types import ArterialInput, Float32, Float64, Mask

LONGEST_WIDTH_S = 20.0
"""Full width at half maximum above which a curve is not a first pass in an artery."""

HIGHEST_END = 0.6
"""Share of its peak at which an artery's curve may end."""

VOXELS = 10
"""Voxels averaged into the arterial curve."""

VENOUS_VOXELS = 20
"""Voxels averaged into the venous curve; sinuses are wide."""

CONSENSUS_VOXELS = 40
"""First guesses whose common shape the others are held against."""

CLARITY = 8
"""Power of the share of first pass in a curve, for the first guesses: arteries have 0.8 to 0.95, moving bone 0.4."""

TRIMMED = 0.2
"""Share of the voxels that does not count, at either end and instant: motion takes a voxel out of its vessel."""

EARLY_S, LATE_S = 0.5, 1.0
"""Half-way rise after the earliest arteries that costs nothing, and the further one that costs a factor of e."""

LEAST_LIKE = 0.9
"""Correlation with the expected shape at which a voxel counts nothing; moving bone reaches about as much."""

VENOUS_LIKENESS = 0.98
"""Correlation with the artery after one transit at which noise and moving bone have little share in a curve."""

VENOUS_POOL = 60
"""Fewest voxels of the best likeness that are considered, when noise leaves few of that likeness."""

VENOUS_SKIPPED = 0.15
"""Share of the pool, the highest, that is left out: sinuses touch the skull, whose edge adds up to half in motion."""

VENOUS_DELAY_S = (1.0, 15.0)
"""A draining sinus peaks this much after the artery."""

VENOUS_TRANSITS_S = (1.5, 3.0, 5.0, 8.0)
"""Mean transit times between artery and sinus that are tried."""

VENOUS_TRANSPORTS_S = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Transport delays between artery and sinus that are tried."""

NEIGHBOURHOOD = 4
"""Voxels around the heart of a candidate that belong to it: about 4 mm on the working grid."""

CANDIDATES, CANDIDATE_VOXELS = 8, 5
"""Arterial candidates that are kept, and voxels averaged into each."""

WORST_CANDIDATE = 0.25
"""Share of the best score below which a place is no candidate."""

FEWEST_TOGETHER = 3
"""Voxels of a vessel that touch: a lone bright voxel is noise or bone."""

VESSEL_SHARE = 0.2
"""Share of the vein's peak above which a voxel is a vessel: grey matter reaches a twentieth."""

VESSEL_HU = 25.0
"""Enhancement that grey matter and its noise do not reach, however weak the bolus."""

VENOUS_SCALES = (1.0, 3.0)
"""Limits of the partial-volume factor; beyond them the vein, not the artery, is in doubt."""


class NamedVoxelsError(InputError):
    """Voxels that a caller named as arterial are none."""


class NoArterialInputError(AnalysisError):
    """No voxel behaves like an artery: times to peak can be told, flow cannot."""


def find_inputs(
    curves_hu: Float32,
    bolus: Bolus,
    voxels: Mask,
    away_from_bone: Mask,
    named: NDArray[np.int64] | None = None,
) -> ArterialInput:
    """Arterial and venous curves from the enhancement ``(V, N)`` of `voxels` ``(Z, Y, X)``.

    Vessels are looked for `away_from_bone`, bool ``(Z, Y, X)``, whose edge would move into their curves. The arterial
    curve comes scaled for partial volume by the ratio of the venous to the arterial area. Voxels `named` by the
    caller, int64 ``(K, 3)`` as (z, y, x), take the place of the ones found.

    Raises
    ------
    NoArterialInputError
        When no voxel behaves like an artery.
    NamedVoxelsError
        When a named voxel lies outside the grid or the brain, or shows no contrast.
    """
    likely = likely_vessels(curves_hu, bolus, away_from_bone[voxels])
    at = _places(voxels, likely)
    candidates = rebased(curves_hu[likely], bolus)
    shape = shape_of(candidates, bolus.time_s)
    if named is None:
        score = _arterial_score(candidates, shape, bolus)
        best = _best(score, at, VOXELS)
        artery, arterial_at = _robust_mean(candidates[best]), at[best]
        kept = _kept(score, candidates, at)
    else:
        artery, arterial_at = _named_curve(curves_hu, bolus, voxels, named), np.array(named)
        kept = artery[None], np.ones(1), arterial_at[:1].copy()
    venous = _veins(candidates, shape, artery, bolus.time_s)
    vein = _robust_mean(candidates[venous]) if venous.size else artery.copy()
    scale = float(np.clip(vein.sum() / artery.sum(), *VENOUS_SCALES))
    return ArterialInput(bolus.time_s, artery * scale, vein, arterial_at, at[venous], scale, *kept)


def like_vessels(curves_hu: Float32, inputs: ArterialInput) -> Mask:
    """Which curves ``(V, N)`` enhance like vessels rather than tissue."""
    return np.asarray(height(curves_hu) > max(VESSEL_SHARE * inputs.venous_hu.max(), VESSEL_HU))


def _places(voxels: Mask, rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """Indices (z, y, x) ``(K, 3)`` of the curves in these `rows`."""
    flat = np.flatnonzero(voxels)[rows]
    return np.stack(np.unravel_index(flat, voxels.shape), axis=-1).astype(np.int64)


def _arterial_score(curves_hu: Float64, shape: Shape, bolus: Bolus) -> Float64:
    """Large in area, early, and of the shape that the first guesses share; zero for what cannot be an artery.

    The area, not the peak, tells a pure voxel: what drifts out of its vessel loses the second half of its curve.
    """
    narrow = (shape.width_s <= LONGEST_WIDTH_S) & (shape.end_hu <= HIGHEST_END * shape.peak_hu)
    brain_peak_s = bolus.time_s[bolus.curve_hu.argmax()]
    possible = narrow & (shape.peak_s >= bolus.arrival_s) & (shape.peak_s <= brain_peak_s)
    guess = _first_guesses(curves_hu, shape, bolus, possible)
    likeness = likeness_to(curves_hu, np.median(curves_hu[guess] / shape.peak_hu[guess, None], axis=0)[None])
    alike = possible & (likeness > (1 + LEAST_LIKE) / 2)
    score = shape.area * _earliness(shape.rise_s, alike if alike.any() else possible) * _credit(likeness)
    score = np.where(possible, np.maximum(score, 0), 0)
    _require_artery(bool(score.any()))
    return score


def _first_guesses(curves_hu: Float64, shape: Shape, bolus: Bolus, possible: Mask) -> NDArray[np.intp]:
    """Curves with the clearest high, early and narrow first pass."""
    _require_artery(bool(possible.any()))
    clear = np.clip((standardised(curves_hu) @ first_passes(bolus).T).max(axis=1), 0, 1) ** CLARITY
    merit = np.where(possible, shape.peak_hu * clear * _earliness(shape.rise_s, possible) / shape.width_s, 0)
    _require_artery(bool(merit.any()))
    best = np.argsort(merit)[::-1][:CONSENSUS_VOXELS]
    return np.asarray(best[merit[best] > 0])


def _require_artery(found: bool) -> None:  # noqa: FBT001 - reads as an assertion
    if not found:
        raise NoArterialInputError("no arterial input found: no vessel shows a first pass of contrast")


def _earliness(rise_s: Float64, among: Mask) -> Float64:
    """One for the earliest of `among`, less for later ones: branches beyond an occlusion fill late."""
    later = rise_s - np.percentile(rise_s[among], 10) - EARLY_S
    return np.exp(-np.maximum(later, 0) / LATE_S)


def _credit(likeness: Float64) -> Float64:
    """From zero at the least likeness to one."""
    return np.clip((likeness - LEAST_LIKE) / (1 - LEAST_LIKE), 0, 1)


def _veins(curves_hu: Float64, shape: Shape, artery_hu: Float64, time_s: Float64) -> NDArray[np.intp]:
    """Curves that are high, later than the artery, and shaped like the artery after one transit."""
    delay = shape.peak_s - float(time_s[artery_hu.argmax()])
    later = (delay >= VENOUS_DELAY_S[0]) & (delay <= VENOUS_DELAY_S[1])
    likeness = np.where(later, likeness_to(curves_hu, _after_one_transit(artery_hu, time_s)), 0)
    ranked = np.argsort(likeness)[::-1][: max(VENOUS_POOL, int((likeness > VENOUS_LIKENESS).sum()))]
    pool = ranked[likeness[ranked] > LEAST_LIKE]
    by_height = pool[np.argsort(shape.peak_hu[pool])[::-1]]
    return by_height[int(VENOUS_SKIPPED * pool.size) :][:VENOUS_VOXELS]


def _after_one_transit(artery_hu: Float64, time_s: Float64) -> Float64:
    """The arterial curve as it may leave the brain, ``(S, N)``: exponential transit, then transport."""
    since = time_s - time_s[0]
    passed = [np.convolve(artery_hu, np.exp(-since / transit))[: since.size] for transit in VENOUS_TRANSITS_S]
    return np.stack(
        [np.interp(since - later, since, curve, left=0) for curve in passed for later in VENOUS_TRANSPORTS_S]
    )


def _best(score: Float64, at: NDArray[np.int64], count: int) -> NDArray[np.intp]:
    """The `count` candidates with the best scores, neighbours of one another where there are such."""
    good = np.flatnonzero(score >= 0.3 * score.max()) if score.size and score.max() > 0 else np.array([], int)
    if good.size == 0:
        return good
    touching = cKDTree(at[good]).query_ball_point(at[good], 1.5, p=np.inf, return_length=True)
    grown = good[touching >= FEWEST_TOGETHER]
    chosen = grown if grown.size else good
    return chosen[np.argsort(score[chosen])[::-1][:count]]


def _kept(
    score: Float64, curves_hu: Float64, at: NDArray[np.int64]
) -> tuple[Float64, Float64, NDArray[np.int64]]:
    """Candidates from distinct places, best first: curves, scores as shares of the best, and hearts."""
    ranked = _best(score, at, score.size)
    curves: list[Float64] = []
    scores: list[float] = []
    hearts: list[NDArray[np.int64]] = []
    while ranked.size and len(curves) < CANDIDATES and score[ranked[0]] >= WORST_CANDIDATE * score.max():
        near = np.abs(at[ranked] - at[ranked[0]]).max(axis=1) <= NEIGHBOURHOOD
        mine = ranked[near][:CANDIDATE_VOXELS]
        curves.append(_robust_mean(curves_hu[mine]))
        scores.append(float(score[mine].mean()))
        hearts.append(at[ranked[0]])
        ranked = ranked[~near]
    order = np.argsort(scores)[::-1]
    return np.array(curves)[order], np.array(scores)[order] / max(scores), np.array(hearts)[order]


def _robust_mean(curves_hu: Float64) -> Float64:
    """Mean curve ``(N,)`` of ``(V, N)`` without the extremes of each instant."""
    cut = int(TRIMMED * len(curves_hu))
    return np.asarray(np.sort(curves_hu, axis=0)[cut : len(curves_hu) - cut].mean(axis=0))


def _named_curve(curves_hu: Float32, bolus: Bolus, voxels: Mask, named: NDArray[np.int64]) -> Float64:
    """Mean curve ``(N,)`` of the voxels the caller named."""
    places = np.asarray(named)
    _require_named(
        places.ndim == 2 and places.shape[1:] == (3,) and len(places) > 0 and places.dtype.kind in "iu",
        f"arterial voxels must be whole numbers (K, 3) as (z, y, x), got {places.dtype} {places.shape}",
    )
    for place in places.tolist():
        on_grid = all(0 <= i < size for i, size in zip(place, voxels.shape, strict=True))
        _require_named(on_grid, f"arterial voxel {tuple(place)} lies outside the grid {voxels.shape}")
        _require_named(bool(voxels[tuple(place)]), f"arterial voxel {tuple(place)} lies outside the brain")
    rows = np.searchsorted(np.flatnonzero(voxels), np.ravel_multi_index(tuple(places.T), voxels.shape))
    curve = _robust_mean(rebased(curves_hu[rows], bolus))
    peak_hu = float(height(curve[None].astype(np.float32))[0])
    _require_named(
        peak_hu >= FAINTEST_ARTERY_HU,
        f"the arterial voxels named enhance by {peak_hu:.0f} HU only: at least {FAINTEST_ARTERY_HU:.0f} are needed",
    )
    return curve


def _require_named(condition: bool, message: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not condition:
        raise NamedVoxelsError(message)
