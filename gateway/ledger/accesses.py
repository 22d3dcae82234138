"""The access log: who came in, saw, answered, exported, changed and revoked.

Every row's digest covers the row and the digest before it, so that a row that is changed, taken out or put in later
breaks the chain from there on, and a row cut off at the end is missed by the head. Whoever can write to the database
could compute the whole chain anew: keep the head's digest elsewhere from time to time, and give it to `Accesses.verify`.
"""

import hashlib
import json
import operator
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, Engine, RowMapping, Select, insert, select, update

from gateway.ledger.accesses_tables import accesses, head
from gateway.ledger.records import utc_text
from gateway.ledger.statements import insert_within, rows, translated
from gateway.team.people import Actor

LONGEST_NAME = 64
LONGEST_DETAIL = 200
READ_AT_ONCE = 1000
GENESIS = "0" * 64
"""What stands before the first row."""
_HEAD = "accesses"


class Action(StrEnum):
    """What is written down of somebody."""

    LOGGED_IN = "logged in"
    LOGIN_FAILED = "login failed"
    LOGGED_OUT = "logged out"
    OPENED = "opened"
    ANSWERED = "answered"
    JUDGED = "judged"
    SIGNED = "signed"
    EXPORTED = "exported"
    SHARED = "shared"
    REVOKED = "revoked"
    CHANGED_PEOPLE = "changed people"
    CHANGED_ROTA = "changed rota"
    CHANGED_SELF = "changed own account"
    OPERATED = "operated"
    REFUSED = "refused"
    """Somebody who had come in tried what is not theirs to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: `kind` is that of the actor, `name` who that was at the time."""

    number: int
    at: str
    kind: str
    person_id: str | None
    name: str = field(repr=False)
    action: str
    case_id: str | None
    detail: str = field(repr=False)
    digest: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `Accesses.verify` found: how many rows hold, and the number of the first that does not."""

    rows: int
    digest: str
    broken_at: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing was changed, taken out or cut off."""
        return self.broken_at is None


class Accesses:
    """The access log of one site; rows are added and read, never changed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(
        self, actor: Actor | None, action: Action | str, case_id: str | None, detail: str, now: datetime
    ) -> None:
        """Write a row; durable when this returns. `actor` is None for somebody who did not come in.

        Raises
        ------
        TemporaryError
            The database is away: what was to be noted is not.
        """
        row: dict[str, object] = {
            "at": utc_text(now),
            "kind": actor.kind.value if actor else "nobody",
            "person_id": actor.person_id if actor else None,
            "name": _line(actor.name if actor else "", LONGEST_NAME),
            "action": str(action),
            "case_id": case_id,
            "detail": _line(detail, LONGEST_DETAIL),
        }
        with translated(), self._engine.begin() as connection:
            _append(connection, row)

    def latest(
        self,
        *,
        case_id: str | None = None,
        person_id: str | None = None,
        first: str | None = None,
        end: str | None = None,
        before: int | None = None,
        limit: int = 200,
    ) -> list[Entry]:
        """Rows, youngest first: of a case, of a person, from `first` until before `end` (UTC texts), numbered below `before`."""
        wanted = (
            (accesses.c.case_id, operator.eq, case_id),
            (accesses.c.person_id, operator.eq, person_id),
            (accesses.c.at, operator.ge, first),
            (accesses.c.at, operator.lt, end),
            (accesses.c.number, operator.lt, before),
        )
        chosen = [compare(column, value) for column, compare, value in wanted if value is not None]
        query = select(accesses).where(*chosen).order_by(accesses.c.number.desc()).limit(limit)
        return [Entry(**row) for row in rows(self._engine, query)]

    def verify(self, known: tuple[int, str] | None = None) -> Verdict:
        """Compute the chain anew, of as many rows as the log had at the start.

        Parameters
        ----------
        known
            Number and digest of a row as somebody kept them elsewhere (`head`): the log must still have that row.
        """
        number, last = self.head()
        previous, expected = GENESIS, 1
        for row in self._rows_up_to(number):
            kept = row["digest"] if known is None or row["number"] != known[0] else known[1]
            if (
                row["number"] != expected
                or digest_of(previous, row) != row["digest"]
                or kept != row["digest"]
            ):
                return Verdict(expected - 1, previous, expected)
            previous, expected = row["digest"], expected + 1
        missing = expected <= max(number, known[0] if known else 0) or previous != last
        return Verdict(expected - 1, previous, expected if missing else None)

    def head(self) -> tuple[int, str]:
        """Number and digest of the last row."""
        found = rows(self._engine, select(head).where(head.c.name == _HEAD))
        return (found[0]["number"], found[0]["digest"]) if found else (0, GENESIS)

    def _rows_up_to(self, number: int) -> Iterator[RowMapping]:
        position = -1
        while found := rows(self._engine, _part(position, number)):
            yield from found
            position = found[-1]["number"]


def digest_of(previous: str, row: RowMapping | dict[str, object]) -> str:
    """Digest of a row on top of the one before it: SHA-256 of both as JSON, hexadecimal."""
    names = [column.name for column in accesses.columns if column.name != "digest"]
    text = json.dumps([previous, *(row[name] for name in names)], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _append(connection: Connection, row: dict[str, object]) -> None:
    """Add a row behind the last one; the head's row is held until the end, so that two writers never fork the chain."""
    insert_within(connection, head, {"name": _HEAD, "number": 0, "digest": GENESIS})
    mine = head.c.name == _HEAD
    taking = update(head).where(mine).values(number=head.c.number + 1)
    number, previous = connection.execute(taking.returning(head.c.number, head.c.digest)).one()
    row = {"number": number, **row}
    row["digest"] = digest_of(previous, row)
    connection.execute(insert(accesses).values(**row))
    connection.execute(update(head).where(mine).values(digest=row["digest"]))


def _part(position: int, number: int) -> Select[tuple[object, ...]]:
    between = (accesses.c.number > position) & (accesses.c.number <= number)
    return select(accesses).where(between).order_by(accesses.c.number).limit(READ_AT_ONCE)


def _line(text: str, longest: int) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:longest]
