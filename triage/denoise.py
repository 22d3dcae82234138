"""Noise out, anatomy and bolus shape kept: a small basis in time, an edge-preserving mean in space.

A perfusion voxel carries 5 to 10 HU of noise on 5 to 10 HU of signal. All tissue curves of one patient are
mixtures of few shapes, so that projecting on them removes most of the noise; the coefficients are then averaged
among neighbours that behave alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from triage.bilateral import bilateral
from triage.types import Float32, Float64, Geometry, Mask

RANK = 6
"""Shapes kept: early, late, wide and narrow passes, with room for two more."""

PEAK_BINS = 12
"""Groups by time to peak that weigh the same: late tissue is rare and is what matters."""

FEWEST_IN_BIN = 20
"""Smaller groups are chance."""

BASIS_BLOCK_MM = 3.5
"""In-plane block averaged before shapes are learnt."""

GUIDES = 3
"""Coefficients that decide who is alike; the others are noisier than they are telling."""

PRESMOOTHING_MM = 2.5
"""Gaussian width applied to the guides before they are compared."""

RANGE_DEVIATIONS = 3.0
"""Guide difference, in deviations of its own noise, at which the weight has fallen to exp(-1/2)."""

MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True, slots=True)
class Basis:
    """Orthonormal shapes float32 ``(N, RANK)`` and the first shape left out ``(N,)``, which shows the noise."""

    shapes: Float32
    noise: Float32


def denoised(curves_hu: Float32, voxels: Mask, tissue: Mask, geometry: Geometry) -> Float32:
    """Curves ``(V, N)`` of `voxels` ``(Z, Y, X)``, averaged among neighbours in `tissue` (same shape).

    The mean over time of each curve is lost: subtract the baseline afterwards.
    """
    centred = curves_hu - curves_hu.mean(axis=1, keepdims=True)
    basis = temporal_basis(centred[tissue[voxels]], tissue, geometry)
    shares = _volumes(centred @ basis.shapes, voxels)
    noise = _volumes((centred @ basis.noise)[:, None], voxels)
    filtered = bilateral(shares, _guides(shares, noise, tissue, geometry), tissue, geometry)
    return np.asarray(filtered[:, voxels].T @ basis.shapes.T)


def temporal_basis(centred_hu: Float32, tissue: Mask, geometry: Geometry) -> Basis:
    """Principal shapes of the tissue's curves ``(V, N)`` in which every time to peak weighs the same."""
    blocks = _block_means(centred_hu, tissue, geometry).astype(np.float64)
    peak = ndimage.gaussian_filter1d(blocks, 1.5, axis=1, mode="nearest").argmax(axis=1)
    first, last = (float(edge) for edge in np.percentile(peak, (1, 99)))
    edges = np.linspace(first, last, PEAK_BINS + 1)
    groups = [blocks[mine] for mine in _groups(peak, edges)] or [blocks]
    covariance = np.mean([group.T @ group / len(group) for group in groups], axis=0)
    _, vectors = np.linalg.eigh(covariance)
    ordered = vectors[:, ::-1].astype(np.float32)
    return Basis(ordered[:, :RANK], ordered[:, RANK])


def _guides(shares: Float32, noise: Float32, tissue: Mask, geometry: Geometry) -> Float32:
    """Leading coefficients, lightly smoothed, in units of the range width; the noise shows how wide that is."""
    smooth = _smoothed(np.concatenate([shares[:GUIDES], noise]), tissue, geometry)
    deviation = MAD_TO_SD * float(np.median(np.abs(smooth[-1][tissue])))
    return np.asarray(smooth[:-1] / np.float32(max(deviation, 1e-6) * RANGE_DEVIATIONS * np.sqrt(2)))


def _smoothed(volumes: Float32, tissue: Mask, geometry: Geometry) -> Float32:
    """In-plane Gaussian mean over tissue only."""
    width = (0.0, *(PRESMOOTHING_MM / size for size in geometry.spacing_mm[1:]))
    weight = ndimage.gaussian_filter(tissue.astype(np.float32), width, truncate=2.5)
    sums = [ndimage.gaussian_filter(volume * tissue, width, truncate=2.5) for volume in volumes]
    return np.asarray(np.stack(sums) / np.maximum(weight, np.float32(1e-3)), dtype=np.float32)


def _volumes(values: Float32, voxels: Mask) -> Float32:
    """Lay values ``(V, C)`` out as volumes ``(C, Z, Y, X)``, zero elsewhere."""
    volumes = np.zeros((values.shape[1], *voxels.shape), np.float32)
    volumes[:, voxels] = values.T
    return volumes


def _block_means(centred_hu: Float32, tissue: Mask, geometry: Geometry) -> Float32:
    """Means of the curves over in-plane blocks at least half full of tissue, ``(B, N)``."""
    size = max(1, round(BASIS_BLOCK_MM / geometry.spacing_mm[2]))
    z, y, x = np.nonzero(tissue)
    _, block, count = np.unique(
        np.ravel_multi_index((z, y // size, x // size), tissue.shape), return_inverse=True, return_counts=True
    )
    share = (1 / count).astype(np.float32)[block]
    columns = np.arange(block.size)
    mean = sparse.csr_array((share, (block, columns)), shape=(count.size, block.size)) @ centred_hu
    return np.asarray(mean[count >= size * size / 2])


def _groups(peak: NDArray[np.intp], edges: Float64) -> Iterator[Mask]:
    """Members of each bin of times to peak that is large enough to count."""
    for low, high in pairwise(edges):
        mine = (peak >= low) & (peak <= high)
        if mine.sum() >= FEWEST_IN_BIN:
            yield mine
