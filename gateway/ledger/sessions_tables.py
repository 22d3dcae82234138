"""Tables of who is logged in, what was taken back, and how often somebody guessed wrong."""

from sqlalchemy import Column, Float, Index, Integer, String, Table

from gateway.ledger.schema import metadata

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("person_id", String(36)),
    Column("stage", String(16), nullable=False),
    Column("means", String(32), nullable=False),
    Column("device", String(80), nullable=False),
    Column("opened_at", String(32), nullable=False),
    Column("seen_at", String(32), nullable=False),
    Column("ends_at", String(32), nullable=False, index=True),
    Index("sessions_person", "person_id"),
)
"""Nobody's person is the site's own access token. The word of a session is never here, only a keyed digest of it."""

revocations = Table(
    "revocations",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("subject", String(64), primary_key=True),
    Column("before_s", Integer, nullable=False),
    Column("revoked_at", String(32), nullable=False),
)
"""Words that opened something and do so no longer, because they were made at `before_s` or earlier."""

attempts = Table(
    "attempts",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_s", Float, nullable=False),
    Column("next_s", Float, nullable=False),
)
"""Wrong guesses per subject, which is a digest: neither a login nor an address can be read from it."""

spent = Table(
    "spent_words",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("expires_s", Integer, nullable=False, index=True),
)
"""Words that are good once, and were used."""
