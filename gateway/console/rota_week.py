"""The rota as its page shows it: who is on duty now, and a week as a table of roles and days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from gateway.console.words.moments import MOMENTS, Moments
from gateway.console.words.roles import ROLES, Title
from gateway.console.words.rota import ROTAS
from gateway.console.words.rota import Rota as Words
from gateway.ledger.records import utc_text
from gateway.team.people import Person, Role
from gateway.team.rota import Rota, Stretch, Turn, gaps, next_change, on_duty, turns, until
from viewer_bridge.report.wording.language import Language

DAYS_SHOWN = 7
DAY = timedelta(days=1)
BEYOND = timedelta(days=2)
"""How far past the week it is looked, so that the last night is shown with its own end."""
NOON = time(12)
HOLES_AHEAD = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Entry:
    """One person's hours in a cell; without a name nobody's."""

    name: str = field(repr=False)
    hours: str
    swapped: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of one role."""

    title: str
    """The day as a column's head."""
    short_title: str
    """The day on a narrow page, below its week."""
    is_today: bool
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One role's week; without a single shift or exception it has no plan."""

    role: Role
    title: str
    has_plan: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Somebody who is on duty, until when, and to whom it can be handed over."""

    person: Person
    ends: datetime
    ends_title: str
    takers: tuple[Person, ...]

    @property
    def ends_at(self) -> str:
        """The end as the ledger writes it."""
        return utc_text(self.ends)


@dataclass(frozen=True, slots=True)
class Now:
    """A role at this moment."""

    role: Role
    title: str
    people: tuple[OnDuty, ...]
    change: str
    """What comes next, in words; empty where nothing does."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all of the page is drawn from: plan, people, moment, the clock on the wall, and who reads it."""

    rota: Rota
    people: Mapping[str, Person]
    now: datetime
    zone: tzinfo
    language: Language = Language.ENGLISH

    @property
    def today(self) -> date:
        """The day on the wall."""
        return self.now.astimezone(self.zone).date()

    def name(self, person_id: str) -> str:
        """Somebody's name."""
        return self.people[person_id].name if person_id in self.people else self.say.somebody

    @property
    def say(self) -> Words:
        """Words of the page."""
        return ROTAS[self.language]

    @property
    def times(self) -> Moments:
        """How its reader says when."""
        return MOMENTS[self.language]

    def title(self, role: Role) -> Title:
        """A role's name."""
        return ROLES[self.language].title(role)

    def midnight(self, day: date) -> datetime:
        """The beginning of a day."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def plans(self, role: Role) -> bool:
        """Whether anything was ever written for a role."""
        mine = self.rota.of(role)
        return bool(mine.shifts or mine.swaps)


def clock(moment: datetime, zone: tzinfo) -> str:
    """Hours and minutes on the wall."""
    return moment.astimezone(zone).strftime("%H:%M")


def when(moment: datetime, desk: Desk) -> str:
    """A moment as one says it today: the hour, and the day where it is another one."""
    day = moment.astimezone(desk.zone).date()
    hour = clock(moment, desk.zone)
    if day == desk.today:
        return hour
    if day == desk.today + DAY:
        return desk.times.tomorrow.format(hour=hour)
    return desk.times.day_and_hour.format(day=desk.times.day(day), hour=hour)


def between(starts: datetime, ends: datetime, desk: Desk) -> str:
    """From one moment to another."""
    return desk.times.between.format(first=when(starts, desk), last=when(ends, desk))


def monday_of(day: date) -> date:
    """The Monday of a day's week.

    >>> monday_of(date(2026, 11, 29))
    datetime.date(2026, 11, 23)
    """
    return day - timedelta(days=day.weekday())


def now_of(desk: Desk, roles: Sequence[Role]) -> list[Now]:
    """Every role that has a plan, at this moment."""
    return [_now(desk, role) for role in roles if desk.plans(role)]


def _now(desk: Desk, role: Role) -> Now:
    there = on_duty(desk.rota, role, desk.now, desk.zone)
    able = [person for person in desk.people.values() if person.active and role in person.roles]
    takers = tuple(person for person in able if person.id not in there)
    people = []
    for person_id in there:
        ends = until(desk.rota, role, person_id, desk.now, desk.zone) or desk.now
        people.append(OnDuty(desk.people[person_id], ends, when(ends, desk), takers))
    return Now(role, desk.title(role).one, tuple(people), _change(desk, role))


def _change(desk: Desk, role: Role) -> str:
    following = next_change(desk.rota, role, desk.now, desk.zone)
    if following is None:
        return ""
    names = ", ".join(map(desk.name, following.people)) or desk.say.nobody
    return desk.say.then.format(time=when(following.starts, desk), names=names)


def holes_ahead(desk: Desk, role: Role) -> list[str]:
    """When nobody will be on duty in the next two weeks, in words."""
    found = gaps(desk.rota, role, desk.now, desk.now + HOLES_AHEAD, desk.zone)
    return [between(hole.starts, hole.ends, desk) for hole in found]


def week_of(desk: Desk, roles: Sequence[Role], monday: date) -> list[Row]:
    """A week of every role."""
    return [_row(desk, role, monday) for role in roles]


def _row(desk: Desk, role: Role, monday: date) -> Row:
    starts, ends = desk.midnight(monday), desk.midnight(monday + DAYS_SHOWN * DAY)
    everybody = turns(desk.rota, role, starts - BEYOND, ends + BEYOND, desk.zone)
    holes = gaps(desk.rota, role, starts, ends, desk.zone)
    has_plan = desk.plans(role)
    cells = tuple(
        _cell(desk, monday + n * DAY, everybody, holes if has_plan else (), is_first=n == 0)
        for n in range(DAYS_SHOWN)
    )
    return Row(role, desk.title(role).all, has_plan, cells)


def _cell(
    desk: Desk, day: date, everybody: Sequence[Turn], holes: Sequence[Stretch], *, is_first: bool
) -> Cell:
    """Turns that begin on the day, or go through it; in the first one also the night before. Holes between them."""
    starts, ends = desk.midnight(day), desk.midnight(day + DAY)
    noon = datetime.combine(day, NOON, desk.zone).astimezone(UTC)
    shown = [
        (turn.starts, _entry(desk, turn, starts))
        for turn in everybody
        if starts <= turn.starts < ends
        or (turn.starts < starts < turn.ends and (is_first or turn.ends > noon))
    ]
    empty = ((max(hole.starts, starts), min(hole.ends, ends)) for hole in holes)
    shown += [(first, Entry("", _span(desk, first, last))) for first, last in empty if first < last]
    entries = tuple(entry for _, entry in sorted(shown, key=lambda one: one[0]))
    return Cell(desk.times.day(day), desk.times.day_of_week(day), day == desk.today, entries)


def _entry(desk: Desk, turn: Turn, midnight: datetime) -> Entry:
    hours = _span(desk, turn.starts, turn.ends)
    if turn.starts < midnight and turn.ends - turn.starts <= DAY:
        hours = desk.times.until.format(time=clock(turn.ends, desk.zone))
    return Entry(desk.name(turn.person_id), hours, turn.swapped)


def _span(desk: Desk, starts: datetime, ends: datetime) -> str:
    """Hours of a day: a night may end on the next day, and whatever is longer names its days."""
    first, last = starts.astimezone(desk.zone), ends.astimezone(desk.zone)
    if ends - starts > DAY:
        days = desk.times.day(first.date()), desk.times.day(last.date())
        return f"{days[0]} {first:%H:%M} – {days[1]} {last:%H:%M}"
    midnight = first.date() < last.date() and last.time() == time()
    return f"{first:%H:%M}–{'24:00' if midnight else f'{last:%H:%M}'}"
