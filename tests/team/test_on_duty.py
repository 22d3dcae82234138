"""Who is on duty, against the calendar on the wall and against laws that hold for every plan."""

import random
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.records import utc_text
from gateway.team.people import Person, Role
from gateway.team.rota import (
    Rota,
    Shift,
    Stretch,
    Swap,
    gaps,
    next_change,
    on_duty,
    stretches,
    turns,
    until,
)
from triage.errors import InputError

PARIS, HANOI = ZoneInfo("Europe/Paris"), ZoneInfo("Asia/Ho_Chi_Minh")
DOCTOR = Role.STROKE_DOCTOR
MONDAY = datetime(2026, 11, 23, tzinfo=HANOI)
PEOPLE = ("an", "binh", "chi", "dung")

clocks = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from((0, 15, 30)))
people = st.sampled_from(PEOPLE)
moments = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda m: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=m)
)
zones = st.sampled_from((PARIS, HANOI, ZoneInfo("America/St_Johns")))
weekly = st.lists(
    st.builds(
        Shift,
        id=st.uuids().map(str),
        role=st.sampled_from((DOCTOR, Role.CATH_LAB)),
        person_id=people,
        weekday=st.integers(0, 6),
        starts=clocks,
        ends=clocks,
    ),
    max_size=12,
).map(tuple)


@st.composite
def swaps_around(draw, moment):
    """Exceptions, most of which cover the moment."""
    absent = draw(st.none() | people)
    others = people.filter(lambda name: name != absent)
    starts = moment + timedelta(minutes=draw(st.integers(-600, 60)))
    return Swap(
        draw(st.uuids().map(str)),
        DOCTOR,
        utc_text(starts),
        utc_text(starts + timedelta(minutes=draw(st.integers(1, 900)))),
        absent,
        draw(others if absent is None else st.none() | others),
    )


@st.composite
def plans(draw):
    """A plan, and a moment at which to ask."""
    moment = draw(moments)
    exceptions = draw(st.lists(swaps_around(moment), max_size=5))
    return Rota(draw(weekly), tuple(exceptions)), moment


def on_the_wall(shift: Shift, wall: datetime) -> bool:
    """Whether the hands of a clock that nobody moves stand within a shift."""
    minutes = (
        int(shift.ends[:2]) * 60 + int(shift.ends[3:]) - int(shift.starts[:2]) * 60 - int(shift.starts[3:])
    )
    for back in (0, 1):
        day = wall.date() - timedelta(days=back)
        starts = datetime.combine(day, time.fromisoformat(shift.starts))
        length = timedelta(minutes=minutes if minutes > 0 else minutes + 1440)
        if day.weekday() == shift.weekday and starts <= wall < starts + length:
            return True
    return False


@given(weekly, moments)
@settings(deadline=None, max_examples=50)
def test_in_a_zone_that_never_moves_its_clock_the_wall_decides(shifts, moment):
    wall = moment.astimezone(HANOI).replace(tzinfo=None)
    expected = {shift.person_id for shift in shifts if shift.role is DOCTOR and on_the_wall(shift, wall)}
    assert set(on_duty(Rota(shifts), DOCTOR, moment, HANOI)) == expected


