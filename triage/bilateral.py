"""Edge-preserving mean: neighbours count when they are near and behave alike.

References
----------
Tomasi and Manduchi 1998, ICCV (bilateral filter); Petschnigg 2004, ACM Trans Graph 23:664 (joint guides).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from triage.types import Float32, Mask

REACH_THROUGH_MM = 5.0
"""Gaussian width of the spatial weight through the plane; one slice on either side is taken."""

WIDTHS_TAKEN = 2
"""Neighbours are taken up to this many in-plane widths away, where the weight has fallen to exp(-2)."""

APART = np.float32(1e4)
"""Guide value outside tissue: so unlike everything that its weight is zero."""

THREADS = 2
"""Slices filtered side by side."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Gaussian width of the spatial weight in plane, and distance of the neighbours taken, both in mm."""

    reach_mm: float
    stride_mm: float


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """Offsets in voxels, int ``(S, 3)``, with the exponents of their spatial weights, float32 ``(S,)``."""

    offsets: NDArray[np.int64]
    exponents: Float32

    @property
    def reach(self) -> tuple[int, int, int]:
        """Largest offset along each axis."""
        z, y, x = np.abs(self.offsets).max(axis=0)
        return int(z), int(y), int(x)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Padded volumes with the rows of a slice end to end, float32 ``(C, Z, Y X)``: a neighbour is a shift."""

    values: Float32
    guides: Float32
    row_length: int

    def window(self, near: _Neighbours) -> slice:
        """Columns of the long row that have all their neighbours."""
        _, dy, dx = near.reach
        return slice(dy * self.row_length + dx, self.values.shape[2] - dy * self.row_length - dx)


def bilateral(
    values: Float32, guides: Float32, tissue: Mask, spacing_mm: tuple[float, float, float], kernel: Kernel
) -> Float32:
    """Weighted means of `values` ``(C, Z, Y, X)`` over tissue near in space and in `guides` ``(G, Z, Y, X)``.

    Weights are Gaussian in both; guides come in units of their range width. Outside `tissue` nothing changes.
    """
    near = _neighbours(spacing_mm, kernel)
    rows = _end_to_end(values, guides, tissue, near)
    with ThreadPoolExecutor(THREADS) as pool:
        slices = list(pool.map(partial(_slice_means, rows, near), range(tissue.shape[0])))
    means = np.pad(np.stack(slices, axis=1), ((0, 0), (0, 0), (0, 2 * near.reach[2])))
    means = means.reshape(*means.shape[:2], tissue.shape[1], -1)[..., : tissue.shape[2]]
    return np.where(tissue, means, values)


def _end_to_end(values: Float32, guides: Float32, tissue: Mask, near: _Neighbours) -> _Rows:
    """Volumes with room for the neighbours of their border; nothing but tissue has a weight."""
    pad = [(0, 0), *((reach, reach) for reach in near.reach)]
    padded = np.pad(np.where(tissue, values, np.float32(0)), pad)
    apart = np.pad(np.where(tissue, guides, APART), pad, constant_values=APART)
    flat = (padded.shape[1], -1)
    return _Rows(padded.reshape(len(padded), *flat), apart.reshape(len(apart), *flat), padded.shape[3])


def _slice_means(rows: _Rows, near: _Neighbours, z: int) -> Float32:
    """Filtered slice ``(C, L)``; all channels at once, for two threads meet at the interpreter's lock at every call."""
    window = rows.window(near)
    total = np.zeros((len(rows.values), window.stop - window.start), np.float32)
    weights, part = np.zeros_like(total[0]), np.empty_like(total)
    for place, weight in _weighted(rows, near, z + near.reach[0], window):
        weights += weight
        total += np.multiply(weight, rows.values[:, *place], out=part)
    total /= weights
    return total


def _weighted(
    rows: _Rows, near: _Neighbours, z: int, window: slice
) -> Iterator[tuple[tuple[int, slice], Float32]]:
    """Slice and columns of each neighbour, and its weights ``(L,)``, which the next neighbour overwrites."""
    mine = rows.guides[:, z, window]
    unlike, weight = np.empty_like(mine), np.empty_like(mine[0])
    for (dz, dy, dx), exponent in zip(near.offsets.tolist(), near.exponents, strict=True):
        shift = dy * rows.row_length + dx
        place = z + dz, slice(window.start + shift, window.stop + shift)
        np.subtract(mine, rows.guides[:, *place], out=unlike)
        np.einsum("gl,gl->l", unlike, unlike, out=weight)
        np.subtract(-exponent, weight, out=weight)
        yield place, np.exp(weight, out=weight)


def _neighbours(spacing_mm: tuple[float, float, float], kernel: Kernel) -> _Neighbours:
    """Neighbours within the reach in plane and one slice through it, the voxel itself included."""
    _, y_mm, x_mm = spacing_mm
    stride = np.array([1, *(max(1, round(kernel.stride_mm / size)) for size in (y_mm, x_mm))])
    steps_mm = stride * spacing_mm
    most = [1, *(int(WIDTHS_TAKEN * kernel.reach_mm / step) for step in steps_mm[1:])]
    offsets = stride * (np.argwhere(np.ones([2 * n + 1 for n in most])) - most)
    scaled = offsets * spacing_mm / np.array([REACH_THROUGH_MM, kernel.reach_mm, kernel.reach_mm])
    kept = np.hypot(scaled[:, 1], scaled[:, 2]) <= WIDTHS_TAKEN
    return _Neighbours(offsets[kept], (0.5 * scaled[kept] ** 2).sum(axis=1).astype(np.float32))
