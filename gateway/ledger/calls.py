"""Calls of all people: who was told of what, on which channel, and how far it came."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Engine,
    RowMapping,
    String,
    Update,
    bindparam,
    case,
    false,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.ledger.call import RANK, TIME_OF, Call, CallState, case_subject
from gateway.ledger.calls_tables import CALL_TIMES, calls
from gateway.ledger.records import moment_of, utc_text
from gateway.ledger.statements import rows, run, translated
from gateway.team.contacts import ChannelKind


@dataclass(frozen=True, slots=True)
class Hold:
    """Who is sending a call now, and until when nobody else may."""

    by: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt to send a call ended; `due_at` is the moment of the next one, None when there is none."""

    call_id: str
    state: CallState
    at: datetime
    detail: str | None = None
    due_at: datetime | None = None


class Calls:
    """Calls of all subjects; a call never goes back, and the first of each of its times stands."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def queue(self, many: Sequence[Call], now: datetime, hold: Hold) -> set[str]:
        """Write calls down, all or none; returns the ids of those that were new, which `hold` sends now."""
        if not many:
            return set()
        insert = (postgresql if self._engine.dialect.name == "postgresql" else sqlite).insert(calls)
        mine = (calls.c.held_by == hold.by) & (calls.c.held_until == utc_text(hold.until))
        new = select(calls.c.id).where(calls.c.id.in_([call.id for call in many]), mine)
        with translated(), self._engine.begin() as connection:
            # Row by row: a statement with the values of fifty rows takes longer to put together than to execute.
            in_order = sorted(many, key=attrgetter("id"))
            connection.execute(
                insert.on_conflict_do_nothing(), [_plain(call, now, hold) for call in in_order]
            )
            return set(connection.execute(new).scalars())

    def claim(self, call_ids: Collection[str], now: datetime, hold: Hold) -> set[str]:
        """Take up calls that no channel has accepted and nobody else is sending; returns which."""
        unsent = calls.c.id.in_(call_ids) & calls.c.sent_at.is_(None) & calls.c.closed_at.is_(None)
        free = or_(
            calls.c.held_until.is_(None), calls.c.held_until < utc_text(now), calls.c.held_by == hold.by
        )
        held = _change(unsent, free).values(held_by=hold.by, held_until=utc_text(hold.until))
        with translated(), self._engine.begin() as connection:
            return set(connection.execute(held.returning(calls.c.id)).scalars())

    def note(self, attempts: Sequence[Attempt]) -> None:
        """Write down how attempts ended, all in one durable transaction."""
        with translated(), self._engine.begin() as connection:
            in_order = sorted(attempts, key=attrgetter("call_id"))
            for state, these in groupby(in_order, key=attrgetter("state")):
                connection.execute(_noted(state), [_ended(attempt) for attempt in these])

    def stamp(self, call_id: str, state: CallState, now: datetime) -> bool:
        """Record that a call came so far; returns whether that was news."""
        unknown = calls.c[TIME_OF[state]].is_(None)
        return run(self._engine, _reach((calls.c.id == call_id) & unknown, state, now)) > 0

    def escalated(self, subject: str, step: int, now: datetime) -> None:
        """Nobody of a level answered in time."""
        told = (calls.c.subject == subject) & (calls.c.step == step) & calls.c.sent_at.is_not(None)
        run(self._engine, _reach(told & calls.c.escalated_at.is_(None), CallState.ESCALATED, now))

    def close(self, subject: str, now: datetime) -> None:
        """The matter is settled; calls that were answered stay so."""
        still = (calls.c.subject == subject) & calls.c.closed_at.is_(None) & calls.c.acknowledged_at.is_(None)
        run(self._engine, _reach(still, CallState.CLOSED, now, due_at=None))

    def answered(self, case_id: str, alert: int, person_id: str | None, now: datetime) -> None:
        """Somebody, who may be nobody in particular, has answered an alert: the calls of all are over."""
        subject = case_subject(case_id, alert)
        mine = (calls.c.subject == subject) & (calls.c.person_id == person_id) & calls.c.sent_at.is_not(None)
        if person_id:
            run(self._engine, _reach(mine & calls.c.acknowledged_at.is_(None), CallState.ACKNOWLEDGED, now))
        self.close(subject, now)

    def declined(self, case_id: str, alert: int, person_id: str, now: datetime) -> bool:
        """Somebody cannot come; returns whether they were called, so that the escalation has to know."""
        mine = (calls.c.subject == case_subject(case_id, alert)) & (calls.c.person_id == person_id)
        values = {
            "declined_at": func.coalesce(calls.c.declined_at, utc_text(now)),
            "updated_at": utc_text(now),
        }
        return run(self._engine, _change(mine).values(**values)) > 0

    def get(self, call_id: str) -> Call | None:
        """Return the call, or None."""
        return next(iter(self._found(calls.c.id == call_id)), None)

    def of_subject(self, subject: str) -> list[Call]:
        """Every call about a subject, oldest first."""
        return self._found(calls.c.subject == subject)

    def open_of(self, subject: str) -> list[Call]:
        """Calls about a subject that nobody has answered and nothing has settled, oldest first."""
        over = (CallState.CLOSED.value, CallState.ACKNOWLEDGED.value)
        return self._found((calls.c.subject == subject) & calls.c.state.not_in(over))

    def of_case(self, case_id: str) -> list[Call]:
        """Every call about a case, oldest first."""
        return self._found(calls.c.case_id == case_id)

    def of_person(self, person_id: str, limit: int = 100) -> list[Call]:
        """Calls of one person, youngest first."""
        query = select(calls).where(calls.c.person_id == person_id).order_by(calls.c.queued_at.desc())
        return [_call(row) for row in rows(self._engine, query.limit(limit))]

    def latest(self, limit: int) -> list[Call]:
        """Calls of everybody, youngest first."""
        query = select(calls).order_by(calls.c.queued_at.desc(), calls.c.id).limit(limit)
        return [_call(row) for row in rows(self._engine, query)]

    def marks(self, case_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Number of calls of each case that has any, and when one of them last changed."""
        query = select(calls.c.case_id, func.count().label("n"), func.max(calls.c.updated_at).label("latest"))
        grouped = query.where(calls.c.case_id.in_(case_ids)).group_by(calls.c.case_id)
        return {row["case_id"]: (row["n"], row["latest"]) for row in rows(self._engine, grouped)}

    def counts(self) -> dict[tuple[str, str], int]:
        """Number of calls by (kind, state)."""
        query = select(calls.c.kind, calls.c.state, func.count().label("n"))
        grouped = query.group_by(calls.c.kind, calls.c.state)
        return {(row["kind"], row["state"]): row["n"] for row in rows(self._engine, grouped)}

    def seconds_to(self, state: CallState, limit: int) -> list[float]:
        """Seconds from the first calling to `state`, of those of the latest calls that came so far."""
        end = calls.c[TIME_OF[state]]
        query = select(calls.c.queued_at, end.label("end")).order_by(calls.c.queued_at.desc()).limit(limit)
        pairs = [(row["queued_at"], row["end"]) for row in rows(self._engine, query) if row["end"]]
        return [max(0.0, (moment_of(end) - moment_of(start)).total_seconds()) for start, end in pairs]

    def _found(self, *chosen: ColumnElement[bool]) -> list[Call]:
        query = (
            select(calls)
            .where(*chosen)
            .order_by(calls.c.queued_at, calls.c.step, calls.c.turn, calls.c.place)
        )
        return [_call(row) for row in rows(self._engine, query)]


