"""Finding a head again: the rigid pose in which a frame shows the head of a reference, from the edges of the skull.

Contrast agent changes the brain and never the bone: frames are compared where only bone differs from its
surroundings. Inverse-compositional Gauss-Newton needs the reference's gradient once for all frames. Everything is
computed from the affine, so that a tilted gantry is as good as a straight one.

References
----------
Baker and Matthews 2004, Int J Comput Vis 56:221 (inverse-compositional alignment).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from triage.reduction import block_mean
from triage.types import Float32, Float64, Geometry, Mask

BONE_WINDOW_HU = (150.0, 800.0)
"""Outside this window all voxels look alike: soft tissue with and without contrast, and dense bone."""

MATCHING_MM = 1.6
"""Pixel size that alignment is content with."""

MARGIN_MM = 12.0
"""Border around the reference's bone that is looked at: as far as a head moves and is still in the scan."""

ITERATIONS = 12
"""Most steps per level."""

DAMPING = 1e-5
"""Share of the normal matrix's trace added to its diagonal: a single slice says nothing about tilt."""

HEAD_RADIUS_MM = 80.0
"""Distance at which a rotation is counted as displacement."""


class Level(NamedTuple):
    """One step from coarse to fine: pixels averaged, in-plane Gaussian, edge points, and the step that ends it."""

    factor: int
    width_mm: float
    points: int
    converged_mm: float


LEVELS = (Level(2, 6.0, 1500, 0.1), Level(1, 2.0, 4000, 0.01))
"""The coarse level catches a jump of a centimetre; more points and smaller steps do not change the answer."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the head of the reference is found in a frame: ``rotation (x - centre) + centre + shift``."""

    rotation: Float64
    shift: Float64

    def displacement_mm(self) -> float:
        """Largest movement of a point on the head, to first order."""
        angle = float(np.linalg.norm(Rotation.from_matrix(self.rotation).as_rotvec()))
        return float(np.linalg.norm(self.shift)) + angle * HEAD_RADIUS_MM

    def on_grid(self, geometry: Geometry) -> tuple[Float64, Float64]:
        """Matrix ``(3, 3)`` and shift ``(3,)`` of the movement in indices (z, y, x) about the middle of the grid."""
        axes = geometry.affine[:3, :3]
        to_index = np.linalg.inv(axes)
        return np.asarray(to_index @ self.rotation @ axes), np.asarray(to_index @ self.shift)


STILL = Pose(np.eye(3), np.zeros(3))


class Window(NamedTuple):
    """Rows and columns, the same in all slices."""

    rows: slice
    columns: slice

    def of(self, volume: Float32) -> Float32:
        """The part of ``(Z, Y, X)`` that lies in the window."""
        return volume[:, self.rows, self.columns]


@dataclass(frozen=True, slots=True)
class _Template:
    """The reference's edge points at one level and what is needed to step from them.

    `geometry` is the level's grid; `points` float64 ``(3, K)`` are its indices relative to `middle`, about which heads
    are turned. `steps` is ``(K, 6)``: slope along x, y, z, and along an arc about x, y, z at the radius of the head.
    """

    level: Level
    geometry: Geometry
    middle: Float64
    points: Float64
    values: Float32
    steps: Float64


@dataclass(frozen=True, slots=True)
class Matcher:
    """A reference, ready to be found in frames of the same grid."""

    window: Window
    factor: int
    templates: tuple[_Template, ...]

    def locate(self, frame: Float32) -> tuple[Pose, float]:
        """Pose of a frame ``(Z, Y, X)`` and its misfit: the mean difference as a share of the bone's contrast."""
        bone = _bone(self.window.of(frame), self.factor)
        pose, misfit = STILL, np.inf
        for template in self.templates:
            pose, misfit = _descended(_prepared(bone, template.level, template.geometry), template, pose)
        return pose, misfit


def matcher(frames: Sequence[Float32], geometry: Geometry) -> Matcher:
    """Get ready to find the head that the median of `frames`, each ``(Z, Y, X)``, shows."""
    window = bone_window(frames, geometry, MARGIN_MM)
    factor = max(1, round(MATCHING_MM / geometry.spacing_mm[2]))
    bone = [_bone(window.of(frame), factor) for frame in frames]
    reference = np.median(bone, axis=0).astype(np.float32) if len(bone) > 1 else bone[0]
    grid, centre = _in_window(geometry, window).reduced(factor), centre_mm(geometry)
    return Matcher(window, factor, tuple(_template(reference, grid, level, centre) for level in LEVELS))


def pose_between(reference: Float32, frame: Float32, geometry: Geometry) -> Pose:
    """Pose in which `frame` shows the head of `reference`, both ``(Z, Y, X)`` in HU."""
    return matcher([reference], geometry).locate(frame)[0]


def centre_mm(geometry: Geometry) -> Float64:
    """Middle of the grid in LPS, about which heads are turned."""
    middle = (np.array(geometry.shape) - 1) / 2
    return np.asarray(geometry.affine[:3, :3] @ middle + geometry.affine[:3, 3])


