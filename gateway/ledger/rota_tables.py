"""Tables of the rota."""

from sqlalchemy import Column, Integer, String, Table, Text

from gateway.ledger.schema import metadata, row_id

shifts = Table(
    "rota_shifts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("role", String(32), nullable=False),
    Column("person_id", String(36), nullable=False),
    Column("weekday", Integer, nullable=False),
    Column("starts", String(5), nullable=False),
    Column("ends", String(5), nullable=False),
    Column("from_day", String(10)),
    Column("until_day", String(10)),
)
"""The weekly pattern; a shift that is taken out of it leaves no row: who changed what stands in the access log."""

swaps = Table(
    "rota_swaps",
    metadata,
    Column("number", row_id, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("role", String(32), nullable=False),
    Column("starts_at", String(32), nullable=False),
    Column("ends_at", String(32), nullable=False, index=True),
    Column("absent", String(36)),
    Column("instead", String(36)),
    Column("by", String(64), nullable=False),
    Column("note", Text, nullable=False),
)
"""Exceptions; `number` is the order in which they were made, and the last word counts."""
