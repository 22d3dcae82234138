"""Arteries of the base, the middle and anterior cerebral arteries, and the great sinuses, as tubes along MNI points."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from benchmarks.phantom.anatomy import HEAD_SCALE, SUB_SLICES, Head, axes_mm, dura_distance_mm
from benchmarks.phantom.choices import Anatomy, Occlusion
from benchmarks.phantom.settings import Patient
from triage.types import Float32, Float64, Side

Point = tuple[float, float, float]

BLOOD_HU = 42.0
"""Unenhanced, haematocrit 0.45."""

SINUS_BELOW_DURA_MM = 2.5
"""The superior sagittal sinus runs this far inside the dura's outline."""

COLLATERAL_DELAY_S, COLLATERAL_SHARE = 6.0, 0.6
"""Branches beyond the occlusion fill late and weakly, from leptomeningeal collaterals."""


@dataclass(frozen=True, slots=True)
class Vessel:
    """A tube: MNI points (right, anterior, superior; mm), radius, its blood's delay and share of enhancement.

    `beyond` are the occlusions behind which it lies.
    """

    path: tuple[Point, ...]
    radius_mm: float
    delay_s: float = 0.0
    share: float = 1.0
    venous: bool = False
    occluded_path: tuple[Point, ...] | None = None
    beyond: frozenset[Occlusion] = frozenset()


PAIRED = (
    Vessel(((13, 2, -60), (14, 0, -36), (13, 6, -24), (11, 4, -17)), 2.5),  # internal carotid
    Vessel(  # middle cerebral, M1
        ((11, 4, -17), (22, 4, -16), (33, 2, -15)),
        1.7,
        0.2,
        occluded_path=((11, 4, -17), (19, 4, -16.3)),
    ),
    Vessel(  # M2 and M3, superior trunk
        ((33, 2, -15), (38, 6, -8), (40, 8, 2), (41, 4, 12), (45, -2, 20), (54, -6, 26)),
        1.3,
        0.6,
        beyond=frozenset({Occlusion.TRUNK, Occlusion.SUPERIOR}),
    ),
    Vessel(  # M2 and M3, inferior trunk
        ((33, 2, -15), (40, -8, -8), (42, -16, 2), (44, -28, 12), (50, -42, 20)),
        1.3,
        0.6,
        beyond=frozenset({Occlusion.TRUNK, Occlusion.INFERIOR}),
    ),
    Vessel(((11, 4, -17), (5, 12, -15), (2, 20, -12)), 1.2, 0.2),  # anterior cerebral, A1
    Vessel(  # A2 and pericallosal
        (
            (1.6, 20, -12),
            (1.6, 32, -6),
            (1.6, 40, 4),
            (1.6, 39, 15),
            (1.6, 28, 27),
            (1.6, 6, 36),
            (1.6, -22, 46),
        ),
        1.5,
        0.4,
        beyond=frozenset({Occlusion.ANTERIOR}),
    ),
    Vessel(  # posterior cerebral
        ((0, -14, -19), (12, -16, -16), (21, -26, -12), (22, -36, -5), (14, -62, 0), (10, -80, 4)),
        1.2,
        0.6,
        beyond=frozenset({Occlusion.POSTERIOR}),
    ),
    Vessel(  # transverse and sigmoid sinus
        ((0, -99, -13), (28, -92, -17), (50, -70, -22), (56, -50, -32), (50, -40, -50)), 3.2, 0.5, venous=True
    ),
)
"""Right side; mirrored for the left."""

MIDLINE = (
    Vessel(((0, -18, -60), (0, -18, -32), (0, -14, -19)), 1.8, 0.2),  # basilar
    Vessel(((0, -40, 8), (0, -62, 4), (0, -98, -12)), 2.2, venous=True),  # straight sinus
)


@dataclass(frozen=True, slots=True)
class Blood:
    """Vessels of the same curve: flat voxel indices, and the fraction of each voxel they fill."""

    index: NDArray[np.int64]
    fraction: Float32
    delay_s: float
    share: float
    venous: bool


def vessels(patient: Patient) -> list[Vessel]:
    """All vessels of a patient, an artery of one side occluded, on the grid's left and right."""
    left, right = (
        [
            _narrowed(_occluded(v, patient.lesion.occlusion) if patient.side is side else v, patient, side)
            for v in PAIRED
        ]
        for side in (Side.LEFT, Side.RIGHT)
    )
    return [*MIDLINE, _sagittal_sinus(patient.anatomy), *right, *map(_mirrored, left)]


def _narrowed(vessel: Vessel, patient: Patient, side: Side) -> Vessel:
    """What fills late behind a narrow carotid of this side."""
    if vessel.venous or patient.stenosis not in (side, Side.BILATERAL):
        return vessel
    return replace(vessel, delay_s=vessel.delay_s + patient.stenosis_s)


