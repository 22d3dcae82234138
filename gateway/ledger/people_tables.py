"""Tables of the people of the stroke team."""

from sqlalchemy import JSON, Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint

from gateway.ledger.schema import metadata

people = Table(
    "people",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("login", String(64), nullable=False, unique=True),
    Column("name", String(64), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("language", String(2), nullable=False),
    Column("phone", String(32), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", String(32), nullable=False),
)

subjects = Table(
    "people_subjects",
    metadata,
    Column("issuer", String(255), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("person_id", String(36), nullable=False),
)
"""Who somebody is to an OpenID provider."""

contacts = Table(
    "people_contacts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("person_id", String(36), nullable=False, index=True),
    Column("place", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("address", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("active", Boolean, nullable=False),
)

devices = Table(
    "people_devices",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("person_id", String(36), nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("p256dh", Text, nullable=False),
    Column("auth", Text, nullable=False),
    Column("label", String(80), nullable=False),
    Column("created_at", String(32), nullable=False),
    UniqueConstraint("endpoint"),
    Index("people_devices_person", "person_id"),
)
"""A browser has one endpoint, which belongs to whoever subscribed last."""
