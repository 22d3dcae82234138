"""Tables of what radiologists say of results, and of the segmentations that bring an edited core."""

from sqlalchemy import Boolean, Column, Float, Index, Integer, String, Table, Text

from gateway.ledger.schema import metadata, row_id

judgements = Table(
    "judgements",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("case_id", String(36), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("reason", String(16)),
    Column("text", Text, nullable=False),
    Column("person_id", String(36)),
    Column("name", String(64), nullable=False),
    Column("said", String(24), nullable=False),
    Column("confirms", Boolean),
    Column("at", String(32), nullable=False),
    Column("core_ml", Float),
    Column("overlap", Float),
    Column("series_uid", String(64)),
    Column("origin", String(64), unique=True),
    Index("judgements_said", "said", "at"),
)
"""Never changed and never deleted. `said` and `confirms` are kept as they were when it was judged: they outlast results."""

edits = Table(
    "edits",
    metadata,
    Column("sop_instance_uid", String(64), primary_key=True),
    Column("case_id", String(36), nullable=False, index=True),
    Column("series_uid", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", String(32), nullable=False),
)
"""Segmentations that came back, and what became of each."""

bringers = Table(
    "edits_bringers",
    metadata,
    Column("sop_instance_uid", String(64), primary_key=True),
    Column("person_id", String(36)),
    Column("name", String(64), nullable=False),
    Column("at", String(32), nullable=False),
)
"""Who stored a segmentation through our own origin: written before the object itself."""
