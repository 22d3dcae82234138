"""The graph and the numpy computation are the same function."""

import multiprocessing

import numpy as np
import pytest

from models.perfusion import (
    BLOCK_VOXELS,
    Measured,
    choose_deconvolver,
    chosen,
    load_deconvolver,
    measured,
    share_equal,
)
from triage.deconvolution import PEAKED, InverseBank, deconvolve, inverse_bank
from triage.errors import InputError

RELATIVE = 1e-4
"""Largest relative difference of the peak."""
ABSOLUTE_SAMPLES = 2e-3
"""Largest difference of the place, in samples: a flat parabola amplifies rounding."""
FENCE = 1e-4
"""Relative margin below which rounding may choose another inverse."""
TIE = 1e-6
"""Relative gap between two samples, or a sample and the peaked share, below which rounding may choose the other."""
ON_THE_FENCE = 0.02
"""Largest share of voxels that may be left out for it."""


@pytest.fixture(scope="module")
def graph():
    return load_deconvolver(threads=2)


def arterial(samples, dt_s):
    t = np.maximum(np.arange(samples) * dt_s - 8, 0)
    return 300 * (t / 4.5) ** 3 * np.exp(3 - t / 1.5)


def tissue(rng, bolus, dt_s, voxels, noise_hu):
    """Box-shaped residues with random flow, transit time and delay, plus noise."""
    time_s = np.arange(bolus.size) * dt_s
    area = np.cumsum(bolus) * dt_s
    flow, transit, delay = rng.uniform([[0.0005], [2], [-3]], [[0.015], [18], [14]], (3, voxels))[..., None]

    def washed_in(shift):
        return np.interp((time_s - shift).ravel(), time_s, area, left=0).reshape(voxels, -1)

    curves = flow * (washed_in(delay) - washed_in(delay + transit))
    return (curves + rng.normal(0, noise_hu, curves.shape)).astype(np.float32)


def firm(curves, bank):
    """Voxels whose choice of inverse and of peak does not hang on rounding, judged in float64."""
    sure, waiting = np.ones(len(curves), bool), np.ones(len(curves), bool)
    for level, operator in enumerate(bank.operators.astype(float), start=1):
        residue = curves.astype(float) @ operator.T
        second, top = np.sort(residue, axis=1)[:, -2:].T
        bend = np.abs(np.diff(residue, 2, axis=1)).sum(axis=1)
        allowed = bank.oscillation_limit * residue.shape[1] * top
        calm = (bend < allowed) | (level == len(bank.operators))
        close_call = np.abs(bend - allowed) <= FENCE * np.abs(allowed)
        reach = np.abs(residue - PEAKED * residue[:, 1:-1].max(axis=1, keepdims=True)).min(axis=1)
        tie = calm & ((top - second <= TIE * np.abs(top)) | (reach <= TIE * np.abs(top)))
        sure &= ~(waiting & (close_call | tie))
        waiting &= ~calm
    return sure


def compare(found, wanted, dt_s, sure):
    np.testing.assert_allclose(found.peak_per_s[sure], wanted.peak_per_s[sure], rtol=RELATIVE, atol=1e-9)
    np.testing.assert_allclose(
        found.tmax_s[sure], wanted.tmax_s[sure], rtol=RELATIVE, atol=ABSOLUTE_SAMPLES * dt_s
    )


@pytest.mark.parametrize("noise_hu", [0.0, 1.0, 5.0])
@pytest.mark.parametrize(("samples", "dt_s"), [(60, 1.0), (45, 1.5), (90, 0.5)])
def test_random_curves_give_the_numbers_of_the_numpy_computation(graph, samples, dt_s, noise_hu):
    rng = np.random.default_rng([samples, int(noise_hu)])
    bolus = arterial(samples, dt_s)
    bank = inverse_bank(bolus, dt_s)
    curves = tissue(rng, bolus, dt_s, BLOCK_VOXELS + 905, noise_hu)
    sure = firm(curves, bank)
    assert (~sure).mean() < ON_THE_FENCE
    compare(graph(curves, bank), deconvolve(curves, bank), dt_s, sure)


def test_the_comparison_would_notice_another_oscillation_limit(graph):
    rng = np.random.default_rng(3)
    bolus = arterial(60, 1.0)
    bank = inverse_bank(bolus, 1.0)
    other = inverse_bank(bolus, 1.0, oscillation_limit=0.04)
    curves = tissue(rng, bolus, 1.0, 500, 2.0)
    with pytest.raises(AssertionError):
        compare(graph(curves, other), deconvolve(curves, bank), 1.0, firm(curves, bank))


def test_a_bank_of_one_inverse_is_plain_truncated_deconvolution(graph):
    rng = np.random.default_rng(4)
    bolus = arterial(50, 1.0)
    bank = inverse_bank(bolus, 1.0, truncations=(0.15,))
    curves = tissue(rng, bolus, 1.0, 300, 3.0)
    compare(graph(curves, bank), deconvolve(curves, bank), 1.0, firm(curves, bank))


