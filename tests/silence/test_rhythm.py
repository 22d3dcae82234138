"""What is usual for a scanner, and when a silence is too long."""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.silence_sites import PROFILES, ZONE, visits
from gateway.silence.rhythm import Rhythm, Visit, learned, limit_of
from gateway.silence.scanner_clock import ClockLook, ClockState
from gateway.silence.scanners import look_at, silence_words

START = datetime(2026, 5, 4, tzinfo=ZONE).astimezone(UTC)
DAYS = 56
NOW = START + timedelta(days=DAYS)
RIGHT = ClockLook(ClockState.RIGHT)


def site(name, seed=1, days=DAYS):
    return visits(PROFILES[name], START, days, seed, holidays=())


@pytest.fixture(scope="module")
def commune():
    found = site("commune station, 2 patients a day", days=112)
    known = [visit for visit in found if visit.began < NOW]
    return found, known, learned(known, NOW, ZONE)


def alarms_of(rhythm, found, first):
    """Silences after the visit `first` that were told before they ended."""
    ends = (
        (rhythm.too_long_at(found[n].ended, rhythm.level(found[: n + 1])), found[n + 1].began)
        for n in range(first, len(found) - 1)
    )
    return [at for at, following in ends if at and at < following]


def test_a_station_with_two_patients_a_day_rings_neither_by_night_nor_over_a_weekend(commune):
    found, known, rhythm = commune
    assert alarms_of(rhythm, found, len(known) - 1) == []
    naive = Rhythm((sum(rhythm.rates) / 168,) * 168, 4.6, ZONE, frozenset(), 56.0, len(known))
    rings = alarms_of(naive, found, len(known) - 1)
    assert len(rings) > 3, "the control: one interval for all hours, at a hundredth of chance, rings"


def test_its_silence_is_told_within_days_and_in_working_hours(commune):
    _, known, rhythm = commune
    stopped = known[-1].ended
    at = rhythm.too_long_at(stopped, rhythm.level(known))
    assert timedelta(days=2) < at - stopped < timedelta(days=14)
    assert 6 <= at.astimezone(ZONE).hour <= 17


def test_a_busy_scanner_is_missed_within_the_hour_by_day_and_later_by_night():
    known = site("emergency CT of a big hospital", days=28)
    rhythm = learned(known, known[-1].ended, ZONE)
    monday = datetime(2026, 6, 1, 9, tzinfo=ZONE)
    by_day = rhythm.too_long_at(monday) - monday
    night = monday.replace(hour=1)
    by_night = rhythm.too_long_at(night) - night
    assert by_day < timedelta(minutes=75)
    assert by_day < by_night < timedelta(hours=4)


def test_a_new_scanner_is_learned_before_it_is_judged():
    known = site("district hospital", days=10)
    now = START + timedelta(days=10)
    assert len(known) > 100
    assert learned(known, now, ZONE) is None
    look = look_at("CT02", known, None, RIGHT, now, ZONE)
    assert not look.is_silent
    assert look.usual.startswith("is still being learned: ")
    few = [Visit(START + timedelta(days=day), START + timedelta(days=day)) for day in range(19)]
    assert learned(few, NOW, ZONE) is None


def test_a_holiday_that_nobody_told_us_of_quietens_the_expectation():
    known = site("provincial ward", days=28)
    rhythm = learned(known, known[-1].ended, ZONE)
    last = known[-1].ended
    slow = [Visit(last - timedelta(hours=3 * n), last - timedelta(hours=3 * n)) for n in range(24, 0, -1)]
    assert rhythm.level(slow) < 0.4
    assert rhythm.level(known) > 0.6
    assert rhythm.too_long_at(last, rhythm.level(slow)) > rhythm.too_long_at(last)


def test_days_that_the_site_named_are_like_sundays():
    known = site("office hours, nights and Sundays off", days=28)
    holiday = datetime(2026, 6, 3, tzinfo=ZONE).date()
    rhythm = learned(known, known[-1].ended, ZONE, quiet_days=[holiday])
    at = datetime(2026, 6, 3, 10, tzinfo=ZONE)
    assert rhythm.rate_at(at) < 0.1 < rhythm.rate_at(at + timedelta(days=1))


def test_the_less_is_known_of_the_tail_the_further_out_the_limit_lies():
    silences = [0.01 * step for step in range(1, 400)]
    assert limit_of(silences[::16], 5000) > 1.1 * limit_of(silences, 5000)


def test_a_person_reads_what_is_usual_and_how_long_it_has_been():
    known = [
        Visit(begins, begins)
        for begins in (START + timedelta(minutes=25 * number) for number in range(24 * 60 * 28 // 25))
    ]
    rhythm = learned(known, known[-1].ended, ZONE)
    last = known[bisect_left([v.began for v in known], datetime(2026, 5, 18, 8, tzinfo=ZONE))]
    now = last.ended + timedelta(hours=3, minutes=10)
    upto = [visit for visit in known if visit.began <= last.began]
    look = look_at("CT01", upto, rhythm, RIGHT, now, ZONE)
    assert look.is_silent
    assert (
        silence_words(look, now, 1, 3)
        == "CT01 usually sends every 25 min on Monday mornings; the last image came 3 h 10 min ago: is it in use, and does it still send to us?"
    )
    assert "2 of 3 scanners are silent" in silence_words(look, now, 2, 3)
