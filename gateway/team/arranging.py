"""Changing the rota: shifts, exceptions and hand-overs, each by somebody.

Each is written into the access log first: nothing changes without a trace, whatever fails in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from uuid import uuid4

from gateway.ledger.accesses import Action
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import utc_text
from gateway.team.people import Actor, Person, Right, Role
from gateway.team.rota import Rota, Shift, Swap, on_duty, until
from triage.errors import InputError, require

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ON_CALL = tuple(role for role in Role if role is not Role.ADMINISTRATOR)
"""Roles that may have a rota: an administrator is nobody who is called."""
LONGEST_NOTE = 120
HANDED_OVER = "handed over"
"""Note of an exception that a hand-over wrote."""


@dataclass(frozen=True, slots=True)
class Arranger:
    """Somebody who changes the plan, by the site's clock."""

    ledger: Ledger
    actor: Actor
    now: datetime
    zone: tzinfo

    def add_shifts(
        self,
        role: Role,
        person_id: str,
        weekdays: Sequence[int],
        hours: tuple[str, str],
        days: tuple[date | None, date | None] = (None, None),
    ) -> list[Shift]:
        """Put the same hours on several days of the week.

        Raises
        ------
        InputError
            No day was chosen, the person does not have the role, or the hours are none.
        """
        person = self._one_of(role, person_id)
        require(bool(weekdays), "choose at least one day of the week")
        wanted = [Shift(str(uuid4()), role, person.id, day, *hours, *days) for day in sorted(set(weekdays))]
        named = ", ".join(WEEKDAYS[shift.weekday] for shift in wanted)
        self._note(f"{role}: {person.name} {named} {hours[0]} to {hours[1]} added")
        for shift in wanted:
            self.ledger.rota.add_shift(shift)
        return wanted

    def drop_shift(self, role: Role, shift_id: str) -> None:
        """Take a shift out of the week; one that is gone already is no fault."""
        written = self.ledger.rota.written().of(role).shifts
        for shift in (each for each in written if each.id == shift_id):
            who = self._name(shift.person_id)
            self._note(f"{role}: {who} {WEEKDAYS[shift.weekday]} {shift.starts} to {shift.ends} removed")
            self.ledger.rota.drop_shift(shift_id)

    def add_swap(
        self, role: Role, starts: datetime, ends: datetime, people: tuple[str | None, str | None], note: str
    ) -> Swap:
        """Write down an exception; `people` are who is absent, and who is there instead.

        Raises
        ------
        InputError
            It is over, ends before it begins, or names nobody or somebody without the role.
        """
        require(ends > self.now, "this is over: an exception must end in the future")
        absent, instead = people
        if instead is not None:
            self._one_of(role, instead)
        line = " ".join(note.split())[:LONGEST_NOTE]
        texts = utc_text(starts), utc_text(ends)
        swap = Swap(str(uuid4()), role, *texts, absent, instead, self.actor.name, line)
        self._note(f"{role}: {self._said(swap)} added")
        self.ledger.rota.add_swap(swap)
        return swap

    def drop_swap(self, role: Role, swap_id: str) -> None:
        """Take an exception back; one that is gone already is no fault."""
        for swap in (each for each in self.ledger.rota.written().of(role).swaps if each.id == swap_id):
            self._note(f"{role}: {self._said(swap)} removed")
            self.ledger.rota.drop_swap(swap_id)

    def hand_over(self, role: Role, giver_id: str, taker_id: str) -> Swap:
        """From now until the end of the giver's shift somebody else has it.

        Raises
        ------
        InputError
            The giver is not on duty, the taker does not have the role or is on duty already, or it is not the actor's
            to give.
        """
        may = self.actor.person_id == giver_id or self.actor.may(Right.ARRANGE)
        require(may, "only your own duty is yours to hand over: ask whoever arranges the rota")
        plan = self.ledger.rota.read()
        ends = until(plan, role, giver_id, self.now, self.zone)
        if ends is None:
            raise InputError("whoever is to hand over is not on duty any more: load the page again")
        require(
            taker_id not in on_duty(plan, role, self.now, self.zone),
            "this person is on duty already: choose somebody else",
        )
        return self.add_swap(role, self.now, ends, (giver_id, taker_id), HANDED_OVER)

    def _one_of(self, role: Role, person_id: str) -> Person:
        person = self.ledger.people.get(person_id)
        if person is None or not person.active or role not in person.roles:
            raise InputError("choose somebody who has this role")
        return person

    def _said(self, swap: Swap) -> str:
        who = [f"{self._name(swap.absent)} absent"] if swap.absent else []
        who += [f"{self._name(swap.instead)} instead"] if swap.instead else []
        starts, ends = (
            each.astimezone(self.zone).strftime("%Y-%m-%d %H:%M") for each in (swap.starts, swap.ends)
        )
        return f"{', '.join(who)}, {starts} to {ends}"

    def _name(self, person_id: str) -> str:
        person = self.ledger.people.get(person_id)
        return person.name if person else "somebody unknown"

    def _note(self, detail: str) -> None:
        self.ledger.accesses.note(self.actor, Action.CHANGED_ROTA, None, detail, self.now)


def moment_on_the_wall(text: str, zone: tzinfo) -> datetime:
    """A time as a page's form writes it, ``YYYY-MM-DDTHH:MM``, by the site's clock.

    Raises
    ------
    InputError
        It is none.
    """
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError as exc:
        raise InputError("write day and time as 2026-01-31T07:30") from exc


def day_of(text: str) -> date | None:
    """A day as a page's form writes it, ``YYYY-MM-DD``; None where nothing was written.

    Raises
    ------
    InputError
        It is none.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as exc:
        raise InputError("write a day as 2026-01-31") from exc


def without_past(plan: Rota, now: datetime) -> Rota:
    """The plan without exceptions that are over, and shifts whose last day is before yesterday's."""
    yesterday = now.date() - timedelta(days=1)
    kept = tuple(shift for shift in plan.shifts if shift.until_day is None or shift.until_day >= yesterday)
    return Rota(kept, tuple(swap for swap in plan.swaps if swap.ends > now))