def bone_window(frames: Sequence[Float32], geometry: Geometry, margin_mm: float) -> Window:
    """Rows and columns that the bone of any of `frames` fills, with a margin; all of them where there is none."""
    shown = np.max([(frame > BONE_WINDOW_HU[0]).any(axis=0) for frame in frames], axis=0)
    rows, columns = (
        _extent(shown.any(axis=1 - axis), margin_mm / geometry.spacing_mm[1 + axis]) for axis in (0, 1)
    )
    return Window(rows, columns)


def _extent(filled: Mask, margin: float) -> slice:
    """Range of the true entries of one axis with `margin` more at both ends."""
    at = np.flatnonzero(filled) if filled.any() else np.arange(filled.size)
    return slice(max(0, int(at[0] - margin)), min(filled.size, int(at[-1] + margin) + 1))


def _in_window(geometry: Geometry, window: Window) -> Geometry:
    rows, columns = window
    affine = geometry.affine.copy()
    affine[:3, 3] += affine[:3, 1] * rows.start + affine[:3, 2] * columns.start
    shape = (geometry.shape[0], rows.stop - rows.start, columns.stop - columns.start)
    return Geometry(shape, affine, geometry.frame_of_reference_uid)


def _bone(frame: Float32, factor: int) -> Float32:
    """Bone window of ``(Z, Y, X)``, averaged over blocks of pixels."""
    return block_mean(np.clip(frame, *BONE_WINDOW_HU), slab=1, factor=factor)


def _prepared(bone: Float32, level: Level, geometry: Geometry) -> Float32:
    """The bone of a frame as a level compares it, on the level's grid `geometry`."""
    width_px = (0.0, level.width_mm / geometry.spacing_mm[1], level.width_mm / geometry.spacing_mm[2])
    return np.asarray(ndimage.gaussian_filter(block_mean(bone, slab=1, factor=level.factor), width_px))


def _template(bone: Float32, geometry: Geometry, level: Level, centre: Float64) -> _Template:
    """Steepest points of the reference `bone` on the grid `geometry`, relative to `centre` in LPS."""
    grid = geometry.reduced(level.factor)
    reference = _prepared(bone, level, grid)
    axes = grid.affine[:3, :3]
    to_index = np.asarray(np.linalg.inv(axes))
    slope = np.stack(_gradient(reference), axis=-1)
    steepness = ((slope @ to_index) ** 2).sum(axis=-1)
    at = np.argpartition(steepness.ravel(), max(0, steepness.size - level.points))[-level.points :]
    middle = to_index @ (centre - grid.affine[:3, 3])
    points = np.stack(np.unravel_index(at, reference.shape)) - middle[:, None]
    slope_at = slope.reshape(-1, 3)[at] @ to_index
    arcs = np.cross((axes @ points).T, slope_at) / HEAD_RADIUS_MM
    return _Template(level, grid, middle, points, reference.ravel()[at], np.hstack([slope_at, arcs]))


def _gradient(volume: Float32) -> list[Float32]:
    """Central differences along each axis; a single slice has no slope through the plane."""
    return [
        np.gradient(volume, axis=axis) if volume.shape[axis] > 1 else np.zeros_like(volume)
        for axis in range(3)
    ]


def _residual(frame: Float32, template: _Template, pose: Pose) -> tuple[Float64, Mask]:
    """Differences to the reference ``(K,)`` and which points lie inside the frame."""
    turn, shift = pose.on_grid(template.geometry)
    index = turn @ template.points + (shift + template.middle)[:, None]
    last = np.array(frame.shape)[:, None] - 1
    inside = ((index >= 0) & (index <= last)).all(axis=0)
    value = ndimage.map_coordinates(frame, index, order=1, mode="nearest")
    return np.asarray(value - template.values, dtype=np.float64), np.asarray(inside)


def _descended(frame: Float32, template: _Template, pose: Pose) -> tuple[Pose, float]:
    """Gauss-Newton with Cauchy weights, which a vessel full of contrast cannot pull; the pose and its misfit."""
    for _ in range(ITERATIONS):
        residual, inside = _residual(frame, template, pose)
        step = _step(residual, inside, template.steps)
        turn = Rotation.from_rotvec(step[3:] / HEAD_RADIUS_MM).as_matrix()
        rotation = pose.rotation @ turn.T
        pose = Pose(rotation, pose.shift - rotation @ step[:3])
        if np.abs(step).max() < template.level.converged_mm:
            break
    return pose, _misfit(residual[inside], template)


def _step(residual: Float64, inside: Mask, steps: Float64) -> Float64:
    """Movement ``(6,)`` in mm, rotation as arcs, that explains the residual best."""
    scale = 3.0 * np.median(np.abs(residual)) + 1.0
    weight = inside / (1.0 + (residual / scale) ** 2)
    weighted = steps.T * weight
    normal = weighted @ steps
    normal += (DAMPING * np.trace(normal) + np.finfo(np.float32).eps) * np.eye(6)
    return np.asarray(np.linalg.solve(normal, weighted @ residual))


def _misfit(residual: Float64, template: _Template) -> float:
    """Mean difference to the reference as a share of the reference's own bone contrast."""
    edges_hu = float(np.abs(template.values - BONE_WINDOW_HU[0]).mean())
    return float(np.abs(residual).mean()) / max(edges_hu, 1.0) if residual.size else np.inf
