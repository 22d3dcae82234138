"""Doubts about what was found: each cause of delay or low flow that is no stroke, and other methods' answers."""

import numpy as np
import pytest

from triage.assessment import assess
from triage.plausibility import Reading, of_assessment
from triage.symmetry import MidPlane
from triage.types import Geometry, PerfusionMaps, SecondOpinion, Severity, Thresholds

GRID = Geometry.axial((6, 60, 60), (5.0, 2.0, 2.0), (-59.0, -59.0, 0.0))
PLANE = MidPlane(np.array([1.0, 0.0, 0.0]), 0.0)
LEFT, RIGHT = ((slice(1, 5), slice(20, 40), slice(*columns)) for columns in ((35, 55), (5, 25)))
LEFT_HALF = (slice(None), slice(None), slice(30, 60))
TISSUE = np.ones(GRID.shape, dtype=bool)


def doubts(*lesions, **known):
    """Flags of maps with areas given as (region, CBF, CBV, Tmax)."""
    flow, volume, late = (np.full(GRID.shape, value, np.float32) for value in (50.0, 4.0, 1.0))
    for region, *values in lesions:
        flow[region], volume[region], late[region] = values
    maps = PerfusionMaps(flow, volume, 60 * volume / flow, late, late.copy(), TISSUE.copy())
    first = assess(maps, TISSUE, PLANE, GRID, Thresholds())
    return {flag.code: flag for flag in of_assessment(Reading(first, maps, TISSUE, PLANE, GRID, **known))}


STROKE = (LEFT, 10.0, 1.5, 9.0)
OTHER = SecondOpinion("time to peak", None, 10.0, agrees=False, text="10 ml against 32 ml")


def test_a_plain_stroke_raises_no_doubt():
    agreeing = SecondOpinion("time to peak", None, 30.0, agrees=True, text="alike")
    nominal = {"core_ml": 31.4, "hypoperfused_ml": 31.7}
    assert doubts(STROKE, offset_s=1.5, nominal_ml=nominal, opinions=(agreeing,)) == {}
    assert doubts(offset_s=1.5) == {}


@pytest.mark.parametrize(
    ("lesions", "known", "code", "told"),
    [
        ((STROKE, (RIGHT, 10.0, 1.5, 9.0)), {}, "delayed_inflow", "as late on the other side"),
        (((LEFT_HALF, 40.0, 4.0, 3.5),), {}, "delayed_inflow", "left hemisphere is 2.5 s late"),
        ((), {"offset_s": 2.8}, "delayed_inflow", "2.8 s later than expected"),
        (((LEFT, 10.0, 3.8, 9.0),), {}, "ghost_core", "95% of normal"),
        (((LEFT, 10.0, 1.5, 2.0),), {}, "low_flow_without_delay", "that are not late"),
        ((STROKE,), {"opinions": (OTHER,)}, "second_method", "time to peak disagrees: 10 ml against 32 ml"),
    ],
)
def test_other_causes_are_told(lesions, known, code, told):
    flag = doubts(*lesions, **known)[code]
    assert told in flag.text
    assert flag.severity is Severity.WARNING


def threads(rows):
    """Late lines, too thick for a median and too thin for a lesion."""
    lines = np.zeros(GRID.shape, dtype=bool)
    lines[:, :rows] = (np.arange(rows) % 6 < 2)[None, :, None]
    return lines, 50.0, 4.0, 9.0


def test_voxels_that_were_not_counted_are_told_when_they_are_many():
    assert "scattered_delay" not in doubts(threads(6))
    assert "ml of late voxels were not counted" in doubts(threads(60))["scattered_delay"].text


@pytest.mark.parametrize(
    ("nominal", "severity"),
    [
        ({"core_ml": 31.4, "hypoperfused_ml": 31.7}, None),
        ({"core_ml": 45.0, "hypoperfused_ml": 45.0}, Severity.INFO),
        ({"core_ml": 31.4, "hypoperfused_ml": 50.0}, Severity.WARNING),
        ({"core_ml": 5.0, "hypoperfused_ml": 31.0}, Severity.WARNING),
        ({"hypoperfused_ml": 90.0}, None),
    ],
)
def test_calibration_that_changes_much_is_told(nominal, severity):
    found = doubts(STROKE, nominal_ml=nominal).get("calibration")
    assert (found.severity if found else None) is severity
