"""Who is on duty: a weekly pattern, and swaps that win over it.

Shifts keep the clock on the wall: 07:00 is 07:00 in summer and in winter, so the night in which the clock is put back is an
hour longer. An hour that occurs twice means its first occurrence; one that the clock leaves out means as many minutes after
the clock was put forward. Where shifts meet on the wall they therefore meet in truth, and no minute is lost between them.

Swaps are obeyed in the order in which they were made: the last word counts. Everything here is pure; moments are aware of their
zone, and computed with in UTC, because sums on the wall forget which of two equal hours is meant.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise

from gateway.team.people import Person, Role
from triage.errors import require

HORIZON = timedelta(days=14)
"""How far ahead the next change is looked for: two weeks show every week's pattern once whole."""

DAYS_PER_WEEK = 7
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Shift:
    """Somebody's hours on one day of every week.

    Attributes
    ----------
    weekday
        Of the beginning; Monday is 0.
    starts, ends
        On the wall of the site, ``HH:MM``; an end at or before the start is on the next day.
    from_day, until_day
        First and last day on which the shift may begin; None without limit.

    Raises
    ------
    InputError
        A weekday or a time is none, or the last day is before the first.
    """

    id: str
    role: Role
    person_id: str
    weekday: int
    starts: str
    ends: str
    from_day: date | None = None
    until_day: date | None = None

    def __post_init__(self) -> None:
        require(self.weekday in range(DAYS_PER_WEEK), "a shift needs a day of the week, 0 (Monday) to 6")
        for clock in (self.starts, self.ends):
            require(_CLOCK.fullmatch(clock) is not None, "write the hours of a shift as HH:MM, such as 07:30")
        first, last = self.from_day, self.until_day
        require(first is None or last is None or first <= last, "the last day is before the first one")

    def stands_on(self, day: date) -> bool:
        """Whether the shift begins on this day.

        >>> Shift("1", Role.IT, "a", 0, "07:00", "19:00").stands_on(date(2026, 11, 23))
        True
        """
        begun = self.from_day is None or self.from_day <= day
        return begun and day.weekday() == self.weekday and (self.until_day is None or day <= self.until_day)


@dataclass(frozen=True, slots=True)
class Swap:
    """An exception between two moments: somebody is absent, somebody else is there instead, or both.

    With both, the other one stands in exactly where the absent one would have been on duty.

    Raises
    ------
    InputError
        It ends before it begins, names nobody, or the same person twice.
    """

    id: str
    role: Role
    starts_at: str
    ends_at: str
    absent: str | None
    instead: str | None
    by: str = field(default="", repr=False)
    note: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        require(self.starts < self.ends, "an exception must end after it begins")
        require(
            self.absent != self.instead, "say who is absent, or who is there instead; two different people"
        )

    @property
    def starts(self) -> datetime:
        """The first moment."""
        return datetime.fromisoformat(self.starts_at)

    @property
    def ends(self) -> datetime:
        """The first moment after it."""
        return datetime.fromisoformat(self.ends_at)


@dataclass(frozen=True, slots=True)
class Rota:
    """The whole plan; swaps in the order in which they were made."""

    shifts: tuple[Shift, ...] = ()
    swaps: tuple[Swap, ...] = ()

    def of(self, role: Role) -> "Rota":
        """The part of one role."""
        return Rota(
            tuple(shift for shift in self.shifts if shift.role is role),
            tuple(swap for swap in self.swaps if swap.role is role),
        )

    def counting(self, people: Iterable[Person]) -> "Rota":
        """The plan without those who are not active, or no longer have the role: where they stood is a hole."""
        can = {(role, person.id) for person in people if person.active for role in person.roles}
        return Rota(
            tuple(shift for shift in self.shifts if (shift.role, shift.person_id) in can),
            tuple(kept for swap in self.swaps for kept in _kept(swap, (swap.role, swap.instead) in can)),
        )


def _kept(swap: Swap, instead_counts: bool) -> Iterator[Swap]:  # noqa: FBT001 - a filter's own question
    """What a swap still says: an absence stands even where nobody is there instead."""
    if instead_counts or swap.instead is None:
        yield swap
    elif swap.absent is not None:
        yield Swap(swap.id, swap.role, swap.starts_at, swap.ends_at, swap.absent, None, swap.by, swap.note)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which the same people are on duty, in their order; with nobody it is a hole."""

    starts: datetime
    ends: datetime
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One person's time in one role, by one shift or, `swapped`, by an exception."""

    role: Role
    person_id: str
    starts: datetime
    ends: datetime
    swapped: bool = False


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place that somebody fills between two moments; `source` tells two places of one person apart."""

    person_id: str
    starts: datetime
    ends: datetime
    source: str
    swapped: bool = False


def on_duty(rota: Rota, role: Role, moment: datetime, zone: tzinfo) -> tuple[str, ...]:
    """Return who is on duty, by the beginning of the shift; the same whatever the order of the shifts in the plan.

    >>> shift = Shift("1", Role.STROKE_DOCTOR, "le", 6, "19:00", "07:00")
    >>> on_duty(Rota((shift,)), Role.STROKE_DOCTOR, datetime(2026, 11, 23, 6, 59, tzinfo=UTC), UTC)
    ('le',)
    """
    return _names(_now(rota.of(role), moment.astimezone(UTC), zone))


def until(rota: Rota, role: Role, person_id: str, moment: datetime, zone: tzinfo) -> datetime | None:
    """When this person's own shift ends; None where the person is not on duty."""
    standing = _now(rota.of(role), moment.astimezone(UTC), zone)
    return max((slot.ends for slot in standing if slot.person_id == person_id), default=None)


