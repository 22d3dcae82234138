"""The table of when patients came: what admissions and registrations (ADT^A01, ADT^A04) say."""

from sqlalchemy import Column, String, Table

from gateway.ledger.schema import metadata

visits = Table(
    "visits",
    metadata,
    Column("identity_key", String(36), primary_key=True),
    Column("arrived_at", String(32), primary_key=True),
    Column("told_at", String(32), nullable=False),
)
"""By the patient's key at the time of the message; `arrived_at` is by the sender's clock and never later than it came."""
