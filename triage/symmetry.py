"""The mid-sagittal plane: which voxel is left, and where its opposite lies.

The head is mirrored and aligned with itself; what remains fixed is the plane of symmetry. Positions are LPS,
so the patient's left is towards +x however the head is turned on the table.

The start is searched for on the skull's outline: the long axis of the brain misleads where the image cuts the head.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from triage.matching import Pose, centre_mm, pose_between
from triage.reduction import block_mean
from triage.types import Float32, Float64, Geometry, Mask

THINNED = 4
"""Every so many pixels are enough to see how the brain lies."""

SEARCH_MM = 4.5
"""Pixel size of the projection on which the start is searched for; a skull is 5 to 10 mm thick."""

SEARCH_TURNS_DEG = tuple(range(-48, 49, 6))
"""Turns away from the long axis that are tried; alignment catches what lies within 4 degrees."""

SEARCH_SHIFTS_MM = tuple(range(-24, 25, 6))
"""Shifts away from the middle of the brain that are tried."""

SKULL_WINDOW_HU = (150.0, 800.0)
"""Outside this window everything looks alike: soft tissue, and dense bone with what metal does to it."""

SKULL_HU = 30.0
"""Mean of the projection above the window's floor that marks the skull."""

LEAST_OVERLAP = 0.25
"""Share of the skull whose opposite must lie in the image for a plane to be judged."""

MOST_TURNED = 0.3
"""Least share of a sideways direction in the normal of a plane that can tell left from right."""


@dataclass(frozen=True, slots=True)
class _Skull:
    """Projection along the slices ``(Y, X)``, its bright points ``(K, 3)`` in LPS and values ``(K,)``, and its grid."""

    image: Float32
    points_mm: Float64
    values: Float32
    origin_mm: Float64
    to_index: Float64

    def asymmetry(self, plane: "MidPlane") -> float:
        """Mean difference to the mirror image, infinite where too little of the image has an opposite."""
        depth = self.points_mm @ plane.normal - plane.offset_mm
        opposite = self.points_mm - 2 * depth[:, None] * plane.normal
        pixel = np.rint((opposite - self.origin_mm) @ self.to_index.T).astype(np.int64)
        seen = ((pixel >= 0) & (pixel < np.array(self.image.shape))).all(axis=1)
        if seen.mean() < LEAST_OVERLAP:
            return np.inf
        return float(np.abs(self.image[tuple(pixel[seen].T)] - self.values[seen]).mean())


@dataclass(frozen=True, slots=True)
class MidPlane:
    """The plane ``normal . x = offset_mm`` in LPS; `normal` is a unit vector towards the patient's left."""

    normal: Float64
    offset_mm: float

    def left(self, geometry: Geometry) -> Mask:
        """Voxels ``(Z, Y, X)`` on the patient's left."""
        row = self.normal @ geometry.affine[:3, :3]
        z, y, x = (row[axis] * np.arange(size) for axis, size in enumerate(geometry.shape))
        height = z[:, None, None] + y[None, :, None] + x[None, None, :]
        return np.asarray(height + self.normal @ geometry.affine[:3, 3] > self.offset_mm)

    def mirrored(self, volume: Float32, geometry: Geometry) -> Float32:
        """The finite volume as a mirror at the plane shows it, linearly interpolated."""
        axes, origin = geometry.affine[:3, :3], geometry.affine[:3, 3]
        flip = np.eye(3) - 2 * np.outer(self.normal, self.normal)
        to_index = np.linalg.inv(axes)
        shift = to_index @ (flip @ origin + 2 * self.offset_mm * self.normal - origin)
        return np.asarray(
            ndimage.affine_transform(volume, to_index @ flip @ axes, shift, order=1, mode="nearest"),
            dtype=np.float32,
        )


def mid_plane(baseline_hu: Float32, intracranial: Mask, geometry: Geometry) -> MidPlane:
    """Mid-sagittal plane: the most symmetric start, refined by aligning the skull with its mirror image."""
    starts = _starts(*_lie(intracranial, geometry))
    skull = _projected(baseline_hu, geometry)
    guess = min(starts, key=skull.asymmetry) if skull.values.size else starts[0]
    pose = pose_between(baseline_hu, guess.mirrored(baseline_hu, geometry), geometry)
    return _fixed_plane(guess, pose, centre_mm(geometry))


def _projected(baseline_hu: Float32, geometry: Geometry) -> _Skull:
    """The mean of the bone window along the slices, seen from the middle slice."""
    factor = max(1, round(SEARCH_MM / geometry.spacing_mm[2]))
    coarse = geometry.reduced(factor)
    bone = block_mean(np.clip(baseline_hu, *SKULL_WINDOW_HU), slab=1, factor=factor)
    image = np.asarray(bone.mean(axis=0) - np.float32(SKULL_WINDOW_HU[0]))
    axes = coarse.affine[:3, 1:3]
    origin = coarse.affine[:3, 3] + coarse.affine[:3, 0] * (coarse.shape[0] - 1) / 2
    bright = np.argwhere(image > SKULL_HU)
    points = bright @ axes.T + origin
    return _Skull(image, points, image[tuple(bright.T)], origin, np.asarray(np.linalg.pinv(axes), np.float64))


def _lie(intracranial: Mask, geometry: Geometry) -> tuple[Float64, Float64]:
    """Middle of the brain, and the direction across its longest in-plane axis; heads are longer than wide."""
    step = np.array([1, THINNED, THINNED])
    index = np.argwhere(intracranial[:, ::THINNED, ::THINNED]) * step
    points = index @ geometry.affine[:3, :3].T + geometry.affine[:3, 3]
    middle = points.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(points[:, :2] - middle[:2], rowvar=False))
    across = axes[:, np.abs(axes[0]).argmax()]
    return middle, np.append(across * np.sign(across[0]), 0.0)


def _starts(middle_mm: Float64, across: Float64) -> list[MidPlane]:
    """Upright planes through the middle and beside it, the one across the long axis first."""
    turned = [
        Rotation.from_euler("z", turn, degrees=True).apply(across)
        for turn in sorted(SEARCH_TURNS_DEG, key=abs)
    ]
    return [
        MidPlane(normal, float(normal @ middle_mm) + shift)
        for normal in turned
        for shift in sorted(SEARCH_SHIFTS_MM, key=abs)
        if normal[0] > MOST_TURNED
    ]


def _fixed_plane(guess: MidPlane, pose: Pose, centre: Float64) -> MidPlane:
    """Plane of the reflection "move as `pose`, then mirror at `guess`"."""
    flip = np.eye(3) - 2 * np.outer(guess.normal, guess.normal)
    whole = flip @ pose.rotation
    shift = flip @ (centre + pose.shift - pose.rotation @ centre) + 2 * guess.offset_mm * guess.normal
    values, vectors = np.linalg.eig(whole)
    normal = np.real(vectors[:, np.abs(values + 1).argmin()])
    normal *= np.sign(normal[0]) / np.linalg.norm(normal)
    return MidPlane(normal, float(normal @ shift) / 2)