def by_person(many: Iterable[Call]) -> dict[str | None, list[Call]]:
    """Calls of each person, in their order."""
    found: dict[str | None, list[Call]] = defaultdict(list)
    for call in many:
        found[call.person_id].append(call)
    return found


def _change(*chosen: ColumnElement[bool]) -> Update:
    """Change calls in the order of their ids, as everybody does.

    PostgreSQL locks row by row: of two transactions that take the same rows in different orders, it ends one.
    """
    in_order = select(calls.c.id).where(*chosen).order_by(calls.c.id).with_for_update()
    return update(calls).where(calls.c.id.in_(in_order))


def _reach(chosen: ColumnElement[bool], state: CallState, now: datetime, **also: Any) -> Update:
    """Set the time of a state where it has none yet, and the state itself where it is further than the present one."""
    moment = utc_text(now)
    values = {TIME_OF[state]: func.coalesce(calls.c[TIME_OF[state]], moment), "updated_at": moment}
    return _change(chosen).values(**values, state=_further(state), **also)


def _further(state: CallState) -> ColumnElement[str]:
    lower = [calls.c.state == known.value for known in CallState if RANK[known] < RANK[state]]
    return case((or_(false(), *lower), state.value), else_=calls.c.state)


@cache
def _noted(state: CallState) -> Update:
    """As `_reach`, for many attempts; what the receiver itself has, was sent."""
    moment = bindparam("moment", type_=String)
    times = [TIME_OF[state], *([TIME_OF[CallState.SENT]] if state is CallState.DELIVERED else [])]
    statement = update(calls).where(calls.c.id == bindparam("call_id"))
    return statement.values(
        **{name: func.coalesce(calls.c[name], moment) for name in times},
        state=_further(state),
        attempts=calls.c.attempts + 1,
        detail=bindparam("why"),
        due_at=bindparam("due"),
        held_until=None,
        updated_at=moment,
    )


def _ended(attempt: Attempt) -> dict[str, Any]:
    due = utc_text(attempt.due_at) if attempt.due_at else None
    return {"call_id": attempt.call_id, "moment": utc_text(attempt.at), "why": attempt.detail, "due": due}


def _plain(call: Call, now: datetime, hold: Hold) -> dict[str, Any]:
    plain = {name: getattr(call, name) for name in Call.__slots__ if name != "times"}
    return {
        **plain,
        "kind": call.kind.value,
        "state": call.state.value,
        "held_by": hold.by,
        "held_until": utc_text(hold.until),
        "queued_at": utc_text(now),
        "updated_at": utc_text(now),
    }


def _call(row: RowMapping) -> Call:
    plain = {name: row[name] for name in Call.__slots__ if name != "times"}
    plain |= {"kind": ChannelKind(plain["kind"]), "state": CallState(plain["state"])}
    return Call(**plain, times={name: row[name] for name in CALL_TIMES})
