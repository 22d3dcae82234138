"""Deconvolution against analytic curves, an independent formula and the OSIPI reference curves."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.signal import fftconvolve

from triage.deconvolution import InverseBank, deconvolve, inverse_bank
from triage.errors import InputError
from triage.maps import Constants, perfusion

UNITY = Constants(kappa=1.0, rho_g_per_ml=1.0)
MTTS_S = np.array([24, 12, 8, 6, 4.8, 4, 24 / 7])
CBVS = np.arange(1.0, 6.0)
DELAYS_S = np.arange(-3.0, 4.0)
RESIDUES = (
    lambda t, mtt: np.exp(-t / mtt),
    lambda t, mtt: np.clip(1 - t / (2 * mtt), 0, None),
    lambda t, mtt: (t < mtt).astype(float),
)
FINE_S = 0.02
SCAN_S = 60.0
OSIPI = Path(__file__).parents[3] / "shared" / "data" / "dro_osipi_dsc" / "dsc_data.csv"


@dataclass(frozen=True)
class Table:
    """The design of Kudo 2013: columns are axes (MTT, residue, delay, CBV)."""

    arterial_hu: np.ndarray
    tissue_hu: np.ndarray
    cbf: np.ndarray
    cbv: np.ndarray
    mtt_s: np.ndarray
    delay_s: np.ndarray


def first_pass(time_s, start_s=6.0, width_s=1.2, peak_hu=350.0):
    after = np.clip(time_s - start_s, 0, None)
    return peak_hu * (after / (3 * width_s)) ** 3 * np.exp(3 - after / width_s)


def kudo(dt_s):
    time_s = np.arange(round(SCAN_S / dt_s)) * dt_s
    fine = np.arange(-20, SCAN_S + 20, FINE_S)
    artery = first_pass(fine)
    lags = np.arange(0, 100, FINE_S)
    shape = (len(MTTS_S), len(RESIDUES), len(DELAYS_S), len(CBVS))
    curves = np.empty((*shape, time_s.size), np.float32)
    for i, mtt in enumerate(MTTS_S):
        for j, residue in enumerate(RESIDUES):
            passed = (fftconvolve(artery, residue(lags, mtt))[: fine.size] - artery / 2) * FINE_S
            for k, delay in enumerate(DELAYS_S):
                curves[i, j, k] = np.outer(CBVS / (100 * mtt), np.interp(time_s - delay, fine, passed))
    mtt, _, delay, cbv = np.meshgrid(MTTS_S, np.arange(3), DELAYS_S, CBVS, indexing="ij")
    return Table(first_pass(time_s), curves.reshape(-1, time_s.size), 60 * cbv / mtt, cbv, mtt, delay)


def measured(table, dt_s, **settings):
    residue = deconvolve(table.tissue_hu, inverse_bank(table.arterial_hu, dt_s, **settings))
    values = perfusion(table.tissue_hu, table.arterial_hu, residue, UNITY)
    return values, residue.tmax_s.reshape(table.cbf.shape)


def correlation(measured_values, truth):
    return np.corrcoef(measured_values.ravel(), truth.ravel())[0, 1]


@pytest.fixture(scope="module")
def table():
    return kudo(1.0)


def test_noise_free_table_of_kudo_is_recovered(table):
    values, tmax_s = measured(table, 1.0)
    cbf = values.cbf.reshape(table.cbf.shape)
    over_delay = cbf.std(axis=2) / cbf.mean(axis=2)
    slope = np.polyfit(table.delay_s.ravel(), tmax_s.ravel(), 1)[0]
    assert correlation(cbf, table.cbf) >= 0.97
    assert correlation(values.mtt_s, table.mtt_s) >= 0.98
    assert correlation(values.cbv, table.cbv) >= 0.99
    assert over_delay.mean() <= 0.01
    assert 0.95 <= slope <= 1.05


def test_a_lower_triangular_inverse_would_fail_the_delay_test(table):
    """Negative control: standard SVD, which cannot represent tissue that is earlier than the artery."""
    samples = table.arterial_hu.size
    rows = np.arange(samples)
    toeplitz = np.where(rows[:, None] >= rows, table.arterial_hu[np.abs(rows[:, None] - rows)], 0)
    inverse = np.linalg.pinv(toeplitz, rcond=0.2).astype(np.float32)
    bank = InverseBank(inverse[None], 1.0, 1.0, 0)
    cbf = deconvolve(table.tissue_hu, bank).peak_per_s.reshape(table.cbf.shape)
    assert (cbf.std(axis=2) / cbf.mean(axis=2)).mean() > 0.05


def test_halving_the_time_step_moves_no_map():
    coarse, tmax_coarse = measured(kudo(1.0), 1.0, truncations=(0.10,))
    fine, tmax_fine = measured(kudo(0.5), 0.5, truncations=(0.10,))
    assert_allclose(fine.cbf, coarse.cbf, rtol=0.01)
    assert_allclose(fine.cbv, coarse.cbv, rtol=0.01)
    assert_allclose(fine.mtt_s, coarse.mtt_s, rtol=0.01)
    assert np.median(np.abs(tmax_fine - tmax_coarse)) <= 0.05


def test_the_oscillation_index_chooses_alike_at_half_the_time_step():
    coarse, _ = measured(kudo(1.0), 1.0)
    fine, _ = measured(kudo(0.5), 0.5)
    assert np.median(np.abs(fine.cbf / coarse.cbf - 1)) <= 0.01
    assert np.median(np.abs(fine.mtt_s / coarse.mtt_s - 1)) <= 0.01


def test_block_circulant_inverse_is_truncated_fourier_division(table):
    share, samples = 0.15, table.arterial_hu.size
    whole = (1.0 - samples, float(samples))
    bank = inverse_bank(table.arterial_hu, 1.0, truncations=(share,), lag_range_s=whole)
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
    bank = inverse_bank(table.arterial_hu, 1.0, truncations=(share,), lag_range_s=(0.0, float(samples)))
    assert_allclose(bank.operators[0], inverse[: samples + 1, :samples], atol=1e-5 * np.abs(inverse).max())


def test_each_voxel_gets_its_least_regularised_calm_inverse(table):
    noisy = table.tissue_hu + np.random.default_rng(3).normal(0, 0.4, table.tissue_hu.shape).astype(
        np.float32
    )
    bank = inverse_bank(table.arterial_hu, 1.0)
    residues = np.einsum("pln,vn->vpl", bank.operators, noisy)
    top = residues.max(axis=2)
    index = (
        np.abs(np.diff(residues, 2, axis=2)).sum(axis=2) / residues.shape[2] / np.where(top > 0, top, 1e-9)
    )
    calm = (index < bank.oscillation_limit) & (top > 0)
    chosen = np.where(calm.any(axis=1), calm.argmax(axis=1), len(bank.operators) - 1)
    assert len(np.unique(chosen)) > 3
    selected = residues[np.arange(len(noisy)), chosen]
    found = deconvolve(noisy, bank)
    assert_allclose(
        np.round(found.tmax_s),
        np.clip(selected.argmax(axis=1), 1, selected.shape[1] - 2) + bank.first_lag,
        atol=1,
    )
    assert_allclose(found.peak_per_s, selected.max(axis=1), rtol=0.15)


def test_the_peak_is_found_between_samples(table):
    earlier = deconvolve(table.tissue_hu, inverse_bank(first_pass(np.arange(60.0)), 1.0)).tmax_s
    later = deconvolve(table.tissue_hu, inverse_bank(first_pass(np.arange(60.0), start_s=5.5), 1.0)).tmax_s
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


def _osipi():
    for line in OSIPI.read_text().splitlines()[1:]:
        label, tissue, artery, cbv, cbf, dt = line.split(",")
        yield (
            label,
            np.array(tissue.split(), float),
            np.array(artery.split(), float),
            float(cbv),
            float(cbf),
            float(dt),
        )


@pytest.mark.skipif(not OSIPI.exists(), reason="the OSIPI reference object is not on this machine")
def test_osipi_reference_curves_are_within_their_tolerances():
    for label, tissue, artery, cbv, cbf, dt_s in _osipi():
        curve = tissue[None].astype(np.float32)
        values = perfusion(curve, artery, deconvolve(curve, inverse_bank(artery, dt_s)), UNITY)
        assert_allclose(values.cbv[0], cbv, rtol=0.1, atol=1, err_msg=label)
        assert_allclose(values.cbf[0], cbf, rtol=0.1, atol=15, err_msg=label)
