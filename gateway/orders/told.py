"""What one message tells, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from gateway.orders.order import OrderNumber, OrderStatus
from gateway.orders.person import Identifier, PatientIdentity


class Weight(IntEnum):
    """What a message may change of a patient who is known already."""

    MENTION = 0
    """An order: it fills what is missing, and is refused where it names somebody else."""
    REGISTRATION = 1
    """An admission: it changes single values, and is refused where it names somebody else."""
    CORRECTION = 2
    """It is about just that: name and birth date may both change."""


@dataclass(frozen=True, slots=True)
class PatientTold:
    """A patient as one message tells.

    Attributes
    ----------
    told_at
        By its sender's clock, and never later than it came.
    weight
        How much the message may change of what is known.
    arrived_at
        When the patient came, where the message is about just that; by its sender's clock as well.
    """

    identity: PatientIdentity
    told_at: datetime
    weight: Weight = Weight.MENTION
    arrived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderTold:
    """An order as one message tells.

    Attributes
    ----------
    control
        ORC-1.
    status
        Where the order stands by this message.
    values
        Columns of the order that the message fills; what it leaves empty stays as it is.
    place
        ERR-2 of the order's number.
    """

    control: str
    status: OrderStatus
    patient: PatientTold
    placer: OrderNumber
    filler: OrderNumber
    accession: OrderNumber
    step_id: str
    values: Mapping[str, Any] = field(repr=False)
    place: str = "ORC^1^2"


@dataclass(frozen=True, slots=True)
class MergeTold:
    """Two records that are one patient: the one with the `prior` numbers goes into `patient`."""

    patient: PatientTold
    prior: tuple[Identifier, ...] = field(repr=False)


Told = PatientTold | OrderTold | MergeTold
