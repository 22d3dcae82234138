"""What the listener reports: instances that are safe on disk, instances it refused, associations that come and go."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from dicom_scp.headers import ImageHeader


class StoreStatus(IntEnum):
    """Statuses of a C-STORE response (PS3.4 table B.2-1, PS3.7 annex C)."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    OUT_OF_RESOURCES = 0xA700
    DATASET_MISMATCH = 0xA900
    CANNOT_UNDERSTAND = 0xC000


class AssociationKind(StrEnum):
    """What happened to an association; every opened one is released or aborted, exactly once."""

    OPENED = "opened"
    RELEASED = "released"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One instance whose bytes are durable.

    Attributes
    ----------
    path
        Relative to the root of the spool.
    digest
        BLAKE3 of the dataset exactly as received, without file meta information; hexadecimal.
    size_bytes
        Of the dataset.
    received_at
        Aware UTC time at which the bytes were durable.
    association_id
        Our own identifier of the association.
    """

    header: ImageHeader
    path: str
    digest: str
    size_bytes: int
    transfer_syntax_uid: str
    received_at: datetime
    calling_ae: str
    called_ae: str
    association_id: str


@dataclass(frozen=True, slots=True)
class AssociationEvent:
    """An association was opened, released or aborted; `at` is aware UTC."""

    association_id: str
    calling_ae: str
    kind: AssociationKind
    at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """One instance that was not taken, and why; the reason names no person."""

    association_id: str
    calling_ae: str
    status: StoreStatus
    reason: str
    at: datetime
