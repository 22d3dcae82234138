"""What is inside the skull, and of what kind, on heads drawn by hand and on real ones."""

import numpy as np
import pytest

from tests.triage import real_heads
from tests.triage.heads import GEOMETRY, head, restored, within
from triage.errors import AnalysisError
from triage.masks import away_from_bone, fluid, intracranial
from triage.symmetry import mid_plane
from triage.tissue import classify
from triage.types import ArterialInput, TissueClass

OUTER = {TissueClass.OUTSIDE, TissueClass.BONE, TissueClass.AIR}
OLD = ((42, 25, 5), (14, 20, 14), 15.0)
ACUTE = ((42, 25, 5), (14, 20, 14), 22.5)
TIME_S = np.arange(30.0)
PASS = np.exp(-((TIME_S - 12) ** 2) / 18)


def dice(found, truth):
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


def classified(hu, geometry=GEOMETRY, quiet=()):
    """Classes of a head whose brain enhances by 8 HU, except in the `quiet` ellipsoids."""
    inside = intracranial(hu, geometry)
    share = np.ones(geometry.shape, np.float32)
    for centre, radii, _ in quiet:
        share[head(geometry, spots=[(centre, radii, 5000.0)], noise_hu=0) > 2000] = 0.1
    curves = (share[inside][:, None] * 8 * PASS).astype(np.float32)
    curves += np.random.default_rng(2).normal(0, 2, curves.shape).astype(np.float32)
    nowhere = np.empty((0, 3), np.int64)
    inputs = ArterialInput(TIME_S, 300 * PASS, 250 * PASS, nowhere, nowhere)
    return classify(hu, curves, inputs, inside, geometry, mid_plane(hu, inside, geometry))


def ml(mask, geometry=GEOMETRY):
    return float(mask.sum()) * geometry.voxel_ml


@pytest.mark.parametrize("yaw_deg", [0.0, 25.0])
def test_the_inside_of_the_skull_is_found(yaw_deg):
    inside = intracranial(head(yaw_deg=yaw_deg), GEOMETRY)
    if yaw_deg == 0:
        assert dice(inside, within(GEOMETRY)) > 0.98
    assert ml(inside) == pytest.approx(ml(within(GEOMETRY)), rel=0.03)


@pytest.mark.parametrize(("axis", "start"), [(1, 34), (2, 30)], ids=["brow cut off", "temple cut off"])
def test_the_image_border_closes_a_skull_that_it_cuts(axis, start):
    grid = restored(GEOMETRY, axis, start=start)
    cut = np.take(head(), range(start, GEOMETRY.shape[axis]), axis=axis)
    assert dice(intracranial(cut, grid), within(grid)) > 0.97


def test_feet_first_storage_finds_the_same_voxels():
    hu = head(yaw_deg=12.0)
    turned = intracranial(hu[::-1].copy(), restored(GEOMETRY, 0, flipped=True))
    np.testing.assert_array_equal(turned[::-1], intracranial(hu, GEOMETRY))


@pytest.mark.parametrize("level", [-1000.0, 20.0, 900.0], ids=["air", "water", "bone"])
def test_what_is_no_head_is_refused(level):
    with pytest.raises(AnalysisError, match="no brain"):
        intracranial(np.full(GEOMETRY.shape, level, np.float32), GEOMETRY)


def test_fluid_is_what_was_drawn_as_fluid():
    hu = head(noise_hu=3.0)
    truth = within(GEOMETRY) & (head(noise_hu=0.0) < 18)
    assert dice(fluid(hu, GEOMETRY) & within(GEOMETRY), truth) > 0.9


def test_bone_does_not_hide_the_fluid_beneath_it():
    """The smoothing must not carry 900 HU into the neighbouring pixels."""
    hu = head(noise_hu=0.0)
    rim = within(GEOMETRY, margin_mm=1.8) & ~within(GEOMETRY, margin_mm=2.4) & (hu < 12)
    assert rim.sum() > 500
    assert fluid(hu, GEOMETRY)[rim].mean() > 0.95


def test_voxels_away_from_bone_keep_their_distance():
    hu = head(noise_hu=0.0)
    bone = hu > 150
    near = bone | np.roll(bone, 1, axis=2) | np.roll(bone, -1, axis=2)
    assert not (away_from_bone(hu, GEOMETRY) & near).any()


def test_a_healthy_head_has_tissue_and_fluid_only():
    classes = classified(head())
    assert set(np.unique(classes)) <= {*OUTER, TissueClass.TISSUE, TissueClass.FLUID}
    parenchyma = within(GEOMETRY) & (head(noise_hu=0.0) > 20) & (head(noise_hu=0.0) < 60)
    assert dice(classes == TissueClass.TISSUE, parenchyma) > 0.97


@pytest.mark.parametrize("side", [1, -1], ids=["left", "right"])
def test_an_old_infarct_is_told_from_ventricles(side):
    centre, radii, level = OLD
    spot = ((side * centre[0], *centre[1:]), radii, level)
    found = classified(head(spots=[spot]), quiet=[spot]) == TissueClass.OLD_INFARCT
    truth = head(spots=[(spot[0], radii, 5000.0)], noise_hu=0) > 2000
    assert dice(found, truth) > 0.8
    assert ml(found & ~truth) < 1.5


def test_an_acute_core_is_not_an_old_infarct():
    """Five HU off white matter, and hardly enhancing: the swelling of the first hours."""
    classes = classified(head(spots=[ACUTE]), quiet=[ACUTE])
    truth = head(spots=[(*ACUTE[:2], 5000.0)], noise_hu=0) > 2000
    assert ml(classes == TissueClass.OLD_INFARCT) == 0
    assert (classes[truth] == TissueClass.TISSUE).mean() > 0.95


def test_a_thin_region_that_enhances_is_not_dead():
    """A widened fissure on one side is full of arteries."""
    assert not (classified(head(spots=[OLD])) == TissueClass.OLD_INFARCT).any()


def test_a_calcified_spot_is_told_from_skull_and_clot():
    lime, clot = ((0, 20, 0), (4, 4, 6), 180.0), ((-35, 20, 0), (8, 8, 8), 62.0)
    found = classified(head(spots=[lime, clot])) == TissueClass.CALCIFICATION
    truth = head(spots=[(*lime[:2], 5000.0)], noise_hu=0) > 2000
    assert found[truth].all()
    assert ml(found) < 3 * ml(truth)


def test_a_real_head_with_an_old_infarct_on_the_left():
    hu, grid = real_heads.stroke()
    inside = intracranial(hu, grid)
    plane = mid_plane(hu, inside, grid)
    curves = np.tile((8 * PASS).astype(np.float32), (int(inside.sum()), 1))
    thin = hu[inside] < 20
    curves[thin] *= np.float32(0.1)
    nowhere = np.empty((0, 3), np.int64)
    inputs = ArterialInput(TIME_S, 300 * PASS, 250 * PASS, nowhere, nowhere)
    old = classify(hu, curves, inputs, inside, grid, plane) == TissueClass.OLD_INFARCT
    left = plane.left(grid)
    assert 1000 < ml(inside, grid) < 1500
    assert 10 < ml(old & left, grid) < 40
    assert ml(old & ~left, grid) < 2
