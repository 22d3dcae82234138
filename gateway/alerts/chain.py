"""One person's channels in their order: which is the next to try, given what became of those before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.channels.sending import RECEIPTS
from gateway.channels.target import Target
from gateway.ledger.call import Call, CallState
from gateway.ledger.records import moment_of
from gateway.team.contacts import Contact

RECEIPT_S = 5.0
"""How long a phone has to confirm a push before the next channel is tried; with the 4 s of a slow service, within 10 s."""


@dataclass(frozen=True, slots=True)
class Way:
    """One channel of one person, ready to be used."""

    contact: Contact
    target: Target


@dataclass(frozen=True, slots=True)
class Move:
    """What is to be done for one person now.

    Attributes
    ----------
    way
        The channel to try now; None to do nothing.
    call
        The call that it is, when it was begun before.
    look_at
        When that may change; None when it cannot.
    reached
        Whether a channel has accepted the notice.
    """

    way: Way | None = None
    call: Call | None = None
    look_at: datetime | None = None
    reached: bool = False

    @property
    def rests(self) -> bool:
        """Whether nothing is under way and nothing will be."""
        return self.way is None and self.look_at is None


def next_move(ways: Sequence[Way], calls: Mapping[str, Call], now: datetime) -> Move:
    """Go through the channels; `calls` are those of this round, by contact.

    A channel that failed, or that accepted a push which no phone confirmed in time, is passed over. When none is left, those
    that may come back are tried again.
    """
    pushed = False
    for way in ways:
        call = calls.get(way.contact.id)
        if call is None:
            return Move(way, reached=pushed)
        if call.state is CallState.QUEUED:
            return Move(way, call, reached=pushed)
        if call.state is CallState.FAILED:
            continue
        if (wait_until := _unconfirmed_until(call)) is None:
            return Move(reached=True)
        if now < wait_until:
            return Move(look_at=wait_until, reached=True)
        pushed = True
    return _again(ways, calls, now, pushed=pushed)


def _unconfirmed_until(call: Call) -> datetime | None:
    """Until when a receipt is waited for; None when none is needed any more."""
    sent_at = call.times.get("sent_at")
    confirmed = any(call.times.get(name) for name in ("delivered_at", "opened_at", "acknowledged_at"))
    if call.kind not in RECEIPTS or confirmed or not sent_at:
        return None
    return moment_of(sent_at) + timedelta(seconds=RECEIPT_S)


def _again(ways: Sequence[Way], calls: Mapping[str, Call], now: datetime, *, pushed: bool) -> Move:
    """The failed channel that is due first; one that will never work has no such moment."""
    due = [
        (moment_of(call.due_at), way, call)
        for way in ways
        if (call := calls.get(way.contact.id)) and call.state is CallState.FAILED and call.due_at
    ]
    if not due:
        return Move(reached=pushed)
    moment, way, call = min(due, key=lambda each: each[0])
    return Move(way, call, reached=pushed) if moment <= now else Move(look_at=moment, reached=pushed)
