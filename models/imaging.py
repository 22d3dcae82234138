"""Evidence to the tensor a network takes, and its answer back onto the grid of the evidence. Arrays in, arrays out."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import sparse

from models.image_contract import Channel, ImageContract, Layout
from triage.errors import InputError
from triage.second_engine import Evidence, Volume
from triage.symmetry import MidPlane
from triage.types import Float32, Geometry, Mask

ROUNDING = 1e-6
"""Share of a pixel by which a field may exceed whole pixels: arithmetic, not anatomy."""

LEAST_SEEN = 0.5
"""Share of a network pixel that must have a value; below it the pixel is missing."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where a tensor lies on its evidence.

    Attributes
    ----------
    shape, spacing_mm
        ``(Z, Y, X)`` of the evidence.
    whole, network_spacing_mm
        The same of the network's pixels over the whole field; both grids share their middle.
    first, network_shape
        The part that the network is shown: its first pixel on `whole` and its size, before padding.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    whole: tuple[int, int, int]
    network_spacing_mm: tuple[float, float, float]
    first: tuple[int, int, int]
    network_shape: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Prepared:
    """The network's input, float32 ``(S, C, H, W)`` or ``(1, C, Z, Y, X)``, and the grid that leads back."""

    tensor: Float32
    grid: Grid


def prepared(evidence: Evidence, contract: ImageContract) -> Prepared:
    """Bring the volumes of `contract` into the form its network takes.

    In this order, for each channel:

    1. Along z the nearest slice is taken (`contract.spacing_mm[0]`; 0 keeps all slices). In plane the network's grid
       covers the same field with the same middle: its size is the field over the pixel size, rounded up. Each of its
       pixels is the mean over a square as wide as the larger of both pixels, weighted by area. So finer pixels are
       averaged, and coarser ones interpolated linearly. Values that are not finite are left out of the mean; where less
       than half of the square has a value, there is none. With `contract.around_brain_mm`, only the part is kept in
       which the brain lies, with so much around it; everything else is as if outside the image.
    2. A `mirrored` channel is looked up, linearly in three dimensions, at the position opposite to `evidence.plane`,
       again among finite values; what lies opposite to the outside of the image is missing.
    3. Clipped to ``low .. high``, then ``(value - offset) / scale``; missing values become `missing`.
    4. Each axis is padded at its end with `missing` to a multiple of `contract.multiple`.
    5. `Layout.SLICES`: slices become the batch; with ``neighbours`` n, ``(S, (2 n + 1) C, H, W)`` holds the channels of
       slices s - n to s + n in this order, end slices repeated. `Layout.VOLUME`: ``(1, C, Z, Y, X)``.

    Raises
    ------
    InputError
        The evidence lacks a volume.
    """
    if absent := contract.volumes - set(evidence.volumes):
        raise InputError(f"this study has no {', '.join(sorted(absent))}, which the model needs")
    grid = _grid(evidence, contract)
    seen = _coarse(evidence, {channel.volume for channel in contract.channels}, grid)
    opposite = _opposite(seen, [c.volume for c in contract.channels if c.mirrored], evidence, grid)
    size = _padded(grid.network_shape, contract.multiple)
    tensor = np.empty((size[0], len(contract.channels), *size[1:]), np.float32)
    z, y, x = grid.network_shape
    for number, channel in enumerate(contract.channels):
        tensor[:, number] = channel.missing
        tensor[:z, number, :y, :x] = _scaled(
            (opposite if channel.mirrored else seen)[channel.volume], channel
        )
    return Prepared(_laid_out(tensor, contract), grid)


def restored(probability: Float32, grid: Grid, contract: ImageContract) -> Float32:
    """Bring the answer of a network, in the layout of its input, back onto the evidence's grid.

    Parameters
    ----------
    probability
        float32 ``(S, K, H, W)`` or ``(1, K, Z, Y, X)``.

    Returns
    -------
    float32 ``(K, Z, Y, X)``, interpolated linearly in plane, from the nearest slice along z.
    """
    z, y, x = grid.network_shape
    by_class = probability[0] if contract.layout is Layout.VOLUME else probability.swapaxes(0, 1)
    rows, columns = (_back(grid, axis) for axis in (1, 2))
    nearest = _nearest(z, grid.shape[0])
    answers = (_resampled(one[:z, :y, :x], rows, columns)[nearest] for one in by_class)
    return np.stack([np.clip(answer, 0, 1) for answer in answers])


