"""The table of what the team says about a case."""

from sqlalchemy import Column, Integer, String, Table, Text

from gateway.ledger.schema import metadata, row_id

posts = Table(
    "posts",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("case_id", String(36), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("person_id", String(36)),
    Column("name", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", String(32), nullable=False),
)
"""Never changed and never deleted: a thread is part of what happened."""
