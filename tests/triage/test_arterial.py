"""Arterial input and venous output from drawn curves: which vessel, how high, and what must not be taken for one."""

from dataclasses import replace

import numpy as np
import pytest

from triage.arterial import find_inputs, like_vessels
from triage.bolus import find_bolus, typical_curve
from triage.errors import AnalysisError, InputError

SHAPE = (12, 64, 64)
TIME_S = np.arange(60.0)
CAROTIDS = ((1, 30, 20), (1, 30, 44))
BASILAR = (1, 40, 32)
ARTERIES = (*CAROTIDS, BASILAR)
BRANCH = (6, 30, 10)
SINUS = (6, 56, 32)
RADIUS = 2
VOXELS = np.ones(SHAPE, dtype=bool)


def first_pass(arrival_s, width_s=2.2):
    since = np.clip(TIME_S - arrival_s, 0, None)
    mixed = 0.14 * (1 - np.exp(-np.clip(since - 8, 0, None) / 8))
    return (since / (3 * width_s)) ** 3 * np.exp(3 - since / width_s) + mixed


def after_transit(curve, mean_s, later_s):
    passed = np.convolve(curve, np.exp(-TIME_S / mean_s) / mean_s)[: TIME_S.size]
    return np.interp(TIME_S - later_s, TIME_S, passed, left=0)


def tube(place):
    z, y, x = np.indices(SHAPE)
    return (np.abs(z - place[0]) <= 1) & ((y - place[1]) ** 2 + (x - place[2]) ** 2 <= RADIUS**2)


def scan(*, peak_hu=300.0, arrival_s=10.0, noise_hu=5.0, arteries=ARTERIES, branch_s=6.0, bone=0.0):
    """Curves ``(V, N)`` of a box of brain with carotids, a late weak branch, a sinus, and bone that moves in."""
    artery = first_pass(arrival_s)
    curves = np.tile(peak_hu * 0.03 * after_transit(artery, 4, 0.5), (VOXELS.size, 1)).reshape(*SHAPE, -1)
    for place in arteries:
        curves[tube(place)] = peak_hu * artery
    curves[tube(BRANCH)] = peak_hu * 0.6 * first_pass(arrival_s + branch_s)
    curves[tube(SINUS)] = peak_hu * after_transit(artery, 4, 3)
    curves[:, :2] += bone * np.clip((TIME_S - 14) / 8, 0, 1)
    curves += np.random.default_rng(0).normal(0, noise_hu, curves.shape)
    return curves.reshape(-1, TIME_S.size).astype(np.float32), peak_hu * artery


def found(curves, **named):
    bolus = find_bolus(typical_curve(curves), TIME_S)
    enhancement = curves - curves[:, bolus.baseline].mean(axis=1, keepdims=True)
    return find_inputs(enhancement, bolus, VOXELS, VOXELS, **named)


def lie_in(places, voxels):
    return np.any([tube(place) for place in places], axis=0)[tuple(voxels.T)]


@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [
        ({}, 0.05),  # the largest of many equal areas are those whose baseline noise is lowest
        ({"noise_hu": 10.0}, 0.10),
        ({"peak_hu": 100.0}, 0.10),
        ({"arrival_s": 28.0}, 0.05),
        ({"arteries": ARTERIES[:1]}, 0.05),
        ({"bone": 150.0}, 0.05),
        ({"bone": 400.0, "peak_hu": 120.0}, 0.10),
    ],
    ids=["plain", "noisy", "weak bolus", "late bolus", "one carotid", "moving bone", "weak, moving bone"],
)
def test_the_curve_is_that_of_the_arteries(settings, tolerance):
    curves, truth = scan(**settings)
    inputs = found(curves)
    assert lie_in(ARTERIES, inputs.arterial_voxels).all()
    raw = inputs.arterial_hu / inputs.venous_scale
    assert raw.sum() == pytest.approx(truth.sum(), rel=tolerance)
    assert raw.max() == pytest.approx(truth.max(), rel=tolerance)
    assert np.corrcoef(raw, truth)[0, 1] > 0.99


def test_the_branch_beyond_an_occlusion_is_not_chosen_although_it_is_there():
    inputs = found(scan()[0])
    assert not lie_in([BRANCH], inputs.arterial_voxels).any()
    open_branch = found(scan(arteries=(), branch_s=0.0)[0])
    assert lie_in([BRANCH], open_branch.arterial_voxels).all()


def test_the_vein_is_the_sinus():
    inputs = found(scan()[0])
    assert lie_in([SINUS], inputs.venous_voxels).mean() > 0.9
    assert inputs.venous_scale == pytest.approx(1.0, abs=0.05)


