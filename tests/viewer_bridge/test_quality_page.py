"""The quality page: what the numbers rest on, at the right place, and never a number of the result."""

from dataclasses import fields, replace

import numpy as np
import pytest

from tests.viewer_bridge.looking import count, shows, where
from triage import quality
from triage.types import Geometry, QualityFlag, Severity
from viewer_bridge.pages.canvas import AMBER, BODY, DISCLAIMER, GREY, PAGE_SIZE_PX, RED, WHITE
from viewer_bridge.pages.plots import Axes, Range
from viewer_bridge.pages.quality import (
    ARTERY_RGB,
    DROPPED_RGB,
    NOTE_SIZE_PX,
    QUIET_HU,
    VEIN_RGB,
    WANTED_S,
    quality_page,
)


def with_arterial(analysis, **changes):
    findings = analysis.findings
    return replace(analysis, findings=replace(findings, arterial=replace(findings.arterial, **changes)))


def marks(page, rgb):
    """Columns of a colour in the pictures of the slices, right of the curves."""
    _, columns = where(page[:, BODY.right - 500 :], rgb)
    return columns


def test_a_scan_that_was_not_analysed_has_no_such_page(not_analysed):
    assert quality_page(not_analysed) is None


def test_the_page_names_peaks_moments_and_the_scaling_of_the_curves(analysis):
    page = quality_page(analysis, software_version="0.1.0")
    assert page.shape == (PAGE_SIZE_PX[1], PAGE_SIZE_PX[0], 3)
    artery = "artery: peak 200 HU at 12 s, measured × 1.20 for partial volume"
    assert shows(page, artery, NOTE_SIZE_PX, GREY)
    assert shows(page, "vein: peak 240 HU at 12 s", NOTE_SIZE_PX, GREY)
    assert not shows(page, "vein: peak 241 HU at 12 s", NOTE_SIZE_PX, GREY)
    assert shows(page, "27 s after the arterial peak", 14, GREY)
    assert shows(page, DISCLAIMER, 19, AMBER)


def test_the_page_says_what_was_scanned(analysis):
    page = quality_page(analysis)
    for fact in (
        "16 slices × 5.0 mm = 80 mm",
        "40, 3 left out",
        "39 s, a frame every 1.0 s on average",
        f"27 s (wanted: {WANTED_S:g} s)",
        "1.7°",
        f"at most {QUIET_HU:g} HU",
    ):
        assert shows(page, fact, NOTE_SIZE_PX, WHITE), fact
    noisy = QualityFlag("noise", Severity.WARNING, "noise of 9.0 HU in a frame")
    noisier = quality_page(replace(analysis, result=replace(analysis.result, quality=(noisy,))))
    assert shows(noisier, f"more than {QUIET_HU:g} HU, see below", NOTE_SIZE_PX, WHITE)


def test_the_limits_that_are_named_are_those_of_the_core():
    assert quality.NOISE_HU[0] == QUIET_HU
    assert quality.ARTERIAL_COVERAGE_S[0] == WANTED_S


def test_frames_that_were_left_out_are_marked(analysis):
    still = replace(analysis.findings.motion, dropped=np.empty(0, np.int64))
    whole = replace(analysis, findings=replace(analysis.findings, motion=still))
    assert count(quality_page(analysis), DROPPED_RGB) > 100
    assert count(quality_page(whole), DROPPED_RGB) == 0
    assert shows(quality_page(analysis), "3 frames left out", NOTE_SIZE_PX, GREY)


def picked_at(case, voxel):
    return quality_page(
        with_arterial(case, arterial_voxels=np.array([voxel]), venous_voxels=np.array([voxel]))
    )


