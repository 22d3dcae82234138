"""Rigid head motion, frame by frame, from the edges of the skull.

Contrast agent changes the brain and never the bone: frames are compared where only bone differs from its
surroundings. Inverse-compositional Gauss-Newton needs the reference's gradient once for all frames.

References
----------
Baker and Matthews 2004, Int J Comput Vis 56:221 (inverse-compositional alignment).
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

from triage.errors import AnalysisError
from triage.reduction import block_mean
from triage.types import Float32, Float64, Geometry, Mask, Motion

BONE_WINDOW_HU = (150.0, 800.0)
"""Outside this window all voxels look alike: soft tissue with and without contrast, and dense bone."""

LEVELS_MM = (6.0, 2.0)
"""In-plane Gaussian widths, coarse to fine: the coarse one catches a jump of a centimetre."""

ITERATIONS = 12
"""Most steps per level."""

CONVERGED_MM = 0.005
"""A step that moves no point of the head by more than this ends a level."""

DAMPING = 1e-5
"""Share of the normal matrix's trace added to its diagonal: a single slice says nothing about tilt."""

POINTS = 5000
"""Points of steepest edge that are compared; more do not change the answer."""

REFERENCE_FRAMES = 5
"""First frames whose median is the reference: before the bolus, and a single jerk does not shift it."""

HEAD_RADIUS_MM = 80.0
"""Distance at which a rotation is counted as displacement."""

NEGLIGIBLE_MM = 0.1
"""Displacement below the error through thick slices; such a frame is left as it was measured."""

UNLIKE = 0.25
"""Misfit of a frame that is not used because it is blank or smeared; a blank one has 1, a moved one up to 0.07."""

FEWEST_SEEN = 0.67
"""Share of frames that must be usable; an outer slice seen less often keeps what the scan shows at its edge."""

THREADS = 2
"""Frames located side by side."""

MATCHING_MM = 1.6
"""Pixel size that alignment is content with."""


class Alignment(NamedTuple):
    """Aligned frames float32 ``(T, Z, Y, X)``, which slices were seen bool ``(T, Z)``, and the motion curve."""

    hu: Float32
    seen: Mask
    motion: Motion


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the head of the reference is found in a frame: ``rotation (x - centre) + centre + shift``."""

    rotation: Float64
    shift: Float64

    def displacement_mm(self) -> float:
        """Largest movement of a point on the head, to first order."""
        angle = float(np.linalg.norm(Rotation.from_matrix(self.rotation).as_rotvec()))
        return float(np.linalg.norm(self.shift)) + angle * HEAD_RADIUS_MM


@dataclass(frozen=True, slots=True)
class _Template:
    """The reference's edge points and what is needed to step from them.

    `steps` is ``(K, 6)``: slope along x, y, z, and along an arc about x, y, z at the radius of the head.
    """

    points_mm: Float64
    values: Float32
    steps: Float64
    to_index: Float64
    origin_mm: Float64
    width_px: tuple[float, float, float]


STILL = Pose(np.eye(3), np.zeros(3))


def aligned(hu: Float32, geometry: Geometry) -> Alignment:
    """Bring every frame of ``(T, Z, Y, X)`` into the pose of the first frames.

    Raises
    ------
    AnalysisError
        When the head cannot be followed in most frames.
    """
    poses, misfits = estimate(hu, geometry)
    motion = Motion(
        np.array([pose.shift for pose in poses]),
        np.array([Rotation.from_matrix(pose.rotation).as_rotvec(degrees=True) for pose in poses]),
    )
    seen = np.array([_seen_slices(pose, geometry) for pose in poses])
    seen[misfits > UNLIKE] = False
    _require_most(np.asarray(seen.any(axis=1)))
    seen[:, seen.mean(axis=0) < FEWEST_SEEN] = True
    moved = [t for t, pose in enumerate(poses) if pose.displacement_mm() > NEGLIGIBLE_MM]
    if not moved:
        return Alignment(hu, seen, motion)
    still = hu.copy()
    for t in moved:
        still[t] = resampled(hu[t], poses[t], geometry)
    return Alignment(still, seen, motion)


def estimate(hu: Float32, geometry: Geometry) -> tuple[list[Pose], Float64]:
    """Pose of every frame and its misfit ``(T,)`` to the reference, the first frames' median."""
    factor = _matching_factor(geometry)
    reference = np.median([_bone(frame, factor) for frame in hu[:REFERENCE_FRAMES]], axis=0)
    templates = _templates(reference.astype(np.float32), geometry.reduced(factor))
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda frame: _locate(_bone(frame, factor), templates), hu))
    return [pose for pose, _ in found], np.array([misfit for _, misfit in found])