@given(plans(), zones, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_the_order_of_the_shifts_does_not_matter(plan, zone, shuffler: random.Random):
    rota, moment = plan
    shuffled = list(rota.shifts)
    shuffler.shuffle(shuffled)
    first = on_duty(rota, DOCTOR, moment, zone)
    assert on_duty(Rota(tuple(shuffled), rota.swaps), DOCTOR, moment, zone) == first
    assert len(set(first)) == len(first)


@given(plans(), zones, people)
@settings(deadline=None, max_examples=50)
def test_who_is_absent_is_not_on_duty_unless_called_back_later(plan, zone, person):
    rota, moment = plan
    away = Swap(
        "away",
        DOCTOR,
        utc_text(moment - timedelta(hours=1)),
        utc_text(moment + timedelta(hours=1)),
        person,
        None,
    )
    last_word = Rota(rota.shifts, (*rota.swaps, away))
    assert person not in on_duty(last_word, DOCTOR, moment, zone)
    covering = [swap for swap in rota.swaps if swap.starts <= moment < swap.ends]
    for number, swap in enumerate(covering):
        if swap.absent and swap.absent not in {later.instead for later in covering[number:]}:
            assert swap.absent not in on_duty(rota, DOCTOR, moment, zone)


@given(plans(), zones, people, people)
@settings(deadline=None, max_examples=50)
def test_a_swap_wins_over_the_shifts(plan, zone, absent, instead):
    rota, moment = plan
    ends = utc_text(moment + timedelta(hours=1))
    extra = Rota(rota.shifts, (*rota.swaps, Swap("x", DOCTOR, utc_text(moment), ends, None, instead)))
    assert instead in on_duty(extra, DOCTOR, moment, zone)
    if absent != instead:
        before = on_duty(rota, DOCTOR, moment, zone)
        swap = Swap("x", DOCTOR, utc_text(moment), ends, absent, instead)
        after = on_duty(Rota(rota.shifts, (*rota.swaps, swap)), DOCTOR, moment, zone)
        assert set(after) == {instead if name == absent else name for name in before}
        just_before = moment - timedelta(microseconds=1)
        assert on_duty(Rota(rota.shifts, (*rota.swaps, swap)), DOCTOR, just_before, zone) == on_duty(
            rota, DOCTOR, just_before, zone
        )


@given(plans(), zones, st.integers(1, 200))
@settings(deadline=None, max_examples=40)
def test_stretches_say_at_every_moment_what_on_duty_says(plan, zone, hours):
    rota, moment = plan
    ends = moment + timedelta(hours=hours)
    found = stretches(rota, DOCTOR, moment, ends, zone)
    assert (found[0].starts, found[-1].ends) == (moment, ends)
    assert all(
        one.ends == following.starts and one.people != following.people for one, following in pairwise(found)
    )
    everybody = turns(rota, DOCTOR, moment, ends, zone)
    for stretch in found:
        for at in (stretch.starts, stretch.ends - timedelta(microseconds=1)):
            there = on_duty(rota, DOCTOR, at, zone)
            assert there == stretch.people
            assert {turn.person_id for turn in everybody if turn.starts <= at < turn.ends} == set(there)
            assert all(until(rota, DOCTOR, name, at, zone) > at for name in there)
    holes = gaps(rota, DOCTOR, moment, ends, zone)
    assert holes == tuple(stretch for stretch in found if not stretch.people)


@given(st.lists(clocks, min_size=1, max_size=5, unique=True), zones, moments)
@settings(deadline=None, max_examples=50)
def test_shifts_that_meet_on_the_wall_leave_no_minute_without_a_doctor(cuts, zone, moment):
    """Also in the nights in which the clock is moved, whatever hour the shifts meet at."""
    edges = sorted(cuts)
    pairs = list(zip(edges, edges[1:] + edges[:1], strict=True))
    every_day = tuple(
        Shift(f"{day}{starts}", DOCTOR, PEOPLE[number % 4], day, starts, ends)
        for day in range(7)
        for number, (starts, ends) in enumerate(pairs)
    )
    for start in (moment, datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)):
        assert gaps(Rota(every_day), DOCTOR, start, start + timedelta(days=3), zone) == ()


NIGHT = Shift("n", DOCTOR, "an", 5, "19:00", "07:00")
"""Saturday's."""


@pytest.mark.parametrize(
    ("zone", "saturday", "hours"),
    [
        (PARIS, date(2026, 3, 28), 11),
        (PARIS, date(2026, 10, 24), 13),
        (PARIS, date(2026, 11, 21), 12),
        (HANOI, date(2026, 3, 28), 12),
        (HANOI, date(2026, 10, 24), 12),
    ],
)
def test_a_night_is_as_long_as_its_clock_says(zone, saturday, hours):
    noon = datetime.combine(saturday, time(12), zone).astimezone(UTC)
    (turn,) = turns(Rota((NIGHT,)), DOCTOR, noon, noon + timedelta(days=1), zone)
    assert turn.ends - turn.starts == timedelta(hours=hours)
    assert turn.ends.astimezone(zone).time() == time(7)


def test_an_hour_that_comes_twice_belongs_to_the_one_and_then_to_the_other():
    early, late = (
        Shift("1", DOCTOR, "an", 6, "00:00", "02:30"),
        Shift("2", DOCTOR, "chi", 6, "02:30", "08:00"),
    )
    rota, sunday = Rota((early, late)), date(2026, 10, 25)
    first = datetime.combine(sunday, time(2, 29), PARIS)
    second = first.replace(fold=1)
    assert on_duty(rota, DOCTOR, first, PARIS) == ("an",)
    assert on_duty(rota, DOCTOR, second, PARIS) == ("chi",)


def test_past_midnight_the_shift_of_yesterday_goes_on():
    rota = Rota((Shift("1", DOCTOR, "an", 6, "19:00", "07:00"),))
    assert on_duty(rota, DOCTOR, MONDAY + timedelta(hours=6, minutes=59), HANOI) == ("an",)
    assert on_duty(rota, DOCTOR, MONDAY + timedelta(hours=7), HANOI) == ()
    assert until(rota, DOCTOR, "an", MONDAY, HANOI) == MONDAY + timedelta(hours=7)
    assert next_change(rota, DOCTOR, MONDAY, HANOI) == Stretch(
        MONDAY + timedelta(hours=7), MONDAY + timedelta(days=6, hours=19)
    )


