"""Frozen rows of the ledger, as the rest of the program sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from dicom_scp.headers import ImageHeader


class CaseState(StrEnum):
    """Where a case stands."""

    RECEIVING = "receiving"
    ANALYSING = "analysing"
    ANALYSED = "analysed"
    NOT_ANALYSED = "not_analysed"
    NO_PERFUSION = "no_perfusion"
    RECEIVED = "received"
    """From another hospital with its result; not analysed here."""


class DeliveryState(StrEnum):
    """Where one delivery stands; FAILED is the dead letter that a person must look at."""

    QUEUED = "queued"
    RETRYING = "retrying"
    DELIVERED = "delivered"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    """A person gave it up."""


class DeliveryKind(StrEnum):
    """What is being delivered."""

    ALERT = "alert"
    PUBLISH = "publish"
    EMR = "emr"
    NODE = "node"
    """To a further PACS node."""
    ALIGNED = "aligned"
    """The motion-corrected series, which somebody asked for."""
    SIGNOFF = "signoff"
    """What a physician has signed off: the report with the signature, and a verified structured report."""
    AVAILABILITY = "availability"
    """Word that the images are in the archive; its revision counts how often a study was told of."""
    SHARE = "share"
    """To another hospital's gateway: results, maps, images."""


class ObjectState(StrEnum):
    """Where one received object stands on its way to the archive."""

    PENDING = "pending"
    FORWARDED = "forwarded"
    SEEN = "seen"
    """The archive was seen to hold exactly these bytes, twice, a day apart."""
    ARCHIVED = "archived"
    """As SEEN, and no longer in the spool."""
    SHADOWED = "shadowed"
    """The archive holds another image under this UID; these bytes are here only."""
    REFUSED = "refused"
    QUARANTINED = "quarantined"


IN_ARCHIVE = (ObjectState.FORWARDED, ObjectState.SEEN, ObjectState.ARCHIVED)
HELD_BACK = (ObjectState.QUARANTINED, ObjectState.REFUSED, ObjectState.SHADOWED)
"""What wants a person: nothing here tries again by itself."""


class Cause(StrEnum):
    """Why an object was quarantined."""

    DAMAGED = "damaged"
    """Its bytes are no longer those that were received; right bytes end this."""
    STRUCTURE = "structure"
    """It would kill or stall an archive."""
    DEADLY = "deadly"
    """The archive died of it, twice."""


def case_id_of(study_uid: str) -> str:
    """Identifier of a study's case: computed, so links need no look-up, and opaque, so they name nobody."""
    return str(uuid5(NAMESPACE_OID, f"stroke-gateway|{study_uid}"))


def utc_text(moment: datetime) -> str:
    """UTC ISO 8601 with microseconds, which sorts as text.

    >>> utc_text(datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC))
    '2026-01-02T03:04:05.000006Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    """Inverse of `utc_text`."""
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One arrival as the pipeline needs it: its header and where its bytes lie."""

    arrival_id: int
    header: ImageHeader
    path: str
    received_at: datetime
    association_id: str


@dataclass(frozen=True, slots=True)
class Stored:
    """One received object as whoever looks after its bytes sees it; `path` is relative to the spool.

    `digest` is of the dataset, without the file meta information that stands before it in the file.
    """

    arrival_id: int
    study_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    digest: str
    size_bytes: int
    path: str
    received_at: datetime
    state: ObjectState
    reason: str | None
    cause: Cause | None
    archive_id: str | None
    archive_deaths: int


@dataclass(frozen=True, slots=True)
class Round:
    """How far a slow walk over all arrivals has come."""

    position: int = 0
    checked_bytes: int = 0
    damaged: int = 0
    mended: int = 0
    started_at: str | None = None
    finished_at: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing handed to one receiver, and how far it came."""

    id: str
    case_id: str
    revision: int
    kind: DeliveryKind
    target: str
    state: DeliveryState
    attempts: int
    detail: str | None
    queued_at: str
    updated_at: str
    done_at: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """One study on its way; `times` has every name of `gateway.ledger.schema.TIMES`, null until it happened."""

    id: str
    study_uid: str
    state: CaseState
    revision: int
    reason: str | None
    proof: str | None
    perfusion_series_uid: str | None
    seen_arrival_id: int
    forward_runs: int
    acknowledged_by: str | None
    result: Mapping[str, Any] | None
    times: Mapping[str, str | None] = field(default_factory=dict)