def _require_most(usable: Mask) -> None:
    """Refuse a scan with too few usable frames ``(T,)``."""
    if usable.mean() < FEWEST_SEEN:
        raise AnalysisError(
            f"the head can be followed in {usable.sum()} of {usable.size} frames only: check for motion or blank images"
        )


def pose_between(reference: Float32, frame: Float32, geometry: Geometry) -> Pose:
    """Pose in which `frame` shows the head of `reference`, both ``(Z, Y, X)`` in HU."""
    factor = _matching_factor(geometry)
    return _locate(_bone(frame, factor), _templates(_bone(reference, factor), geometry.reduced(factor)))[0]


def _matching_factor(geometry: Geometry) -> int:
    """Pixels averaged in each direction before matching."""
    return max(1, round(MATCHING_MM / geometry.spacing_mm[2]))


def _templates(reference: Float32, geometry: Geometry) -> list[_Template]:
    return [_template(reference, geometry, width) for width in LEVELS_MM]


def resampled(frame: Float32, pose: Pose, geometry: Geometry) -> Float32:
    """The frame in the pose of the reference, linearly interpolated; the outermost slices are extended."""
    image = geometry.to_sitk(frame)
    rigid = sitk.Euler3DTransform()
    rigid.SetCenter(centre_mm(geometry).tolist())
    rigid.SetMatrix(pose.rotation.ravel().tolist())
    rigid.SetTranslation(pose.shift.tolist())
    air = float(frame.min())
    moved = sitk.Resample(
        image, image, rigid, sitk.sitkLinear, air, sitk.sitkFloat32, useNearestNeighborExtrapolator=True
    )
    return np.asarray(sitk.GetArrayFromImage(moved), dtype=np.float32)


def _bone(frame: Float32, factor: int) -> Float32:
    """Bone window of ``(Z, Y, X)``, averaged over blocks of pixels."""
    return block_mean(np.clip(frame, *BONE_WINDOW_HU), slab=1, factor=factor)


def centre_mm(geometry: Geometry) -> Float64:
    """Middle of the grid in LPS, about which heads are turned."""
    middle = (np.array(geometry.shape) - 1) / 2
    return np.asarray(geometry.affine[:3, :3] @ middle + geometry.affine[:3, 3])


def _template(reference: Float32, geometry: Geometry, width_mm: float) -> _Template:
    """Steepest points of the blurred reference, relative to the centre of the grid."""
    width_px = (0.0, width_mm / geometry.spacing_mm[1], width_mm / geometry.spacing_mm[2])
    blurred = ndimage.gaussian_filter(reference, width_px)
    to_index = np.asarray(np.linalg.inv(geometry.affine[:3, :3]), dtype=np.float64)
    slope = np.stack(_gradient(blurred), axis=-1) @ to_index
    steepness = np.linalg.norm(slope, axis=-1)
    at = np.argpartition(steepness.ravel(), max(0, steepness.size - POINTS))[-POINTS:]
    index = np.stack(np.unravel_index(at, blurred.shape), axis=-1)
    centre = centre_mm(geometry)
    origin = geometry.affine[:3, 3] - centre
    points = index @ geometry.affine[:3, :3].T + origin
    slope_at = slope.reshape(-1, 3)[at].astype(np.float64)
    steps = np.hstack([slope_at, np.cross(points, slope_at) / HEAD_RADIUS_MM])
    return _Template(points, blurred.ravel()[at], steps, to_index, origin, width_px)


