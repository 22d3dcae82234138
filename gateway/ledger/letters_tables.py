"""Tables of what goes to medical records: letters beside their deliveries, and how each destination fares.

Tables of their own, so that older ledgers just get them.
"""

from datetime import datetime

from sqlalchemy import JSON, Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint

from gateway.ledger.letter import Cause
from gateway.ledger.records import DeliveryKind, DeliveryState, utc_text
from gateway.ledger.schema import metadata

letters = Table(
    "letters",
    metadata,
    Column("delivery_id", String(160), primary_key=True),
    Column("destination", String(80), nullable=False),
    Column("case_id", String(36), nullable=False),
    Column("edition", Integer, nullable=False),
    Column("cause", String(16), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("is_open", Boolean, nullable=False),
    Column("due_at", String(32)),
    UniqueConstraint("case_id", "destination", "edition"),
    Index("letters_waiting", "destination", "is_open"),
)
"""One letter of a case to one destination; `is_open` while its delivery is wanted, `due_at` when it is tried next."""

addressees = Table(
    "addressees",
    metadata,
    Column("delivery_id", String(160), primary_key=True),
    Column("destination", String(80), nullable=False),
    Column("case_id", String(36), nullable=False),
    Column("filing", Integer),
    Column("recipient", JSON),
    Column("withdrawn_by", String(160), index=True),
    Index("addressees_of_case", "case_id", "destination"),
)
"""Whose record a letter was written for; without a filing somebody has begun to write it and sent nothing yet."""

destinations = Table(
    "destinations",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("paused_at", String(32)),
    Column("paused_by", String(64)),
    Column("away_since", String(32)),
    Column("trouble", Text),
    Column("tried_at", String(32)),
    Column("delivered_at", String(32)),
)


def delivery_row(key: str, case_id: str, revision: int, destination: str, now: datetime) -> dict[str, object]:
    """The delivery of a letter that waits."""
    what = {"id": key, "case_id": case_id, "revision": revision, "kind": DeliveryKind.EMR.value}
    moments = {"queued_at": utc_text(now), "updated_at": utc_text(now)}
    return {**what, "target": destination, "state": DeliveryState.QUEUED.value, "attempts": 0, **moments}


def letter_row(
    key: str, case_id: str, destination: str, edition: int, cause: Cause, reason: str
) -> dict[str, object]:
    """A letter that waits."""
    what = {"delivery_id": key, "destination": destination, "case_id": case_id, "edition": edition}
    return {**what, "cause": cause.value, "reason": reason, "is_open": True}
