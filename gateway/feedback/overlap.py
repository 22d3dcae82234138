"""How a foreign core lies on ours: its volume, and the Dice coefficient of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gateway.feedback.outline import LONGEST_MM, Outline, Plane
from triage.errors import InputError

ML_PER_MM3 = 1e-3
ON_GRID = 0.05
"""Of a slice: planes nearer to one of ours were drawn on it."""
THINNEST_SLICE_MM = 0.2
"""Planes nearer than this are one slice with two positions."""
PARALLEL = 0.999
"""Cosine of the angle between two normals that are the same (2.6 degrees)."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Our core and where it lies.

    Attributes
    ----------
    core
        bool ``(Z, Y, X)``.
    affine
        float64 ``(4, 4)``; maps ``(z, y, x, 1)`` to LPS millimetres.
    """

    core: NDArray[np.bool_]
    affine: NDArray[np.float64]

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) * ML_PER_MM3

    @property
    def core_ml(self) -> float:
        """Volume of our core."""
        return float(self.core.sum()) * self.voxel_ml

    def points_mm(self) -> NDArray[np.float64]:
        """LPS positions of the voxels of our core, ``(n, 3)``."""
        inside = np.argwhere(self.core).astype(np.float64)
        return np.asarray(inside @ self.affine[:3, :3].T + self.affine[:3, 3])

    def holds(self, points_mm: NDArray[np.float64]) -> int:
        """How many of these points ``(n, 3)`` lie in voxels of our core."""
        indices = self._indices(points_mm)
        inside = ((indices >= 0) & (indices < self.core.shape)).all(axis=1)
        z, y, x = indices[inside].T
        return int(self.core[z, y, x].sum())

    def gap_of(self, planes: Sequence[Plane]) -> float | None:
        """Distance of our slices where all planes lie on them; None where they do not."""
        step = self.affine[:3, 0]
        length = float(np.linalg.norm(step))
        places = [np.linalg.solve(self.affine[:3, :3], p.origin_mm - self.affine[:3, 3])[0] for p in planes]
        on_grid = all(abs(place - round(place)) <= ON_GRID for place in places)
        parallel = all(abs(float(plane.normal @ step)) >= PARALLEL * length for plane in planes)
        return length if on_grid and parallel else None

    def _indices(self, points_mm: NDArray[np.float64]) -> NDArray[np.int64]:
        found = np.linalg.solve(self.affine[:3, :3], (points_mm - self.affine[:3, 3]).T).T
        return np.asarray(np.rint(found), np.int64)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Volumes in ml; the overlap is a Dice coefficient, None where there is nothing to compare."""

    core_ml: float
    ours_ml: float | None
    overlap: float | None


def compared(outline: Outline, ours: Grid | None, *, on_ours: bool) -> Comparison:
    """Compare an outline with our core of the same patient; `on_ours` says that it names our series as its images.

    Raises
    ------
    InputError
        Nothing says how far its slices lie apart.

    References
    ----------
    L. R. Dice, "Measures of the amount of ecologic association between species", Ecology 26 (1945) 297-302.
    """
    ours_ml = ours.core_ml if ours else None
    if not outline.planes:
        return Comparison(0.0, ours_ml, 0.0 if ours_ml else None)
    gap_mm = _gap(outline, ours if on_ours else None)
    slab_ml = gap_mm * ML_PER_MM3
    core_ml = sum(plane.voxel_mm2 * slab_ml * int(plane.mask.sum()) for plane in outline.planes)
    if ours is None or ours_ml is None:
        return Comparison(core_ml, None, None)
    shared_ml = sum(_shared(plane, gap_mm, ours) for plane in outline.planes)
    return Comparison(core_ml, ours_ml, min(1.0, 2 * shared_ml / (core_ml + ours_ml)))


def _shared(plane: Plane, gap_mm: float, ours: Grid) -> float:
    """Volume in ml that a slice shares with our core: counted in the smaller of both kinds of voxels."""
    voxel_ml = plane.voxel_mm2 * gap_mm * ML_PER_MM3
    if voxel_ml <= ours.voxel_ml:
        return ours.holds(plane.points_mm()) * voxel_ml
    return plane.holds(ours.points_mm(), gap_mm) * ours.voxel_ml


def _gap(outline: Outline, drawn_on: Grid | None) -> float:
    """Distance of slices: that of our `drawn_on`, else the least that its planes or its words allow."""
    if drawn_on and (gap_mm := drawn_on.gap_of(outline.planes)):
        return gap_mm
    places = sorted(float(plane.normal @ plane.origin_mm) for plane in outline.planes)
    apart = [b - a for a, b in pairwise(places) if b - a > THINNEST_SLICE_MM]
    known = [gap for gap in (*apart, outline.gap_mm) if gap is not None and gap <= LONGEST_MM]
    if not known:
        raise InputError("nothing says how far its slices lie apart")
    return min(known)
