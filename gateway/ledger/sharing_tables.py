"""Tables of what goes to and comes from other hospitals; of their own, so that older ledgers just get them."""

from sqlalchemy import JSON, Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint

from gateway.ledger.schema import metadata

shares = Table(
    "shares",
    metadata,
    Column("delivery_id", String(160), primary_key=True),
    Column("partner", String(40), nullable=False),
    Column("case_id", String(36), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("asked_at", String(32), nullable=False),
    Column("opened_at", String(32), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("with_images", Boolean, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("objects", Integer, nullable=False, default=0),
    Column("accepted", Integer, nullable=False, default=0),
    Column("announced_at", String(32)),
    Column("results_at", String(32)),
    Column("maps_at", String(32)),
    Column("images_at", String(32)),
    Column("updated_at", String(32), nullable=False),
    Index("shares_open", "partner", "is_open"),
    Index("shares_case", "case_id"),
)
"""One revision of a case on its way to one partner, beside its delivery; `objects` and `accepted` are of the stage."""

shared_objects = Table(
    "shared_objects",
    metadata,
    Column("partner", String(40), primary_key=True),
    Column("sop_instance_uid", String(64), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("refusal", Text),
)
"""What a partner has accepted, byte for byte, or refused and why: a later handover does not send it again."""

received_shares = Table(
    "received_shares",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("partner", String(40), nullable=False),
    Column("study_uid", String(64), nullable=False),
    Column("case_id", String(36), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("result", JSON, nullable=False),
    Column("announced_at", String(32), nullable=False),
    Column("results_at", String(32)),
    Column("maps_at", String(32)),
    Column("images_at", String(32)),
    Column("updated_at", String(32), nullable=False),
    UniqueConstraint("partner", "study_uid", "revision"),
)
"""One revision of a study that a partner has announced, with its result; times are by our clock."""

received_alarms = Table(
    "received_alarms",
    metadata,
    Column("share_id", String(36), primary_key=True),
    Column("partner", String(40), nullable=False),
    Column("case_id", String(36), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("scanned_at", String(32)),
    Column("number", Integer),
    Column("settled_at", String(32), index=True),
)
"""Received revisions of which people are to hear: each from the transaction that wrote it down, so none is forgotten.

`revision` is the partner's, `number` that of the case's alert here. `scanned_at` is by the partner's clock. `settled_at` is
when the alert had begun, or it was clear that there is none.
"""

share_answers = Table(
    "share_answers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("direction", String(8), nullable=False),
    Column("partner", String(40), nullable=False),
    Column("case_id", String(36), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("word", String(16), nullable=False),
    Column("remark", Text, nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", String(32), nullable=False),
    Column("arrived_at", String(32)),
    Column("trouble", Text),
    UniqueConstraint("direction", "partner", "case_id", "number"),
)
"""Answers given to partners and received from them; never changed, the highest number counts.

`arrived_at` is when it was there: told to the partner, or received here. `trouble` says why it is not yet.
"""

exchange_nonces = Table(
    "exchange_nonces",
    metadata,
    Column("partner", String(40), primary_key=True),
    Column("nonce", String(32), primary_key=True),
    Column("at", String(32), nullable=False, index=True),
)
"""Requests that were admitted lately: none is admitted twice."""
