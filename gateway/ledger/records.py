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


class DeliveryState(StrEnum):
    """Where one delivery stands; FAILED is the dead letter that a person must look at."""

    QUEUED = "queued"
    RETRYING = "retrying"
    DELIVERED = "delivered"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class DeliveryKind(StrEnum):
    """What is being delivered."""

    ALERT = "alert"
    PUBLISH = "publish"
    EMR = "emr"


def case_id_of(study_uid: str) -> str:
    """Identifier of a study's case: computed, so links need no look-up, and opaque, so they name nobody."""
    return str(uuid5(NAMESPACE_OID, f"stroke-gateway|{study_uid}"))


def utc_text(moment: datetime) -> str:
    """UTC ISO 8601 with microseconds, which sorts as text.

    >>> utc_text(datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC))
    '2026-01-02T03:04:05.000006Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


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
