"""What is taken off a late area, and what must stay."""

import numpy as np
import pytest
from scipy import ndimage

from triage.artefacts import Cause, bounding_box, cleaned, counted, mirrored_share
from triage.symmetry import MidPlane
from triage.types import Geometry

GEOMETRY = Geometry.axial((6, 60, 60), (5.0, 2.0, 2.0), (-59.0, -59.0, 0.0))
PLANE = MidPlane(np.array([1.0, 0.0, 0.0]), 0.0)
LESION = (slice(1, 5), slice(20, 40), slice(40, 58))
VENTRICLE = (slice(None), slice(20, 40), slice(27, 33))
SEAM = (slice(2, 4), slice(20, 40), slice(33, 36))


def empty():
    return np.zeros(GEOMETRY.shape, dtype=bool)


def brain():
    inside = np.ones(GEOMETRY.shape, dtype=bool)
    inside[VENTRICLE] = False
    return inside


def drawn(*regions):
    area = empty()
    for region in regions:
        area[region] = True
    return area


def test_small_clusters_are_dropped_and_gaps_are_bridged():
    area = drawn(LESION, (2, slice(5, 8), slice(5, 8)))
    area[3, 30, 45] = False
    result = cleaned(area, GEOMETRY)
    assert result[3, 30, 45]
    assert not result[2, 5:8, 5:8].any()


def test_threads_are_cut():
    assert not cleaned(drawn((slice(1, 5), slice(5, 55), 30)), GEOMETRY).any()


def test_nothing_stays_nothing():
    assert bounding_box(empty()) is None
    assert not cleaned(empty(), GEOMETRY).any()


@pytest.mark.parametrize(("slices", "pixel_mm"), [(3, 2.0), (16, 0.9), (21, 1.1)])
def test_packed_slices_give_what_scipy_gives(slices, pixel_mm):
    """Independent implementation: plain binary morphology, slice by slice, on a field with structure."""
    geometry = Geometry.axial((slices, 70, 60), (5.0, pixel_mm, pixel_mm), (0.0, 0.0, 0.0))
    noise = np.random.default_rng(slices).standard_normal(geometry.shape)
    area = ndimage.gaussian_filter(noise, (0.7, 3, 3)) > 0.02
    reach = max(1, round(2.0 / pixel_mm))
    y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    disc = (y**2 + x**2 <= reach**2)[None]
    padded = np.pad(area, ((0, 0), (9, 9), (9, 9)))
    smooth = ndimage.binary_opening(ndimage.binary_closing(padded, disc), disc)[:, 9:-9, 9:-9]
    labels, count = ndimage.label(smooth, ndimage.generate_binary_structure(3, 2))
    large = [label for label in range(1, count + 1) if (labels == label).sum() * geometry.voxel_ml >= 1.0]
    np.testing.assert_array_equal(cleaned(area, geometry), np.isin(labels, large))


def test_a_small_cluster_beside_fluid_is_taken_off_and_told():
    found = counted(drawn(LESION, SEAM), brain(), GEOMETRY)
    assert not found.kept[2:4, 20:40, 33:36].any()
    assert found.kept[LESION].mean() > 0.95
    assert found.removed_ml[Cause.FLUID] == pytest.approx(found.beside.sum() * GEOMETRY.voxel_ml)
    assert found.removed_ml[Cause.FLUID] == pytest.approx(2.4, abs=0.3)


def test_the_same_cluster_away_from_fluid_stays():
    away = (slice(2, 4), slice(20, 40), slice(10, 13))
    found = counted(drawn(away), brain(), GEOMETRY)
    assert found.kept[2:4, 22:38, 10:13].all()
    assert Cause.FLUID not in found.removed_ml


def test_a_lesion_that_reaches_the_fluid_keeps_every_voxel():
    lesion = drawn((slice(1, 5), slice(20, 40), slice(33, 50)))
    found = counted(lesion, brain(), GEOMETRY)
    np.testing.assert_array_equal(found.kept, cleaned(lesion, GEOMETRY))


def test_a_large_area_along_the_fluid_is_a_lesion():
    along = drawn((slice(None), slice(20, 40), slice(33, 36)))
    found = counted(along, brain(), GEOMETRY)
    assert found.kept.sum() * GEOMETRY.voxel_ml > 3
    assert Cause.FLUID not in found.removed_ml


def test_scattered_voxels_are_told():
    area = drawn((1, slice(0, 60, 6), slice(0, 60, 6)))
    found = counted(area, brain(), GEOMETRY)
    assert not found.kept.any()
    assert found.removed_ml == {Cause.SCATTERED: pytest.approx(area.sum() * GEOMETRY.voxel_ml)}


@pytest.mark.parametrize(("opposite_s", "share"), [(1.0, 0.0), (7.5, 1.0), (11.0, 0.0)])
def test_delay_at_mirrored_places_is_measured(opposite_s, share):
    late = np.full(GEOMETRY.shape, 1.0, np.float32)
    late[LESION] = 8.0
    late[:, :, ::-1][LESION] = opposite_s
    assert mirrored_share(late, drawn(LESION), PLANE, GEOMETRY) == share


def test_a_missing_opposite_is_not_alike():
    late = np.full(GEOMETRY.shape, np.nan, np.float32)
    late[LESION] = 8.0
    assert mirrored_share(late, drawn(LESION), PLANE, GEOMETRY) == 0
    assert mirrored_share(late, empty(), PLANE, GEOMETRY) == 0
