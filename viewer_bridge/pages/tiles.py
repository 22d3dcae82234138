"""Single slices as pictures: the mean CT with overlays, and parametric maps in colour.

Tiles follow the radiological convention whatever the scanner's axes: the patient's right is on the reader's left,
anterior is up, and montages climb from the skull base to the vertex.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from triage.types import Findings, Float32, Geometry, Mask, TissueClass
from viewer_bridge.pages.colour_maps import MAP_LOOKS, MISSING_RGB, Rgb, colourise

BRAIN_WINDOW_HU = (0.0, 80.0)
"""The customary brain window, centre 40 width 80."""

CORE_RGB = (255, 0, 0)
HYPOPERFUSED_RGB = (0, 200, 0)
"""The colours of stroke software, and of the segments in the SEG object."""

NETWORK_RGB = (96, 208, 255)
"""Outline of a network's core: light blue is told from red and green by every kind of colour vision."""

OVERLAY_OPACITY = 0.5
"""Half of the anatomy stays visible under an overlay; its border is drawn solid."""

OPAQUE = 255

MAP_MARGIN = 0.03
SKULL_MARGIN = 0.11
"""Room left around the brain on each side, as a part of the brain; the mean CT shows the skull too."""

SMALLEST_BRAIN_AREA = 0.05
"""Slices with less brain than this part of the largest slice are left out of montages."""

Voxel = TypeVar("Voxel", bound=np.generic)

Size = tuple[int, int]
"""Width and height in pixels."""


def radiological(volume: NDArray[Voxel], geometry: Geometry) -> NDArray[Voxel]:
    """Turn ``(Z, Y, X)`` so that Z climbs, Y runs to posterior and X to the patient's left."""
    z, y, x = (1 if geometry.affine[row, column] >= 0 else -1 for column, row in enumerate((2, 1, 0)))
    return volume[::z, ::y, ::x]


def slice_numbers(geometry: Geometry) -> list[int]:
    """Instance number in the reference series of each slice of `radiological`."""
    numbers = range(1, geometry.shape[0] + 1)
    return list(numbers if geometry.affine[2, 0] >= 0 else reversed(numbers))


@dataclass(frozen=True, slots=True)
class Crop:
    """A window on a slice, in voxels of the radiological volume; may reach over the edge."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def around(cls, brain: Mask, margin: float) -> Self:
        """Smallest window around the brain of all slices, widened by `margin`; the whole slice without a brain."""
        seen = np.logical_or.reduce(brain) if brain.any() else np.ones(brain.shape[1:], dtype=bool)
        rows, columns = np.logical_or.reduce(seen, axis=1), np.logical_or.reduce(seen, axis=0)
        (top, height), (left, width) = _widened(rows, margin), _widened(columns, margin)
        return cls(top, left, height, width)

    def cut(self, plane: NDArray[Any], fill: float) -> NDArray[Any]:
        """Window of `plane` ``(Y, X)``; `fill` where it reaches over the edge."""
        room = max(self.height, self.width)
        padded = np.pad(plane, room, constant_values=fill)
        top, left = self.top + room, self.left + room
        return padded[top : top + self.height, left : left + self.width]


def _widened(occupied: NDArray[np.bool_], margin: float) -> tuple[int, int]:
    """Start and length of the occupied stretch of an axis, widened on both sides."""
    where = np.flatnonzero(occupied)
    first, last = int(where[0]), int(where[-1])
    extra = round((last - first + 1) * margin)
    return first - extra, last - first + 1 + 2 * extra


def chosen_slices(brain: Mask, lesion: Mask, most: int) -> list[int]:
    """Pick at most `most` slices that hold brain, evenly; of each group the one with the largest lesion.

    Examples
    --------
    >>> brain, lesion = np.ones((6, 2, 2), bool), np.zeros((6, 2, 2), bool)
    >>> lesion[2] = True
    >>> chosen_slices(brain, lesion, 2)
    [2, 4]
    """
    area = brain.sum(axis=(1, 2))
    candidates = np.flatnonzero(area > SMALLEST_BRAIN_AREA * area.max())
    candidates = candidates if candidates.size else np.arange(len(brain))
    burden = lesion.sum(axis=(1, 2))
    groups = np.array_split(candidates, min(most, candidates.size))
    return [int(max(group, key=lambda z: (burden[z], -abs(z - np.median(group))))) for group in groups]


def windowed(plane_hu: Float32) -> Rgb:
    """CT slice as grey RGB in the brain window."""
    low, high = BRAIN_WINDOW_HU
    grey = np.clip((np.nan_to_num(plane_hu, nan=low) - low) / (high - low), 0.0, 1.0) * OPAQUE
    return np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=-1)


def enlarged(picture: Rgb, size_px: Size) -> Rgb:
    """Resize a picture smoothly."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.array(image.resize(size_px, Image.Resampling.BICUBIC))