def stretches(rota: Rota, role: Role, starts: datetime, ends: datetime, zone: tzinfo) -> tuple[Stretch, ...]:
    """Cut a time into stretches with the same people on duty, without a gap and without an overlap."""
    found: list[Stretch] = []
    for piece_starts, piece_ends, standing in _pieces(rota, role, starts, ends, zone):
        people = _names(standing)
        if found and found[-1].people == people:
            found[-1] = Stretch(found[-1].starts, piece_ends, people)
        else:
            found.append(Stretch(piece_starts, piece_ends, people))
    return tuple(found)


def gaps(rota: Rota, role: Role, starts: datetime, ends: datetime, zone: tzinfo) -> tuple[Stretch, ...]:
    """The holes: when nobody is on duty."""
    return tuple(piece for piece in stretches(rota, role, starts, ends, zone) if not piece.people)


def next_change(rota: Rota, role: Role, moment: datetime, zone: tzinfo) -> Stretch | None:
    """Who follows, and when; None where nothing changes within `HORIZON`."""
    return next(iter(stretches(rota, role, moment, moment + HORIZON, zone)[1:]), None)


def turns(rota: Rota, role: Role, starts: datetime, ends: datetime, zone: tzinfo) -> tuple[Turn, ...]:
    """Everybody's turns in a role, by their beginning; those that reach beyond the time asked for are cut."""
    running: dict[str, Turn] = {}
    done: list[Turn] = []
    for piece_starts, piece_ends, standing in _pieces(rota, role, starts, ends, zone):
        before, running = running, {}
        for slot in standing:
            turn = before.pop(slot.source, None)
            begun = turn.starts if turn else piece_starts
            running[slot.source] = Turn(role, slot.person_id, begun, piece_ends, slot.swapped)
        done += before.values()
    return tuple(
        sorted([*done, *running.values()], key=lambda turn: (turn.starts, turn.ends, turn.person_id))
    )


def _pieces(
    rota: Rota, role: Role, starts: datetime, ends: datetime, zone: tzinfo
) -> Iterator[tuple[datetime, datetime, list[_Slot]]]:
    """The time cut wherever anything may change, each piece with whoever stands there."""
    mine, starts, ends = rota.of(role), starts.astimezone(UTC), ends.astimezone(UTC)
    places = _places(mine, starts, ends, zone)
    swaps = [swap for swap in mine.swaps if swap.starts < ends and swap.ends > starts]
    spans = [(slot.starts, slot.ends) for slot in places] + [(swap.starts, swap.ends) for swap in swaps]
    edges = {edge.astimezone(UTC) for span in spans for edge in span}
    inner = sorted(edge for edge in edges if starts < edge < ends)
    for piece_starts, piece_ends in pairwise([starts, *inner, ends]):
        yield piece_starts, piece_ends, _standing(places, swaps, piece_starts)


def _now(mine: Rota, moment: datetime, zone: tzinfo) -> list[_Slot]:
    return _standing(_places(mine, moment, moment + _MOMENT, zone), mine.swaps, moment)


def _places(rota: Rota, starts: datetime, ends: datetime, zone: tzinfo) -> list[_Slot]:
    """What the weekly pattern gives between two moments, by beginning."""
    first = starts.astimezone(zone).date() - _DAY
    days = [first + n * _DAY for n in range((ends.astimezone(zone).date() - first).days + 1)]
    found = [_place(shift, day, zone) for day in days for shift in rota.shifts if shift.stands_on(day)]
    overlapping = (slot for slot in found if slot.starts < ends and slot.ends > starts)
    return sorted(overlapping, key=lambda slot: (slot.starts, slot.ends, slot.person_id, slot.source))


def _place(shift: Shift, day: date, zone: tzinfo) -> _Slot:
    last = day + _DAY if shift.ends <= shift.starts else day
    starts, ends = _moment(day, shift.starts, zone), _moment(last, shift.ends, zone)
    return _Slot(shift.person_id, starts, ends, f"{shift.id} {day}")


def _moment(day: date, clock: str, zone: tzinfo) -> datetime:
    """A time on the wall as a moment (PEP 495, fold 0)."""
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)


def _standing(places: Sequence[_Slot], swaps: Sequence[Swap], moment: datetime) -> list[_Slot]:
    """Whoever fills the places at a moment, after every swap that covers it."""
    standing = [slot for slot in places if slot.starts <= moment < slot.ends]
    for swap in swaps:
        if swap.starts <= moment < swap.ends:
            standing = _swapped(standing, swap)
    return standing


def _swapped(standing: Sequence[_Slot], swap: Swap) -> list[_Slot]:
    kept = [slot for slot in standing if slot.person_id != swap.absent]
    left = [slot for slot in standing if slot.person_id == swap.absent]
    if swap.instead is None:
        return kept
    if swap.absent is None:
        return [*kept, _Slot(swap.instead, swap.starts, swap.ends, swap.id, swapped=True)]
    return [_taken(slot, swap, swap.instead) if slot in left else slot for slot in standing]


def _taken(slot: _Slot, swap: Swap, instead: str) -> _Slot:
    starts, ends = max(slot.starts, swap.starts), min(slot.ends, swap.ends)
    return _Slot(instead, starts, ends, f"{slot.source} {swap.id}", swapped=True)


def _names(standing: Iterable[_Slot]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(slot.person_id for slot in standing))