def _occluded(vessel: Vessel, where: Occlusion) -> Vessel:
    if where in vessel.beyond:
        return replace(vessel, delay_s=vessel.delay_s + COLLATERAL_DELAY_S, share=COLLATERAL_SHARE)
    stem = vessel.occluded_path if where is Occlusion.TRUNK else None
    return replace(vessel, path=stem or vessel.path)


def _mirrored(vessel: Vessel) -> Vessel:
    return replace(vessel, path=tuple((-x, y, z) for x, y, z in vessel.path))


def _sagittal_sinus(anatomy: Anatomy) -> Vessel:
    """Along the dura in the midline, from the torcula upwards."""
    distance = dura_distance_mm(anatomy)
    heights = np.arange(-13.0, 72.0, 4.0)
    return Vessel(tuple((0.0, _back_of_dura(distance, z), z) for z in heights), 3.8, venous=True)


def _back_of_dura(distance: sitk.Image, z: float) -> float:
    """Most posterior midline point (MNI anterior coordinate) inside the dura at a height."""
    points = [(0.0, -y, z) for y in np.arange(-112.0, 0.0, 0.5)]
    inside = [p for p in points if distance[distance.TransformPhysicalPointToIndex(p)] < -SINUS_BELOW_DURA_MM]
    return -inside[0][1]


def draw_vessels(head: Head, patient: Patient) -> list[Blood]:
    """Fill the voxels of every vessel; no voxel is filled beyond its volume."""
    taken = np.zeros(head.geometry.shape, np.float32)
    drawn = []
    for vessel in vessels(patient):
        fraction = np.minimum(tube(head, vessel.path, vessel.radius_mm), 1.0 - taken)
        taken += fraction
        index = np.flatnonzero(fraction)
        drawn.append(Blood(index, fraction.ravel()[index], vessel.delay_s, vessel.share, vessel.venous))
    return drawn


def filling(shape: tuple[int, ...], blood: list[Blood]) -> Float32:
    """Fraction of every voxel that is vessel, float32 ``(Z, Y, X)``."""
    filled = np.zeros(shape, np.float32)
    for vessel in blood:
        filled.reshape(-1)[vessel.index] += vessel.fraction
    return filled


def filled_with(head: Head, blood: list[Blood]) -> Head:
    """Let vessels displace what was there."""
    return displaced(head, filling(head.geometry.shape, blood), BLOOD_HU)


def displaced(head: Head, filled: Float32, hu: float) -> Head:
    """Let something of this density, the fraction `filled` of every voxel, displace what was there."""
    rest = 1 - filled
    return replace(
        head,
        grey=head.grey * rest,
        white=head.white * rest,
        fluid=head.fluid * rest,
        shell_hu=head.shell_hu * rest + filled * hu,
    )


def tube(head: Head, path: tuple[Point, ...], radius_mm: float) -> Float32:
    """Fraction of every voxel inside a tube along MNI points, the mean over thin slices."""
    x, y, z = axes_mm(head.geometry)
    step_z = head.geometry.spacing_mm[0]
    offsets = (np.arange(SUB_SLICES) - (SUB_SLICES - 1) / 2) * step_z / SUB_SLICES
    radius = radius_mm * HEAD_SCALE
    segments = list(_segments(head, path))
    fraction = np.zeros(head.geometry.shape, np.float32)
    for index, height in np.ndenumerate(z[:, None] + offsets):
        near = [
            s for s in segments if min(s[0][2], s[1][2]) - radius < height < max(s[0][2], s[1][2]) + radius
        ]
        if near:
            fraction[index[0]] += _cut(near, radius, height, y, x) / SUB_SLICES
    return fraction


def _cut(
    segments: list[tuple[Float64, Float64]], radius_mm: float, height_mm: float, y: Float64, x: Float64
) -> Float32:
    """Antialiased cut through a tube at one height, ``(Y, X)``."""
    pixel = y[1] - y[0]
    plane = np.zeros((y.size, x.size), np.float32)
    for start, end in segments:
        low, high = np.minimum(start, end) - radius_mm - pixel, np.maximum(start, end) + radius_mm + pixel
        rows, columns = (slice(*np.searchsorted(axis, (low[i], high[i]))) for axis, i in ((y, 1), (x, 0)))
        points = np.stack(np.broadcast_arrays(x[None, columns], y[rows, None], height_mm), axis=-1)
        along = np.clip((points - start) @ (end - start) / ((end - start) @ (end - start)), 0.0, 1.0)
        distance = np.linalg.norm(points - start - along[..., None] * (end - start), axis=-1)
        covered = np.clip((radius_mm - distance) / pixel + 0.5, 0.0, 1.0)
        np.maximum(plane[rows, columns], covered, out=plane[rows, columns])
    return plane


def _segments(head: Head, path: tuple[Point, ...]) -> Iterator[tuple[Float64, Float64]]:
    """Ends of the tube's straight parts in patient space (LPS)."""
    to_patient = head.to_mni.GetInverse()
    points = [np.array(to_patient.TransformPoint((-x, -y, z))) for x, y, z in path]
    yield from pairwise(points)
