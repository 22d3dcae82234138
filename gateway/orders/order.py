"""An imaging order: what somebody asked a scanner to do, for whom, when and how urgently."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from gateway.orders.person import PatientIdentity


class OrderPriority(StrEnum):
    """How urgent an order is."""

    ROUTINE = "routine"
    URGENT = "urgent"
    STROKE = "stroke"
    """A stroke code: the study goes before all others."""


class OrderStatus(StrEnum):
    """Where an order stands."""

    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    """Cancelled before it began."""
    DISCONTINUED = "discontinued"
    """Stopped after it had begun."""


OPEN = (OrderStatus.SCHEDULED, OrderStatus.IN_PROGRESS)
"""A study may still come for these."""


@dataclass(frozen=True, slots=True)
class Procedure:
    """What is asked for: a code, its text and the scheme it belongs to."""

    code: str = ""
    text: str = ""
    scheme: str = ""


@dataclass(frozen=True, slots=True)
class OrderNumber:
    """A number of an order, and who gave it."""

    value: str = field(default="", repr=False)
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One order; numbers of it lead to a person and are never logged.

    Attributes
    ----------
    key
        Our own identifier: opaque, the same for every message about the order.
    placer, filler
        Numbers that whoever ordered and whoever does it have given it, ORC-2 and ORC-3, each with its issuer.
    procedure_id, step_id
        Requested Procedure ID and Scheduled Procedure Step ID.
    scheduled_at
        Aware UTC time; None where nobody says.
    study_uid
        The study's UID where the order fixes it; empty otherwise.
    patient
        With every merge and correction that is known.
    """

    key: str
    placer: str = field(default="", repr=False)
    placer_issuer: str = ""
    filler: str = field(default="", repr=False)
    filler_issuer: str = ""
    accession_number: str = field(default="", repr=False)
    accession_issuer: str = ""
    procedure: Procedure = Procedure()
    procedure_id: str = ""
    step_id: str = ""
    scheduled_at: datetime | None = None
    modality: str = ""
    station_ae: str = ""
    priority: OrderPriority = OrderPriority.ROUTINE
    study_uid: str = ""
    referring_physician: str = field(default="", repr=False)
    reason: str = field(default="", repr=False)
    patient: PatientIdentity = field(default_factory=PatientIdentity, repr=False)
    status: OrderStatus = OrderStatus.SCHEDULED
    ordered_at: datetime | None = None

    @property
    def study_uids(self) -> frozenset[str]:
        """UIDs of the study that this order asks for: as it says, and as our worklist gives where it says none."""
        return frozenset({self.study_uid or made_uid(self.key)})


def made_uid(key: str) -> str:
    """UID of the study of an order that names none, always the same (PS3.5 annex B.2).

    >>> made_uid("00000000-0000-0000-0000-00000000000a")
    '2.25.10'
    """
    return f"2.25.{UUID(key).int}"


def key_of_made_uid(study_uid: str) -> str:
    """Inverse of `made_uid`; empty for any other UID.

    >>> key_of_made_uid("2.25.10"), key_of_made_uid("1.2.3")
    ('00000000-0000-0000-0000-00000000000a', '')
    """
    number = study_uid.removeprefix("2.25.")
    if number == study_uid or not (number.isascii() and number.isdecimal()) or int(number) >> 128:
        return ""
    return str(UUID(int=int(number)))


@dataclass(frozen=True, slots=True)
class WorklistQuery:
    """What a worklist is narrowed to; an empty field narrows nothing. Texts are compared exactly.

    Attributes
    ----------
    scheduled_from, scheduled_until
        Aware times, both included; an order without a time is always of today.
    statuses
        Open orders unless told otherwise.
    limit
        Rows at most, the soonest first.
    """

    accession_number: str = field(default="", repr=False)
    patient_number: str = field(default="", repr=False)
    modality: str = ""
    station_ae: str = ""
    scheduled_from: datetime | None = None
    scheduled_until: datetime | None = None
    statuses: tuple[OrderStatus, ...] = OPEN
    limit: int = 500
