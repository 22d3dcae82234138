"""Tables of what the hospital's systems send: messages, orders, patients and which study belongs to which.

Patients are kept as they were told. A merge leaves both in place and says which of them is followed, so that it can be
looked at later; nothing about a person is ever overwritten by a message that is older than what is known.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from gateway.ledger.schema import metadata, row_id

LONGEST_NUMBER = 64
"""Letters of a number that is a key: order, accession, patient; DICOM allows 16 and 64, HL7 22 to 427."""

inbox = Table(
    "inbox",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("sender", String(200), nullable=False),
    Column("control_id", String(200), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("type", String(32), nullable=False),
    Column("received_at", String(32), nullable=False, index=True),
    Column("state", String(16), nullable=False, index=True),
    Column("condition", String(8)),
    Column("place", String(32)),
    Column("reason", Text),
    Column("remarks", JSON, nullable=False),
    Column("repeats", Integer, nullable=False, default=0),
    Column("applied_at", String(32)),
    UniqueConstraint("sender", "control_id", "digest"),
)
"""Every message byte for byte. The same control id with other content is another message: senders begin to count anew."""

orders = Table(
    "orders",
    metadata,
    Column("key", String(36), primary_key=True),
    Column("placer", String(LONGEST_NUMBER), nullable=False, index=True),
    Column("placer_issuer", String(LONGEST_NUMBER), nullable=False),
    Column("filler", String(LONGEST_NUMBER), nullable=False, index=True),
    Column("filler_issuer", String(LONGEST_NUMBER), nullable=False),
    Column("accession_number", String(LONGEST_NUMBER), nullable=False, index=True),
    Column("accession_issuer", String(LONGEST_NUMBER), nullable=False),
    Column("procedure", JSON, nullable=False),
    Column("procedure_id", String(LONGEST_NUMBER), nullable=False),
    Column("step_id", String(LONGEST_NUMBER), nullable=False),
    Column("scheduled_at", String(32), index=True),
    Column("modality", String(16), nullable=False),
    Column("station_ae", String(16), nullable=False),
    Column("priority", String(16), nullable=False),
    Column("study_uid", String(64), nullable=False, index=True),
    Column("referring_physician", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("identity_key", String(36), nullable=False, index=True),
    Column("status", String(16), nullable=False, index=True),
    Column("ordered_at", String(32)),
    Column("told_at", String(32), nullable=False),
)
"""`told_at` is the time of the message that was applied last, by its sender's clock."""

identities = Table(
    "identities",
    metadata,
    Column("key", String(36), primary_key=True),
    Column("name", Text, nullable=False),
    Column("birth_date", String(8), nullable=False),
    Column("sex", String(1), nullable=False),
    Column("told_at", String(32), nullable=False),
    Column("merged_into", String(36), index=True),
)

identifiers = Table(
    "identifiers",
    metadata,
    Column("value", String(LONGEST_NUMBER), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("issuer", String(LONGEST_NUMBER), primary_key=True),
    Column("identity_key", String(36), nullable=False, index=True),
    Column("position", Integer, nullable=False),
)
"""A number with its issuer is one patient's; a message that says otherwise needs a person."""

merges = Table(
    "merges",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("from_key", String(36), nullable=False),
    Column("into_key", String(36), nullable=False),
    Column("inbox_id", BigInteger, nullable=False),
    Column("merged_at", String(32), nullable=False),
)

changes = Table(
    "order_changes",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("subject", String(16), nullable=False),
    Column("key", String(36), nullable=False),
    Column("inbox_id", BigInteger),
    Column("changed_at", String(32), nullable=False),
)
"""Which order or patient a message has changed, in the order in which it happened: what has to be matched again."""

matches = Table(
    "matches",
    metadata,
    Column("study_uid", String(64), primary_key=True),
    Column("certainty", String(16), nullable=False, index=True),
    Column("order_key", String(36), index=True),
    Column("identity_key", String(36), index=True),
    Column("priority", String(16), nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("candidates", JSON, nullable=False),
    Column("confirmed_by", String(64)),
    Column("header", JSON, nullable=False),
    Column("accession_number", String(LONGEST_NUMBER), nullable=False, index=True),
    Column("patient_number", String(LONGEST_NUMBER), nullable=False, index=True),
    Column("mark", String(64), nullable=False),
    Column("decided_at", String(32), nullable=False),
)
"""`mark` names what messages carry of patient and order: when it changes, what was sent wants to be corrected."""

corrections = Table(
    "corrections",
    metadata,
    Column("study_uid", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("mark", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at", String(32), nullable=False),
    Column("started_at", String(32)),
    Index("corrections_waiting", "started_at"),
)
"""Results that were sent with a patient or an order that is no longer right."""

positions = Table(
    "order_positions",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""How far a reader of `order_changes` has come."""