def _grid(evidence: Evidence, contract: ImageContract) -> Grid:
    """The network's grid over the field of `evidence`, or the part of it that holds the brain."""
    shape, spacing_mm = evidence.geometry.shape, evidence.geometry.spacing_mm
    slices, *fields = (size * mm for size, mm in zip(shape, spacing_mm, strict=True))
    _, *pixels = contract.spacing_mm
    rows, columns = (
        max(1, int(np.ceil(field / mm - ROUNDING))) for field, mm in zip(fields, pixels, strict=True)
    )
    whole = (max(1, round(slices / (contract.spacing_mm[0] or spacing_mm[0]))), rows, columns)
    grid = Grid(shape, spacing_mm, whole, (slices / whole[0], pixels[0], pixels[1]), (0, 0, 0), whole)
    if contract.around_brain_mm is None or not (brain := evidence.volumes[Volume.BRAIN] > 0).any():
        return grid
    (top, height), (left, width) = (
        _span(np.asarray(brain.any(axis=(0, 3 - axis))), grid, axis, contract.around_brain_mm)
        for axis in (1, 2)
    )
    return replace(grid, first=(0, top, left), network_shape=(whole[0], height, width))


def _span(occupied: Mask, grid: Grid, axis: int, around_mm: float) -> tuple[int, int]:
    """First network pixel and number of them that hold the `occupied` rows or columns and so much around."""
    ours_mm, theirs_mm = grid.spacing_mm[axis], grid.network_spacing_mm[axis]
    ends_mm = (np.flatnonzero(occupied)[[0, -1]] + [0, 1] - grid.shape[axis] / 2) * ours_mm
    ends = (ends_mm + np.array([-around_mm, around_mm])) / theirs_mm + grid.whole[axis] / 2
    first, last = np.clip([np.floor(ends[0]), np.ceil(ends[1])], 0, grid.whole[axis]).astype(int)
    return int(first), int(last - first)


def _coarse(evidence: Evidence, names: set[Volume], grid: Grid) -> dict[Volume, Float32]:
    """Volumes averaged onto the network's grid, NaN where missing."""
    rows, columns = (_forth(grid, axis) for axis in (1, 2))
    nearest = _nearest(grid.shape[0], grid.network_shape[0])
    same_slices = grid.shape[0] == grid.network_shape[0]
    volumes = [evidence.volumes[name] if same_slices else evidence.volumes[name][nearest] for name in names]
    finite = [np.isfinite(volume) for volume in volumes]
    gaps, which = _distinct(finite)
    weights = [_resampled(gap.astype(np.float32), rows, columns) for gap in gaps]
    return {
        name: _shared(_resampled(np.where(mask, volume, np.float32(0)), rows, columns), weights[same])
        for name, volume, mask, same in zip(names, volumes, finite, which, strict=True)
    }


def _opposite(
    seen: dict[Volume, Float32], names: list[Volume], evidence: Evidence, grid: Grid
) -> dict[Volume, Float32]:
    """Coarse volumes as a mirror at the mid-sagittal plane shows them, NaN where nothing lies opposite."""
    if not names:
        return {}
    finite = [np.isfinite(seen[name]) for name in names]
    gaps, which = _distinct(finite)
    values = [np.where(mask, seen[name], np.float32(0)) for name, mask in zip(names, finite, strict=True)]
    both = np.stack([*values, *(gap.astype(np.float32) for gap in gaps)], axis=-1)
    found = np.moveaxis(_mirrored(both, evidence.plane, _geometry(evidence.geometry, grid)), -1, 0)
    weights = found[len(names) :]
    return {name: _shared(found[number], weights[which[number]]) for number, name in enumerate(names)}


def _distinct(masks: list[Mask]) -> tuple[list[Mask], list[int]]:
    """Those masks that differ, and which of them each is: maps of one analysis have the same gaps."""
    gaps: list[Mask] = []
    which = []
    for mask in masks:
        same = next((number for number, gap in enumerate(gaps) if np.array_equal(gap, mask)), len(gaps))
        which.append(same)
        gaps.extend([mask] if same == len(gaps) else [])
    return gaps, which


def _mirrored(values: Float32, plane: MidPlane, geometry: Geometry) -> Float32:
    """Values ``(Z, Y, X, K)`` at the opposite positions, interpolated linearly, 0 outside."""
    mirror = sitk.AffineTransform(3)
    mirror.SetMatrix((np.eye(3) - 2 * np.outer(plane.normal, plane.normal)).ravel().tolist())
    mirror.SetTranslation((2 * plane.offset_mm * plane.normal).tolist())
    like = geometry.to_sitk(np.zeros(geometry.shape, np.uint8))
    image = sitk.GetImageFromArray(values, isVector=True)
    image.CopyInformation(like)
    look = sitk.ResampleImageFilter()
    look.SetNumberOfThreads(1)
    look.SetReferenceImage(like)
    look.SetInterpolator(sitk.sitkLinear)
    look.SetTransform(mirror)
    return np.asarray(sitk.GetArrayFromImage(look.Execute(image)), np.float32)


