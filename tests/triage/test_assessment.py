"""Thresholds, sides and volumes on maps drawn by hand."""

import numpy as np
import pytest
from scipy import ndimage

from triage.artefacts import Cause
from triage.assessment import assess, lesion_side, median_3x3, nominal_ml, volumes_at
from triage.calibration import CORE_FLOW_OVERREAD
from triage.errors import AnalysisError
from triage.symmetry import MidPlane
from triage.types import Geometry, PerfusionMaps, Side, Territory, Thresholds

GEOMETRY = Geometry.axial((6, 60, 60), (5.0, 2.0, 2.0), (-59.0, -59.0, 0.0))
PLANE = MidPlane(np.array([1.0, 0.0, 0.0]), 0.0)
TISSUE = np.ones(GEOMETRY.shape, dtype=bool)
BLOCK_ML = 4 * 20 * 20 * 0.02
LEFT = (slice(1, 5), slice(20, 40), slice(35, 55))
RIGHT = (slice(1, 5), slice(20, 40), slice(5, 25))


def maps(*lesions, cbf=50.0):
    """Maps with lesions given as (region, CBF, Tmax)."""
    flow, late = np.full(GEOMETRY.shape, cbf, np.float32), np.full(GEOMETRY.shape, 1.5, np.float32)
    for region, low, tmax in lesions:
        flow[region], late[region] = low, tmax
    volume = np.full(GEOMETRY.shape, 4.0, np.float32)
    return PerfusionMaps(flow, volume, 60 * volume / flow, late, late.copy(), TISSUE.copy())


def assessed(*lesions):
    return assess(maps(*lesions), TISSUE, PLANE, GEOMETRY, Thresholds())


def test_core_is_low_flow_within_late_tissue():
    found = assessed((LEFT, 25.0, 8.0), ((slice(1, 5), slice(20, 40), slice(35, 45)), 10.0, 11.0))
    assert found.side is Side.LEFT
    assert found.hypoperfused_ml == pytest.approx(BLOCK_ML, rel=0.05)
    assert found.core_ml == pytest.approx(BLOCK_ML / 2, rel=0.05)
    assert found.mismatch_ratio == pytest.approx(2, rel=0.05)
    assert found.hypoperfusion_intensity_ratio == pytest.approx(0.5, rel=0.05)
    assert found.cbv_index == pytest.approx(1.0)


def test_low_flow_without_delay_is_no_core():
    assert assessed((LEFT, 10.0, 2.0)).core_ml == 0


def test_low_flow_on_the_other_side_is_no_core():
    found = assessed((LEFT, 25.0, 8.0), ((slice(1, 4), slice(20, 32), slice(5, 15)), 5.0, 9.0))
    assert found.side is Side.LEFT
    assert found.core_ml == 0


@pytest.mark.parametrize(
    ("regions", "side"), [((LEFT,), "left"), ((RIGHT,), "right"), ((LEFT, RIGHT), "bilateral")]
)
def test_the_side_is_where_tissue_is_late(regions, side):
    assert assessed(*((region, 25.0, 8.0) for region in regions)).side == side


def test_nothing_late_has_no_side():
    assert lesion_side(np.zeros(GEOMETRY.shape, dtype=bool), PLANE.left(GEOMETRY)) is Side.NONE


def test_a_brain_that_is_late_everywhere_is_refused():
    with pytest.raises(AnalysisError, match="all of the brain is late"):
        assessed((Ellipsis, 20.0, 9.0))


def test_a_single_late_voxel_is_noise():
    tmax = np.full(GEOMETRY.shape, 1.0, np.float32)
    tmax[3, 30, 30] = 20.0
    assert median_3x3(tmax, TISSUE).max() == 1.0


def test_the_median_is_that_of_nine_and_tissue_alone_counts():
    rng = np.random.default_rng(0)
    tmax = rng.random((3, 20, 25)).astype(np.float32)
    tissue = np.zeros(tmax.shape, dtype=bool)
    tissue[:, 3:15, 4:20] = True
    smooth = median_3x3(np.where(tissue, tmax, 100), tissue)
    inner = (slice(None), slice(4, 14), slice(5, 19))
    np.testing.assert_array_equal(smooth[inner], ndimage.median_filter(tmax, (1, 3, 3))[inner])
    np.testing.assert_array_equal(np.isnan(smooth), ~tissue)
    assert np.nanmax(smooth) < 1


def test_maps_for_intervals_hold_values_in_tissue_alone():
    found = assessed((LEFT, 25.0, 8.0))
    for values in (found.late_s, found.relative_cbf):
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
    assert np.median(found.relative_cbf[LEFT]) == pytest.approx(0.5 / CORE_FLOW_OVERREAD)


