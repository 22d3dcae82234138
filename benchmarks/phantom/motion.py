"""How the head moves during the scan: at rest before the bolus, then a slow drift and one jump."""

from types import MappingProxyType

import numpy as np
import SimpleITK as sitk

from benchmarks.phantom.choices import Ruin
from benchmarks.phantom.settings import Patient
from triage.types import Float32, Float64, Geometry, Motion

DRIFT_PERIOD_S = (40.0, 120.0)
FIRST_RUINED = 2
"""The first frames are good: an operator starts the scan when the head rests."""

SMEAR_POSES = 5
"""Poses a smeared frame is the mean of."""

JUMP_SHARE = 0.6
"""Height of the jump relative to the drift."""


def draw_motion(patient: Patient, rng: np.random.Generator) -> Motion:
    """Poses of all frames; each of the six parameters stays within its limit, the largest of a kind reaches it."""
    time_s = patient.time_s()[:, 0]
    moving_s = np.maximum(time_s - patient.bolus_arrival_s, 0.0)
    phase, period = rng.uniform(0, 2 * np.pi, 6), rng.uniform(*DRIFT_PERIOD_S, 6)
    drift = np.sin(2 * np.pi * moving_s[:, None] / period + phase) - np.sin(phase)
    jump_s = rng.uniform(0.3, 0.8) * moving_s.max()
    jump = JUMP_SHARE * rng.standard_normal(6) * (moving_s > jump_s)[:, None]
    path = drift + jump
    return Motion(_limited(path[:, :3], patient.motion_mm), _limited(path[:, 3:], patient.motion_deg))


def _limited(path: Float64, limit: float) -> Float64:
    largest = np.abs(path).max()
    scaled: Float64 = path * (limit / largest) if largest > 0 else np.zeros_like(path)
    return scaled


def draw_exposure(patient: Patient, motion: Motion, rng: np.random.Generator) -> tuple[Motion, list[Motion]]:
    """Ruin some frames: the poses at their beginning, and for each frame the poses it is the mean of (none: blank)."""
    shift, turn = motion.translation_mm.copy(), motion.rotation_deg.copy()
    exposure = [Motion(shift[t : t + 1].copy(), turn[t : t + 1].copy()) for t in range(patient.frames)]
    count = round(patient.ruined_share * patient.frames)
    for t in rng.permutation(np.arange(FIRST_RUINED, patient.frames))[:count]:
        jerk_mm, jerk_deg = (patient.jerk * _direction(rng) for _ in range(2))
        exposure[t] = RUINED[patient.ruin](exposure[t], jerk_mm, jerk_deg)
        if exposure[t].translation_mm.size:
            shift[t], turn[t] = exposure[t].translation_mm[0], exposure[t].rotation_deg[0]
    return Motion(shift, turn), exposure


def _direction(rng: np.random.Generator) -> Float64:
    vector = rng.standard_normal(3)
    unit: Float64 = vector / np.linalg.norm(vector)
    return unit


def _jerked(pose: Motion, jerk_mm: Float64, jerk_deg: Float64) -> Motion:
    return Motion(pose.translation_mm + jerk_mm, pose.rotation_deg + jerk_deg)


def _smeared(pose: Motion, jerk_mm: Float64, jerk_deg: Float64) -> Motion:
    along = np.linspace(0.0, 1.0, SMEAR_POSES)[:, None]
    return Motion(pose.translation_mm + along * jerk_mm, pose.rotation_deg + along * jerk_deg)


def _blank(pose: Motion, jerk_mm: Float64, jerk_deg: Float64) -> Motion:  # noqa: ARG001 - one of a table
    return Motion(pose.translation_mm[:0], pose.rotation_deg[:0])


RUINED = MappingProxyType({Ruin.JERKS: _jerked, Ruin.SMEARED: _smeared, Ruin.BLANK: _blank})


def moved(
    volume_hu: Float32,
    geometry: Geometry,
    translation_mm: Float64,
    rotation_deg: Float64,
    air: float,
    tilt: Float64,
) -> Float32:
    """Show the resting head in another pose; the centre of rotation is the origin of the patient space."""
    if not (translation_mm.any() or rotation_deg.any()):
        return volume_hu
    pose = sitk.Euler3DTransform((0.0, 0.0, 0.0), *np.radians(rotation_deg).tolist(), translation_mm.tolist())
    if not np.array_equal(tilt, np.eye(3)):
        pose = _seen_tilted(pose, tilt)
    image = geometry.to_sitk(volume_hu)
    resampled: Float32 = sitk.GetArrayFromImage(
        sitk.Resample(image, image, pose.GetInverse(), sitk.sitkLinear, air)
    )
    return resampled


def _seen_tilted(pose: sitk.Euler3DTransform, tilt: Float64) -> sitk.AffineTransform:
    """The same movement in the coordinates of a tilted scan's grid."""
    back = np.linalg.inv(tilt)
    rotation = back @ np.array(pose.GetMatrix()).reshape(3, 3) @ tilt
    return sitk.AffineTransform(rotation.ravel().tolist(), (back @ pose.GetTranslation()).tolist())
