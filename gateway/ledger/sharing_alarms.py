"""Which results of other hospitals people here are to hear of, as which alert, and which partner waits to hear who took it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, RowMapping, exists, func, select, update

from gateway.ledger.announcements import announcements
from gateway.ledger.records import CaseState, utc_text
from gateway.ledger.schema import cases
from gateway.ledger.sharing_answers import HELD, Direction
from gateway.ledger.sharing_tables import received_alarms, share_answers
from gateway.ledger.statements import insert_within, rows, run, translated
from gateway.ledger.thread import Post, PostKind
from gateway.ledger.thread_tables import posts

OURS = (CaseState.ANALYSING.value, CaseState.ANALYSED.value, CaseState.NOT_ANALYSED.value)
"""States of a case whose images have, or will have within moments, an alert of our own."""


@dataclass(frozen=True, slots=True)
class ReceivedAlarm:
    """A partner's revision of a case; `number` is that of its alert here, None where it has none, or none yet."""

    share_id: str
    partner: str
    case_id: str
    revision: int
    scanned_at: str | None
    number: int | None
    settled_at: str | None


@dataclass(frozen=True, slots=True)
class Owed:
    """A partner's revision, and who has the case here since: what the partner has not been told."""

    partner: str
    revision: int
    post: Post


class ReceivedAlarms:
    """Results of partners, from the transaction that wrote them down until people have been called."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def waiting(self) -> list[ReceivedAlarm]:
        """Those nobody was called for, by case the older revision first."""
        query = select(received_alarms).where(received_alarms.c.settled_at.is_(None))
        ordered = query.order_by(
            received_alarms.c.case_id, received_alarms.c.partner, received_alarms.c.revision
        )
        return [_alarm(row) for row in rows(self._engine, ordered)]

    def of_alert(self, case_id: str, number: int) -> ReceivedAlarm | None:
        """Whose result an alert tells; None where it is our own."""
        mine = (received_alarms.c.case_id == case_id) & (received_alarms.c.number == number)
        found = rows(self._engine, select(received_alarms).where(mine))
        return _alarm(found[0]) if found else None

    def of_cases(self, case_ids: Sequence[str]) -> dict[str, ReceivedAlarm]:
        """By the identifier of what was received."""
        query = select(received_alarms).where(received_alarms.c.case_id.in_(case_ids))
        return {row["share_id"]: _alarm(row) for row in rows(self._engine, query)}

    def is_overtaken(self, alarm: ReceivedAlarm) -> bool:
        """Whether the partner has sent a newer revision: only that one is told."""
        same = (received_alarms.c.case_id == alarm.case_id) & (received_alarms.c.partner == alarm.partner)
        query = select(received_alarms.c.share_id).where(same, received_alarms.c.revision > alarm.revision)
        return bool(rows(self._engine, query.limit(1)))

    def number(self, alarm: ReceivedAlarm) -> int | None:
        """Give a result its place among the alerts of its case, once and for all; None where our own analysis has an alert."""
        with translated(), self._engine.begin() as connection:
            mine = received_alarms.c.share_id == alarm.share_id
            known = connection.execute(select(received_alarms.c.number).where(mine)).scalar()
            if known is not None:
                return int(known)
            number = _next(connection, alarm)
            connection.execute(update(received_alarms).where(mine).values(number=number))
        return number

    def settle(self, alarm: ReceivedAlarm, now: datetime) -> None:
        """People have been called, or nobody is to be."""
        mine = received_alarms.c.share_id == alarm.share_id
        run(self._engine, update(received_alarms).where(mine).values(settled_at=utc_text(now)))

    def owed(self, since: datetime) -> list[Owed]:
        """Who has a case that was received since a moment and whose partner has not heard it: the last word of each."""
        ours, said = received_alarms.c, share_answers.c
        told = exists().where(
            said.direction == Direction.GIVEN.value,
            said.partner == ours.partner,
            said.case_id == ours.case_id,
            said.word.in_([word.value for word in HELD]),
            said.at >= posts.c.at,
        )
        joined = select(ours.partner, func.max(ours.revision).label("theirs"), *posts.c).join(
            posts, posts.c.case_id == ours.case_id
        )
        query = (
            joined.where(ours.settled_at >= utc_text(since), posts.c.kind.in_(list(HELD.values())), ~told)
            .group_by(ours.partner, *posts.c)
            .order_by(posts.c.id)
        )
        last = {(row["partner"], row["case_id"]): row for row in rows(self._engine, query)}
        return [_owed(row) for row in last.values()]


def note_within(
    connection: Connection, share_id: str, partner: str, case_id: str, revision: int, scanned_at: str | None
) -> None:
    """People are to hear of a result; within the transaction that writes it down."""
    known = {"share_id": share_id, "partner": partner, "case_id": case_id, "revision": revision}
    insert_within(connection, received_alarms, {**known, "scanned_at": scanned_at})


def _next(connection: Connection, alarm: ReceivedAlarm) -> int | None:
    """The number of a new alert; none of our own revisions will have it.

    A case that has only partners' results counts them. One that is still receiving goes on with the next number, under which
    our own result is compared with the partner's later. One without perfusion images has the partner's result now.
    """
    chosen = cases.c.id == alarm.case_id
    case = connection.execute(select(cases).where(chosen).with_for_update()).mappings().one()
    state, present = case["state"], int(case["revision"])
    if state in OURS:
        return None
    if state == CaseState.RECEIVING.value:
        connection.execute(update(cases).where(chosen).values(revision=present + 1))
        return present
    number = present + _is_told(connection, alarm.case_id, present)
    theirs = {"state": CaseState.RECEIVED.value, "reason": f"received from {alarm.partner}"}
    connection.execute(update(cases).where(chosen).values(revision=number, **theirs))
    return number


def _is_told(connection: Connection, case_id: str, number: int) -> bool:
    """Whether a number is given away already."""
    given = exists().where(received_alarms.c.case_id == case_id, received_alarms.c.number == number)
    said = exists().where(announcements.c.case_id == case_id, announcements.c.revision == number)
    return bool(connection.execute(select(given | said)).scalar())


def _alarm(row: RowMapping) -> ReceivedAlarm:
    return ReceivedAlarm(**row)


def _owed(row: RowMapping) -> Owed:
    plain = {name: row[name] for name in Post.__slots__}
    return Owed(row["partner"], row["theirs"], Post(**{**plain, "kind": PostKind(row["kind"])}))