def test_fluid_has_no_value_and_what_lies_beside_it_is_not_counted_again():
    tissue = TISSUE.copy()
    tissue[:, 20:40, 27:33] = False
    seam = (slice(2, 4), slice(20, 40), slice(33, 36))
    drawn = maps(
        (LEFT, 25.0, 8.0), ((slice(1, 5), slice(20, 40), slice(33, 39)), 50.0, 1.5), (seam, 40.0, 8.0)
    )
    brain_alone = PerfusionMaps(
        *(
            getattr(drawn, name).copy()
            for name in ("cbf_ml_per_100g_min", "cbv_ml_per_100g", "mtt_s", "tmax_s", "ttp_s")
        ),
        tissue.copy(),
    )
    found = assess(brain_alone, tissue, PLANE, GEOMETRY, Thresholds())
    assert np.isnan(found.relative_cbf[~tissue]).all()
    assert found.removed_ml[Cause.FLUID] == pytest.approx(2.4, abs=0.5)
    again = volumes_at(found.late_s, found.relative_cbf, found.affected, GEOMETRY, Thresholds())
    assert again[1] == found.hypoperfused_ml


def test_volumes_are_found_again_from_the_maps():
    found = assessed((LEFT, 25.0, 8.0), ((slice(1, 5), slice(20, 40), slice(35, 45)), 10.0, 11.0))
    again = volumes_at(found.late_s, found.relative_cbf, found.affected, GEOMETRY, Thresholds())
    assert again == (found.core_ml, found.hypoperfused_ml)
    later = volumes_at(found.late_s - 3, found.relative_cbf, found.affected, GEOMETRY, Thresholds())
    assert later[1] == pytest.approx(BLOCK_ML / 2, rel=0.05)


def test_a_coarser_grid_gives_nearly_the_same_volumes():
    found = assessed((LEFT, 10.0, 8.0))
    coarse = (values[:, ::2, ::2] for values in (found.late_s, found.relative_cbf, found.affected))
    core_ml, late_ml = volumes_at(*coarse, GEOMETRY.reduced(2), Thresholds())
    assert (core_ml, late_ml) == pytest.approx((found.core_ml, found.hypoperfused_ml), rel=0.1)


@pytest.mark.parametrize(("region", "half"), [(LEFT, "right"), (RIGHT, "left")])
def test_the_reference_is_told_in_words(region, half):
    told = assessed((region, 25.0, 8.0)).reference
    volume = TISSUE.sum() * GEOMETRY.voxel_ml / 2
    assert told == f"median flow of the {half} hemisphere's tissue with Tmax below 4 s, {volume:.0f} ml"
    assert "both hemispheres' tissue" in assessed().reference


def test_volumes_fall_with_the_cut_offs():
    found = assessed((LEFT, 25.0, 7.0), ((slice(1, 5), slice(20, 40), slice(35, 45)), 10.0, 11.0))
    steps = [found.volumes_ml[f"tmax_gt_{step}"] for step in (4, 6, 8, 10)]
    assert steps == pytest.approx([BLOCK_ML, BLOCK_ML, BLOCK_ML / 2, BLOCK_ML / 2], rel=0.05)
    shares = [found.volumes_ml[f"rcbf_lt_{share}"] for share in (20, 30, 34, 38)]
    assert shares[0] == shares[-1] == pytest.approx(BLOCK_ML / 2, rel=0.05)


def test_the_lesions_territory_is_told():
    found = assessed((LEFT, 25.0, 8.0))
    assert sum(found.territories_ml.values()) == pytest.approx(found.hypoperfused_ml)
    assert found.territories_ml[Territory.MIDDLE] > 0.9 * found.hypoperfused_ml


def test_what_is_not_counted_is_told():
    found = assessed((LEFT, 25.0, 8.0), ((2, slice(2, 5), slice(2, 5)), 40.0, 8.0))
    assert 0 < found.removed_ml[Cause.SCATTERED] < 1
    assert found.hypoperfused_ml == pytest.approx(BLOCK_ML, rel=0.05)


def test_the_nominal_rule_knows_no_calibration():
    """Flow at 0.32 of normal is a core after correction for over-reading, and none by the printed rule."""
    starved = maps((LEFT, 16.0, 8.0))
    assert assess(starved, TISSUE, PLANE, GEOMETRY, Thresholds()).core_ml == pytest.approx(BLOCK_ML, rel=0.05)
    nominal = nominal_ml(starved, TISSUE, PLANE, GEOMETRY, Thresholds())
    assert nominal == {"core_ml": 0.0, "hypoperfused_ml": pytest.approx(BLOCK_ML, rel=0.05)}


def test_the_nominal_rule_has_no_core_where_nothing_is_normal():
    late = maps((Ellipsis, 20.0, 9.0))
    assert set(nominal_ml(late, TISSUE, PLANE, GEOMETRY, Thresholds())) == {"hypoperfused_ml"}
