"""Where messages are taken: kept byte for byte, applied, and only then answered.

Several messages go into one durable transaction, each within a savepoint of its own: one that cannot be applied is
kept with its reason and holds up nobody. Until the transaction is committed nobody is told anything, so a kill at any
moment loses only what the sender will send again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine

from gateway.hl7.acknowledging import Answer, acknowledgement
from gateway.hl7.grammar import Message, MessageError, read
from gateway.ledger.orders_inbox import (
    InboxState,
    Outcome,
    conclude,
    digest_of,
    keep,
    known_message,
)
from gateway.ledger.orders_writing import Writing
from gateway.ledger.statements import translated
from gateway.orders.applying import apply
from gateway.orders.reading import read_told
from gateway.orders.settings import Orders as Settings
from triage.errors import InputError, TemporaryError

log = structlog.get_logger()

INTERNAL_ERROR = "207"
AWAY = "the gateway cannot keep messages at the moment: send it again"
SAME_ID = "this control id has come before with other content; taken as another message"

FRESH = Outcome(InboxState.APPLIED)
"""What a message is kept with until something else is noted."""

_LONGEST_SENDER, _LONGEST_ID, _LONGEST_TYPE = 200, 200, 32


@dataclass(frozen=True, slots=True)
class Incoming:
    """The bytes between the marks of a frame; `is_cut` when there were more than are allowed."""

    raw: bytes = field(repr=False)
    received_at: datetime
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message on the table: what could be read of it, and why nothing could."""

    incoming: Incoming
    message: Message | None
    fault: MessageError | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Sender, control id and content."""
        sender = self.message.sender if self.message else ""
        control_id = self.message.control_id if self.message else ""
        return (
            _harmless(sender)[:_LONGEST_SENDER],
            _harmless(control_id)[:_LONGEST_ID],
            digest_of(self.incoming.raw),
        )

    def readable(self) -> Message:
        """The message; raises what stood against reading it."""
        if self.message is None or self.fault is not None:
            raise self.fault or MessageError("it could not be read", "100")
        return self.message


class Office:
    """Takes messages, from one thread at a time."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    def take(self, batch: Sequence[Incoming]) -> list[bytes]:
        """Keep, apply and answer messages in their order; the answers are in HL7, without frames."""
        letters = [self._opened(incoming) for incoming in batch]
        try:
            with translated(), self._engine.begin() as connection:
                outcomes = [self._settle(connection, letter) for letter in letters]
        except TemporaryError as exc:
            log.warning("messages cannot be kept", count=len(batch), reason=str(exc))
            outcomes = [Outcome(InboxState.REFUSED, INTERNAL_ERROR, "", AWAY)] * len(batch)
        return [
            acknowledgement(letter.message, _answer(outcome), letter.incoming.received_at)
            for letter, outcome in zip(letters, outcomes, strict=True)
        ]

    def replay(self, inbox_id: int, raw: bytes, now: datetime) -> Outcome:
        """Apply a kept message again; raises `TemporaryError` when the database is away."""
        letter = self._opened(Incoming(raw, now))
        with translated(), self._engine.begin() as connection:
            return self._apply(connection, letter, inbox_id)

    def _opened(self, incoming: Incoming) -> _Letter:
        largest = max(self._settings.largest_message_bytes, len(incoming.raw) if incoming.is_cut else 0)
        try:
            message = read(incoming.raw, self._settings.undeclared_letters, largest)
        except MessageError as exc:
            return _Letter(incoming, None, exc)
        if incoming.is_cut:
            reason = f"the message is longer than {self._settings.largest_message_bytes} bytes; its beginning is kept"
            return _Letter(incoming, message, MessageError(reason, "102"))
        return _Letter(incoming, message)

    def _settle(self, connection: Connection, letter: _Letter) -> Outcome:
        """Keep one message and apply it, unless exactly this one was applied before."""
        sender, control_id, digest = letter.key
        known, is_same_id = known_message(connection, sender, control_id, digest)
        if known and known[1].state is InboxState.APPLIED:
            return known[1]
        if known:
            return self._apply(connection, letter, known[0])
        row = {
            "sender": sender,
            "control_id": control_id,
            "digest": digest,
            "raw": letter.incoming.raw,
            "type": _harmless(letter.message.type)[:_LONGEST_TYPE] if letter.message else "",
        }
        inbox_id = keep(connection, row, letter.incoming.received_at)
        remarks = [SAME_ID] if is_same_id and control_id else []
        return self._apply(connection, letter, inbox_id, *remarks, is_again=False)

    def _apply(
        self, connection: Connection, letter: _Letter, inbox_id: int, *remarks: str, is_again: bool = True
    ) -> Outcome:
        """Apply a kept message and note what became of it; whatever it does, the others go on."""
        own = (*remarks, *(letter.message.remarks if letter.message else ()))
        now = letter.incoming.received_at
        try:
            told = read_told(letter.readable(), self._settings, now)
            with connection.begin_nested():
                noted = apply(told, Writing(connection, inbox_id, now))
            outcome = Outcome(InboxState.APPLIED, remarks=(*own, *noted))
        except MessageError as exc:
            outcome = Outcome(InboxState.REFUSED, exc.condition, exc.place, str(exc), own)
        except InputError as exc:
            outcome = Outcome(InboxState.REFUSED, "102", "", str(exc), own)
        except Exception as exc:  # noqa: BLE001 - a message must never end the listener, and may quote a person
            kind = type(exc).__name__
            log.warning("message cannot be applied", inbox_id=inbox_id, kind=kind)
            outcome = Outcome(InboxState.REFUSED, INTERNAL_ERROR, "", f"internal error ({kind})", own)
        if outcome != FRESH or is_again:
            conclude(connection, inbox_id, outcome, now)
        log.info(
            "message taken", inbox_id=inbox_id, state=outcome.state.value, condition=outcome.condition or "0"
        )
        return outcome


def _answer(outcome: Outcome) -> Answer:
    if outcome.state is InboxState.APPLIED:
        return Answer()
    return Answer(outcome.condition or INTERNAL_ERROR, outcome.place, outcome.reason)


def _harmless(text: str) -> str:
    r"""Text for a column that is shown in lists: one line, no control characters.

    >>> _harmless("a\x00b")
    'a b'
    """
    return "".join(mark if mark.isprintable() else " " for mark in text)
