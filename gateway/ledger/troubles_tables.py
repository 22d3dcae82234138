"""The table of what has fallen silent, fails or drifts; of its own, so that older ledgers just get it."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from gateway.ledger.schema import metadata

troubles = Table(
    "troubles",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("detail", Text, nullable=False),
    Column("opened_at", String(32), nullable=False, index=True),
    Column("told_at", String(32)),
    Column("tellings", Integer, nullable=False, default=0),
    Column("closed_at", String(32)),
    Column("closing", Text),
    Column("closing_told_at", String(32)),
)
Index(
    "troubles_open",
    troubles.c.kind,
    troubles.c.subject,
    unique=True,
    sqlite_where=troubles.c.closed_at.is_(None),
    postgresql_where=troubles.c.closed_at.is_(None),
)
"""Open once for each subject, whoever asks."""
