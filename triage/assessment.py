"""From maps to the numbers of a case: side, core, hypoperfused tissue, mismatch.

References
----------
Campbell 2011, Stroke 42:3435 (relative CBF). Olivot 2009, Stroke 40:469 (Tmax > 6 s).
Olivot 2014, Stroke 45:1018 (hypoperfusion intensity ratio). Arenillas 2018, J Cereb Blood Flow Metab 38:1839 (CBV index).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from triage import territory
from triage.artefacts import Cause, bounding_box, cleaned, counted
from triage.calibration import relative_flow
from triage.errors import AnalysisError
from triage.symmetry import MidPlane
from triage.types import Float32, Geometry, Mask, PerfusionMaps, Side, Territory, Thresholds

TMAX_STEPS_S = (4.0, 6.0, 8.0, 10.0)
"""Delays whose volumes are reported; steps of the common reports."""

CBF_STEPS = (20, 30, 34, 38)
"""Percentages of normal CBF whose volumes are reported; steps of the common reports."""

NORMAL_TMAX_S = 4.0
"""Tissue that is less late than this may serve as the normal reference."""

BOTH_SIDES_SHARE = 0.6
"""A smaller side of at least this share of the larger one makes the lesion bilateral."""

EXCHANGES = (
    *((1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8), (0, 3)),
    *((5, 8), (4, 7), (3, 6), (1, 4), (2, 5), (4, 7), (4, 2), (6, 4), (4, 2)),
)
"""Pairs to put in order one after the other until the fifth of nine values is their median. Paeth 1990, Graphics Gems."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the thresholds find; volumes in ml, ratios without dimension and `None` where they have no meaning.

    Attributes
    ----------
    core, hypoperfused
        bool ``(Z, Y, X)``.
    late_s, relative_cbf
        Smoothed Tmax and CBF as a share of normal, float32 ``(Z, Y, X)``, NaN outside tissue; `late_s` is NaN too in
        what was taken off as an artefact. With `affected` they are all that `volumes_at` needs.
    affected
        Where a core may lie: the side of the lesion, bool ``(Z, Y, X)``.
    reference
        What flow is relative to, in words.
    territories_ml
        Hypoperfused volume by territory.
    removed_ml
        What looked hypoperfused and was not counted, by cause.
    """

    side: Side
    core: Mask
    hypoperfused: Mask
    late_s: Float32
    relative_cbf: Float32
    affected: Mask
    volumes_ml: Mapping[str, float]
    core_ml: float
    hypoperfused_ml: float
    mismatch_ml: float
    mismatch_ratio: float | None
    hypoperfusion_intensity_ratio: float | None
    cbv_index: float | None
    reference: str
    territories_ml: Mapping[Territory, float]
    removed_ml: Mapping[Cause, float]


@dataclass(frozen=True, slots=True)
class _Late:
    """Where perfusion is late: the delay without artefacts, the area, its side and the tissue it is compared with."""

    late_s: Float32
    area: Mask
    removed_ml: Mapping[Cause, float]
    side: Side
    affected: Mask
    normal: Mask


def assess(
    maps: PerfusionMaps, tissue: Mask, plane: MidPlane, geometry: Geometry, thresholds: Thresholds
) -> Assessment:
    """Apply the thresholds to the maps within `tissue` ``(Z, Y, X)``; `plane` tells left from right.

    Raises
    ------
    AnalysisError
        When no tissue is left that could serve as normal.
    """
    late = _late(maps, tissue, plane, geometry, thresholds)
    if not late.normal.any():
        raise AnalysisError("no normally perfused tissue to compare with: all of the brain is late")
    relative = relative_flow(maps.cbf_ml_per_100g_min, late.normal)
    relative[~tissue] = np.nan
    starved = np.where(late.area & late.affected, relative, np.nan)
    core = _poorer(starved, thresholds.core_relative_cbf, geometry)
    volumes = {
        f"tmax_gt_{step:.0f}": _ml(_later(late.late_s, step, geometry), geometry) for step in TMAX_STEPS_S
    }
    volumes |= {
        f"rcbf_lt_{step:02d}": _ml(_poorer(starved, step / 100, geometry), geometry) for step in CBF_STEPS
    }
    severe_ml = _ml(_later(late.late_s, thresholds.severe_tmax_s, geometry), geometry)
    core_ml, late_ml = _ml(core, geometry), _ml(late.area, geometry)
    return Assessment(
        side=late.side,
        core=core,
        hypoperfused=late.area,
        late_s=late.late_s,
        relative_cbf=relative,
        affected=late.affected,
        volumes_ml=volumes,
        core_ml=core_ml,
        hypoperfused_ml=late_ml,
        mismatch_ml=late_ml - core_ml,
        mismatch_ratio=_ratio(late_ml, core_ml),
        hypoperfusion_intensity_ratio=_ratio(severe_ml, late_ml),
        cbv_index=_cbv_index(maps.cbv_ml_per_100g, late.area & tissue, late.normal),
        reference=_reference(late.side, _ml(late.normal, geometry)),
        territories_ml=territory.volumes_ml(late.area, maps.brain, plane, geometry),
        removed_ml=late.removed_ml,
    )


def late_areas(
    maps: PerfusionMaps, tissue: Mask, geometry: Geometry, thresholds: Thresholds
) -> dict[str, Mask]:
    """Areas ``(Z, Y, X)`` behind the volumes ``tmax_gt_4`` and its like, by the same names."""
    late_s = median_3x3(maps.tmax_s, tissue)
    late_s[counted(late_s > thresholds.hypoperfused_tmax_s, maps.brain, geometry).beside] = np.nan
    return {f"tmax_gt_{step:.0f}": _later(late_s, step, geometry) for step in TMAX_STEPS_S}


def nominal_ml(
    uncorrected: PerfusionMaps, tissue: Mask, plane: MidPlane, geometry: Geometry, thresholds: Thresholds
) -> Mapping[str, float]:
    """``core_ml`` and ``hypoperfused_ml`` by the trials' rule as it is printed, without calibration.

    `uncorrected` carries Tmax from which no offset was subtracted; flow is compared with the plain median of normal
    tissue. Where there is none, the core is missing.
    """
    late = _late(uncorrected, tissue, plane, geometry, thresholds)
    found = {"hypoperfused_ml": _ml(late.area, geometry)}
    if not late.normal.any():
        return found
    cbf = uncorrected.cbf_ml_per_100g_min
    starved = np.where(late.area & late.affected & tissue, cbf / np.median(cbf[late.normal]), np.nan)
    return {"core_ml": _ml(_poorer(starved, thresholds.core_relative_cbf, geometry), geometry)} | found


def volumes_at(
    late_s: Float32, relative_cbf: Float32, affected: Mask, geometry: Geometry, thresholds: Thresholds
) -> tuple[float, float]:
    """Core and hypoperfused volume in ml of an assessment's maps ``(Z, Y, X)``, perturbed or on a coarser grid."""
    area = _later(late_s, thresholds.hypoperfused_tmax_s, geometry)
    starved = np.where(area & affected, relative_cbf, np.nan)
    return _ml(_poorer(starved, thresholds.core_relative_cbf, geometry), geometry), _ml(area, geometry)


