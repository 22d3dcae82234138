"""Tables of who sends images, of the channels' health, of clocks and of the phantom; of their own, so that older ledgers just get them."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Integer, String, Table, Text

from gateway.ledger.schema import metadata

visits = Table(
    "source_visits",
    metadata,
    Column("association_id", String(36), primary_key=True),
    Column("began_at", String(32), primary_key=True),
    Column("source", String(16), nullable=False, index=True),
    Column("ended_at", String(32), nullable=False, index=True),
    Column("images", Integer, nullable=False),
    Column("lag_s", Float),
)
"""Images of one association without a pause between them; `lag_s` is the least of their lags, by which an image came after
its own header's local time, read as UTC."""

unexpected = Table(
    "sources_unexpected",
    metadata,
    Column("source", String(16), primary_key=True),
    Column("by", String(64), nullable=False),
    Column("since", String(32), nullable=False),
)
"""Scanners of which a person has said that nobody waits for them any more."""

tallies = Table(
    "source_tallies",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("arrival_id", BigInteger, nullable=False, default=0),
)
"""Up to which arrival the visits are counted."""

probes = Table(
    "channel_probes",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("target", String(80), nullable=False),
    Column("used_by", Integer, nullable=False, default=0),
    Column("probed_at", String(32)),
    Column("worked_at", String(32)),
    Column("failures", Integer, nullable=False, default=0),
    Column("reason", Text),
    Column("next_at", String(32), nullable=False),
    Column("listed_at", String(32), nullable=False),
)
"""Channels by the digest of their address; `target` is redacted."""

clocks = Table(
    "clock_looks",
    metadata,
    Column("reference", String(40), primary_key=True),
    Column("offset_s", Float),
    Column("uncertainty_s", Float),
    Column("said", Text, nullable=False),
    Column("looked_at", String(32), nullable=False),
)
"""Our clock by each of its references: `offset_s` is the reference's time less ours."""

phantoms = Table(
    "phantoms",
    metadata,
    Column("study_uid", String(64), primary_key=True),
    Column("calling_ae", String(16), nullable=False),
    Column("to_archive", Boolean, nullable=False),
    Column("begun_at", String(32), nullable=False, index=True),
    Column("sent_at", String(32)),
    Column("cancelled_at", String(32)),
    Column("ended_at", String(32)),
    Column("outcome", String(16)),
    Column("detail", Text),
    Column("seconds", Float),
    Column("numbers", JSON),
    Column("removed_at", String(32)),
    Column("disowned_at", String(32)),
)
"""Made-up patients that we sent ourselves: written before the first image, removed when every trace of them is gone.

`disowned_at`: somebody else has sent an image of the study, so it is a patient's.
"""
