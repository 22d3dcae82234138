"""Whose vessel feeds a lesion, by its place in the head alone: an estimate, not angiography.

The model knows two things: how far behind the front of the brain a place lies, as a share of the brain's length, and how
far from the mid-plane, as a share of half the brain's width. It does not know the height: a slab does not say where
it was cut from the head. Three regions follow the outlines of an axial atlas at the level of the basal ganglia:

* posterior cerebral: the hindmost part (occipital lobe), and near the mid-plane everything behind the middle of the
  brain (thalamus, medial temporal lobe);
* anterior cerebral: the strip beside the mid-plane in front of that;
* middle cerebral: the rest.

The posterior fossa is never named: without the height it cannot be told from the occipital lobe. Territories vary
between people, and the borders move by centimetres.

References
----------
Tatu 1998, Neurology 50:1699 (territories in axial sections); van der Zwan 1992, J Neurosurg 77:927 (their variation).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from triage.symmetry import MidPlane
from triage.types import Float64, Geometry, Mask, Territory

OCCIPITAL_SHARE = 0.75
"""Share of the brain's length, from the front, behind which all is posterior; Tatu 1998, sections through the ventricles."""

THALAMIC_SHARE = 0.5
"""Share of the length behind which what lies near the mid-plane is posterior."""

MEDIAL_SHARE = 0.2
"""Share of half the width within which a place is near the mid-plane: about 13 mm."""

EXTENT_PERCENTILES = (0.5, 99.5)
"""The brain ends here: single voxels beyond are not counted."""

SAMPLE = 20_000
"""Voxels the extent is taken from; more do not change it."""


@dataclass(frozen=True, slots=True)
class _Axes:
    """In-plane frame of the head: the mid-plane, and where the brain ends in front, behind and beside, in mm."""

    plane: MidPlane
    backwards: Float64
    front_mm: float
    back_mm: float
    half_width_mm: float

    def shares(self, points_mm: Float64) -> tuple[Float64, Float64]:
        """Of LPS points ``(K, 3)``: share of the length from the front, and share of half the width from the mid-plane."""
        behind = (points_mm @ self.backwards - self.front_mm) / (self.back_mm - self.front_mm)
        beside = np.abs(points_mm @ self.plane.normal - self.plane.offset_mm) / self.half_width_mm
        return behind, beside


def volumes_ml(area: Mask, brain: Mask, plane: MidPlane, geometry: Geometry) -> Mapping[Territory, float]:
    """Volume of `area` in each territory that holds some of it; `area` and `brain` are ``(Z, Y, X)``."""
    if not area.any():
        return {}
    behind, beside = _axes(brain, plane, geometry).shares(_points_mm(area, geometry))
    medial = beside < MEDIAL_SHARE
    posterior = (behind > OCCIPITAL_SHARE) | (medial & (behind > THALAMIC_SHARE))
    held = {
        Territory.ANTERIOR: medial & ~posterior,
        Territory.MIDDLE: ~medial & ~posterior,
        Territory.POSTERIOR: posterior,
    }
    return {name: float(mine.sum()) * geometry.voxel_ml for name, mine in held.items() if mine.any()}


def _axes(brain: Mask, plane: MidPlane, geometry: Geometry) -> _Axes:
    """Frame of the head from the mid-plane and the brain's own extent."""
    points = _points_mm(brain, geometry, most=SAMPLE)
    posterior = np.array([0.0, 1.0, 0.0])
    backwards = posterior - plane.normal * (plane.normal @ posterior)
    backwards /= np.linalg.norm(backwards)
    front, back = np.percentile(points @ backwards, EXTENT_PERCENTILES)
    beside = np.abs(points @ plane.normal - plane.offset_mm)
    return _Axes(
        plane, backwards, float(front), float(back), float(np.percentile(beside, EXTENT_PERCENTILES[1]))
    )


def _points_mm(mask: Mask, geometry: Geometry, most: int | None = None) -> Float64:
    """LPS positions ``(K, 3)`` of the voxels of `mask`, at most about `most` of them, evenly taken."""
    index = np.flatnonzero(mask)
    index = index[:: max(1, index.size // most)] if most else index
    voxels = np.stack(np.unravel_index(index, mask.shape), axis=-1)
    return np.asarray(voxels @ geometry.affine[:3, :3].T + geometry.affine[:3, 3])
