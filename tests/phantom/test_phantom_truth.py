from dataclasses import replace

import numpy as np
import pytest

from benchmarks.phantom import Patient, Residue, Scheme, make_patient
from benchmarks.phantom.curves import AREA, DENSITY_G_PER_ML, KAPPA
from triage.types import Side

TINY = Patient(seed=4, matrix=64, slices=6, frames=14, core_ml=8, hypoperfused_ml=30)

STEP_S = 0.05


def other_side(truth):
    x_mm = truth.geometry.affine[0, 3] + truth.geometry.spacing_mm[2] * np.arange(truth.geometry.shape[2])
    return np.broadcast_to(x_mm < 0 if truth.side is Side.LEFT else x_mm > 0, truth.geometry.shape)


def resting_curve(phantom, voxel):
    curve = phantom.series.hu[:, *voxel].astype(float)
    return curve - curve[0]


def some_voxels(mask, count=40):
    return np.random.default_rng(0).permutation(np.argwhere(mask))[:count]


def test_the_rules_applied_to_the_true_maps_find_exactly_the_truth(quiet):
    truth = quiet.truth
    reference = np.median(truth.cbf_ml_per_100g_min[truth.brain & other_side(truth)])
    late = truth.brain & (truth.delay_s > 6.0)
    starved = late & (truth.cbf_ml_per_100g_min < 0.30 * reference)
    assert np.array_equal(late, truth.hypoperfused)
    assert np.array_equal(starved, truth.core)
    assert truth.core.any()


def test_no_voxel_is_near_a_limit_of_the_rules(quiet):
    truth = quiet.truth
    relative = truth.cbf_ml_per_100g_min / np.median(
        truth.cbf_ml_per_100g_min[truth.brain & other_side(truth)]
    )
    penumbra = truth.hypoperfused & ~truth.core
    assert relative[truth.core].max() < 0.27
    assert relative[penumbra].min() > 0.33
    assert truth.delay_s[truth.brain & ~truth.hypoperfused].max() < 2.0
    assert truth.delay_s[truth.hypoperfused].min() > 6.4


def residue(time_s, transit_s):
    return np.exp(-time_s / transit_s)


@pytest.mark.parametrize("region", ["core", "hypoperfused", "brain"])
def test_tissue_curves_are_the_arterial_curve_convolved_with_the_true_residue(quiet, region):
    truth, frames_s = quiet.truth, quiet.series.time_s[:, 0]
    fine = np.arange(0.0, frames_s[-1], STEP_S)
    arterial = np.interp(fine, truth.curve_time_s, truth.arterial_hu)
    tissue_only = truth.vessel_share == 0
    for voxel in some_voxels(getattr(truth, region) & tissue_only, 15):
        cbf, cbv = truth.cbf_ml_per_100g_min[*voxel], truth.cbv_ml_per_100g[*voxel]
        kernel = residue(fine, 60 * cbv / cbf)
        kernel[0] /= 2
        tissue = DENSITY_G_PER_ML / KAPPA * cbf / 6000 * np.convolve(arterial, kernel)[: fine.size] * STEP_S
        expected = np.interp(frames_s - truth.delay_s[*voxel], fine, tissue)
        np.testing.assert_allclose(resting_curve(quiet, voxel), expected, atol=0.02)


def test_a_plain_circulant_deconvolution_of_noise_free_curves_finds_the_hypoperfused_tissue(quiet):
    truth, dt_s = quiet.truth, 0.5
    grid = np.arange(0.0, quiet.series.time_s[-1, 0], dt_s)
    size = 2 * grid.size
    arterial = np.fft.rfft(np.interp(grid, truth.curve_time_s, truth.arterial_hu), size)
    keep = np.abs(arterial) > 0.1 * np.abs(arterial).max()

    def tmax_s(voxel):
        curve = np.interp(grid, quiet.series.time_s[:, 0], resting_curve(quiet, voxel))
        flow = np.fft.irfft(np.where(keep, np.fft.rfft(curve, size) / np.where(keep, arterial, 1), 0), size)
        lag = int(np.argmax(flow))
        return dt_s * (lag if lag <= size // 2 else lag - size)

    late = np.array([tmax_s(v) for v in some_voxels(truth.hypoperfused, 200)])
    healthy = np.array([tmax_s(v) for v in some_voxels(truth.brain & ~truth.hypoperfused, 400)])
    assert (late > 6).mean() > 0.97
    assert (healthy <= 6).mean() > 0.97


@pytest.mark.parametrize("shape", Residue)
def test_every_residue_has_the_true_mean_transit_time(shape):
    time_s = np.array([0.0, 1e-4, 500.0])
    start, first, area = AREA[shape](time_s, 4.0)
    assert start == 0
    assert first == pytest.approx(1e-4, rel=1e-3), "R(0) = 1"
    assert area == pytest.approx(4.0)


@pytest.mark.parametrize("shape", Residue)
def test_curves_conserve_blood_volume(shape):
    phantom = make_patient(
        replace(TINY, residue=shape, frames=200, noise_hu=0.0, motion_mm=0.0, motion_deg=0.0)
    )
    truth, last_s = phantom.truth, phantom.series.time_s[-1, 0]
    ratios = []
    for voxel in some_voxels(truth.hypoperfused):
        cbf, cbv = truth.cbf_ml_per_100g_min[*voxel], truth.cbv_ml_per_100g[*voxel]
        entered_s = last_s - truth.delay_s[*voxel] - 60 * cbv / cbf
        arterial = np.trapezoid(
            np.where(truth.curve_time_s <= entered_s, truth.arterial_hu, 0), truth.curve_time_s
        )
        tissue = np.trapezoid(resting_curve(phantom, voxel), phantom.series.time_s[:, 0])
        ratios.append(100 * KAPPA / DENSITY_G_PER_ML * tissue / arterial / cbv)
    assert np.median(ratios) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(("core_ml", "hypoperfused_ml"), [(0, 60), (35, 110), (80, 160)])
def test_volumes_are_the_requested_ones(core_ml, hypoperfused_ml):
    truth = make_patient(
        replace(TINY, slices=16, frames=2, core_ml=core_ml, hypoperfused_ml=hypoperfused_ml)
    ).truth
    assert truth.core_ml == pytest.approx(core_ml, abs=truth.geometry.voxel_ml)
    assert truth.hypoperfused_ml == pytest.approx(hypoperfused_ml, abs=truth.geometry.voxel_ml)
    assert not (truth.core & ~truth.hypoperfused).any()


@pytest.mark.parametrize(("side", "sign"), [(Side.LEFT, 1), (Side.RIGHT, -1)])
def test_left_is_plus_x(side, sign):
    truth = make_patient(replace(TINY, side=side, frames=2)).truth
    x_mm = truth.geometry.affine[0, 3] + truth.geometry.spacing_mm[2] * np.argwhere(truth.hypoperfused)[:, 2]
    assert (sign * x_mm > 5).all()


def test_a_patient_without_lesion_has_empty_truth_masks():
    truth = make_patient(replace(TINY, side=Side.NONE, frames=2)).truth
    assert truth.core_ml == truth.hypoperfused_ml == 0
    assert truth.delay_s.max() < 2


def test_a_lesion_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="ask for less"):
        make_patient(replace(TINY, hypoperfused_ml=900))


