"""The table of calls: who was told of what, on which channel, and how far it came."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from gateway.ledger.schema import metadata

CALL_TIMES = (
    "queued_at",
    "sent_at",
    "delivered_at",
    "opened_at",
    "acknowledged_at",
    "declined_at",
    "escalated_at",
    "closed_at",
    "failed_at",
)
"""The times of a call; the first of each stands."""

calls = Table(
    "calls",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("subject", String(80), nullable=False),
    Column("case_id", String(36)),
    Column("revision", Integer),
    Column("step", Integer, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("notice", String(16), nullable=False),
    Column("person_id", String(36)),
    Column("contact_id", String(36)),
    Column("place", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("target", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("detail", Text),
    Column("due_at", String(32)),
    Column("held_by", Text),
    Column("held_until", String(32)),
    Column("updated_at", String(32), nullable=False),
    *(Column(name, String(32), nullable=name != "queued_at") for name in CALL_TIMES),
    Index("calls_subject", "subject"),
    Index("calls_case", "case_id"),
    Index("calls_person", "person_id", "queued_at"),
)
"""`held_by` and `held_until` name the process that is sending a call now; `due_at` is the moment of its next attempt."""
