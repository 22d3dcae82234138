"""What the team was told of each revision, and which alert stands until somebody answers it.

A revision *rings* when the team must hear of it. One that changes nothing for the team does not ring, and then the alert
that rang last stands as it was: answered, or escalated further until it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Engine, Integer, String, Table, exists, select, update

from gateway.ledger.cases import ALERT_TIMES
from gateway.ledger.moments import note
from gateway.ledger.records import Case, moment_of, utc_text
from gateway.ledger.schema import cases, metadata
from gateway.ledger.statements import insert_within, rows, translated

announcements = Table(
    "announcements",
    metadata,
    Column("case_id", String(36), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("former", Integer),
    Column("rings", Boolean, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("result", JSON, nullable=False),
    Column("announced_at", String(32), nullable=False),
)
"""A table of its own, so that older ledgers just get it."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One revision as it was announced.

    Attributes
    ----------
    former
        The revision with which it was compared: the one whose alert stood then. None when nothing had been told.
    rings
        Whether it has an alert of its own.
    reasons
        What changed for the team, in words.
    """

    case_id: str
    revision: int
    former: int | None
    rings: bool
    reasons: tuple[str, ...]
    result: Mapping[str, Any]


class Announcements:
    """Announcements of all cases; the first word about a revision stands, whatever is repeated."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_cases(self, case_ids: Sequence[str]) -> dict[str, list[Announcement]]:
        """Announcements of each case, oldest revision first."""
        query = select(announcements).where(announcements.c.case_id.in_(case_ids))
        found: dict[str, list[Announcement]] = {case_id: [] for case_id in case_ids}
        for row in rows(self._engine, query.order_by(announcements.c.revision)):
            plain = {name: row[name] for name in row if name != "announced_at"}
            found[row["case_id"]].append(Announcement(**{**plain, "reasons": tuple(row["reasons"])}))
        return found

    def of_case(self, case_id: str) -> list[Announcement]:
        """Announcements of one case, oldest revision first."""
        return self.of_cases([case_id])[case_id]

    def get(self, case_id: str, revision: int) -> Announcement | None:
        """Return what was said of one revision, or None."""
        return next((told for told in self.of_case(case_id) if told.revision == revision), None)

    def announced_at(self, case_id: str, revision: int) -> datetime | None:
        """When a revision was announced; None when it was not."""
        chosen = (announcements.c.case_id == case_id) & (announcements.c.revision == revision)
        found = rows(self._engine, select(announcements.c.announced_at).where(chosen))
        return moment_of(found[0]["announced_at"]) if found else None

    def standing(self, case: Case) -> int:
        """The revision whose alert stands: the last that rang."""
        return standing_of(case, self.of_case(case.id))

    def record(self, new: Announcement, now: datetime) -> None:
        """Note an announcement once; one that rings begins an alert that nobody has answered."""
        values = {name: getattr(new, name) for name in Announcement.__slots__}
        values |= {"reasons": list(new.reasons), "result": dict(new.result), "announced_at": utc_text(now)}
        fresh = {**dict.fromkeys(ALERT_TIMES), "acknowledged_by": None}
        # One transaction: a new alert must never be found answered because the one before it was.
        with translated(), self._engine.begin() as connection:
            first = insert_within(connection, announcements, values)
            if first and new.rings:
                connection.execute(update(cases).where(cases.c.id == new.case_id).values(**fresh))

    def stamp(self, case_id: str, alert: int, name: str, now: datetime, **also: str) -> bool:
        """Record that `name`, one of `ALERT_TIMES`, happened to the alert that this revision rang; the first stands."""
        later = exists().where(
            announcements.c.case_id == case_id, announcements.c.revision > alert, announcements.c.rings
        )
        statement = update(cases).where(cases.c.id == case_id, cases.c[name].is_(None), ~later)
        stamped = statement.values(**{name: utc_text(now)}, **also).returning(cases.c.id)
        with translated(), self._engine.begin() as connection:
            first = connection.execute(stamped).first() is not None
            if first:
                note(connection, case_id, alert, {name: utc_text(now)})
        return first


def standing_of(case: Case, known: Sequence[Announcement]) -> int:
    """As `Announcements.standing`, of what was read already; without a word about it, the alert of the present revision."""
    return max((told.revision for told in known if told.rings), default=case.revision)
