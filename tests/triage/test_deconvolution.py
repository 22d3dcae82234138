"""Deconvolution against analytic curves, an independent formula and the OSIPI reference curves."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from benchmarks.designs import bolus, kudo, noisy, osipi_agreement
from triage.deconvolution import SOFT_EDGE, _waves, deconvolve, fast_bank, inverse_bank
from triage.errors import InputError
from triage.maps import perfusion

BESIDE = Path(__file__).parents[3] / "shared" / "data" / "dro_osipi_dsc" / "dsc_data.csv"
OSIPI = Path(os.environ.get("OSIPI_DSC_CSV", BESIDE))


@pytest.fixture(scope="module")
def table():
    return kudo(1.0)


def test_a_bank_keeps_its_lags_however_the_curves_are_sampled():
    coarse, fine = (inverse_bank(bolus(np.arange(0, 60, dt)), dt) for dt in (1.0, 0.5))
    assert coarse.operators.shape[:2] == fine.operators.shape[:2]
    assert (coarse.first_lag, coarse.dt_s, coarse.oscillation_limit) == (
        fine.first_lag,
        fine.dt_s,
        fine.oscillation_limit,
    )


@pytest.mark.parametrize("dt_s", [0.5, 0.8, 1.25, 1.5])
def test_residues_do_not_depend_on_the_sampling(dt_s):
    """Each inverse, applied to the same blood seen at two rates, shows the same residue at the same lags."""
    usual, other = kudo(1.0), kudo(dt_s)
    one, two = (
        np.einsum(
            "ln,vn->vl", inverse_bank(d.arterial_hu, d.dt_s, truncations=(0.2,)).operators[0], d.tissue_hu
        )
        for d in (usual, other)
    )
    assert np.abs(one - two).max() <= 0.02 * np.abs(one).max()


def test_a_soft_edge_passes_half_of_a_wave_at_the_level_and_nothing_well_below():
    wave = _waves(bolus(np.arange(60.0)), 1.0)
    size = wave.height()
    passed, hard = wave._passed(size[9], SOFT_EDGE), wave._passed(size[9], 0.0)
    assert passed[9] == pytest.approx(0.5)
    assert (passed[size < (1 - SOFT_EDGE) * size[9]] == 0).all()
    assert (passed[size > (1 + SOFT_EDGE) * size[9]] == 1).all()
    assert set(hard) == {0.0, 1.0}


def test_a_wave_that_sticks_out_of_the_arterys_noise_does_not_pass():
    wave = _waves(bolus(np.arange(60.0)), 1.0)
    noisy = wave.spectrum.copy()
    noisy[55] = 0.04 * np.abs(noisy).max()
    usual, with_noise = wave._passed(0.02, SOFT_EDGE), replace(wave, spectrum=noisy)._passed(0.02, SOFT_EDGE)
    assert np.abs(noisy[55]) > 1.3 * 0.02 * np.abs(noisy).max()
    assert (with_noise[50:] == 0).all()
    assert_allclose(with_noise, usual, atol=1e-12)


def test_the_fast_mode_is_one_inverse_for_all(table):
    bank = fast_bank(table.arterial_hu, 1.0)
    residue = table.tissue_hu @ bank.operators[0].T
    assert bank.operators.shape[0] == 1
    assert_allclose(deconvolve(table.tissue_hu, bank).peak_per_s, residue.max(axis=1), rtol=0.05)


def test_the_last_inverse_still_finds_the_area_when_all_else_is_cut(table):
    """At the highest level the mean survives whole: the soft edge ends at the largest singular value."""
    bank = inverse_bank(table.arterial_hu, 1.0, truncations=(0.95,), lag_range_s=(-59.0, 60.0))
    area = (table.tissue_hu @ bank.operators[0].T).sum(axis=1)
    assert_allclose(area, table.tissue_hu.sum(axis=1) / table.arterial_hu.sum(), rtol=1e-3)


def test_block_circulant_inverse_is_truncated_fourier_division(table):
    share, samples = 0.15, table.arterial_hu.size
    whole = (1.0 - samples, float(samples))
    bank = inverse_bank(table.arterial_hu, 1.0, truncations=(share,), lag_range_s=whole, soft_edge=0.0)
    residue = table.tissue_hu @ bank.operators[0].T
    spectrum = np.fft.fft(table.arterial_hu, 2 * samples)
    kept = np.abs(spectrum) >= share * np.abs(spectrum).max()
    division = np.fft.fft(table.tissue_hu, 2 * samples) * np.where(kept, 1 / np.where(kept, spectrum, 1), 0)
    expected = np.roll(np.fft.ifft(division).real, -bank.first_lag, axis=1)
    assert_allclose(residue, expected, atol=1e-5 * np.abs(expected).max())


def test_block_circulant_inverse_is_truncated_singular_value_decomposition(table):
    share, samples = 0.15, table.arterial_hu.size
    padded = np.append(table.arterial_hu, np.zeros(samples))
    rows = np.arange(2 * samples)
    inverse = np.linalg.pinv(padded[(rows[:, None] - rows) % (2 * samples)], rcond=share)
    bank = inverse_bank(
        table.arterial_hu, 1.0, truncations=(share,), lag_range_s=(0.0, float(samples)), soft_edge=0.0
    )
    assert_allclose(bank.operators[0], inverse[: samples + 1, :samples], atol=1e-5 * np.abs(inverse).max())


def test_each_voxel_gets_its_least_regularised_calm_inverse(table):
    curves = noisy(table, 0.4, repeats=1).tissue_hu
    bank = inverse_bank(table.arterial_hu, 1.0)
    residues = np.einsum("pln,vn->vpl", bank.operators, curves)
    top = residues.max(axis=2)
    index = (
        np.abs(np.diff(residues, 2, axis=2)).sum(axis=2) / residues.shape[2] / np.where(top > 0, top, 1e-9)
    )
    calm = (index < bank.oscillation_limit) & (top > 0)
    chosen = np.where(calm.any(axis=1), calm.argmax(axis=1), len(bank.operators) - 1)
    assert len(np.unique(chosen)) > 3
    selected = residues[np.arange(len(curves)), chosen]
    found = deconvolve(curves, bank)
    places = [first_peak(residue) + bank.first_lag for residue in selected]
    assert_allclose(found.tmax_s, places, atol=0.51)
    assert_allclose(found.peak_per_s, selected.max(axis=1), rtol=0.15)


def first_peak(residue):
    """Plain words: the highest of four samples from the first that comes near the maximum."""
    inner = list(residue[1:-1])
    start = next(i for i, value in enumerate(inner) if value >= np.float32(0.97) * max(inner))
    front = inner[start : start + 4]
    return 1 + start + front.index(max(front))


def test_of_two_ripples_alike_the_front_counts(table):
    """A box is as high at its end as at its front; the delay is at the front."""
    found = deconvolve(table.tissue_hu, inverse_bank(table.arterial_hu, 1.0))
    tmax_s = found.tmax_s.reshape(table.delay_s.shape)
    assert np.corrcoef(tmax_s.ravel(), table.delay_s.ravel())[0, 1] > 0.9
    residues = table.tissue_hu @ inverse_bank(table.arterial_hu, 1.0, truncations=(0.1,)).operators[0].T
    highest = residues.argmax(axis=1)
    assert np.corrcoef(highest, table.delay_s.ravel())[0, 1] < 0.6


def test_the_peak_is_found_between_samples(table):
    earlier = deconvolve(table.tissue_hu, inverse_bank(bolus(np.arange(60.0)), 1.0)).tmax_s
    later = deconvolve(table.tissue_hu, inverse_bank(bolus(np.arange(60.0) + 0.5), 1.0)).tmax_s
    assert np.median(later - earlier) == pytest.approx(0.5, abs=0.1)


def test_no_tissue_gives_no_numbers(table):
    empty = deconvolve(np.empty((0, 60), np.float32), inverse_bank(table.arterial_hu, 1.0))
    assert empty.peak_per_s.shape == empty.tmax_s.shape == (0,)


def test_a_flat_curve_has_no_flow(table):
    values = perfusion(
        np.zeros((3, 60), np.float32),
        table.arterial_hu,
        deconvolve(np.zeros((3, 60), np.float32), inverse_bank(table.arterial_hu, 1.0)),
    )
    assert not values.cbf.any()
    assert np.isfinite(values.mtt_s).all()


@pytest.mark.parametrize(
    ("curve", "dt_s"),
    [(np.zeros(60), 1.0), (np.full(60, np.nan), 1.0), (np.ones((2, 60)), 1.0), (np.ones(60), 0.0)],
    ids=["no bolus", "NaN", "two curves", "no time step"],
)
def test_an_impossible_arterial_input_is_refused(curve, dt_s):
    with pytest.raises(InputError, match="arterial input"):
        inverse_bank(curve, dt_s)


def test_curves_of_another_length_are_refused(table):
    with pytest.raises(InputError, match="60 samples"):
        deconvolve(np.ones((2, 59), np.float32), inverse_bank(table.arterial_hu, 1.0))


@pytest.mark.skipif(not OSIPI.exists(), reason="the OSIPI reference object is not on this machine")
def test_osipi_reference_curves_are_within_their_tolerances():
    agrees = osipi_agreement(OSIPI)
    assert len(agrees) == 14
    assert all(agrees)
