"""Quality flags: each one appears when it should and stays away otherwise."""

import numpy as np
import pytest

from triage import quality
from triage.bolus import find_bolus
from triage.errors import AnalysisError
from triage.timing import interpolation, uniform_times
from triage.types import ArterialInput, Geometry, Motion, Severity

TIME_S = np.arange(0.0, 60.0)
HEAD = Geometry.axial((16, 8, 8), (5.0, 1.0, 1.0), (0.0, 0.0, 0.0))


def first_pass(start_s, width_s, peak_hu):
    after = np.clip(TIME_S - start_s, 0, None)
    return peak_hu * (after / (3 * width_s)) ** 3 * np.exp(3 - after / width_s)


def bolus_flags(start_s=8.0, peak_hu=250.0, width_s=1.5, end_s=60.0, noise_hu=5.0):
    time_s = TIME_S[end_s > TIME_S]
    artery, vein = first_pass(start_s, width_s, peak_hu), first_pass(start_s + 5, width_s + 0.3, peak_hu)
    bolus = find_bolus(first_pass(start_s + 1, width_s + 0.5, 6.0)[: time_s.size], time_s)
    nowhere = np.zeros((0, 3), dtype=np.int64)
    inputs = ArterialInput(time_s, artery[: time_s.size], vein[: time_s.size], nowhere, nowhere)
    return {flag.code: flag.severity for flag in quality.of_bolus(bolus, inputs, noise_hu)}


def moved(shift_mm, turn_deg):
    still = np.zeros((5, 3))
    shift, turn = still.copy(), still.copy()
    shift[3, 0], turn[3, 2] = shift_mm, turn_deg
    return {flag.code: flag.severity for flag in quality.of_images(Motion(shift, turn), 2.0)}


def test_a_good_bolus_raises_no_flag():
    assert bolus_flags() == {}


@pytest.mark.parametrize(
    ("settings", "code", "severity"),
    [
        ({"peak_hu": 180.0}, "weak_bolus", Severity.WARNING),
        ({"peak_hu": 150.0}, "weak_bolus", Severity.SEVERE),
        ({"peak_hu": 250.0, "noise_hu": 14.0}, "weak_bolus", Severity.SEVERE),
        ({"end_s": 40.0}, "truncated", Severity.WARNING),
        ({"end_s": 33.0}, "truncated", Severity.SEVERE),
        ({"start_s": 38.0}, "truncated", Severity.SEVERE),
        ({"start_s": -2.0}, "short_baseline", Severity.WARNING),
    ],
)
def test_a_poor_bolus_is_flagged(settings, code, severity):
    assert bolus_flags(**settings)[code] is severity


@pytest.mark.parametrize(
    ("shift_mm", "turn_deg", "expected"),
    [
        (1.0, 1.0, {}),
        (4.0, 0.0, {"motion": Severity.WARNING}),
        (0.0, 5.0, {"motion": Severity.WARNING}),
        (9.0, 0.0, {"motion": Severity.SEVERE}),
        (0.0, 9.0, {"motion": Severity.SEVERE}),
    ],
)
def test_motion_is_graded(shift_mm, turn_deg, expected):
    assert moved(shift_mm, turn_deg) == expected


@pytest.mark.parametrize(("count", "severity"), [(2, Severity.WARNING), (10, Severity.SEVERE)])
def test_frames_that_were_not_used_are_listed(count, severity):
    still = np.zeros((45, 3))
    (flag,) = quality.of_images(Motion(still, still.copy(), np.arange(4, 4 + count)), 2.0)
    assert (flag.code, flag.severity) == ("dropped_frames", severity)
    assert f"{count} of 45 frames" in flag.text
    assert "number 5, 6" in flag.text


def test_noise_is_graded():
    rest = Motion(np.zeros((5, 3)), np.zeros((5, 3)))
    assert [flag.severity for flag in quality.of_images(rest, 8.0)] == [Severity.WARNING]
    assert [flag.severity for flag in quality.of_images(rest, 15.0)] == [Severity.SEVERE]


def test_noise_is_measured_between_two_frames():
    hu = np.random.default_rng(0).normal(30, 4, (2, 8, 32, 32)).astype(np.float32)
    assert quality.frame_noise_hu(hu, np.ones((8, 32, 32), dtype=bool)) == pytest.approx(4, rel=0.05)


def test_coverage_is_always_told_and_a_slab_is_a_warning():
    time_s = np.repeat(TIME_S[:, None], 16, axis=1)
    thin = Geometry.axial((4, 8, 8), (5.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    flags = [quality.of_sampling(time_s, geometry) for geometry in (HEAD, thin)]
    assert [(f[0].code, f[0].severity) for f in flags] == [
        ("coverage", Severity.INFO),
        ("coverage", Severity.WARNING),
    ]
    assert "80 mm" in flags[0][0].text


def test_uneven_frames_are_told():
    time_s = np.repeat(np.delete(TIME_S, [20, 21])[:, None], 16, axis=1)
    assert "uneven_frames" in {flag.code for flag in quality.of_sampling(time_s, HEAD)}


def test_sparse_frames_are_a_warning():
    time_s = np.repeat(np.arange(0.0, 60.0, 3.5)[:, None], 16, axis=1)
    flags = {flag.code: flag.severity for flag in quality.of_sampling(time_s, HEAD)}
    assert flags["sparse_frames"] is Severity.WARNING


def test_metal_and_streaks_name_their_slices():
    hu = np.full((6, 40, 40), 32.0, np.float32)
    inside = np.zeros(hu.shape, dtype=bool)
    inside[:, 5:35, 5:35] = True
    grid = Geometry.axial(hu.shape, (5.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    assert quality.of_density(hu, inside, grid) == []
    hu[2, 20, 20:23] = 2900.0
    hu[2, 20, 8:19] = -150.0
    hu[3, 18, 8:30] = -80.0
    flags = {flag.code: flag for flag in quality.of_density(hu, inside, grid)}
    assert flags["metal"].text.startswith("metal in slice 3:")
    assert flags["streaks"].text == "streaks or blank areas in slices 3, 4"
    assert flags["streaks"].severity is Severity.WARNING
    hu[1:5, 10:20] = -300.0
    assert quality.of_density(hu, inside, grid)[1].severity is Severity.SEVERE


def test_a_brain_that_does_not_enhance_has_no_bolus():
    flat = np.random.default_rng(1).normal(30, 0.02, TIME_S.size)
    with pytest.raises(AnalysisError, match="no contrast bolus"):
        find_bolus(flat, TIME_S)


@pytest.mark.parametrize("start_s", [5.0, 10.0, 20.0])
def test_arrival_is_found_before_the_brain_enhances(start_s):
    curve = 30 + first_pass(start_s, 2.0, 6.0)
    bolus = find_bolus(curve, TIME_S)
    assert start_s - 2 <= bolus.arrival_s <= start_s + 3
    assert np.abs(bolus.curve_hu[bolus.baseline]).max() < 0.2


def test_interpolation_meets_the_samples_and_bridges_what_was_not_seen():
    time_s, seen = np.array([0.0, 2.0, 4.0, 6.0]), np.array([True, True, False, True])
    values = np.array([1.0, 3.0, 99.0, 7.0])
    at_s = uniform_times(time_s[:, None])
    np.testing.assert_allclose(interpolation(time_s, seen, at_s) @ values, at_s + 1, rtol=1e-6)


def test_common_times_are_those_that_every_slice_covers():
    time_s = np.arange(0.0, 30.0, 2.0)[:, None] + np.array([0.0, 1.5])
    assert uniform_times(time_s)[[0, -1]] == pytest.approx([1.5, 27.5])
