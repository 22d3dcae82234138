"""Tables of the access log."""

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from gateway.ledger.schema import metadata

accesses = Table(
    "accesses",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("person_id", String(36)),
    Column("name", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("case_id", String(36)),
    Column("detail", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Index("accesses_case", "case_id", "number"),
    Index("accesses_person", "person_id", "number"),
)
"""Who did what: numbered without a gap, and each row's digest covers the one before."""

head = Table(
    "accesses_head",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
)
"""The last row's number and digest: whoever appends holds it, and a row that was cut off at the end is missed."""
