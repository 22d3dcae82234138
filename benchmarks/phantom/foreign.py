"""What does not belong to a healthy head and does not enhance: calcifications, and metal with its streaks."""

from collections.abc import Callable

import numpy as np
import SimpleITK as sitk

from benchmarks.phantom.anatomy import Head, axes_mm
from benchmarks.phantom.settings import Patient
from benchmarks.phantom.vessels import Point, displaced, tube
from triage.types import Float32, Geometry

CALCIFIED_MM: tuple[Point, ...] = (
    (20.0, -4.0, 0.0),
    (-20.0, -4.0, 0.0),
    (0.0, -28.0, 8.0),
    (23.0, -38.0, 12.0),
    (-23.0, -38.0, 12.0),
    (15.0, 12.0, 10.0),
    (-15.0, 12.0, 10.0),
    (34.0, -20.0, 30.0),
    (-34.0, -20.0, 30.0),
)
"""Pallidum, pineal gland, choroid plexus, caudate, and subcortical white matter (MNI right, anterior, superior)."""

SCATTER_MM = 3.0
CALCIFIED_RADIUS_MM = (1.0, 3.5)
CALCIFIED_HU = (130.0, 450.0)
"""Size and density of a spot; a whole pallidum is 3 to 4 mm."""

LENGTH_MM = 1.0
"""A spot is a tube this long with round ends."""

CLIP_MM: tuple[Point, ...] = ((33.0, 2.0, -15.0), (36.0, 4.0, -8.0))
CLIP_RADIUS_MM, CLIP_HU = 1.6, 8000.0
"""An aneurysm clip at the end of the right middle cerebral artery's stem; scanners end at 3071 HU."""

STREAK_HU, STREAK_RADIUS_MM, STREAK_RAYS, STREAK_SLAB_MM = 160.0, 8.0, 9, 6.0
"""Streaks: height at the clip, distance at which half of it is left, rays, and reach along the axis."""

FLICKER = 0.12
"""Standard deviation of the streaks' phase from frame to frame, radians: the tube starts anywhere."""


def with_calcifications(head: Head, patient: Patient, rng: np.random.Generator) -> Head:
    """Put the patient's dense spots into the head."""
    for site in rng.permutation(len(CALCIFIED_MM))[: patient.calcifications]:
        x, y, z = np.array(CALCIFIED_MM[site]) + SCATTER_MM * rng.standard_normal(3)
        radius, hu = rng.uniform(*CALCIFIED_RADIUS_MM), rng.uniform(*CALCIFIED_HU)
        head = displaced(head, tube(head, ((x, y, z), (x, y, z + LENGTH_MM)), radius), hu)
    return head


def with_metal(head: Head, patient: Patient) -> Head:
    """Put the clip into the head."""
    return displaced(head, tube(head, CLIP_MM, CLIP_RADIUS_MM), CLIP_HU) if patient.metal else head


def draw_streaks(
    geometry: Geometry, to_mni: sitk.AffineTransform, frames: int, rng: np.random.Generator
) -> Callable[[int], Float32]:
    """Streaks around the clip in every frame, float32 ``(Z, Y, X)`` in HU; their mean over a ring is zero."""
    right, anterior, superior = np.mean(CLIP_MM, axis=0)
    clip = to_mni.GetInverse().TransformPoint((-right, -anterior, superior))
    x, y, z = (axis - centre for axis, centre in zip(axes_mm(geometry), clip, strict=True))
    distance, angle = np.hypot(x, y[:, None]), np.arctan2(y[:, None], x)
    reach = np.exp(-0.5 * (z / STREAK_SLAB_MM) ** 2)[:, None, None]
    height = STREAK_HU * STREAK_RADIUS_MM / (distance + STREAK_RADIUS_MM) * (distance > CLIP_RADIUS_MM)
    cosine, sine = (
        (reach * height * wave(STREAK_RAYS * angle)).astype(np.float32) for wave in (np.cos, np.sin)
    )
    phase = rng.uniform(0, 2 * np.pi) + FLICKER * rng.standard_normal(frames)
    return lambda t: np.float32(np.cos(phase[t])) * cosine - np.float32(np.sin(phase[t])) * sine
