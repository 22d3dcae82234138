"""From maps to the numbers of a case: side, core, hypoperfused tissue, mismatch.

References
----------
Campbell 2011, Stroke 42:3435 (relative CBF). Olivot 2009, Stroke 40:469 (Tmax > 6 s).
Olivot 2014, Stroke 45:1018 (hypoperfusion intensity ratio). Arenillas 2018, J Cereb Blood Flow Metab 38:1839 (CBV index).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from triage.calibration import relative_flow
from triage.errors import AnalysisError
from triage.symmetry import MidPlane
from triage.types import Float32, Geometry, Mask, PerfusionMaps, Side, Thresholds

TMAX_STEPS_S = (4.0, 6.0, 8.0, 10.0)
"""Delays whose volumes are reported; steps of the common reports."""

CBF_STEPS = (20, 30, 34, 38)
"""Percentages of normal CBF whose volumes are reported; steps of the common reports."""

NORMAL_TMAX_S = 4.0
"""Tissue that is less late than this may serve as the normal reference."""

SMALLEST_CLUSTER_ML = 1.0
"""Smaller clusters are noise: a ball of 12 mm."""

CLOSING_MM = 2.0
"""Radius of gaps that are bridged and of threads that are cut."""

BOTH_SIDES_SHARE = 0.6
"""A smaller side of at least this share of the larger one makes the lesion bilateral."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """Masks bool ``(Z, Y, X)``, volumes in ml, ratios without dimension; `None` where a ratio has no meaning."""

    side: Side
    core: Mask
    hypoperfused: Mask
    volumes_ml: Mapping[str, float]
    core_ml: float
    hypoperfused_ml: float
    mismatch_ml: float
    mismatch_ratio: float | None
    hypoperfusion_intensity_ratio: float | None
    cbv_index: float | None


def assess(
    maps: PerfusionMaps, tissue: Mask, plane: MidPlane, geometry: Geometry, thresholds: Thresholds
) -> Assessment:
    """Apply the thresholds to the maps within `tissue` ``(Z, Y, X)``; `plane` tells left from right.

    Raises
    ------
    AnalysisError
        When no tissue is left that could serve as normal.
    """
    late_s = median_3x3(maps.tmax_s, tissue)
    hypoperfused = _later(late_s, thresholds.hypoperfused_tmax_s, geometry)
    left = plane.left(geometry)
    side = lesion_side(hypoperfused, left)
    normal = tissue & (late_s < NORMAL_TMAX_S) & _opposite(side, left)
    if not normal.any():
        raise AnalysisError("no normally perfused tissue to compare with: all of the brain is late")
    relative = relative_flow(maps.cbf_ml_per_100g_min, normal)
    starved = np.where(hypoperfused & tissue & _affected(side, left), relative, np.inf)
    core = _poorer(starved, thresholds.core_relative_cbf, geometry)
    volumes = {f"tmax_gt_{step:.0f}": _ml(_later(late_s, step, geometry), geometry) for step in TMAX_STEPS_S}
    volumes |= {
        f"rcbf_lt_{step:02d}": _ml(_poorer(starved, step / 100, geometry), geometry) for step in CBF_STEPS
    }
    severe_ml = _ml(_later(late_s, thresholds.severe_tmax_s, geometry), geometry)
    core_ml, late_ml = _ml(core, geometry), _ml(hypoperfused, geometry)
    return Assessment(
        side=side,
        core=core,
        hypoperfused=hypoperfused,
        volumes_ml=volumes,
        core_ml=core_ml,
        hypoperfused_ml=late_ml,
        mismatch_ml=late_ml - core_ml,
        mismatch_ratio=_ratio(late_ml, core_ml),
        hypoperfusion_intensity_ratio=_ratio(severe_ml, late_ml),
        cbv_index=_cbv_index(maps.cbv_ml_per_100g, hypoperfused & tissue, normal),
    )


def lesion_side(hypoperfused: Mask, left: Mask) -> Side:
    """The side with more hypoperfused tissue, both when they are alike, none when there is no such tissue."""
    on_left, on_right = int((hypoperfused & left).sum()), int((hypoperfused & ~left).sum())
    if not hypoperfused.any():
        return Side.NONE
    if min(on_left, on_right) >= BOTH_SIDES_SHARE * max(on_left, on_right):
        return Side.BILATERAL
    return Side.LEFT if on_left > on_right else Side.RIGHT


def median_3x3(tmax_s: Float32, tissue: Mask) -> Float32:
    """In-plane median of Tmax in tissue, zero elsewhere; what is missing takes the nearest tissue's value."""
    box = ndimage.find_objects(tissue.astype(np.uint8))[0]
    smooth = np.zeros(tissue.shape, np.float32)
    nearest = ndimage.distance_transform_edt(
        ~tissue[box], sampling=(1e3, 1, 1), return_distances=False, return_indices=True
    )
    filled = tmax_s[box][tuple(nearest)]
    smooth[box] = np.where(tissue[box], ndimage.median_filter(filled, (1, 3, 3)), 0)
    return smooth


def cleaned(area: Mask, geometry: Geometry) -> Mask:
    """Gaps bridged, threads cut, small clusters dropped."""
    box = ndimage.find_objects(area.astype(np.uint8))
    if not box:
        return area
    disc, margin = _disc(geometry)
    padded = np.pad(area[box[0]], ((0, 0), (margin, margin), (margin, margin)))
    smooth = ndimage.binary_opening(ndimage.binary_closing(padded, disc), disc)
    labels, _ = ndimage.label(smooth, ndimage.generate_binary_structure(3, 2))
    large = np.bincount(labels.ravel()) * geometry.voxel_ml >= SMALLEST_CLUSTER_ML
    large[0] = False
    result = np.zeros_like(area)
    result[box[0]] = large[labels][:, margin:-margin, margin:-margin]
    return result


def _disc(geometry: Geometry) -> tuple[Mask, int]:
    """In-plane structuring element of the closing radius, and its reach in pixels, at least one."""
    reach = max(1, round(CLOSING_MM / geometry.spacing_mm[2]))
    y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    return (y**2 + x**2 <= reach**2)[None], reach


def _later(late_s: Float32, limit_s: float, geometry: Geometry) -> Mask:
    return cleaned(late_s > limit_s, geometry)


def _poorer(relative_cbf: Float32, limit: float, geometry: Geometry) -> Mask:
    """Cleaned area of low relative CBF; infinity marks what does not count, and cleaning must not add it."""
    return cleaned(relative_cbf < limit, geometry) & np.isfinite(relative_cbf)


def _affected(side: Side, left: Mask) -> Mask:
    return {Side.LEFT: left, Side.RIGHT: ~left}.get(side, np.ones_like(left))


def _opposite(side: Side, left: Mask) -> Mask:
    """The half to compare with; all of the brain when no half is healthy or both are."""
    return {Side.LEFT: ~left, Side.RIGHT: left}.get(side, np.ones_like(left))


def _ml(area: Mask, geometry: Geometry) -> float:
    return float(area.sum()) * geometry.voxel_ml


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _cbv_index(cbv: Float32, hypoperfused: Mask, normal: Mask) -> float | None:
    """Mean blood volume where flow is late relative to normal tissue."""
    return float(cbv[hypoperfused].mean() / cbv[normal].mean()) if hypoperfused.any() else None