def test_a_shift_of_a_whole_day_ends_where_it_began():
    rota = Rota((Shift("1", DOCTOR, "an", 0, "08:00", "08:00"),))
    assert on_duty(rota, DOCTOR, MONDAY + timedelta(hours=31, minutes=59), HANOI) == ("an",)
    assert on_duty(rota, DOCTOR, MONDAY + timedelta(hours=32), HANOI) == ()


def test_a_shift_stands_between_its_first_and_its_last_day():
    from_day = Shift("1", DOCTOR, "an", 0, "08:00", "20:00", from_day=date(2026, 11, 24))
    until_day = Shift("1", DOCTOR, "an", 0, "08:00", "20:00", until_day=date(2026, 11, 23))
    nine, next_week = MONDAY + timedelta(hours=9), MONDAY + timedelta(days=7, hours=9)
    assert on_duty(Rota((from_day,)), DOCTOR, nine, HANOI) == ()
    assert on_duty(Rota((from_day,)), DOCTOR, next_week, HANOI) == ("an",)
    assert on_duty(Rota((until_day,)), DOCTOR, nine, HANOI) == ("an",)
    assert on_duty(Rota((until_day,)), DOCTOR, next_week, HANOI) == ()


def a_swap(absent, instead, starts_h=8, ends_h=20) -> Swap:
    at = [utc_text(MONDAY + timedelta(hours=hours)) for hours in (starts_h, ends_h)]
    return Swap(f"{absent}{instead}{starts_h}", DOCTOR, *at, absent, instead)


def test_who_stands_in_during_a_holiday_works_the_hours_of_the_absent_one_and_no_others():
    rota = Rota((Shift("1", DOCTOR, "an", 0, "08:00", "20:00"),), (a_swap("an", "binh", 0, 96),))
    assert on_duty(rota, DOCTOR, MONDAY + timedelta(hours=12), HANOI) == ("binh",)
    assert on_duty(rota, DOCTOR, MONDAY + timedelta(hours=36), HANOI) == ()
    assert until(rota, DOCTOR, "binh", MONDAY + timedelta(hours=12), HANOI) == MONDAY + timedelta(hours=20)


def test_a_hand_over_can_be_handed_back_and_handed_on():
    shift, noon = Shift("1", DOCTOR, "an", 0, "08:00", "20:00"), MONDAY + timedelta(hours=12)
    back = Rota((shift,), (a_swap("an", "binh", 9), a_swap("binh", "an", 10)))
    on = Rota((shift,), (a_swap("an", "binh", 9), a_swap("binh", "chi", 10, 11)))
    assert on_duty(back, DOCTOR, noon, HANOI) == ("an",)
    assert on_duty(on, DOCTOR, MONDAY + timedelta(hours=10), HANOI) == ("chi",)
    assert on_duty(on, DOCTOR, noon, HANOI) == ("binh",)
    assert until(on, DOCTOR, "chi", MONDAY + timedelta(hours=10), HANOI) == MONDAY + timedelta(hours=11)


def test_whoever_no_longer_counts_leaves_a_hole():
    rota = Rota((Shift("1", DOCTOR, "an", 0, "08:00", "20:00"),), (a_swap("an", "binh"),))
    doctor = frozenset({DOCTOR})
    an, binh = Person("an", "an", "An", doctor), Person("binh", "binh", "Bình", doctor)
    noon = MONDAY + timedelta(hours=12)
    assert on_duty(rota.counting([an, binh]), DOCTOR, noon, HANOI) == ("binh",)
    gone = Person("binh", "binh", "Bình", doctor, active=False)
    assert on_duty(rota.counting([an, gone]), DOCTOR, noon, HANOI) == ()
    other = Person("an", "an", "An", frozenset({Role.IT}))
    assert Rota(rota.shifts).counting([other]) == Rota()


@pytest.mark.parametrize(
    "fault",
    [
        {"weekday": 7},
        {"starts": "24:00"},
        {"ends": "7:00"},
        {"from_day": date(2026, 2, 2), "until_day": date(2026, 2, 1)},
    ],
)
def test_a_shift_that_makes_no_sense_is_refused(fault):
    sound = {"id": "1", "role": DOCTOR, "person_id": "an", "weekday": 0, "starts": "07:00", "ends": "19:00"}
    with pytest.raises(InputError):
        Shift(**(sound | fault))


@pytest.mark.parametrize(("absent", "instead", "ends_h"), [(None, None, 9), ("an", "an", 9), ("an", None, 8)])
def test_a_swap_that_makes_no_sense_is_refused(absent, instead, ends_h):
    with pytest.raises(InputError):
        a_swap(absent, instead, 8, ends_h)
