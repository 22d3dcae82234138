"""Tables of who signed off which result."""

from sqlalchemy import Column, Integer, String, Table, Text

from gateway.ledger.schema import metadata

signoffs = Table(
    "signoffs",
    metadata,
    Column("case_id", String(36), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("physician", String(64), nullable=False),
    Column("role", String(64), nullable=False),
    Column("remark", Text, nullable=False),
    Column("identity", String(16), nullable=False),
    Column("signed_at", String(32), nullable=False),
)
"""At most one of each revision: a later revision is unsigned again."""
