"""Tables of what scanners say they do: steps that were performed, what they belong to, and what was remarked of a scan.

No person stands here; an accession number leads to one and is never logged.
"""

from sqlalchemy import JSON, Column, Integer, String, Table, Text

from gateway.ledger.schema import metadata

steps = Table(
    "performed_steps",
    metadata,
    Column("uid", String(64), primary_key=True),
    Column("status", String(16), nullable=False, index=True),
    Column("calling_ae", String(16), nullable=False),
    Column("station_ae", String(16), nullable=False),
    Column("modality", String(16), nullable=False),
    Column("series", JSON, nullable=False),
    Column("started", JSON, nullable=False),
    Column("ended", JSON, nullable=False),
    Column("reason_code", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("updated_at", String(32), nullable=False),
    Column("version", Integer, nullable=False),
)
"""`started` and `ended` are by the scanner's clock, the other times by ours; `version` counts the changes."""

links = Table(
    "performed_links",
    metadata,
    Column("uid", String(64), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("study_uid", String(64), nullable=False, index=True),
    Column("accession_number", String(64), nullable=False),
    Column("procedure_id", String(64), nullable=False),
    Column("step_id", String(64), nullable=False),
    Column("order_key", String(36), index=True),
)
"""Entries of the worklist that a step belongs to, and the order where one is known."""

remarks = Table(
    "scan_remarks",
    metadata,
    Column("case_id", String(36), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("texts", JSON, nullable=False),
)
"""What the scanner's own account says against a scan that is analysed; it goes into the result."""

told = Table(
    "availability_told",
    metadata,
    Column("study_uid", String(64), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("seen_arrival_id", Integer, nullable=False),
)
"""Up to which arrival other systems are told of a study, and how often they were."""
