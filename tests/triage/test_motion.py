"""Alignment against known movements, and the mirror that tells left from right."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from triage import motion, timing
from triage.errors import AnalysisError
from triage.masks import intracranial
from triage.symmetry import mid_plane
from triage.types import Geometry

MOVEMENTS = (  # shift in mm and rotation in degrees, both about/along LPS x, y, z
    ((3.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ((0.0, -4.0, 2.0), (0.0, 0.0, 3.0)),
    ((-2.0, 3.0, -3.0), (2.0, -1.0, -4.0)),
)


@pytest.fixture(scope="module")
def still(drawing):
    return drawing(frames=9, dt_s=1.0, arrival_s=30.0, side="none").series


@pytest.fixture(scope="module")
def shaken(still):
    """Five frames at rest, then one frame for each movement, then rest again."""
    hu = still.hu.copy()
    for t, (shift, turn) in enumerate(MOVEMENTS, start=5):
        rotation = Rotation.from_euler("xyz", turn, degrees=True)
        backwards = motion.Pose(rotation.inv().as_matrix(), -rotation.inv().apply(shift))
        hu[t] = motion.resampled(still.hu[t], backwards, still.geometry)
    return hu


def test_known_shifts_and_rotations_are_recovered(still, shaken):
    poses, _ = motion.estimate(shaken, still.geometry)
    for pose, (shift, turn) in zip(poses[5:8], MOVEMENTS, strict=True):
        error = Rotation.from_matrix(pose.rotation) * Rotation.from_euler("xyz", turn, degrees=True).inv()
        assert np.abs(pose.shift - shift)[:2].max() < 0.25
        assert abs(pose.shift[2] - shift[2]) < 0.4
        assert error.magnitude() * 180 / np.pi < 0.7


def test_frames_at_rest_stay_untouched(still, shaken):
    aligned = motion.aligned(shaken, still.geometry)
    assert np.shares_memory(motion.aligned(still.hu, still.geometry).hu, still.hu)
    np.testing.assert_array_equal(aligned.hu[:5], shaken[:5])
    assert np.linalg.norm(aligned.motion.translation_mm[5]) == pytest.approx(3.0, abs=0.3)


def test_alignment_brings_the_head_back(still, shaken):
    aligned = motion.aligned(shaken, still.geometry).hu
    middle = (slice(2, -2),)
    for t in range(5, 8):
        before = np.abs(shaken[t] - still.hu[t])[middle].mean()
        after = np.abs(aligned[t] - still.hu[t])[middle].mean()
        assert after < 0.5 * before


def test_contrast_does_not_look_like_motion(drawn):
    poses, _ = motion.estimate(drawn.series.hu, drawn.series.geometry)
    assert max(pose.displacement_mm() for pose in poses) < motion.NEGLIGIBLE_MM


def test_slices_that_leave_the_scan_are_marked_as_unseen(still):
    hu = still.hu.copy()
    far = motion.Pose(np.eye(3), np.array([0.0, 0.0, 7.0]))
    hu[6] = motion.resampled(still.hu[6], far, still.geometry)
    seen = motion.aligned(hu, still.geometry).seen
    assert not seen[6, 0]
    assert seen[6, 2:].all()
    assert seen[:5].all()


def smeared(frame, geometry, shift_mm, turn_deg):
    """The mean of what is seen while the head moves this far."""
    ways = np.linspace(0, 1, 5)
    poses = [
        motion.Pose(
            Rotation.from_rotvec(way * np.array(turn_deg), degrees=True).as_matrix(), way * np.array(shift_mm)
        )
        for way in ways
    ]
    return np.mean([motion.resampled(frame, pose, geometry) for pose in poses], axis=0)


def test_frames_beyond_repair_are_dropped_listed_and_bridged(still):
    hu = still.hu.copy()
    hu[4] = -1000.0
    hu[6] = smeared(still.hu[6], still.geometry, (8.0, 8.0, 3.0), (0.0, 0.0, 12.0))
    found = motion.aligned(hu, still.geometry)
    np.testing.assert_array_equal(found.motion.dropped, [4, 6])
    np.testing.assert_array_equal(np.flatnonzero(~found.seen.all(axis=1)), [4, 6])
    np.testing.assert_array_equal(found.hu[4], still.hu[3])
    assert np.abs(found.motion.translation_mm).max() < motion.NEGLIGIBLE_MM


def test_a_jump_that_can_be_followed_is_not_dropped(still, shaken):
    assert not motion.aligned(shaken, still.geometry).motion.dropped.size


def test_the_first_frames_may_be_blank(still, shaken):
    hu = shaken.copy()
    hu[:2] = -1000.0
    found = motion.aligned(hu, still.geometry)
    np.testing.assert_array_equal(found.motion.dropped, [0, 1])
    assert found.motion.translation_mm[5] == pytest.approx([3.0, 0, 0], abs=0.3)


def test_a_scan_with_too_many_bad_frames_is_refused(still):
    hu = still.hu.copy()
    hu[5:] = -1000.0
    with pytest.raises(AnalysisError, match="followed in 5 of 9 frames"):
        motion.aligned(hu, still.geometry)


def test_dropped_frames_do_not_shift_time(still):
    """What rises by 2 HU a second still does, in every slice, at uneven times."""
    hu = still.hu.copy()
    hu[[2, 3]] = -1000.0
    seen = motion.aligned(hu, still.geometry).seen
    time_s = np.cumsum([0, 1.0, 2.5, 1.0, 1.0, 3.0, 1.0, 2.0, 1.0])[:, None] + np.linspace(
        0, 0.5, hu.shape[1]
    )
    rising = np.broadcast_to((2 * time_s)[:, :, None, None], hu.shape).copy()
    rising[[2, 3]] = -1000.0
    at_s = timing.uniform_times(time_s)
    curves = timing.curves(rising, time_s, seen, at_s, np.ones(hu.shape[1:], dtype=bool))
    np.testing.assert_allclose(curves, np.broadcast_to(2 * at_s, curves.shape), rtol=1e-4)


def test_a_tilted_gantry_is_aligned_like_a_straight_one(still):
    """Slices sheared by 20 degrees: a turn and a shift are found in the patient's space, and undone."""
    straight, axial = ndimage.gaussian_filter(still.hu[0], (0, 1, 1)), still.geometry
    affine = axial.affine.copy()
    affine[1, 0] = -np.tan(np.radians(20.0)) * axial.spacing_mm[0]
    affine[:3, 3] -= (
        affine[:3, :3] @ ((np.array(axial.shape) - 1) / 2) + affine[:3, 3] - motion.centre_mm(axial)
    )
    tilted = Geometry(axial.shape, affine)
    turn, shift = Rotation.from_euler("xyz", (2.0, 1.0, -4.0), degrees=True), np.array([2.0, -3.0, 6.0])
    points = np.indices(axial.shape).reshape(3, -1)
    world = affine[:3, :3] @ points + affine[:3, 3:]

    def shown(world_mm):
        index = np.linalg.solve(axial.affine[:3, :3], world_mm - axial.affine[:3, 3:])
        return ndimage.map_coordinates(straight, index, order=1, mode="nearest").reshape(axial.shape)

    centre = motion.centre_mm(tilted)
    before = turn.inv().apply(world.T - centre - shift) + centre
    hu = np.stack([shown(world)] * 6 + [shown(before.T)])
    found = motion.aligned(hu, tilted)
    assert found.motion.translation_mm[6] == pytest.approx(shift, abs=0.4)
    assert found.motion.rotation_deg[6] == pytest.approx(turn.as_rotvec(degrees=True), abs=0.5)
    inner = (slice(2, -2), slice(30, -30), slice(40, -40))
    moved, back = (np.abs(frame - hu[0])[inner].mean() for frame in (hu[6], found.hu[6]))
    assert back < 0.3 * moved
    upright = motion.resampled(hu[6], motion.estimate(hu, tilted)[0][6], axial)
    assert back < 0.7 * np.abs(upright - hu[0])[inner].mean()