def lesion_side(hypoperfused: Mask, left: Mask) -> Side:
    """The side with more hypoperfused tissue, both when they are alike, none when there is no such tissue."""
    on_left, on_right = int((hypoperfused & left).sum()), int((hypoperfused & ~left).sum())
    if on_left == on_right == 0:
        return Side.NONE
    if min(on_left, on_right) >= BOTH_SIDES_SHARE * max(on_left, on_right):
        return Side.BILATERAL
    return Side.LEFT if on_left > on_right else Side.RIGHT


def median_3x3(tmax_s: Float32, tissue: Mask) -> Float32:
    """In-plane median of Tmax in tissue, NaN elsewhere; a neighbour that is missing counts as the voxel itself."""
    smooth = np.full(tissue.shape, np.nan, np.float32)
    box = bounding_box(tissue)
    if box is None:
        return smooth
    for z in range(box[0].start, box[0].stop):
        here, inside = tmax_s[z][box[1:]], tissue[z][box[1:]]
        median = _median_of_nine(*(np.pad(part, 1) for part in (here, inside)))
        smooth[z][box[1:]] = np.where(inside, median, np.nan)
    return smooth


def _median_of_nine(values: Float32, inside: Mask) -> Float32:
    """Median among the neighbours of each pixel that is not on the edge of the slice ``(Y, X)``."""
    rows, columns = values.shape[0] - 2, values.shape[1] - 2
    windows = [(slice(y, y + rows), slice(x, x + columns)) for y, x in np.ndindex(3, 3)]
    centre = values[windows[4]]
    nine = [np.where(inside[window], values[window], centre) for window in windows]
    for low, high in EXCHANGES:
        nine[low], nine[high] = np.minimum(nine[low], nine[high]), np.maximum(nine[low], nine[high])
    return nine[4]


def _late(
    maps: PerfusionMaps, tissue: Mask, plane: MidPlane, geometry: Geometry, thresholds: Thresholds
) -> _Late:
    late_s, left = median_3x3(maps.tmax_s, tissue), plane.left(geometry)
    beyond = late_s > thresholds.hypoperfused_tmax_s
    found = counted(beyond, maps.brain, geometry)
    side = lesion_side(found.kept, left)
    normal = tissue & (late_s < NORMAL_TMAX_S) & _opposite(side, left)
    late_s[found.beside] = np.nan
    return _Late(late_s, found.kept, found.removed_ml, side, _affected(side, left), normal)


def _later(late_s: Float32, limit_s: float, geometry: Geometry) -> Mask:
    return cleaned(late_s > limit_s, geometry)


def _poorer(relative_cbf: Float32, limit: float, geometry: Geometry) -> Mask:
    """Cleaned area of low relative CBF; NaN marks what does not count, and cleaning must not add it."""
    return cleaned(relative_cbf < limit, geometry) & np.isfinite(relative_cbf)


def _affected(side: Side, left: Mask) -> Mask:
    return {Side.LEFT: left, Side.RIGHT: ~left}.get(side, np.ones_like(left))


def _opposite(side: Side, left: Mask) -> Mask:
    """The half to compare with; all of the brain when no half is healthy or both are."""
    return {Side.LEFT: ~left, Side.RIGHT: left}.get(side, np.ones_like(left))


def _reference(side: Side, normal_ml: float) -> str:
    half = {Side.LEFT: "the right hemisphere's", Side.RIGHT: "the left hemisphere's"}.get(
        side, "both hemispheres'"
    )
    return f"median flow of {half} tissue with Tmax below {NORMAL_TMAX_S:.0f} s, {normal_ml:.0f} ml"


def _ml(area: Mask, geometry: Geometry) -> float:
    return float(np.count_nonzero(area)) * geometry.voxel_ml


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _cbv_index(cbv: Float32, hypoperfused: Mask, normal: Mask) -> float | None:
    """Mean blood volume where flow is late relative to normal tissue."""
    return float(cbv[hypoperfused].mean() / cbv[normal].mean()) if hypoperfused.any() else None
