"""Thresholds, sides and the rules of the trials on maps drawn by hand."""

import numpy as np
import pytest

from triage.assessment import assess, cleaned, lesion_side, median_3x3
from triage.criteria import judged
from triage.errors import AnalysisError
from triage.symmetry import MidPlane
from triage.types import Geometry, PerfusionMaps, Side, Thresholds

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


def test_small_clusters_are_dropped_and_gaps_are_bridged():
    area = np.zeros(GEOMETRY.shape, dtype=bool)
    area[LEFT] = True
    area[3, 30, 45] = False
    area[2, 5:8, 5:8] = True
    result = cleaned(area, GEOMETRY)
    assert result[3, 30, 45]
    assert not result[2, 5:8, 5:8].any()


@pytest.mark.parametrize(
    ("core_ml", "late_ml", "met"),
    [
        (69.9, 150.0, True),
        (70.0, 150.0, False),
        (20.0, 35.9, False),
        (10.0, 24.9, False),
        (0.0, 15.0, True),
        (0.0, 0.0, False),
    ],
)
def test_defuse_3_limits(core_ml, late_ml, met):
    ratio = late_ml / core_ml if core_ml else None
    criterion = judged(core_ml, late_ml - core_ml, ratio)["defuse_3"]
    assert criterion.met is met
    assert criterion.missing == ("age", "NIHSS", "time since last known well", "vessel occlusion")
    assert "Albers 2018" in criterion.text
