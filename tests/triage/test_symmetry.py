"""The mid-sagittal plane of heads drawn at known poses, whole and cut, clean and with metal."""

import numpy as np
import pytest

from tests.triage.heads import GEOMETRY, head, plane_of, restored
from triage.masks import intracranial
from triage.symmetry import mid_plane

DEGREES, MILLIMETRES = 1.0, 1.0


def errors(hu, geometry, truth):
    """Angle in degrees, and distance in mm at the middle of the brain, between found and true plane."""
    inside = intracranial(hu, geometry)
    plane, (normal, offset) = mid_plane(hu, inside, geometry), truth
    middle = (np.argwhere(inside) @ geometry.affine[:3, :3].T + geometry.affine[:3, 3]).mean(axis=0)
    angle = np.degrees(np.arccos(np.clip(plane.normal @ normal, -1, 1)))
    return float(angle), float(abs(plane.normal @ middle - plane.offset_mm - (normal @ middle - offset)))


def assert_found(hu, geometry, truth):
    angle, distance = errors(hu, geometry, truth)
    assert angle < DEGREES
    assert distance < MILLIMETRES


@pytest.mark.parametrize(
    ("yaw_deg", "roll_deg", "shift_mm"),
    [(0, 0, 0), (25, 0, 6), (-25, 0, 0), (0, 15, 0), (0, -15, -6), (18, -10, 4)],
)
def test_a_head_lies_as_it_was_drawn(yaw_deg, roll_deg, shift_mm):
    pose = {"yaw_deg": yaw_deg, "roll_deg": roll_deg, "shift_mm": shift_mm}
    assert_found(head(**pose), GEOMETRY, plane_of(**pose))


def test_a_plane_five_degrees_off_would_be_noticed():
    """Negative control of the measure."""
    angle, _ = errors(head(yaw_deg=5.0), GEOMETRY, plane_of())
    assert angle > 4


@pytest.mark.parametrize("axis", [0, 1, 2], ids=["feet first", "prone", "columns from the left"])
def test_the_order_in_which_voxels_are_stored_changes_nothing(axis):
    hu = np.flip(head(yaw_deg=10.0), axis).copy()
    assert_found(hu, restored(GEOMETRY, axis, flipped=True), plane_of(yaw_deg=10.0))


@pytest.mark.parametrize(("axis", "start"), [(1, 34), (2, 30)], ids=["brow cut off", "temple cut off"])
def test_a_head_that_leaves_the_image_is_still_divided(axis, start):
    """Without the brow the brain is as wide as it is long, and its long axis says nothing."""
    cut = np.take(head(yaw_deg=20.0), range(start, GEOMETRY.shape[axis]), axis=axis)
    assert_found(cut, restored(GEOMETRY, axis, start=start), plane_of(yaw_deg=20.0))


def test_metal_and_a_holder_on_one_side_do_not_pull():
    hu = head(yaw_deg=8.0, spots=[((30, -20, 0), (4, 4, 6), 3000.0)])
    hu[:, 20:110, 3:6] = 1200.0
    assert_found(hu, GEOMETRY, plane_of(yaw_deg=8.0))


def test_left_is_the_patients_left():
    hu = head(yaw_deg=20.0)
    left = mid_plane(hu, intracranial(hu, GEOMETRY), GEOMETRY).left(GEOMETRY)
    assert left[:, 64, -1].all()
    assert not left[:, 64, 0].any()


def test_the_mirror_swaps_the_sides():
    hu = head(spots=[((40, 0, 0), (12, 12, 12), 80.0)], noise_hu=0.0)
    plane = mid_plane(hu, intracranial(hu, GEOMETRY), GEOMETRY)
    seen = plane.mirrored(hu, GEOMETRY)
    z, y, x = 6, 64, 64
    assert hu[z, y, x + 22] == pytest.approx(80, abs=3)
    assert seen[z, y, x - 23] == pytest.approx(80, abs=3)
