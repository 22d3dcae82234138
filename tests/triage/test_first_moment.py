"""Times of curves whose delays are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from triage.errors import AnalysisError, InputError
from triage.first_moment import LATE_TTP_S, first_moment, relative_delay, time_to_peak

TIME_S = np.arange(60.0)
ARRIVAL_S = 6.0


def passes(delay_s, height=8.0, width_s=3.0, time_s=TIME_S):
    """Gamma variates of order 2 that peak ``2 * width_s`` after their arrival; their centre lies after ``3 * width_s``."""
    after = np.clip(time_s - ARRIVAL_S - np.atleast_1d(delay_s)[:, None], 0, None) / width_s
    return (height * (after / 2) ** 2 * np.exp(2 - after)).astype(np.float32)


def test_time_to_peak_is_found_between_samples():
    delay_s = np.arange(0, 10, 0.13)
    found = time_to_peak(passes(delay_s), TIME_S, ARRIVAL_S)
    assert found.dtype == np.float32
    assert_allclose(found, 6.0 + delay_s, atol=0.06)


def test_whole_samples_alone_would_be_coarser():
    """Negative control for the parabola."""
    delay_s = np.arange(0, 10, 0.13)
    whole = TIME_S[passes(delay_s).argmax(axis=1)] - ARRIVAL_S
    assert np.abs(whole - 6.0 - delay_s).max() > 0.3


def test_first_moment_is_the_centre_of_the_curve():
    delay_s = np.arange(0, 10, 0.37)
    assert_allclose(first_moment(passes(delay_s), TIME_S, ARRIVAL_S), 9.0 + delay_s, atol=0.05)


@pytest.mark.parametrize("measure", [time_to_peak, first_moment])
def test_height_does_not_matter_and_neither_does_the_sampling(measure):
    delay_s = np.arange(0, 8, 0.7)
    usual = measure(passes(delay_s), TIME_S, ARRIVAL_S)
    assert_allclose(measure(passes(delay_s, height=80.0), TIME_S, ARRIVAL_S), usual, rtol=1e-5)
    half = np.arange(0, 60, 0.5)
    assert_allclose(measure(passes(delay_s, time_s=half), half, ARRIVAL_S), usual, atol=0.06)


def test_what_happens_before_the_arrival_is_no_peak():
    curve = passes(4.0)
    curve[0, 1] = 99.0
    assert time_to_peak(curve, TIME_S, ARRIVAL_S)[0] == pytest.approx(10.0, abs=0.1)


def test_the_times_count_from_the_arrival_not_from_the_scan():
    later = TIME_S + 100
    assert_allclose(
        time_to_peak(passes([1.0, 3.3]), later, ARRIVAL_S + 100),
        time_to_peak(passes([1.0, 3.3]), TIME_S, ARRIVAL_S),
        atol=1e-4,
    )


def test_a_curve_without_a_rise_peaks_at_once_and_has_no_centre():
    flat = np.zeros((2, 60), np.float32)
    flat[1] = -3
    assert time_to_peak(flat, TIME_S, ARRIVAL_S).tolist() == [0, 0]
    assert np.isnan(first_moment(flat, TIME_S, ARRIVAL_S)).all()


def test_a_curve_that_still_rises_at_the_end_peaks_there():
    rising = np.clip(TIME_S - ARRIVAL_S, 0, None)[None].astype(np.float32)
    assert time_to_peak(rising, TIME_S, ARRIVAL_S)[0] == pytest.approx(59 - ARRIVAL_S, abs=1.0)


def test_delays_count_from_the_healthier_half():
    left = np.repeat([True, False], 50)
    times = np.r_[np.full(20, 8.0), np.full(30, 14.0), np.full(50, 8.5)].astype(np.float32)
    delay = relative_delay(times, left)
    assert_allclose(delay, times - 8.5)
    assert (delay > LATE_TTP_S).sum() == 30
    assert_allclose(relative_delay(times, ~left), delay)


def test_curves_without_a_time_do_not_count():
    times = np.array([np.nan, 2, 3, 4, np.nan, 9], np.float32)
    delay = relative_delay(times, np.array([True, True, True, False, False, False]))
    assert_allclose(delay, times - 2.5)
    assert relative_delay(np.empty(0, np.float32), np.empty(0, bool)).size == 0


def test_no_curves_give_no_times():
    none = np.empty((0, 60), np.float32)
    assert time_to_peak(none, TIME_S, ARRIVAL_S).shape == first_moment(none, TIME_S, ARRIVAL_S).shape == (0,)


@pytest.mark.parametrize(
    ("curves", "time_s", "arrival_s", "message"),
    [
        (np.ones((2, 59), np.float32), TIME_S, 6.0, "do not fit"),
        (np.ones((2, 60), np.float32), TIME_S**1.1, 6.0, "uniform"),
    ],
    ids=["length", "uneven"],
)
def test_impossible_input_is_refused(curves, time_s, arrival_s, message):
    with pytest.raises(InputError, match=message):
        time_to_peak(curves, time_s, arrival_s)


@pytest.mark.parametrize("measure", [time_to_peak, first_moment])
def test_a_scan_that_ends_as_the_bolus_arrives_is_refused(measure):
    with pytest.raises(AnalysisError, match="as the scan ends"):
        measure(passes(0.0), TIME_S, 58.5)