def _geometry(geometry: Geometry, grid: Grid) -> Geometry:
    """Where the network's grid lies in the patient."""
    affine = geometry.affine.copy()
    affine[:3, :3] *= np.array(grid.network_spacing_mm) / grid.spacing_mm
    middle, ours = ((np.array(size) - 1) / 2 for size in (grid.whole, geometry.shape))
    affine[:3, 3] += geometry.affine[:3, :3] @ ours - affine[:3, :3] @ (middle - grid.first)
    return Geometry(grid.network_shape, affine, geometry.frame_of_reference_uid)


def _shared(total: Float32, weight: Float32) -> Float32:
    """Means from sums over finite values and their share; NaN where too little was seen."""
    enough = weight >= LEAST_SEEN
    return np.where(enough, total / np.where(enough, weight, np.float32(1)), np.float32(np.nan))


def _scaled(values: Float32, channel: Channel) -> Float32:
    scaled = (np.clip(values, channel.low, channel.high) - np.float32(channel.offset)) / np.float32(
        channel.scale
    )
    return np.where(np.isnan(scaled), np.float32(channel.missing), scaled)


def _padded(shape: tuple[int, int, int], multiple: tuple[int, int, int]) -> tuple[int, ...]:
    return tuple(-(-size // step) * step for size, step in zip(shape, multiple, strict=True))


def _laid_out(slices: Float32, contract: ImageContract) -> Float32:
    """``(Z, C, Y, X)`` as the network takes it."""
    if contract.layout is Layout.VOLUME:
        return np.ascontiguousarray(slices.swapaxes(0, 1))[None]
    if not contract.neighbours:
        return slices
    count, channels, *size = slices.shape
    reach = range(-contract.neighbours, contract.neighbours + 1)
    shown = np.empty((count, len(reach), channels, *size), np.float32)
    for place, step in enumerate(reach):
        for number in range(count):
            shown[number, place] = slices[min(max(number + step, 0), count - 1)]
    return shown.reshape(count, -1, *size)


def _nearest(count: int, wanted: int) -> NDArray[np.intp]:
    """Of `count` slices the one that is nearest to each of `wanted` over the same extent."""
    return np.minimum(((np.arange(wanted) + 0.5) * count / wanted).astype(np.intp), count - 1)


def _forth(grid: Grid, axis: int) -> sparse.csr_array:
    """Means ``(network, evidence)`` along one axis, for the part that the network is shown."""
    whole = _averages(
        grid.shape[axis], grid.spacing_mm[axis], grid.whole[axis], grid.network_spacing_mm[axis]
    )
    return whole[grid.first[axis] : grid.first[axis] + grid.network_shape[axis]]


def _back(grid: Grid, axis: int) -> sparse.csr_array:
    """Interpolation ``(evidence, network)`` along one axis; towards 0 outside of what the network is shown."""
    whole = _averages(
        grid.whole[axis], grid.network_spacing_mm[axis], grid.shape[axis], grid.spacing_mm[axis]
    )
    return whole[:, grid.first[axis] : grid.first[axis] + grid.network_shape[axis]]


@lru_cache(maxsize=16)
def _averages(count: int, step_mm: float, wanted: int, wanted_mm: float) -> sparse.csr_array:
    """Matrix ``(wanted, count)`` of means over windows as wide as the wider pixel, both grids sharing their middle."""
    half = max(step_mm, wanted_mm) / 2
    centre = (np.arange(wanted) - (wanted - 1) / 2) * wanted_mm
    edge = (np.arange(count + 1) - count / 2) * step_mm
    first = np.maximum(edge[:-1], (centre - half)[:, None])
    last = np.minimum(edge[1:], (centre + half)[:, None])
    weight = np.maximum(last - first, 0)
    return sparse.csr_array((weight / weight.sum(axis=1, keepdims=True)).astype(np.float32))


def _resampled(volume: Float32, rows: sparse.csr_array, columns: sparse.csr_array) -> Float32:
    """Averages ``(Z, y, x)`` of a finite volume ``(Z, Y, X)``."""
    slices = (columns @ np.ascontiguousarray((rows @ one).T) for one in volume)
    return np.stack([one.T for one in slices])
