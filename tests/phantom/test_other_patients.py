"""The simulated patients on whom networks are trained and judged: as fair as the usual ones."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.cohort import KINDS, OCCLUSIONS
from benchmarks.phantom import (
    Anatomy,
    Grain,
    Lesion,
    LesionTooLargeError,
    Occlusion,
    Patient,
    Residue,
    make_patient,
)
from benchmarks.phantom.anatomy import INDIVIDUAL_FILE
from benchmarks.phantom.curves import AREA, STEP_S, Inflow
from benchmarks.phantom.noise import NoisePool
from triage.types import Side

SMALL = Patient(seed=4, matrix=64, slices=8, frames=8, core_ml=4, hypoperfused_ml=14, benign_rim_ml=5)


@pytest.mark.parametrize("residue", Residue)
@pytest.mark.parametrize("transit_s", [2.0, 6.0, 20.0])
def test_every_residue_starts_at_one_falls_and_ends_at_its_transit_time(residue, transit_s):
    time_s = np.arange(0, 40 * transit_s, 0.01)
    area = AREA[residue](time_s, transit_s)
    heights = np.diff(area) / 0.01
    assert heights[0] == pytest.approx(1.0, abs=0.02)
    assert (np.diff(heights) < 1e-9).all()
    assert area[-1] == pytest.approx(transit_s, rel=1e-3)


def test_dispersion_keeps_the_area_and_comes_later():
    time_s = np.arange(0, 120, STEP_S)
    plain, spread = (Inflow(300.0, 10.0, 1.0, after_s).hu(time_s) for after_s in (0.0, 1.5))
    assert spread.sum() == pytest.approx(plain.sum(), rel=1e-2)
    assert 0.5 < time_s[spread.argmax()] - time_s[plain.argmax()] < 1.6
    assert spread.max() < plain.max()


def test_a_wide_bolus_lasts_longer():
    time_s = np.arange(0, 120, STEP_S)
    usual, wide = (Inflow(300.0, 10.0, width).hu(time_s) for width in (1.0, 1.5))
    assert (wide > 150).sum() == pytest.approx(1.5 * (usual > 150).sum(), rel=0.02)


def test_iterative_noise_is_coarser_and_uneven_at_the_same_deviation():
    images = {}
    for grain in Grain:
        images[grain] = np.zeros((12, 128, 128), np.float32)
        pool = NoisePool(np.random.default_rng(1), 128, 10.0, grain)
        for image in images[grain]:
            pool.add_to(image)
    coarse = {
        grain: image.reshape(12, 16, 8, 16, 8).mean(axis=(2, 4)).std() for grain, image in images.items()
    }
    assert coarse[Grain.ITERATIVE] > 1.15 * coarse[Grain.FILTERED]
    uneven = images[Grain.ITERATIVE].std(axis=0)
    assert uneven[54:74, 54:74].mean() > 1.3 * uneven[:10, :10].mean()


@pytest.mark.parametrize("occlusion", Occlusion)
def test_a_lesion_lies_where_its_artery_goes_and_keeps_its_rules(occlusion):
    truth = make_patient(
        replace(SMALL, lesion=Lesion(occlusion, pieces=3, patchiness=1.5, later_s=1.5))
    ).truth
    assert (truth.delay_s[truth.hypoperfused] > 6).all()
    healthy = np.median(truth.cbf_ml_per_100g_min[truth.brain & ~truth.hypoperfused])
    assert (truth.cbf_ml_per_100g_min[truth.core] < 0.30 * healthy).all()
    _, y, x = np.argwhere(truth.hypoperfused).mean(axis=0)
    assert x > 32, "patient left is +x"
    assert (y < 28, y > 36)[occlusion is Occlusion.POSTERIOR] or occlusion in (
        Occlusion.TRUNK,
        Occlusion.INFERIOR,
    )


def test_a_lesion_that_does_not_fit_says_so():
    with pytest.raises(LesionTooLargeError, match="ask for less"):
        make_patient(replace(SMALL, slices=2, hypoperfused_ml=150))


def test_deformation_moves_tissue_and_nothing_else():
    straight, bent = (make_patient(replace(SMALL, deformation_mm=mm)).truth for mm in (0.0, 5.0))
    assert 0.5 < (straight.brain & bent.brain).sum() / (straight.brain | bent.brain).sum() < 0.97
    assert (straight.vessel_share > 0.5).sum() == pytest.approx((bent.vessel_share > 0.5).sum(), rel=0.02)


@pytest.mark.skipif(not INDIVIDUAL_FILE.exists(), reason="Debian's package mricron-data is not installed")
def test_one_persons_brain_is_another_brain_of_the_same_kind():
    average, person = (make_patient(replace(SMALL, anatomy=anatomy)).truth for anatomy in Anatomy)
    assert person.brain.sum() == pytest.approx(average.brain.sum(), rel=0.2)
    assert 0.5 < (average.brain & person.brain).sum() / (average.brain | person.brain).sum() < 0.95


def test_cohorts_repeat_and_differ_in_what_could_be_learnt_by_heart():
    learnt, judged = ([KINDS[kind](number) for number in range(30)] for kind in ("training", "held-out"))
    assert learnt == [KINDS["training"](number) for number in range(30)]
    for what in ("residue", "anatomy", "grain"):
        assert not {getattr(p, what) for p in learnt} & {getattr(p, what) for p in judged}, what
    assert {p.side for p in judged} == {Side.LEFT, Side.RIGHT}
    assert {p.lesion.occlusion for p in judged} == set(OCCLUSIONS)
    assert all(p.side is Side.NONE for p in (KINDS["held-out-healthy"](number) for number in range(5)))
