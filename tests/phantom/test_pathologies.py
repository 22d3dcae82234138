"""What else a head may have, and scans that cannot be trusted."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.phantom import Patient, Ruin, make_patient
from benchmarks.phantom.curves import BOLUS_ALPHA, BOLUS_BETA_S
from benchmarks.population import RUINED, TUNING, moving, truncated, weak_bolus
from triage.types import Side

STILL = Patient(
    seed=4,
    matrix=64,
    slices=8,
    frames=2,
    core_ml=8,
    hypoperfused_ml=30,
    noise_hu=0.0,
    motion_mm=0.0,
    motion_deg=0.0,
)
SICK = {
    "old infarct": {"old_infarct_ml": 15.0},
    "calcifications": {"calcifications": 7},
    "stenosis": {"stenosis": Side.BILATERAL, "stenosis_s": 4.0},
    "metal": {"metal": True},
    "atrophy": {"atrophy": 0.4},
}


@pytest.fixture(scope="module")
def plain():
    return make_patient(STILL)


@pytest.fixture(scope="module", params=SICK)
def sick(request):
    return make_patient(replace(STILL, **SICK[request.param]))


def test_the_rules_applied_to_the_true_maps_still_find_exactly_the_truth(sick):
    truth = sick.truth
    x_mm = truth.geometry.affine[0, 3] + truth.geometry.spacing_mm[2] * np.arange(truth.geometry.shape[2])
    reference = np.median(truth.cbf_ml_per_100g_min[truth.brain & (x_mm < 0)])
    late = truth.brain & (truth.delay_s > 6.0)
    assert np.array_equal(late, truth.hypoperfused)
    assert np.array_equal(late & (truth.cbf_ml_per_100g_min < 0.30 * reference), truth.core)
    assert truth.hypoperfused_ml == pytest.approx(30, abs=truth.geometry.voxel_ml)
    assert truth.delay_s[truth.brain & ~truth.hypoperfused].max() < 5.0


def test_an_old_infarct_is_dark_starved_in_time_and_apart_from_the_lesion(plain):
    truth = (sick := make_patient(replace(STILL, old_infarct_ml=15.0))).truth
    old = truth.old_infarct
    assert old.sum() * truth.geometry.voxel_ml == pytest.approx(15, abs=truth.geometry.voxel_ml)
    assert not (old & truth.hypoperfused).any()
    assert np.median(plain.non_contrast_hu[old] - sick.non_contrast_hu[old]) == pytest.approx(18, abs=1)
    healthy = plain.truth.cbf_ml_per_100g_min[old]
    np.testing.assert_allclose(truth.cbf_ml_per_100g_min[old] / healthy, 0.10, rtol=0.01)
    np.testing.assert_allclose(truth.delay_s[old], plain.truth.delay_s[old], atol=1e-6)
    assert not plain.truth.old_infarct.any()


def test_an_old_infarct_moves_nothing_else(plain):
    truth = make_patient(replace(STILL, old_infarct_ml=15.0)).truth
    assert np.array_equal(truth.core, plain.truth.core)
    assert np.array_equal(truth.hypoperfused, plain.truth.hypoperfused)


def test_calcifications_are_dense_and_do_not_enhance(plain):
    hu = make_patient(replace(STILL, calcifications=7, frames=16)).series.hu
    dense = (hu[0] - plain.series.hu[0] > 25) & plain.truth.brain
    assert dense.sum() >= 3
    assert np.ptp(hu[:, dense], axis=0).max() < 20


@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT, Side.BILATERAL])
def test_behind_a_narrow_carotid_a_hemisphere_is_late(plain, side):
    truth = make_patient(replace(STILL, stenosis=side, stenosis_s=2.5)).truth
    x_mm = truth.geometry.affine[0, 3] + truth.geometry.spacing_mm[2] * np.arange(64)
    healthy = truth.brain & ~plain.truth.hypoperfused & (plain.truth.delay_s <= 0.8)
    for hemisphere, here in ((Side.LEFT, x_mm > 8), (Side.RIGHT, x_mm < -8)):
        later = (truth.delay_s - plain.truth.delay_s)[healthy & here]
        expected = 2.5 if side in (hemisphere, Side.BILATERAL) else 0.0
        np.testing.assert_allclose(later, expected, atol=0.11)


def test_metal_is_denser_than_bone_and_its_streaks_flicker(plain):
    hu = make_patient(replace(STILL, metal=True, bolus_hu=0.0)).series.hu
    assert hu.max() > plain.series.hu.max() + 500
    changed = abs(hu[0] - plain.series.hu[0])[plain.truth.brain]
    assert np.percentile(changed, 99) > 20
    assert 1 < abs(hu[1] - hu[0])[plain.truth.brain].max() < 60


def test_atrophy_turns_tissue_into_fluid(plain):
    thin = make_patient(replace(STILL, atrophy=0.4))
    assert thin.truth.brain.sum() < 0.97 * plain.truth.brain.sum()
    lost = plain.truth.brain & ~thin.truth.brain
    assert np.median(thin.non_contrast_hu[lost]) < np.median(plain.non_contrast_hu[lost]) - 3
    np.testing.assert_array_equal(thin.series.hu[:, 0, :3], plain.series.hu[:, 0, :3])


@pytest.mark.parametrize("ruin", Ruin)
def test_ruined_frames_are_far_from_the_head_at_rest(ruin):
    patient = replace(STILL, frames=20, bolus_hu=0.0, ruined_share=0.4, ruin=ruin)
    phantom = make_patient(patient)
    change = abs(phantom.series.hu - phantom.series.hu[0])[:, phantom.truth.brain].mean(axis=1)
    assert (change > 20).sum() == 8
    assert not change[:2].any()
    shift_mm = np.linalg.norm(phantom.truth.motion.translation_mm, axis=1)
    assert shift_mm[change > 20] == pytest.approx(20.0 if ruin is Ruin.JERKS else 0.0)


def test_a_truncated_scan_ends_soon_after_the_arterial_peak():
    for number in range(TUNING, TUNING + 20):
        patient = truncated(number, 10.0)
        after_s = patient.time_s().max() - patient.bolus_arrival_s - BOLUS_ALPHA * BOLUS_BETA_S
        assert 8.0 - patient.frame_step_s <= after_s <= 12.0


def test_scans_to_distrust_are_what_they_say():
    assert sum(count for _, count in RUINED.values()) == 20
    patients = [draw(number, 10.0) for draw in (weak_bolus, moving) for number in range(TUNING, TUNING + 10)]
    assert all(60 <= p.bolus_hu <= 110 for p in patients[:10])
    assert all(p.ruined_share > 1 / 3 and 15 <= p.jerk <= 30 for p in patients[10:])
    assert {p.ruin for p in patients[10:]} == set(Ruin)


@pytest.mark.parametrize("change", [{"atrophy": 0.9}, {"ruined_share": 1.5}])
def test_more_than_everything_is_refused(change):
    with pytest.raises(ValueError, match="atrophy is 0 to"):
        replace(STILL, **change)


def test_an_old_infarct_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="ask for less"):
        make_patient(replace(STILL, old_infarct_ml=300.0))
