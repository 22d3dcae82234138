"""Named rules that take false areas off the lesion, each with its reason and how much it took.

Outside the lesion, 1 to 11 ml of tissue of a simulated patient measured Tmax > 6 s: scattered voxels, of which 50 to
80 % lay next to vessels (15 % of all tissue does), 20 to 50 % next to the skull (4 %), 10 to 50 % next to fluid (3 %).
Two rules are enough for them. Threads and small clusters are noise. What is left in poor scans are clusters of 1 to
2.5 ml beside the ventricles, in each of which fluid was near to 25 to 70 % of the voxels, to 1 % of a lesion's.

Rules that earned nothing are left out. Along the skull no false cluster survived the first rule. Clusters along
vessels did, but vessels are near to 15 to 40 % of their voxels and to up to 28 % of a small lesion's. Delay at mirrored
places, as a narrow carotid or a weak heart gives, cannot be told from two strokes; it is measured and said, not removed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triage.symmetry import MidPlane
from triage.types import Float32, Geometry, Mask

SMALLEST_CLUSTER_ML = 1.0
"""Smaller clusters are noise: a ball of 12 mm."""

CLOSING_MM = 2.0
"""Radius of gaps that are bridged and of threads that are cut."""

FLUID_REACH_MM = 4.0
"""Fluid blends into voxels as far as this: half a smoothing width of the denoised curves."""

FLUID_SHARE = 0.4
"""Share of a cluster near fluid that makes it an effect of the fluid."""

LARGEST_FLUID_CLUSTER_ML = 3.0
"""A larger area beside fluid is a lesion in a brain with wide sulci; the largest false one measured 2.3 ml."""

ALIKE_S = 1.5
"""Delays at mirrored places that differ by less than this are the same delay."""


class Cause(StrEnum):
    """Why an area that looked late was not counted."""

    SCATTERED = "scattered"
    FLUID = "fluid"


REASONS: Mapping[Cause, str] = {
    Cause.SCATTERED: "threads and small clusters, which are noise",
    Cause.FLUID: "small clusters beside fluid, which shares their voxels and does not enhance",
}


@dataclass(frozen=True, slots=True)
class Removal:
    """What is left of an area, its clusters beside fluid, both bool ``(Z, Y, X)``, and how much each cause took in ml."""

    kept: Mask
    beside: Mask
    removed_ml: Mapping[Cause, float]


def counted(late: Mask, brain: Mask, geometry: Geometry) -> Removal:
    """What counts of the voxels that are `late`; `brain` is what is not fluid, both ``(Z, Y, X)``."""
    gathered = cleaned(late, geometry)
    beside = _beside_fluid(gathered, brain, geometry)
    kept = gathered & ~beside
    removed = {Cause.SCATTERED: late & ~gathered, Cause.FLUID: beside}
    return Removal(
        kept,
        beside,
        {cause: float(area.sum()) * geometry.voxel_ml for cause, area in removed.items() if area.any()},
    )


def _beside_fluid(area: Mask, brain: Mask, geometry: Geometry) -> Mask:
    """Small clusters of `area` much of which is near fluid."""
    labels, count = ndimage.label(area, CONNECTED)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    small = sizes * geometry.voxel_ml <= LARGEST_FLUID_CLUSTER_ML
    small[0] = False
    if not small.any():
        return np.zeros_like(area)
    near = np.bincount(labels[_widened(_fluid(brain), FLUID_REACH_MM, geometry)], minlength=count + 1)
    return np.asarray((small & (near >= FLUID_SHARE * sizes))[labels])


def mirrored_share(late_s: Float32, area: Mask, plane: MidPlane, geometry: Geometry) -> float:
    """Share of `area` whose opposite place is as late; delays ``(Z, Y, X)``, NaN where there is none."""
    if not area.any():
        return 0.0
    index = np.argwhere(area)
    there = late_s[tuple(_opposite(index, plane, geometry).T)]
    return float((np.abs(late_s[area] - there) < ALIKE_S).mean())


def _opposite(index: NDArray[np.int64], plane: MidPlane, geometry: Geometry) -> NDArray[np.int64]:
    """Nearest voxels ``(K, 3)`` to the mirror images of voxels ``(K, 3)``, moved to the edge of the grid if outside."""
    axes, origin = geometry.affine[:3, :3], geometry.affine[:3, 3]
    points = index @ axes.T + origin
    height = points @ plane.normal - plane.offset_mm
    mirrored = (points - 2 * height[:, None] * plane.normal - origin) @ np.linalg.inv(axes).T
    return np.clip(np.rint(mirrored).astype(np.int64), 0, np.array(geometry.shape) - 1)


def cleaned(area: Mask, geometry: Geometry) -> Mask:
    """Gaps bridged, threads cut, small clusters dropped."""
    box = bounding_box(area)
    if box is None:
        return area
    disc, reach = _disc(CLOSING_MM, geometry)
    planes = np.pad(np.packbits(area[box], axis=0), ((0, 0), (2 * reach, 2 * reach), (2 * reach, 2 * reach)))
    closed = _eroded(_dilated(planes, disc), disc)
    opened = _dilated(_eroded(closed, disc), disc)
    inner = opened[:, 2 * reach : -2 * reach, 2 * reach : -2 * reach]
    smooth = np.unpackbits(inner, axis=0, count=box[0].stop - box[0].start)
    labels, _ = ndimage.label(smooth, CONNECTED)
    large = np.bincount(labels.ravel()) * geometry.voxel_ml >= SMALLEST_CLUSTER_ML
    large[0] = False
    result = np.zeros_like(area)
    result[box] = large[labels]
    return result


CONNECTED = ndimage.generate_binary_structure(3, 2)
"""Neighbours share a face or an edge."""


def bounding_box(area: Mask) -> tuple[slice, slice, slice] | None:
    """Smallest box around the true voxels of ``(Z, Y, X)``, None when there are none."""
    in_plane = np.asarray(area.any(axis=0))
    extents = (area.any(axis=(1, 2)), in_plane.any(axis=1), in_plane.any(axis=0))
    places = [np.flatnonzero(extent) for extent in extents]
    if not places[0].size:
        return None
    z, y, x = (slice(int(place[0]), int(place[-1]) + 1) for place in places)
    return z, y, x


Packed = NDArray[np.uint8]
"""Masks with eight slices in the bits of one byte, so that in-plane work on all of them is one operation."""


def _fluid(brain: Mask) -> Mask:
    """What the brain encloses in a slice without being brain."""
    return np.stack([ndimage.binary_fill_holes(plane) for plane in brain]) & ~brain


def _widened(mask: Mask, reach_mm: float, geometry: Geometry) -> Mask:
    disc, reach = _disc(reach_mm, geometry)
    padded = np.pad(np.packbits(mask, axis=0), ((0, 0), (reach, reach), (reach, reach)))
    wide = _dilated(padded, disc)[:, reach:-reach, reach:-reach]
    return np.unpackbits(wide, axis=0, count=mask.shape[0]).astype(bool)


def _disc(radius_mm: float, geometry: Geometry) -> tuple[list[tuple[int, int]], int]:
    """Offsets of an in-plane disc, and its reach in pixels, at least one."""
    reach = max(1, round(radius_mm / geometry.spacing_mm[2]))
    steps = range(-reach, reach + 1)
    return [(y, x) for y in steps for x in steps if y * y + x * x <= reach * reach], reach


def _dilated(planes: Packed, disc: list[tuple[int, int]]) -> Packed:
    """Union of the planes shifted by each offset; what leaves an edge comes back at the other, hence the padding."""
    grown = planes.copy()
    for y, x in disc:
        grown |= np.roll(planes, (y, x), axis=(1, 2))
    return grown


def _eroded(planes: Packed, disc: list[tuple[int, int]]) -> Packed:
    """Complement of the widened complement."""
    return np.asarray(~_dilated(~planes, disc))
