"""From the scanner's grid to the working grid: local means of voxels, nothing else."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from triage.errors import InputError
from triage.types import CtpSeries, Float32, Geometry

WORKING_MATRIX = 256
"""Pixels per row to come down to: about 0.9 mm, finer than the 3 mm a perfusion map resolves."""

WORKING_SLAB_MM = 5.0
"""Thickness thin slices are averaged to; 5 mm is the customary perfusion slice."""

LOWEST_HU = -1000.0
"""Air; scanners pad outside the field of view with lower numbers that would bleed into the means."""

THREADS = 2
"""Frames averaged side by side: the product promises its times on two cores."""


def reduced(series: CtpSeries) -> CtpSeries:
    """The series on the working grid, clipped at air; the slices of a slab share their mean time.

    Raises
    ------
    InputError
        When the images contain NaN or infinity.
    """
    factor = max(1, round(max(series.geometry.shape[1:]) / WORKING_MATRIX))
    slab = max(1, round(WORKING_SLAB_MM / series.geometry.spacing_mm[0]))
    slab = min(slab, series.geometry.shape[0])
    with ThreadPoolExecutor(THREADS) as pool:
        frames = list(pool.map(partial(block_mean, slab=slab, factor=factor), series.hu))
    hu = np.stack(frames)
    if not np.isfinite(hu).all():
        raise InputError("the images contain NaN or infinity; convert missing pixels to air before analysis")
    slices = hu.shape[1] * slab
    time_s = series.time_s[:, :slices].reshape(len(hu), -1, slab).mean(axis=2)
    geometry = _coarser(series.geometry, slab, factor)
    return CtpSeries(hu, time_s, geometry, series.study_uid, series.series_uid)


def block_mean(frame: Float32, slab: int, factor: int) -> Float32:
    """Means over `slab` x `factor` x `factor` voxels of ``(Z, Y, X)``; an incomplete last block is left out."""
    total: Float32 = np.maximum(frame, np.float32(LOWEST_HU))
    for axis, step in ((0, slab), (1, factor), (2, factor)):
        total = _sum_of_neighbours(total, axis, step)
    return np.asarray(total / np.float32(slab * factor * factor), dtype=np.float32)


def _sum_of_neighbours(array: Float32, axis: int, step: int) -> Float32:
    """Sums of `step` successive entries along `axis`."""
    end = array.shape[axis] // step * step
    total = array[(slice(None),) * axis + (slice(0, end, step),)]
    for start in range(1, step):
        total = total + array[(slice(None),) * axis + (slice(start, end, step),)]
    return total


def _coarser(geometry: Geometry, slab: int, factor: int) -> Geometry:
    """Geometry of the block means: centres move by half a block, axes grow by its size."""
    in_plane = geometry.reduced(factor)
    affine = in_plane.affine.copy()
    affine[:3, 3] += affine[:3, 0] * (slab - 1) / 2
    affine[:3, 0] *= slab
    z, y, x = in_plane.shape
    return Geometry((z // slab, y, x), affine, geometry.frame_of_reference_uid)
