"""The rota as its page shows it: who is on duty now, and a week as a table of roles and days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from gateway.ledger.records import utc_text
from gateway.team.people import Person, Role
from gateway.team.rota import Rota, Stretch, Turn, gaps, next_change, on_duty, turns, until

DAYS_SHOWN = 7
DAY = timedelta(days=1)
BEYOND = timedelta(days=2)
"""How far past the week it is looked, so that the last night is shown with its own end."""
NOON = time(12)
HOLES_AHEAD = timedelta(days=14)

TITLES: Mapping[Role, tuple[str, str]] = {
    Role.STROKE_DOCTOR: ("Stroke doctor", "Stroke doctors"),
    Role.RADIOLOGIST: ("Radiologist", "Radiologists"),
    Role.CATH_LAB: ("Cath lab", "Cath lab"),
    Role.SENDING_HOSPITAL: ("Sending hospital", "Sending hospitals"),
    Role.IT: ("IT", "IT"),
    Role.ADMINISTRATOR: ("Administrator", "Administrators"),
}
"""One of them, and all."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One person's hours in a cell; without a name nobody's."""

    name: str = field(repr=False)
    hours: str
    swapped: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of one role."""

    day: date
    is_today: bool
    entries: tuple[Entry, ...]

    @property
    def title(self) -> str:
        """The day as a column's head.

        >>> Cell(date(2026, 11, 23), False, ()).title
        'Mon 23 Nov'
        """
        return day_title(self.day)

    @property
    def short_title(self) -> str:
        """The day on a narrow page, below its week."""
        return f"{self.day:%a} {self.day.day}"


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
    """What all of the page is drawn from: plan, people, moment, and the clock on the wall."""

    rota: Rota
    people: Mapping[str, Person]
    now: datetime
    zone: tzinfo

    @property
    def today(self) -> date:
        """The day on the wall."""
        return self.now.astimezone(self.zone).date()

    def name(self, person_id: str) -> str:
        """Somebody's name."""
        return self.people[person_id].name if person_id in self.people else "somebody unknown"

    def midnight(self, day: date) -> datetime:
        """The beginning of a day."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def plans(self, role: Role) -> bool:
        """Whether anything was ever written for a role."""
        mine = self.rota.of(role)
        return bool(mine.shifts or mine.swaps)


def day_title(day: date) -> str:
    """A day in three words.

    >>> day_title(date(2026, 11, 3))
    'Tue 3 Nov'
    """
    return f"{day:%a} {day.day} {day:%b}"


def clock(moment: datetime, zone: tzinfo) -> str:
    """Hours and minutes on the wall."""
    return moment.astimezone(zone).strftime("%H:%M")


def when(moment: datetime, desk: Desk) -> str:
    """A moment as one says it today: the hour, and the day where it is another one."""
    day = moment.astimezone(desk.zone).date()
    hour = clock(moment, desk.zone)
    if day == desk.today:
        return hour
    return f"tomorrow {hour}" if day == desk.today + DAY else f"{day_title(day)} {hour}"


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
    return Now(role, TITLES[role][0], tuple(people), _change(desk, role))


def _change(desk: Desk, role: Role) -> str:
    following = next_change(desk.rota, role, desk.now, desk.zone)
    if following is None:
        return ""
    names = ", ".join(map(desk.name, following.people)) or "nobody"
    return f"{when(following.starts, desk)}: {names}"


def holes_ahead(desk: Desk, role: Role) -> list[str]:
    """When nobody will be on duty in the next two weeks, in words."""
    found = gaps(desk.rota, role, desk.now, desk.now + HOLES_AHEAD, desk.zone)
    return [f"{when(hole.starts, desk)} to {when(hole.ends, desk)}" for hole in found]


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
    return Row(role, TITLES[role][1], has_plan, cells)


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
    return Cell(day, day == desk.today, tuple(entry for _, entry in sorted(shown, key=lambda one: one[0])))


def _entry(desk: Desk, turn: Turn, midnight: datetime) -> Entry:
    hours = _span(desk, turn.starts, turn.ends)
    if turn.starts < midnight and turn.ends - turn.starts <= DAY:
        hours = f"until {clock(turn.ends, desk.zone)}"
    return Entry(desk.name(turn.person_id), hours, turn.swapped)


def _span(desk: Desk, starts: datetime, ends: datetime) -> str:
    """Hours of a day: a night may end on the next day, and whatever is longer names its days."""
    first, last = starts.astimezone(desk.zone), ends.astimezone(desk.zone)
    if ends - starts > DAY:
        return f"{day_title(first.date())} {first:%H:%M} – {day_title(last.date())} {last:%H:%M}"
    midnight = first.date() < last.date() and last.time() == time()
    return f"{first:%H:%M}–{'24:00' if midnight else f'{last:%H:%M}'}"
