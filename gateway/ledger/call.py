"""One call: somebody is told something, once, on one channel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import NAMESPACE_OID, uuid5

from gateway.team.contacts import ChannelKind


class CallState(StrEnum):
    """How far a call came; the order is that of `RANK`, and a call never goes back."""

    QUEUED = "queued"
    FAILED = "failed"
    """This channel never took it; another may have."""
    SENT = "sent"
    """The channel has accepted it."""
    DELIVERED = "delivered"
    """The device, or whoever answers for it, has it."""
    OPENED = "opened"
    ESCALATED = "escalated"
    """Nobody of its level answered in time."""
    CLOSED = "closed"
    """Its matter is settled, by somebody else or by newer images."""
    ACKNOWLEDGED = "acknowledged"
    """This person has answered."""


RANK: Mapping[CallState, int] = {state: place for place, state in enumerate(CallState)}

TIME_OF: Mapping[CallState, str] = {state: f"{state.value}_at" for state in CallState}
"""Name of the time at which a call came to a state."""

SETTLED = frozenset({CallState.FAILED, CallState.ACKNOWLEDGED, CallState.CLOSED})
"""Nothing more is to be done about these."""


@dataclass(frozen=True, slots=True)
class Call:
    """Attributes are those of the table.

    Attributes
    ----------
    subject
        ``case:<id>:r<revision>``, ``trouble:<id>`` or ``test:<id>``.
    step
        Level of the escalation, from 0.
    turn
        0 for the first time, then the number of the repeat.
    notice
        What is said; a `gateway.alerts.notice.NoticeKind`.
    place
        Of the contact in the person's order.
    target
        The channel as a page may show it.
    due_at
        When the next attempt is due; None for now.
    """

    id: str
    subject: str
    case_id: str | None
    revision: int | None
    step: int
    turn: int
    notice: str
    person_id: str | None
    contact_id: str | None
    place: int
    kind: ChannelKind
    target: str
    state: CallState = CallState.QUEUED
    attempts: int = 0
    detail: str | None = None
    due_at: str | None = None
    times: Mapping[str, str | None] = field(default_factory=dict)


def call_id_of(subject: str, step: int, turn: int, notice: str, contact_id: str) -> str:
    """Identifier of a call: computed, so that a repeat is the same call, and opaque.

    >>> call_id_of("test:1", 0, 0, "test", "a") == call_id_of("test:1", 0, 0, "test", "a")
    True
    """
    return str(uuid5(NAMESPACE_OID, f"stroke-gateway call|{subject}|{step}|{turn}|{notice}|{contact_id}"))


def case_subject(case_id: str, revision: int) -> str:
    """What the calls of an alert are about.

    >>> case_subject("a", 1)
    'case:a:r1'
    """
    return f"case:{case_id}:r{revision}"


def case_of(subject: str) -> tuple[str | None, int | None]:
    """Case and revision that a subject names; nothing for any other.

    >>> case_of("case:a:r12"), case_of("test:1")
    (('a', 12), (None, None))
    """
    kind, _, rest = subject.partition(":")
    case_id, _, revision = rest.rpartition(":r")
    return (case_id, int(revision)) if kind == "case" else (None, None)
