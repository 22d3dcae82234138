"""Messages as they came, what became of each, and why."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, bindparam, func, insert, select, update

from gateway.ledger.orders_tables import inbox
from gateway.ledger.records import utc_text
from gateway.ledger.statements import rows


class InboxState(StrEnum):
    """What became of a message."""

    APPLIED = "applied"
    REFUSED = "refused"
    """It wants a person: nothing tries it again by itself, and it can be replayed."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message in the inbox.

    Attributes
    ----------
    sender
        Application and facility, MSH-3 and MSH-4.
    raw
        Byte for byte what came between the marks of the frame.
    type
        Message type and trigger, such as ``ORM^O01``.
    condition, place
        HL7 table 0357 and ERR-2, when refused.
    reason, remarks
        What is wrong or was unusual, in words that name nobody.
    repeats
        How often the same message came again.
    """

    id: int
    sender: str
    control_id: str
    type: str
    received_at: str
    state: InboxState
    condition: str | None
    place: str | None
    reason: str | None
    remarks: tuple[str, ...]
    repeats: int
    applied_at: str | None
    raw: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message; the first three are what an acknowledgement says when it was refused."""

    state: InboxState
    condition: str = ""
    place: str = ""
    reason: str = ""
    remarks: tuple[str, ...] = ()


def digest_of(raw: bytes) -> str:
    """Name of a message's content."""
    return hashlib.sha256(raw).hexdigest()


_LISTED = [column for column in inbox.c if column.name != "raw"]


class Inbox:
    """Messages of all senders; reading never needs what is in them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def latest(self, limit: int, state: InboxState | None = None) -> list[Received]:
        """Messages without their bytes, youngest first."""
        query = select(*_LISTED).order_by(inbox.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(inbox.c.state == state.value)
        return [_received(row) for row in rows(self._engine, query)]

    def get(self, inbox_id: int) -> Received | None:
        """One message with its bytes, or None."""
        found = rows(self._engine, select(inbox).where(inbox.c.id == inbox_id))
        return _received(found[0]) if found else None

    def counts(self) -> dict[str, int]:
        """Number of messages by state."""
        query = select(inbox.c.state, func.count().label("n")).group_by(inbox.c.state)
        return {row["state"]: row["n"] for row in rows(self._engine, query)}


_SAME_ID = select(*_LISTED, inbox.c.digest).where(
    inbox.c.sender == bindparam("sender"), inbox.c.control_id == bindparam("control_id")
)
_KEEP = insert(inbox).returning(inbox.c.id)
"""Built once: building a statement takes longer than running it."""


def known_message(
    connection: Connection, sender: str, control_id: str, digest: str
) -> tuple[tuple[int, Outcome] | None, bool]:
    """What became of exactly this message before, and whether others have come under its control id.

    Within the caller's transaction; a repeat is counted.
    """
    found = connection.execute(_SAME_ID, {"sender": sender, "control_id": control_id}).mappings().all()
    same = next((row for row in found if row["digest"] == digest), None)
    if same is None:
        return None, bool(found)
    again = update(inbox).where(inbox.c.id == same["id"])
    connection.execute(again.values(repeats=inbox.c.repeats + 1))
    return (same["id"], _outcome(same)), False


def keep(connection: Connection, values: dict[str, Any], now: datetime) -> int:
    """Keep a message within the caller's transaction, applied unless something else is noted; returns its id."""
    fresh = {
        "state": InboxState.APPLIED.value, "remarks": [], "repeats": 0,
        "received_at": utc_text(now), "applied_at": utc_text(now),
    }  # fmt: skip
    return int(connection.execute(_KEEP, {**fresh, **values}).scalar_one())


def conclude(connection: Connection, inbox_id: int, outcome: Outcome, now: datetime) -> None:
    """Note what became of a message, within the caller's transaction."""
    values = {
        "state": outcome.state.value,
        "condition": outcome.condition or None,
        "place": outcome.place or None,
        "reason": outcome.reason or None,
        "remarks": list(outcome.remarks),
        "applied_at": None if outcome.state is InboxState.REFUSED else utc_text(now),
    }
    connection.execute(update(inbox).where(inbox.c.id == inbox_id).values(**values))


def _outcome(row: RowMapping) -> Outcome:
    known = {name: row[name] or "" for name in ("condition", "place", "reason")}
    return Outcome(InboxState(row["state"]), **known, remarks=tuple(row["remarks"]))


def _received(row: RowMapping) -> Received:
    plain: dict[str, Any] = {name: row[name] for name in row if name in Received.__slots__}
    remarks: Sequence[str] = row["remarks"]
    return Received(**{**plain, "state": InboxState(row["state"]), "remarks": tuple(remarks)})