def _gradient(volume: Float32) -> list[Float32]:
    """Central differences along each axis; a single slice has no slope through the plane."""
    return [
        np.gradient(volume, axis=axis) if volume.shape[axis] > 1 else np.zeros_like(volume)
        for axis in range(3)
    ]


def _locate(frame: Float32, templates: list[_Template]) -> tuple[Pose, float]:
    """Pose of one frame, from coarse to fine, and its misfit."""
    pose, misfit = STILL, np.inf
    for template in templates:
        blurred = ndimage.gaussian_filter(frame, template.width_px)
        pose = _descended(blurred, template, pose)
        misfit = _misfit(blurred, template, pose)
    return pose, misfit


def _residual(blurred: Float32, template: _Template, pose: Pose) -> tuple[Float64, Mask]:
    """Differences to the reference ``(K,)`` and which points lie inside the frame."""
    index = ((template.points_mm @ pose.rotation.T + pose.shift) - template.origin_mm) @ template.to_index.T
    inside = ((index >= 0) & (index <= np.array(blurred.shape) - 1)).all(axis=1)
    value = ndimage.map_coordinates(blurred, index.T, order=1, mode="nearest")
    return np.asarray(value - template.values, dtype=np.float64), np.asarray(inside)


def _misfit(blurred: Float32, template: _Template, pose: Pose) -> float:
    """Mean difference to the reference as a share of the reference's own bone contrast."""
    residual, inside = _residual(blurred, template, pose)
    edges_hu = float(np.abs(template.values - BONE_WINDOW_HU[0]).mean())
    return float(np.abs(residual[inside]).mean()) / max(edges_hu, 1.0) if inside.any() else np.inf


def _descended(blurred: Float32, template: _Template, pose: Pose) -> Pose:
    """Gauss-Newton with Cauchy weights, which a vessel full of contrast cannot pull."""
    for _ in range(ITERATIONS):
        residual, inside = _residual(blurred, template, pose)
        scale = 3.0 * np.median(np.abs(residual)) + 1.0
        weight = inside / (1.0 + (residual / scale) ** 2)
        normal = (template.steps * weight[:, None]).T @ template.steps
        normal += (DAMPING * np.trace(normal) + np.finfo(np.float32).eps) * np.eye(6)
        step = np.linalg.solve(normal, template.steps.T @ (weight * residual))
        turn = Rotation.from_rotvec(step[3:] / HEAD_RADIUS_MM).as_matrix()
        rotation = pose.rotation @ turn.T
        pose = Pose(rotation, pose.shift - rotation @ step[:3])
        if np.abs(step).max() < CONVERGED_MM:
            break
    return pose


def _seen_slices(pose: Pose, geometry: Geometry) -> Mask:
    """Which reference slices ``(Z,)`` lie inside the frame's coverage, half a slice of tolerance included."""
    z, y, x = geometry.shape
    if pose.displacement_mm() <= NEGLIGIBLE_MM:
        return np.ones(z, dtype=bool)
    axes, centre = geometry.affine[:3, :3], centre_mm(geometry)
    middle = np.stack([np.arange(z), np.full(z, (y - 1) / 2), np.full(z, (x - 1) / 2)], axis=-1)
    points = middle @ axes.T + geometry.affine[:3, 3] - centre
    moved = points @ pose.rotation.T + pose.shift + centre - geometry.affine[:3, 3]
    place = (moved @ np.linalg.inv(axes).T)[:, 0]
    return np.asarray((place >= -0.5) & (place <= z - 0.5))
