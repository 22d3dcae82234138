"""Tables of what goes to medical records: letters beside their deliveries, and how each destination fares.

Tables of their own, so that older ledgers just get them.
"""

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint

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