def test_a_partial_artery_is_scaled_to_the_vein():
    curves, truth = scan(noise_hu=2.0)
    partial = np.any([tube(place) for place in ARTERIES], axis=0).ravel()
    curves[partial] *= np.float32(0.6)
    inputs = found(curves)
    assert inputs.venous_scale == pytest.approx(1 / 0.6, rel=0.1)
    assert inputs.arterial_hu.sum() == pytest.approx(truth.sum(), rel=0.1)


def test_the_scale_stays_within_its_limits():
    curves, _ = scan(noise_hu=1.0)
    curves[tube(SINUS).ravel()] *= np.float32(0.5)
    assert found(curves).venous_scale == 1.0


def test_candidates_are_distinct_and_ordered():
    inputs = found(scan()[0])
    count = len(inputs.candidate_scores)
    assert 3 <= count <= 8
    assert inputs.candidate_hu.shape == (count, TIME_S.size)
    assert inputs.candidate_voxels.shape == (count, 3)
    assert inputs.candidate_scores[0] == 1
    assert (np.diff(inputs.candidate_scores) <= 0).all()
    gaps = np.abs(inputs.candidate_voxels[:, None] - inputs.candidate_voxels[None]).max(axis=-1)
    assert (gaps[~np.eye(count, dtype=bool)] > 2).all()
    places = [next(p for p in ARTERIES if lie_in([p], voxel[None])) for voxel in inputs.candidate_voxels[:3]]
    assert set(places) == set(ARTERIES)


def test_a_drifting_voxel_loses_to_one_that_stays():
    """Motion takes the blood out of a voxel: its second half is low, though its peak is as high."""
    curves, truth = scan(noise_hu=3.0)
    fading = np.any([tube(place) for place in CAROTIDS], axis=0).ravel()
    curves[fading] *= np.clip(1 - (TIME_S - 16) / 30, 0.4, 1).astype(np.float32)
    inputs = found(curves)
    assert lie_in([BASILAR], inputs.arterial_voxels).all()
    assert inputs.arterial_hu.sum() == pytest.approx(truth.sum(), rel=0.08)


def test_named_voxels_take_the_place_of_the_found_ones():
    named = np.array([[6, 30, 10], [6, 31, 10], [5, 30, 10]])
    inputs = found(scan(noise_hu=1.0)[0], named=named)
    np.testing.assert_array_equal(inputs.arterial_voxels, named)
    expected = 300 * 0.6 * first_pass(16.0)
    np.testing.assert_allclose(inputs.arterial_hu / inputs.venous_scale, expected, atol=4)
    assert len(inputs.candidate_scores) == 1


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ([[1, 20, 99]], r"\(1, 20, 99\) lies outside the grid"),
        ([[1, 30, 20], [-1, 0, 0]], r"\(-1, 0, 0\) lies outside the grid"),
        ([[11, 63, 63]], r"\(11, 63, 63\) lies outside the brain"),
        ([[6, 10, 10]], "HU only"),
        ([1, 20, 10], "whole numbers"),
        ([[1.0, 20.0, 10.0]], "whole numbers"),
        (np.empty((0, 3), int), "whole numbers"),
    ],
    ids=["beyond", "negative", "outside the brain", "flat", "one axis", "fractions", "none"],
)
def test_a_wrong_voxel_is_named(named, message):
    voxels = VOXELS.copy()
    voxels[11, 63, 63] = False
    curves = scan()[0][voxels.ravel()]
    bolus = find_bolus(typical_curve(curves), TIME_S)
    with pytest.raises(InputError, match=message):
        find_inputs(curves, bolus, voxels, voxels, np.array(named))


def test_brain_without_vessels_has_no_arterial_input():
    curves, _ = scan(noise_hu=1.0)
    tissue = np.tile(curves[~lie_in((*ARTERIES, BRANCH, SINUS), np.argwhere(VOXELS))][:1], (len(curves), 1))
    with pytest.raises(AnalysisError, match="no arterial input found"):
        found(tissue)


def test_contrast_that_stays_is_no_first_pass():
    rising = np.tile(np.linspace(0, 90, TIME_S.size), (VOXELS.size, 1)).astype(np.float32)
    bolus = replace(find_bolus(typical_curve(scan()[0]), TIME_S))
    with pytest.raises(AnalysisError, match="no arterial input found"):
        find_inputs(rising, bolus, VOXELS, VOXELS)


def test_nothing_away_from_bone_is_no_artery():
    curves, _ = scan()
    bolus = find_bolus(typical_curve(curves), TIME_S)
    with pytest.raises(AnalysisError, match="no arterial input found"):
        find_inputs(curves, bolus, VOXELS, ~VOXELS)


def test_vessels_enhance_and_tissue_does_not():
    curves, _ = scan(noise_hu=3.0)
    vessels = like_vessels(curves, found(curves)).reshape(SHAPE)
    drawn = np.any([tube(place) for place in (*ARTERIES, BRANCH, SINUS)], axis=0)
    np.testing.assert_array_equal(vessels, drawn)
