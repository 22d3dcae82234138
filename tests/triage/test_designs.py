"""The bounds on curves, and that their checks can fail."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from benchmarks import designs
from benchmarks.designs import DEFAULT, FAST, METHODS, SECOND, bolus, kudo, noisy


@pytest.fixture(scope="module")
def table():
    return designs.rows(repeats=4)


def test_every_bound_on_curves_is_met(table):
    promised = [row for row in table if row[3] is not None]
    assert len(promised) >= 16
    assert [row for row in promised if not row[3]] == []


@pytest.mark.parametrize("name", [DEFAULT, FAST])
def test_halving_the_time_step_moves_no_map_of_any_voxel(name):
    changes = designs.step_changes(METHODS[name])
    tmax_s = changes.pop("Tmax")
    assert max(changes.values()) <= 0.01
    assert tmax_s <= 0.06


def test_a_hard_cut_would_fail_at_half_the_time_step():
    """Negative control: with singular values kept or dropped whole, single voxels move by several per cent."""
    changes = designs.step_changes(METHODS["peer: oscillation-index SVD, hard cut"])
    assert changes["CBF"] > 0.03


def test_standard_deconvolution_would_fail_over_the_delays():
    """Negative control: a lower triangular inverse cannot represent tissue that is earlier than the artery."""
    found = METHODS["peer: standard SVD 0.20"](kudo())
    assert designs.variation_over_delay(kudo(), found) > 0.05


def test_the_second_method_beats_deconvolution_voxel_by_voxel():
    design = noisy(kudo(), repeats=4, seed=5)
    second, first = (designs.correlations(design, METHODS[name](design)) for name in (SECOND, DEFAULT))
    assert all(second[value] > first[value] for value in ("CBF", "MTT", "CBV"))
    assert all(second[value] > least for value, least in designs.BETTER_THAN.items())


def test_curves_are_those_of_the_model():
    """A box residue of one transit is the arterial area between two moments; volume is the ratio of the areas."""
    design = kudo()
    curves = design.tissue_hu.reshape(*design.cbf.shape, -1)
    time_s, fine = np.arange(60.0), np.arange(0, 80, 0.01)
    passed = np.cumsum(bolus(fine)) * 0.01
    mtt, cbv, delay = 6.0, 3.0, 2.0
    box = np.interp(time_s - delay, fine, passed) - np.interp(time_s - delay - mtt, fine, passed)
    place = (designs.TRANSITS_S.index(mtt), 2, designs.DELAYS_S.index(delay), designs.VOLUMES.index(cbv))
    assert_allclose(curves[place], cbv / (100 * mtt) * box, atol=0.02)
    short = design.mtt_s < 5
    areas = 100 * design.tissue_hu.sum(axis=1).reshape(design.cbf.shape) / design.arterial_hu.sum()
    assert_allclose(areas[short], design.cbv[short], rtol=2e-3)


def test_noise_is_what_it_says_and_independent_in_every_draw():
    design = noisy(kudo(), noise_hu=2.0, repeats=2)
    noise = design.tissue_hu - np.tile(kudo().tissue_hu, (2, 1))
    assert noise.std() == pytest.approx(2.0, rel=0.02)
    assert abs(np.corrcoef(noise[:735].ravel(), noise[735:].ravel())[0, 1]) < 0.02


def test_a_method_that_ignores_the_delay_has_no_slope():
    found = METHODS[DEFAULT](kudo())
    still = replace(found, tmax_s=np.ones_like(found.tmax_s))
    assert designs.delay_slope(kudo(), still) == pytest.approx(0, abs=1e-6)
    assert designs.delay_slope(kudo(), found) == pytest.approx(1, abs=0.03)


def test_a_reference_file_is_read_and_judged(tmp_path):
    """Two curves of a box residue: the truth agrees, a flow of three times as much does not."""
    time_s = np.arange(60.0)
    fine = np.arange(0, 60, 0.01)
    passed = np.cumsum(bolus(fine)) * 0.01
    tissue = 0.01 * (np.interp(time_s, fine, passed) - np.interp(time_s - 4, fine, passed))
    columns = (" ".join(f"{v:.6e}" for v in curve) for curve in (tissue, bolus(time_s)))
    curves = ",".join(columns)
    file = tmp_path / "dsc_data.csv"
    file.write_text(f"label,C_tis,C_aif,cbv,cbf,tr\na,{curves},4,60,1\nb,{curves},4,180,1\n")
    assert designs.osipi_agreement(file) == [True, False]
    assert designs.rows(file, repeats=1)[-1][1:] == ("2 of 2", "1 of 2", False)