def test_one_slice_is_aligned_in_its_plane(drawing):
    series = drawing(frames=6, slices=1, arrival_s=30.0, side="none").series
    hu = series.hu.copy()
    hu[5] = np.roll(series.hu[5], 2, axis=2)
    shift = motion.estimate(hu, series.geometry)[0][5].shift
    assert shift == pytest.approx([2 * series.geometry.spacing_mm[2], 0, 0], abs=0.3)


@pytest.mark.parametrize("turn_deg", [-14.0, 0.0, 9.0])
def test_the_mid_plane_follows_a_turned_head(drawing, turn_deg):
    series = drawing(frames=2, turn_deg=turn_deg, side="none").series
    inside = intracranial(series.hu.mean(axis=0), series.geometry)
    plane = mid_plane(series.hu.mean(axis=0), inside, series.geometry)
    angle = np.degrees(np.arctan2(plane.normal[1], plane.normal[0]))
    assert angle == pytest.approx(turn_deg, abs=0.5)
    assert plane.offset_mm == pytest.approx(0.0, abs=0.5)


def test_left_is_towards_positive_x_whatever_the_order_of_the_pixels(drawing):
    series = drawing(frames=2, side="none").series
    mean = series.hu.mean(axis=0)
    flipped = series.geometry.affine.copy()
    flipped[:3, 3] += flipped[:3, 2] * (series.geometry.shape[2] - 1)
    flipped[:3, 2] *= -1
    geometry = Geometry(series.geometry.shape, flipped)
    for volume, grid in ((mean, series.geometry), (mean[:, :, ::-1].copy(), geometry)):
        plane = mid_plane(volume, intracranial(volume, grid), grid)
        x_mm = grid.affine[0, 3] + grid.affine[0, 2] * np.arange(grid.shape[2])
        left = plane.left(grid)[grid.shape[0] // 2, grid.shape[1] // 2]
        np.testing.assert_array_equal(left, x_mm > 0)


def test_the_mirror_image_of_the_mirror_image_is_the_image(drawing):
    series = drawing(frames=2, turn_deg=6.0, side="none").series
    mean = series.hu.mean(axis=0)
    plane = mid_plane(mean, intracranial(mean, series.geometry), series.geometry)
    soft = np.clip(mean, 0, 80)
    twice = plane.mirrored(plane.mirrored(soft, series.geometry), series.geometry)
    assert np.abs(twice - soft)[2:-2].mean() < 2.0


def test_poses_change_smoothly_with_a_slow_drift(still):
    hu = still.hu.copy()
    for t in range(9):
        drift = motion.Pose(np.eye(3), np.array([0.4 * max(0, t - 4), 0.0, 0.0]))
        hu[t] = motion.resampled(still.hu[t], drift, still.geometry)
    shifts = [pose.shift[0] for pose in motion.estimate(hu, still.geometry)[0]]
    assert all(abs(after - before) < 0.6 for before, after in pairwise(shifts))
    assert shifts[-1] == pytest.approx(-1.6, abs=0.2)