def mirrored(case, axis):
    """The same head from a scanner whose axis runs the other way."""
    findings, maps = case.findings, case.findings.maps
    affine = findings.geometry.affine.copy()
    affine[:3, 3] += affine[:3, axis] * (findings.geometry.shape[axis] - 1)
    affine[:3, axis] *= -1
    turned = {
        name: np.flip(getattr(findings, name), axis)
        for name in ("mean_hu", "core", "hypoperfused", "tissue_class")
    }
    maps = replace(maps, **{item.name: np.flip(getattr(maps, item.name), axis) for item in fields(maps)})
    geometry = Geometry(findings.geometry.shape, affine, findings.geometry.frame_of_reference_uid)
    return replace(case, findings=replace(findings, geometry=geometry, maps=maps, **turned))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_what_was_picked_is_marked_at_the_same_place_whatever_the_scanners_axes(build, axis):
    case, voxel = build((8, 64, 64)), [3, 30, 50]
    elsewhere = voxel.copy()
    elsewhere[axis] = case.findings.geometry.shape[axis] - 1 - voxel[axis]
    straight, other = picked_at(case, voxel), picked_at(mirrored(case, axis), elsewhere)
    for rgb in (ARTERY_RGB, VEIN_RGB):
        assert marks(straight, rgb).size > 20
        assert np.array_equal(marks(straight, rgb), marks(other, rgb))


def test_what_was_picked_on_the_patients_left_is_marked_on_the_right(build):
    case = build((8, 64, 64))
    left, right = (marks(picked_at(case, [3, 30, x]), ARTERY_RGB) for x in (50, 13))
    width = 245
    assert left.min() > width / 2
    assert right.max() < width / 2


def test_without_an_arterial_input_there_are_no_curves_and_the_page_says_so(time_to_peak_only):
    page = quality_page(time_to_peak_only)
    assert shows(page, "No artery was found: there are no curves to show.", 22, AMBER)
    assert count(page, ARTERY_RGB) == count(page, VEIN_RGB) == 0
    assert count(page, DROPPED_RGB) > 100


def test_an_untrusted_result_gives_no_volume_away(untrusted):
    other = QualityFlag("second_method", Severity.WARNING, "transit model disagrees: core 6.2 ml")
    flags = (*untrusted.result.quality, other)
    page = quality_page(replace(untrusted, result=replace(untrusted.result, quality=flags)))
    assert shows(page, f"SEVERE: {flags[0].text}", NOTE_SIZE_PX, RED)
    assert not shows(page, f"WARNING: {other.text}", NOTE_SIZE_PX, AMBER)
    trusted = quality_page(replace(untrusted, result=replace(untrusted.result, quality=(other,))))
    assert shows(trusted, f"WARNING: {other.text}", NOTE_SIZE_PX, AMBER)


def test_many_long_remarks_stay_on_the_page_and_the_rest_is_counted(analysis):
    flags = tuple(QualityFlag(f"f{n}", Severity.WARNING, "remark " * 60) for n in range(9))
    page = quality_page(replace(analysis, result=replace(analysis.result, quality=flags)))
    assert (page[:, : BODY.left] == page[0, 0]).all()
    assert (page[HEAD_END:, BODY.right :] == page[0, 0]).all()
    assert any(shows(page, f"… and {n} more lines in the report", NOTE_SIZE_PX, AMBER) for n in range(8, 40))


HEAD_END = 64


def test_a_curve_without_contrast_does_not_look_like_a_bolus(analysis):
    flat = np.zeros_like(analysis.findings.arterial.arterial_hu)
    page = quality_page(
        with_arterial(analysis, arterial_hu=flat, venous_hu=flat, candidate_hu=np.empty((0, 0)))
    )
    assert shows(page, "artery: peak 0 HU at 0 s, measured × 1.20 for partial volume", NOTE_SIZE_PX, GREY)


def test_ticks_are_round_and_inside():
    for low, high in ((0.0, 66.0), (-20.0, 389.0), (-1.08, 1.08), (0.001, 0.004), (1.0, 2.0)):
        ticks = Range(low, high).ticks()
        assert 2 <= len(ticks) <= 7
        assert low - 1e-9 <= ticks[0]
        assert ticks[-1] <= high + 1e-9
        assert len({round(step, 9) for step in np.diff(ticks)}) == 1


def test_values_land_on_the_pixels_that_the_axes_say():
    axes = Axes.inside(BODY, Range(0.0, 10.0), Range(-1.0, 1.0))
    assert axes.column(0.0) == axes.area.left
    assert axes.column(10.0) == axes.area.right - 1
    assert axes.row(-1.0) == axes.area.bottom - 1
    assert axes.row(1.0) == axes.area.top
