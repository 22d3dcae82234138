"""A letter to a medical record, and how its destination fares, as values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.ledger.records import DeliveryState

UNFINISHED = (DeliveryState.QUEUED.value, DeliveryState.RETRYING.value)
WANTED = (*UNFINISHED, DeliveryState.FAILED.value)


class Cause(StrEnum):
    """Why a letter is written."""

    RESULT = "result"
    """The case has a result: the first letter of a revision."""
    SIGNED = "signed"
    """A physician has signed it."""
    CORRECTED = "corrected"
    """Patient or order turned out to be others, or are called otherwise now."""
    WITHDRAWN = "withdrawn"
    """An earlier report went to another patient's record: this one takes it back there."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter as its destination's queue has it.

    Attributes
    ----------
    id
        The delivery's; the control id of the message follows from it.
    edition
        From 1 for each case and destination.
    attempts
        How often it was tried: from 1 on the receiver may have it, answered or not.
    newest
        Edition of the last letter of the case to this destination.
    is_written
        Somebody has begun to write it: it may carry what was known then.
    """

    id: str
    destination: str
    case_id: str
    revision: int
    edition: int
    cause: Cause
    reason: str
    state: DeliveryState
    attempts: int
    queued_at: str
    due_at: str | None
    newest: int
    is_written: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """A letter that its receiver has, since when, and what it answered."""

    letter: Letter
    at: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a destination fares: whether a person holds it back, since when it is away, and what waits for it."""

    name: str
    paused_at: str | None = None
    paused_by: str | None = None
    away_since: str | None = None
    trouble: str | None = None
    tried_at: str | None = None
    delivered_at: str | None = None
    waiting: int = 0
    oldest_at: str | None = None
    failed: int = 0