def enlarged_mask(mask: Mask, size_px: Size) -> Mask:
    """Resize a mask; its edge is the half-way line between voxels."""
    image = Image.fromarray(mask.astype(np.uint8) * OPAQUE)
    return np.asarray(image.resize(size_px, Image.Resampling.BILINEAR)) > OPAQUE // 2


def border(mask: Mask) -> Mask:
    """Pixels of `mask` with a neighbour outside it."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def tint(picture: Rgb, mask: Mask, rgb: tuple[int, int, int]) -> Rgb:
    """Overlay `mask` on `picture`: half transparent inside, solid at the border."""
    blend = picture[mask] * (1 - OVERLAY_OPACITY) + np.array(rgb) * OVERLAY_OPACITY
    painted = picture.copy()
    painted[mask] = np.rint(blend).astype(np.uint8)
    painted[border(mask)] = rgb
    return painted


@dataclass(frozen=True, slots=True)
class Painter:
    """Draws slices of one case: `paint` takes a radiological slice index and a size that keeps `aspect`."""

    aspect: float
    paint: Callable[[int, Size], Rgb]

    def tile(self, z: int, height_px: int) -> Rgb:
        """Return slice `z`, `height_px` high."""
        return self.paint(z, (round(height_px * self.aspect), height_px))


def network_core(findings: Findings) -> Mask:
    """Return the core of a network, radiological; nothing where there is none."""
    found = findings.network_core
    return radiological(np.zeros_like(findings.core) if found is None else found, findings.geometry)


def overlay_painter(findings: Findings, *, overlays: bool = True) -> Painter:
    """Painter of the mean CT with hypoperfused (green) under core (red), and a network's core as an outline (blue)."""
    mean_hu, network = radiological(findings.mean_hu, findings.geometry), network_core(findings)
    core, risk, brain = (
        radiological(mask, findings.geometry)
        for mask in (findings.core, findings.hypoperfused, findings.maps.brain)
    )
    crop = Crop.around(brain, SKULL_MARGIN)

    def paint(z: int, size_px: Size) -> Rgb:
        tile = enlarged(windowed(crop.cut(mean_hu[z], np.nan)), size_px)
        if not overlays:
            return tile
        tile = tint(tile, enlarged_mask(crop.cut(risk[z] & ~core[z], 0), size_px), HYPOPERFUSED_RGB)
        tile = tint(tile, enlarged_mask(crop.cut(core[z], 0), size_px), CORE_RGB)
        tile[border(enlarged_mask(crop.cut(network[z], 0), size_px))] = NETWORK_RGB
        return tile

    return Painter(crop.width / crop.height, paint)


def map_values(findings: Findings, which: str) -> Float32:
    """Return the map that is drawn: ``cbf``, ``cbv``, ``mtt``, ``tmax`` or ``ttp``, NaN where it is not shown."""
    look = MAP_LOOKS[which]
    values: Float32 = getattr(findings.maps, look.attribute)
    if look.tissue_only:
        values = np.where(findings.tissue_class == TissueClass.TISSUE, values, np.float32(np.nan))
    return values


def map_painter(findings: Findings, which: str, margin: float = MAP_MARGIN) -> Painter:
    """Painter of one parametric map, with room of `margin` around the brain."""
    look = MAP_LOOKS[which]
    values = radiological(map_values(findings, which), findings.geometry)
    crop = Crop.around(radiological(findings.maps.brain, findings.geometry), margin)

    def paint(z: int, size_px: Size) -> Rgb:
        plane = crop.cut(values[z], np.nan)
        tile = enlarged(colourise(plane, look), size_px)
        tile[~enlarged_mask(~np.isnan(plane), size_px)] = MISSING_RGB
        return tile

    return Painter(crop.width / crop.height, paint)