@pytest.mark.parametrize(
    "change",
    [{"matrix": 100}, {"side": Side.BILATERAL}, {"core_ml": 50, "hypoperfused_ml": 40}, {"frames": 0}],
)
def test_settings_that_make_no_sense_are_refused(change):
    with pytest.raises(ValueError, match=r"\w"):
        replace(TINY, **change)


def test_equal_settings_give_equal_voxels_and_another_seed_another_patient(small):
    again, other = make_patient(TINY), make_patient(replace(TINY, seed=5))
    assert np.array_equal(small.series.hu, again.series.hu)
    assert np.array_equal(small.non_contrast_hu, again.non_contrast_hu)
    assert not np.array_equal(small.truth.hypoperfused, other.truth.hypoperfused)


def test_the_lesion_does_not_depend_on_the_matrix():
    coarse, fine = (make_patient(replace(TINY, matrix=m, frames=2)).truth for m in (64, 128))
    averaged = fine.hypoperfused.reshape(6, 64, 2, 64, 2).mean(axis=(2, 4)) > 0.5
    overlap = 2 * (averaged & coarse.hypoperfused).sum() / (averaged.sum() + coarse.hypoperfused.sum())
    assert overlap > 0.9


def test_arteries_are_pure_early_and_high_in_several_slices_and_veins_late(quiet):
    truth, hu = quiet.truth, quiet.series.hu
    assert (truth.arteries.any(axis=(1, 2))).sum() >= 3
    arterial, venous = ((hu - hu[0])[:, mask].mean(axis=1) for mask in (truth.arteries, truth.veins))
    assert arterial.max() > 0.8 * quiet.patient.bolus_hu
    assert truth.arterial_hu.max() == pytest.approx(quiet.patient.bolus_hu, rel=0.02)
    assert venous.argmax() > arterial.argmax() + 1


def test_tissue_has_its_textbook_density(quiet):
    hu, truth = quiet.non_contrast_hu, quiet.truth
    brain = hu[truth.brain & ~truth.core]
    assert 25 < np.percentile(brain, 5) < np.percentile(brain, 95) < 38.5
    assert 900 < np.percentile(hu[hu > 300], 99) < 1200
    assert np.median(hu[:, :3]) == -1000


def test_without_a_bolus_nothing_enhances():
    hu = make_patient(replace(TINY, bolus_hu=0.0, noise_hu=0.0, motion_mm=0.0, motion_deg=0.0)).series.hu
    assert np.ptp(hu, axis=0).max() == 0


def test_a_shuttle_sees_the_two_halves_in_turn():
    time_s = replace(TINY, scheme=Scheme.SHUTTLE).time_s()
    assert (time_s[:, 3:] - time_s[:, :3] == 1.5).all()
    assert (np.diff(time_s, axis=0) == 3.0).all()


def test_a_shuttle_scan_samples_the_same_curves_at_its_own_times():
    still = replace(TINY, noise_hu=0.0, motion_mm=0.0, motion_deg=0.0, frames=28)
    uniform = make_patient(still).series.hu
    shuttle = make_patient(replace(still, scheme=Scheme.SHUTTLE, frames=14)).series.hu
    np.testing.assert_allclose(shuttle[:, :3], uniform[0::2, :3], atol=0.02)
    np.testing.assert_allclose(shuttle[:, 3:], uniform[1::2, 3:], atol=0.02)


def test_late_frames_of_a_variable_scan_are_twice_as_far_apart():
    steps = np.diff(replace(TINY, scheme=Scheme.VARIABLE, frames=30).time_s()[:, 0])
    assert set(steps[:19]) == {1.5}
    assert set(steps[-9:]) == {3.0}
