"""Vascular territories on drawn heads: where they lie, whichever way the head is turned."""

import numpy as np
import pytest

from benchmarks.phantom import Patient, make_patient
from triage.symmetry import MidPlane
from triage.territory import volumes_ml
from triage.types import Geometry, Side, Territory

GEOMETRY = Geometry.axial((4, 96, 96), (5.0, 2.0, 2.0), (-95.0, -95.0, 0.0))
HALF_WIDTH_MM, HALF_LENGTH_MM = 64.0, 84.0


def frame(turn_deg=0.0):
    """Mid-plane of a head turned about the vertical, and the head's own coordinates (left, posterior)."""
    angle = np.radians(turn_deg)
    left = np.array([np.cos(angle), np.sin(angle), 0.0])
    z, y, x = np.indices(GEOMETRY.shape)
    points = np.stack([z, y, x], axis=-1) @ GEOMETRY.affine[:3, :3].T + GEOMETRY.affine[:3, 3]
    return MidPlane(left, 0.0), points @ left, points @ np.array([-np.sin(angle), np.cos(angle), 0.0])


def territories(left_mm, behind_mm, turn_deg=0.0, radius_mm=8.0):
    """Territories of a ball at a place of the head."""
    plane, left, behind = frame(turn_deg)
    brain = (left / HALF_WIDTH_MM) ** 2 + (behind / HALF_LENGTH_MM) ** 2 <= 1
    ball = brain & (np.hypot(left - left_mm, behind - behind_mm) <= radius_mm)
    found = volumes_ml(ball, brain, plane, GEOMETRY)
    assert sum(found.values()) == pytest.approx(ball.sum() * GEOMETRY.voxel_ml)
    return found


@pytest.mark.parametrize("turn_deg", [0.0, 15.0, -15.0])
@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize(
    ("beside_mm", "behind_mm", "expected"),
    [
        (45.0, 0.0, Territory.MIDDLE),
        (40.0, -35.0, Territory.MIDDLE),
        (3.0, -50.0, Territory.ANTERIOR),
        (3.0, -20.0, Territory.ANTERIOR),
        (20.0, 65.0, Territory.POSTERIOR),
        (3.0, 20.0, Territory.POSTERIOR),
    ],
)
def test_a_place_belongs_to_its_vessel(beside_mm, behind_mm, expected, side, turn_deg):
    found = territories(side * beside_mm, behind_mm, turn_deg)
    assert found[expected] > 0.9 * sum(found.values())


def test_an_area_on_a_border_is_divided():
    found = territories(13.0, -40.0, radius_mm=12.0)
    assert set(found) == {Territory.ANTERIOR, Territory.MIDDLE}


def test_nothing_has_no_territory():
    plane, left, _ = frame()
    assert volumes_ml(np.zeros(GEOMETRY.shape, bool), left < 1e9, plane, GEOMETRY) == {}


@pytest.mark.parametrize(("seed", "side"), [(101, Side.LEFT), (102, Side.RIGHT)])
def test_lesions_of_the_phantom_are_middle_cerebral(seed, side):
    patient = Patient(seed=seed, side=side, hypoperfused_ml=150.0, matrix=64, frames=1, noise_hu=0.0)
    truth = make_patient(patient).truth
    plane = MidPlane(np.array([1.0, 0.0, 0.0]), 0.0)
    found = volumes_ml(truth.hypoperfused, truth.brain, plane, truth.geometry)
    assert found[Territory.MIDDLE] > 0.85 * truth.hypoperfused_ml
