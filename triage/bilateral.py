"""Edge-preserving mean: neighbours count when they are near and behave alike.

References
----------
Tomasi and Manduchi 1998, ICCV (bilateral filter); Petschnigg 2004, ACM Trans Graph 23:664 (joint guides).
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triage.types import Float32, Geometry, Mask

REACH_MM = 5.0
"""Gaussian width of the spatial weight in plane; neighbours are taken up to twice as far."""

REACH_THROUGH_MM = 5.0
"""The same through the plane; one slice on either side."""

STRIDE_MM = 1.8
"""Distance of the neighbours taken: correlated noise makes closer ones redundant."""

APART = np.float32(1e4)
"""Guide value outside tissue: so unlike everything that its weight is zero."""

THREADS = 2
"""Slices filtered side by side."""


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


def bilateral(values: Float32, guides: Float32, tissue: Mask, geometry: Geometry) -> Float32:
    """Weighted means of `values` ``(C, Z, Y, X)`` over tissue near in space and in `guides` ``(G, Z, Y, X)``.

    Weights are Gaussian in both; guides come in units of their range width. Outside `tissue` nothing changes.
    """
    box = (slice(None), *ndimage.find_objects(tissue.astype(np.uint8))[0])
    inside = tissue[box[1:]]
    near = _neighbours(geometry)
    pad = [(0, 0), *((reach, reach) for reach in near.reach)]
    padded = np.pad(np.where(inside, values[box], 0), pad)
    guiding = np.pad(np.where(inside, guides[box], APART), pad, constant_values=APART)
    with ThreadPoolExecutor(THREADS) as pool:
        slices = pool.map(partial(_slice_means, padded, guiding, near), range(inside.shape[0]))
    filtered = values.copy()
    filtered[box][:, inside] = np.stack(list(slices), axis=1)[:, inside]
    return filtered


def _slice_means(values: Float32, guides: Float32, near: _Neighbours, z: int) -> Float32:
    """Filtered slice ``(C, Y, X)``; rows lie end to end, so that a neighbour is a shift along one long row."""
    (dz_most, dy_most, dx_most), (count, depth, height, width) = near.reach, values.shape
    rows, columns = height - 2 * dy_most, width - 2 * dx_most
    start, length = dy_most * width + dx_most, rows * width - 2 * dx_most
    flat, guide = values.reshape(count, depth, -1), guides.reshape(len(guides), depth, -1)
    mine = guide[:, z + dz_most, start : start + length]
    total, weights = np.zeros((count, length), np.float32), np.zeros(length, np.float32)
    for (dz, dy, dx), exponent in zip(near.offsets, near.exponents, strict=True):
        first = start + dy * width + dx
        there = (slice(None), z + dz_most + dz, slice(first, first + length))
        unlike = mine - guide[there]
        weight = np.exp(-exponent - np.einsum("gi,gi->i", unlike, unlike))
        weights += weight
        total += weight * flat[there]
    means = np.pad(total / weights, ((0, 0), (0, 2 * dx_most)))
    return np.asarray(means.reshape(count, rows, width)[:, :, :columns], dtype=np.float32)


def _neighbours(geometry: Geometry) -> _Neighbours:
    """Neighbours within twice the reach in plane and one slice through it, the voxel itself included."""
    _, y_mm, x_mm = geometry.spacing_mm
    stride = np.array([1, max(1, round(STRIDE_MM / y_mm)), max(1, round(STRIDE_MM / x_mm))])
    most = [1, *(int(2 * REACH_MM / size) for size in (y_mm * stride[1], x_mm * stride[2]))]
    offsets = stride * np.argwhere(np.ones([2 * n + 1 for n in most])) - stride * most
    scaled = offsets * geometry.spacing_mm / np.array([REACH_THROUGH_MM, REACH_MM, REACH_MM])
    kept = np.hypot(scaled[:, 1], scaled[:, 2]) <= 2
    return _Neighbours(offsets[kept], (0.5 * scaled[kept] ** 2).sum(axis=1).astype(np.float32))
