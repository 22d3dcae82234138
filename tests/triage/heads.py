"""A head without time: skull, brain, ventricles and what is put into them, drawn at any pose on any grid."""

import numpy as np
from scipy.spatial.transform import Rotation

from triage.types import Geometry

GEOMETRY = Geometry.axial((14, 128, 128), (5.0, 1.8, 1.8), (-114.3, -114.3, -32.5))
WHITE_HU, GREY_HU, FLUID_HU, BONE_HU = 28.0, 36.0, 7.0, 900.0
SUB = (-0.25, 0.25)


def ball(points, centre, radii):
    return (((points - np.array(centre)) / np.array(radii)) ** 2).sum(axis=-1) <= 1


def positions(geometry, offset=(0.0, 0.0)):
    """LPS of every voxel, `offset` in rows and columns, ``(Z, Y, X, 3)``."""
    index = np.stack(np.indices(geometry.shape), axis=-1).astype(float)
    index[..., 1:] += offset
    return index @ geometry.affine[:3, :3].T + geometry.affine[:3, 3]


def _drawn_at(points, spots):
    hu = np.full(points.shape[:-1], -1000.0)
    for centre, radii, level in (
        ((0, 0, -20), (82, 100, 112), 20.0),  # scalp
        ((0, 0, -20), (75, 93, 105), BONE_HU),
        ((0, -98, -10), (14, 14, 22), 60.0),  # nose and brow: front and back differ
        ((0, 0, -20), (68, 86, 98), FLUID_HU),
        ((0, 0, -20), (65, 83, 95), GREY_HU),
        ((0, 0, -20), (56, 74, 86), WHITE_HU),
        ((13, 5, 0), (7, 28, 15), FLUID_HU),
        ((-13, 5, 0), (7, 28, 15), FLUID_HU),
        *spots,
    ):
        hu[ball(points, centre, radii)] = level
    return hu


def head(geometry=GEOMETRY, *, yaw_deg=0.0, roll_deg=0.0, shift_mm=0.0, spots=(), noise_hu=1.5):
    """Unenhanced head float32 ``(Z, Y, X)``; `spots` are ellipsoids (centre, radii, HU), later ones on top."""
    turn = Rotation.from_euler("zy", [yaw_deg, roll_deg], degrees=True)
    parts = []
    for dy in SUB:
        for dx in SUB:
            points = positions(geometry, (dy, dx)) - [shift_mm, 0, 0]
            parts.append(_drawn_at(turn.inv().apply(points.reshape(-1, 3)).reshape(points.shape), spots))
    noise = np.random.default_rng(1).standard_normal(geometry.shape)
    return (np.mean(parts, axis=0) + noise_hu * noise).astype(np.float32)


def plane_of(yaw_deg=0.0, roll_deg=0.0, shift_mm=0.0):
    """Normal and offset of the drawn head's plane of symmetry."""
    normal = Rotation.from_euler("zy", [yaw_deg, roll_deg], degrees=True).apply([1.0, 0.0, 0.0])
    return normal, shift_mm * normal[0]


def within(geometry, *, margin_mm=0.0):
    """What the skull of the straight head encloses."""
    return ball(positions(geometry), (0, 0, -20), np.array([68, 86, 98]) - margin_mm)


def restored(geometry, axis, *, flipped=False, start=0):
    """The grid read from the other end of an axis, or from `start` on."""
    affine = geometry.affine.copy()
    shape = list(geometry.shape)
    if flipped:
        affine[:3, 3] += affine[:3, axis] * (shape[axis] - 1)
        affine[:3, axis] *= -1
    affine[:3, 3] += affine[:3, axis] * start
    shape[axis] -= start
    return Geometry(tuple(shape), affine)
