"""The mid-sagittal plane: which voxel is left, and where its opposite lies.

The head is mirrored and aligned with itself; what remains fixed is the plane of symmetry. Positions are LPS,
so the patient's left is towards +x however the head is turned on the table.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from triage.motion import Pose, centre_mm, pose_between
from triage.types import Float32, Float64, Geometry, Mask


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
    """Mid-sagittal plane: the long axis of the brain, refined by aligning the skull with its mirror image."""
    guess = _long_axis_plane(intracranial, geometry)
    pose = pose_between(baseline_hu, guess.mirrored(baseline_hu, geometry), geometry)
    return _fixed_plane(guess, pose, centre_mm(geometry))


def _long_axis_plane(intracranial: Mask, geometry: Geometry) -> MidPlane:
    """Plane through the centre of the brain along its longest in-plane axis; heads are longer than wide."""
    points = np.argwhere(intracranial) @ geometry.affine[:3, :3].T + geometry.affine[:3, 3]
    middle = points.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(points[:, :2] - middle[:2], rowvar=False))
    across = axes[:, np.abs(axes[0]).argmax()]
    normal = np.append(across * np.sign(across[0]), 0.0)
    return MidPlane(normal, float(normal @ middle))


def _fixed_plane(guess: MidPlane, pose: Pose, centre: Float64) -> MidPlane:
    """Plane of the reflection "move as `pose`, then mirror at `guess`"."""
    flip = np.eye(3) - 2 * np.outer(guess.normal, guess.normal)
    whole = flip @ pose.rotation
    shift = flip @ (centre + pose.shift - pose.rotation @ centre) + 2 * guess.offset_mm * guess.normal
    values, vectors = np.linalg.eig(whole)
    normal = np.real(vectors[:, np.abs(values + 1).argmin()])
    normal *= np.sign(normal[0]) / np.linalg.norm(normal)
    return MidPlane(normal, float(normal @ shift) / 2)
