"""Tables of what people prove themselves with. Nothing in them logs anybody in by itself."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table, Text

from gateway.ledger.schema import metadata

passwords = Table(
    "passwords",
    metadata,
    Column("person_id", String(36), primary_key=True),
    Column("hash", Text, nullable=False),
    Column("changed_at", String(32), nullable=False),
)

authenticators = Table(
    "authenticators",
    metadata,
    Column("person_id", String(36), primary_key=True),
    Column("seed", LargeBinary, nullable=False),
    Column("confirmed_at", String(32)),
    Column("last_step", Integer, nullable=False, default=0),
)
"""Seeds of one-time codes, enciphered with a key outside the database; `last_step` is the last code that was used."""

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person_id", String(36), nullable=False, index=True),
    Column("used_at", String(32)),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("credential_id", Text, nullable=False),
    Column("person_id", String(36), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", Integer, nullable=False),
    Column("label", String(80), nullable=False),
    Column("synced", Boolean, nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("used_at", String(32)),
    Index("passkeys_person", "person_id"),
)
"""`id` is a digest of the credential's, which may be a kilobyte long."""

welcomes = Table(
    "welcomes",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person_id", String(36), nullable=False, index=True),
    Column("expires_at", String(32), nullable=False),
)
"""Words that let somebody choose a password, once."""
