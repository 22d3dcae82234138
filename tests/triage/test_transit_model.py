"""The second method against analytic curves, brute force and its own priors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from benchmarks.designs import UNITY, bolus, correlations, kudo, noisy
from triage import transit_model
from triage.errors import InputError
from triage.maps import Constants, Perfusion
from triage.transit_model import coarsened, lesion, posterior

TIME_S = np.arange(60.0)
FINE_S = np.arange(0, 90, 0.01)
PASSED = np.cumsum(bolus(FINE_S)) * 0.01


def box(cbv, transit_s, delay_s, time_s=TIME_S):
    """Tissue curve of a box residue in HU: blood of the artery between two moments."""
    inside = np.interp(time_s - delay_s, FINE_S, PASSED) - np.interp(
        time_s - delay_s - transit_s, FINE_S, PASSED
    )
    return (cbv / (100 * transit_s) * inside)[None].astype(np.float32)


@pytest.mark.parametrize(("transit_s", "delay_s"), [(4.0, 0.0), (4.0, 6.0), (8.0, -2.0), (12.0, 3.0)])
def test_a_clear_curve_gives_its_parameters_back(transit_s, delay_s):
    found = posterior(box(4.0, transit_s, delay_s), bolus(TIME_S), 1.0, 0.2, UNITY)
    assert found.cbv[0] == pytest.approx(4.0, rel=0.08)
    assert found.mtt_s[0] == pytest.approx(transit_s, rel=0.25)
    assert found.tmax_s[0] == pytest.approx(delay_s, abs=0.7)
    assert found.cbf[0] == pytest.approx(240 / transit_s, rel=0.25)


def test_noisy_voxels_are_read_better_than_by_deconvolution():
    design = noisy(kudo(), repeats=3, seed=11)
    found = correlations(design, posterior(design.tissue_hu, design.arterial_hu, 1.0, design.noise_hu, UNITY))
    assert found["CBF"] > 0.88
    assert found["MTT"] > 0.60
    assert found["CBV"] > 0.90


def test_sums_over_all_templates_are_those_of_brute_force():
    """The volume is integrated numerically here, in closed form there."""
    curve = (box(3.0, 5.0, 2.0) + np.random.default_rng(2).normal(0, 1.5, 60)).astype(np.float32)
    templates = transit_model._templates(bolus(TIME_S), 1.0, UNITY)
    volume = np.linspace(-5, 11, 321)
    misfit = ((curve[0] - volume[:, None, None] * templates.curves_hu) ** 2).sum(axis=2) / 1.5**2
    prior = (
        ((volume - transit_model.USUAL_VOLUME_ML_PER_100G) / transit_model.VOLUME_SPREAD_ML_PER_100G) ** 2
    )[:, None] + (
        np.log(templates.transit_s / transit_model.USUAL_TRANSIT_S) / transit_model.TRANSIT_SPREAD
    ) ** 2
    weight = np.exp(-(misfit + prior - (misfit + prior).min()) / 2)
    weight /= weight.sum()
    found = posterior(curve, bolus(TIME_S), 1.0, 1.5, UNITY)
    wanted = Perfusion(
        (weight * volume[:, None] * 60 / templates.transit_s).sum(),
        (weight * volume[:, None]).sum(),
        (weight * templates.transit_s).sum(),
        (weight * templates.delay_s).sum(),
    )
    assert found.cbf[0] == pytest.approx(wanted.cbf, rel=0.01)
    assert found.cbv[0] == pytest.approx(wanted.cbv, rel=0.01)
    assert found.mtt_s[0] == pytest.approx(wanted.mtt_s, rel=0.01)
    assert found.tmax_s[0] == pytest.approx(wanted.tmax_s, abs=0.02)


def test_curves_of_few_shapes_are_compared_there_without_loss(monkeypatch):
    """Denoised curves lie in a small space; leaving the rest of the space out changes nothing."""
    shapes = np.concatenate([box(1.0, transit, delay) for transit in (3, 6, 12) for delay in (0, 5)])
    mixed = np.random.default_rng(3).uniform(0, 2, (400, 6)).astype(np.float32) @ shapes
    assert transit_model._axes(mixed, 0.02).shape[1] <= 6
    few = posterior(mixed, bolus(TIME_S), 1.0, 1.0, UNITY)
    monkeypatch.setattr(transit_model, "_axes", lambda curves, _: np.eye(curves.shape[1]))
    whole = posterior(mixed, bolus(TIME_S), 1.0, 1.0, UNITY)
    assert_allclose(few.cbv, whole.cbv, rtol=1e-3)
    assert_allclose(few.tmax_s, whole.tmax_s, atol=0.02)


def test_a_curve_that_says_nothing_gives_the_priors_and_no_lateness():
    found = posterior(np.zeros((2, 60), np.float32), bolus(TIME_S) / 1e4, 1.0, 2.0, UNITY)
    assert_allclose(found.cbv, transit_model.USUAL_VOLUME_ML_PER_100G, rtol=0.05)
    assert_allclose(found.tmax_s, transit_model.DELAYS_S.mean(), atol=0.1)


def test_more_noise_pulls_towards_the_prior():
    curve = box(6.0, 12.0, 0.0)
    sure, unsure = (posterior(curve, bolus(TIME_S), 1.0, noise, UNITY) for noise in (0.3, 30.0))
    assert abs(sure.mtt_s[0] - 12) < 2
    assert abs(unsure.mtt_s[0] - transit_model.USUAL_TRANSIT_S) < abs(sure.mtt_s[0] - 6)


def test_halving_the_step_moves_the_means_little():
    half = np.arange(0, 60, 0.5)
    coarse = posterior(box(3.0, 6.0, 2.0), bolus(TIME_S), 1.0, 0.5, UNITY)
    fine = posterior(box(3.0, 6.0, 2.0, half), bolus(half), 0.5, 0.5 * np.sqrt(2), UNITY)
    for name in ("cbf", "cbv", "mtt_s", "tmax_s"):
        assert getattr(fine, name)[0] == pytest.approx(getattr(coarse, name)[0], rel=0.02), name


def test_haematocrit_and_density_scale_flow_and_volume_alone():
    curve, usual = box(3.0, 4.0, 0.0), Constants()
    plain = posterior(curve, bolus(TIME_S), 1.0, 0.05, UNITY)
    scaled = posterior(curve, bolus(TIME_S), 1.0, 0.05, usual)
    assert scaled.cbf[0] / plain.cbf[0] == pytest.approx(usual.per_100g, rel=0.01)
    assert scaled.mtt_s[0] == pytest.approx(plain.mtt_s[0], rel=0.01)


def test_results_are_float32_and_do_not_depend_on_the_company():
    curves = noisy(kudo(), repeats=1).tissue_hu
    together = posterior(curves, bolus(TIME_S), 1.0, 2.0, UNITY)
    alone = posterior(curves[:5], bolus(TIME_S), 1.0, 2.0, UNITY)
    assert together.cbf.dtype == np.float32
    assert_allclose(together.tmax_s[:5], alone.tmax_s, atol=0.02)


def test_no_curves_give_no_numbers():
    found = posterior(np.empty((0, 60), np.float32), bolus(TIME_S), 1.0, 2.0)
    assert found.cbf.shape == found.tmax_s.shape == (0,)


@pytest.mark.parametrize(
    ("curves", "artery", "dt_s", "noise_hu", "message"),
    [
        (np.ones((2, 60)), np.zeros(60), 1.0, 1.0, "arterial input"),
        (np.ones((2, 60)), np.full(60, np.nan), 1.0, 1.0, "arterial input"),
        (np.ones((2, 60)), bolus(TIME_S), 0.0, 1.0, "arterial input"),
        (np.ones((2, 59)), bolus(TIME_S), 1.0, 1.0, "60 samples"),
        (np.full((2, 60), np.nan), bolus(TIME_S), 1.0, 1.0, "NaN"),
        (np.ones((2, 60)), bolus(TIME_S), 1.0, 0.0, "noise"),
    ],
    ids=["no bolus", "NaN bolus", "no step", "length", "NaN", "no noise"],
)
def test_impossible_input_is_refused(curves, artery, dt_s, noise_hu, message):
    with pytest.raises(InputError, match=message):
        posterior(curves.astype(np.float32), artery, dt_s, noise_hu)


def test_coarsened_curves_are_means_of_the_chosen_voxels_of_each_block():
    rng = np.random.default_rng(8)
    voxels = rng.random((3, 9, 7)) < 0.6
    curves = rng.normal(size=(int(voxels.sum()), 5)).astype(np.float32)
    volume = np.full((*voxels.shape, 5), np.nan, np.float32)
    volume[voxels] = curves
    means, places = coarsened(curves, voxels)
    assert places.shape == (3, 4, 3)
    for place, mean in zip(np.argwhere(places), means, strict=True):
        z, y, x = place[0], 2 * place[1], 2 * place[2]
        block = volume[z, y : y + 2, x : x + 2].reshape(-1, 5)
        assert np.isfinite(block[:, 0]).sum() >= 2
        assert_allclose(mean, np.nanmean(block, axis=0), rtol=1e-5, atol=1e-6)
    left_out = np.argwhere(~places)
    assert all(voxels[z, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].sum() < 2 for z, y, x in left_out)


def _brain(delay_shift_s=0.0):
    """Two halves; on the left 30 late voxels, 10 of them starved."""
    voxels = np.zeros((2, 10, 20), bool)
    voxels[:, 1:9, 2:18] = True
    left = np.broadcast_to(np.arange(20) < 10, voxels.shape)
    delay, flow = np.full(voxels.shape, 0.5, np.float32), np.full(voxels.shape, 50.0, np.float32)
    delay[0, 2:8, 3:8] = 6.0
    flow[0, 2:8, 3:8], flow[0, 2:4, 3:8] = 25.0, 10.0
    flow[1, 2:4, 12:16] = 5.0
    values = Perfusion(flow[voxels], flow[voxels], flow[voxels], delay[voxels] + np.float32(delay_shift_s))
    return values, voxels, left


@pytest.mark.parametrize("shift_s", [-2.0, 0.0, 3.0])
def test_lateness_counts_from_the_healthier_half_whatever_the_artery(shift_s):
    late, core = lesion(*_brain(shift_s))
    assert (late.sum(), core.sum()) == (30, 10)
    assert not (core & ~late).any()


def test_low_flow_in_time_or_on_the_other_side_is_no_core():
    values, voxels, left = _brain()
    _, core = lesion(values, voxels, left)
    assert not core[1].any()
    _, mirrored = lesion(values, voxels, ~left)
    assert (mirrored == core).all()


def test_a_healthy_brain_has_no_lesion():
    values, voxels, left = _brain()
    still = Perfusion(values.cbf, values.cbv, values.mtt_s, np.full_like(values.tmax_s, 1.0))
    late, core = lesion(still, voxels, left)
    assert not late.any()
    assert not core.any()
