"""From the scanner's grid to the working grid: local means of voxels, nothing else."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from triage.errors import InputError, require
from triage.types import CtpSeries, Float32, FrameSource, Geometry

WORKING_MATRIX = 256
"""Pixels per row to come down to: about 0.9 mm, finer than the 3 mm a perfusion map resolves."""

WORKING_SLAB_MM = 5.0
"""Thickness thin slices are averaged to; 5 mm is the customary perfusion slice."""

LOWEST_HU = -1000.0
"""Air; scanners pad outside the field of view with lower numbers that would bleed into the means."""

THREADS = 2
"""Frames averaged side by side: the product promises its times on two cores."""


FrameMean = Callable[[int, int, int], Float32]
"""Mean of a frame by its number, over so many slices and so many pixels either way."""


def reduced(source: FrameSource, mean: FrameMean | None = None) -> CtpSeries:
    """The scan on the working grid, clipped at air; the slices of a slab share their mean time.

    Frames are asked for one at a time by each thread, reduced and forgotten: the whole scan is never in memory. `mean`
    may remember what is known already.

    Raises
    ------
    InputError
        When the images contain NaN or infinity, and whatever the source raises.
    """
    geometry, (frames, _) = source.geometry, source.time_s.shape
    slab, factor = steps(geometry)
    working = _coarser(geometry, slab, factor)
    hu = np.empty((frames, *working.shape), dtype=np.float32)
    mean = mean or frame_mean(source)

    def reduce_frame(number: int) -> None:
        hu[number] = mean(number, slab, factor)

    with ThreadPoolExecutor(THREADS) as pool:
        deque(pool.map(reduce_frame, range(frames)), maxlen=0)
    if not np.isfinite(hu).all():
        raise InputError("the images contain NaN or infinity; convert missing pixels to air before analysis")
    time_s = source.time_s[:, : working.shape[0] * slab].reshape(frames, -1, slab).mean(axis=2)
    return CtpSeries(hu, time_s, working, source.study_uid, source.series_uid)


def steps(geometry: Geometry) -> tuple[int, int]:
    """How many slices and how many pixels either way become one."""
    slab = max(1, round(WORKING_SLAB_MM / geometry.spacing_mm[0]))
    factor = max(1, round(max(geometry.shape[1:]) / WORKING_MATRIX))
    return min(slab, geometry.shape[0]), factor


def frame_mean(source: FrameSource) -> FrameMean:
    """Means of frames that are read when they are asked for."""

    def mean(number: int, slab: int, factor: int) -> Float32:
        frame, shape = source.frame(number), source.geometry.shape
        require(frame.shape == shape, f"frame {frame.shape} does not fit geometry {shape}")
        return block_mean(frame, slab, factor)

    return mean


def block_mean(frame: Float32, slab: int, factor: int) -> Float32:
    """Means over `slab` x `factor` x `factor` voxels of ``(Z, Y, X)``; an incomplete last block is left out."""
    z, y, x = (size // step for size, step in zip(frame.shape, (slab, factor, factor), strict=True))
    mean = np.empty((z, y, x), dtype=np.float32)
    for number, out in enumerate(mean):
        # One slab at a time stays in the processor's cache, however many there are.
        total = np.maximum(frame[number * slab], np.float32(LOWEST_HU))
        for slice_ in frame[number * slab + 1 : (number + 1) * slab]:
            total += np.maximum(slice_, np.float32(LOWEST_HU))
        rows = _sum_of_neighbours(total, 0, factor)
        np.multiply(_sum_of_neighbours(rows, 1, factor), np.float32(1 / (slab * factor * factor)), out=out)
    return mean


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
