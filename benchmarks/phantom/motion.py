"""How the head moves during the scan: at rest before the bolus, then a slow drift and one jump."""

import numpy as np
import SimpleITK as sitk

from benchmarks.phantom.settings import Patient
from triage.types import Float32, Float64, Geometry, Motion

DRIFT_PERIOD_S = (40.0, 120.0)
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


def moved(
    volume_hu: Float32, geometry: Geometry, translation_mm: Float64, rotation_deg: Float64, air: float
) -> Float32:
    """Show the resting head in another pose; the centre of rotation is the origin of the patient space."""
    if not (translation_mm.any() or rotation_deg.any()):
        return volume_hu
    pose = sitk.Euler3DTransform((0.0, 0.0, 0.0), *np.radians(rotation_deg).tolist(), translation_mm.tolist())
    image = geometry.to_sitk(volume_hu)
    resampled: Float32 = sitk.GetArrayFromImage(
        sitk.Resample(image, image, pose.GetInverse(), sitk.sitkLinear, air)
    )
    return resampled