def test_lags_keep_their_sign(graph):
    bolus = arterial(60, 1.0)
    bank = inverse_bank(bolus, 1.0)
    early = np.roll(bolus, -3)[None].astype(np.float32) * np.float32(0.02)
    assert graph(early, bank).tmax_s[0] == pytest.approx(-3, abs=0.6)


@pytest.mark.parametrize("special", ["zeros", "negative", "NaN"])
def test_voxels_without_flow_and_missing_voxels_end_as_in_numpy(graph, special):
    bolus = arterial(60, 1.0)
    bank = inverse_bank(bolus, 1.0)
    value = {"zeros": 0.0, "negative": -5.0, "NaN": np.nan}[special]
    curves = tissue(np.random.default_rng(5), bolus, 1.0, 20, 1.0)
    curves[::3] = value
    with np.errstate(all="ignore"):
        wanted = deconvolve(curves, bank)
    found = graph(curves, bank)
    untouched = np.arange(20) % 3 != 0
    compare(found, wanted, 1.0, untouched & firm(np.nan_to_num(curves, posinf=0), bank))
    assert np.array_equal(np.isnan(found.peak_per_s), np.isnan(wanted.peak_per_s))


def test_no_voxels_give_no_numbers(graph):
    bank = inverse_bank(arterial(60, 1.0), 1.0)
    assert graph(np.empty((0, 60), np.float32), bank).tmax_s.shape == (0,)


@pytest.mark.parametrize("curves", [np.ones((3, 59), np.float32), np.ones((3, 60)), np.ones(60, np.float32)])
def test_curves_that_do_not_fit_the_bank_are_refused(graph, curves):
    with pytest.raises(InputError):
        graph(curves, inverse_bank(arterial(60, 1.0), 1.0))


def test_operators_need_not_be_contiguous(graph):
    rng = np.random.default_rng(6)
    bolus = arterial(60, 1.0)
    bank = inverse_bank(bolus, 1.0)
    strided = InverseBank(bank.operators[::2], bank.dt_s, bank.oscillation_limit, bank.first_lag)
    curves = tissue(rng, bolus, 1.0, 200, 1.0)
    compare(graph(curves[::-1], strided), deconvolve(curves[::-1], strided), 1.0, firm(curves[::-1], strided))


@pytest.mark.parametrize(
    ("graph_s", "numpy_s", "which"),
    [
        (0.010, 0.011, "the ONNX graph runs (cpu)"),
        (0.010, 0.0065, "the ONNX graph runs (cpu)"),
        (0.010, 0.0055, "numpy runs"),
        (0.001, 0.010, "the ONNX graph runs (cpu)"),
    ],
)
def test_the_clearly_faster_one_is_taken_and_the_result_says_why(graph, graph_s, numpy_s, which):
    taken = chosen(graph, Measured(graph_s, numpy_s, "cpu"))
    assert taken.finding.text.startswith(which)
    assert f"{1e3 * graph_s:.1f} ms" in taken.finding.text
    assert taken.deconvolve is (deconvolve if which.startswith("numpy") else graph)
    assert (taken.finding.sha256 == graph.spec.sha256) is (taken.deconvolve is graph)
    assert taken.finding.task == "deconvolution"
    bank = inverse_bank(arterial(60, 1.0), 1.0)
    curves = tissue(np.random.default_rng(8), arterial(60, 1.0), 1.0, 50, 1.0)
    np.testing.assert_array_equal(taken(curves, bank).tmax_s, taken.deconvolve(curves, bank).tmax_s)


def test_it_is_measured_once_in_a_process():
    measured.cache_clear()
    first = choose_deconvolver(threads=1)
    again = choose_deconvolver(threads=1)
    assert measured.cache_info().misses == 1
    assert first.finding == again.finding
    by = measured(1, ("cpu",))
    assert by.provider == "cpu"
    assert min(by.graph_s, by.numpy_s) > 0


def test_a_process_that_was_forked_knows_what_was_measured_before_and_can_compute():
    context = multiprocessing.get_context("fork")
    measured.cache_clear()
    before = measured(2, ("cpu",))
    ours, theirs = context.Pipe()
    child = context.Process(target=_in_child, args=(theirs,))
    child.start()
    assert ours.poll(60), "the child hangs"
    misses, text, voxels = ours.recv()
    child.join(60)
    assert (misses, text, voxels) == (1, str(before), 5)


def _in_child(line):
    bank = inverse_bank(arterial(60, 1.0), 1.0)
    taken = choose_deconvolver(threads=2)
    found = taken(np.ones((5, 60), np.float32), bank)
    line.send((measured.cache_info().misses, taken.finding.text, len(found.tmax_s)))


def test_made_up_curves_tell_a_graph_that_equals_numpy_from_one_that_does_not(graph):
    assert share_equal(graph) >= 1 - ON_THE_FENCE
    assert share_equal(lambda curves, bank: deconvolve(curves * np.float32(1.001), bank)) < ON_THE_FENCE
