"""Calling people: each by their first channel at once, and by the next where that one fails."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from gateway.alerts.chain import Way, next_move
from gateway.alerts.notice import Notice, NoticeKind
from gateway.channels import sending
from gateway.channels.target import Outcome, Target, redacted
from gateway.desk import Desk
from gateway.journal import unforeseen
from gateway.ledger.call import Call, CallState, call_id_of, case_of
from gateway.ledger.calls import Attempt, by_person
from gateway.ledger.records import utc_text
from gateway.patience import pause_s
from gateway.team.contacts import ChannelKind, Contact, Device
from gateway.team.people import Person
from triage.errors import GatewayError, TemporaryError

log = structlog.get_logger()

Compose = Callable[[Person | None, Call], Notice]
"""What one person is told by one call; called in another thread, just before it is sent."""

SHORTEST_WAIT_S = 0.2
LOOK_AGAIN_S = 1.0
"""While somebody is being called."""

STATES = {Outcome.SENT: CallState.SENT, Outcome.DELIVERED: CallState.DELIVERED}


@dataclass(frozen=True, slots=True)
class Ringing:
    """How a round of calls stands.

    Attributes
    ----------
    called, reached
        People with a channel to be called by, and those one of whose channels has accepted the notice.
    look_at
        When to ask again, because something is under way; None when everything has come as far as it will.
    """

    called: frozenset[str]
    reached: frozenset[str]
    look_at: datetime | None

    def wait_s(self, now: datetime) -> float | None:
        """Seconds until the next look; None at the end."""
        return None if self.look_at is None else max((self.look_at - now).total_seconds(), SHORTEST_WAIT_S)


@dataclass(frozen=True, slots=True)
class Round:
    """What is told to several people at once."""

    subject: str
    step: int
    turn: int
    notice: NoticeKind
    compose: Compose
    picture: Path | None = None

    def holds(self, call: Call) -> bool:
        """Whether a call is of this round."""
        return (call.step, call.turn, call.notice) == (self.step, self.turn, self.notice.value)

    def who(self, person_id: str) -> tuple[str, int, int, str, str]:
        """Somebody, in this round: who is called by one line at a time."""
        return self.subject, self.step, self.turn, self.notice.value, person_id

    def call(self, way: Way) -> Call:
        """A call on one channel, not made yet."""
        contact = way.contact
        case_id, revision = case_of(self.subject)
        return Call(
            id=call_id_of(self.subject, self.step, self.turn, self.notice.value, contact.id),
            subject=self.subject,
            case_id=case_id,
            revision=revision,
            step=self.step,
            turn=self.turn,
            notice=self.notice.value,
            person_id=contact.person_id,
            contact_id=contact.id,
            place=contact.place,
            kind=contact.kind,
            target=redacted(way.target),
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """One person in one round, and the channel whose turn it is."""

    person: Person | None
    ways: Sequence[Way]
    calls: Mapping[str, Call]
    way: Way
    call: Call

    @property
    def is_new(self) -> bool:
        """Whether the call is not in the ledger yet."""
        return self.call.contact_id not in self.calls


def ring(
    desk: Desk,
    subject: str,
    step: int,
    people: Sequence[str],
    compose: Compose,
    *,
    notice: NoticeKind = NoticeKind.ALERT,
    turn: int = 0,
    picture: Path | None = None,
) -> Ringing:
    """Call people by the ids given, or go on calling them; returns at once, the sending goes on in threads.

    Repeat it at `Ringing.look_at` until that is None: what a killed process left is taken up, a push that brought no
    receipt and a channel that failed fall over to the person's next channel. The same subject, step, turn and notice are
    the same calls, each sent at least once under one key, and never again once it was accepted.
    """
    this = Round(subject, step, turn, notice, compose, picture)
    now, ways = desk.now(), {who: mine for who, mine in ways_of(desk, people).items() if mine}
    known = by_person(call for call in desk.ledger.calls.of_subject(subject) if this.holds(call))
    calls = {who: {call.contact_id or "": call for call in known.get(who, ())} for who in ways}
    moves = {who: next_move(mine, calls[who], now) for who, mine in ways.items()}
    free = {who: move for who, move in moves.items() if move.way and desk.switchboard.take(this.who(who))}
    named = desk.ledger.people.named(free) if free else {}
    _start(
        desk,
        this,
        [
            Turn(named.get(who), ways[who], calls[who], move.way, move.call or this.call(move.way))
            for who, move in free.items()
            if move.way
        ],
    )
    looks = [
        move.look_at or now + timedelta(seconds=LOOK_AGAIN_S) for move in moves.values() if not move.rests
    ]
    reached = frozenset(who for who, move in moves.items() if move.reached)
    return Ringing(frozenset(ways), reached, min(looks, default=None))


def ways_of(desk: Desk, people: Iterable[str]) -> dict[str, tuple[Way, ...]]:
    """Everybody's channels that can be tried, in their order; pushes only for those who have a device."""
    contacts = desk.ledger.people.contacts_of(dict.fromkeys(people))
    devices = desk.ledger.people.devices_of(contacts)
    return {who: tuple(_usable(mine, tuple(devices.get(who, ())))) for who, mine in contacts.items()}


def _usable(contacts: Iterable[Contact], devices: tuple[Device, ...]) -> Iterator[Way]:
    for contact in contacts:
        if devices or contact.kind is not ChannelKind.PUSH:
            yield Way(contact, Target.of(contact, devices))


def _start(desk: Desk, this: Round, turns: Sequence[Turn]) -> None:
    """Write the calls that are to be made down, in one transaction, and begin to make those that are ours."""
    now = desk.now()
    hold = desk.switchboard.hold(now)
    try:
        ours = desk.ledger.calls.queue([turn.call for turn in turns if turn.is_new], now, hold)
        ours |= desk.ledger.calls.claim([turn.call.id for turn in turns if not turn.is_new], now, hold)
    except BaseException:
        for turn in turns:
            desk.switchboard.release(this.who(turn.way.contact.person_id))
        raise
    for turn in turns:
        who = this.who(turn.way.contact.person_id)
        if turn.call.id in ours:
            desk.switchboard.send(who, partial(_pursue, desk, this, turn))
        else:
            desk.switchboard.release(who)


def _pursue(desk: Desk, this: Round, turn: Turn) -> None:
    """Make one call; where its channel fails, the next one's at once."""
    who = this.who(turn.way.contact.person_id)
    while (attempt := _attempt(desk, this, turn)).state is CallState.FAILED:
        desk.ledger.calls.note([attempt])
        log.warning("channel failed", call=turn.call.id, target=turn.call.target, reason=attempt.detail)
        now, following = desk.now(), _after(desk, turn, attempt, this)
        if following is None or not desk.ledger.calls.queue(
            [following.call], now, desk.switchboard.hold(now)
        ):
            desk.switchboard.release(who)
            return
        turn = following
    desk.switchboard.settle(who, attempt)


def _after(desk: Desk, turn: Turn, failed: Attempt, this: Round) -> Turn | None:
    """The person's next channel that was not tried yet, unless the matter was settled while this one was waited for.

    A second try of a channel belongs to a later look.
    """
    known = desk.ledger.calls.get(turn.call.id)
    if known is None or known.state is CallState.CLOSED:
        return None
    due_at = utc_text(failed.due_at) if failed.due_at else None
    lost = replace(turn.call, state=CallState.FAILED, due_at=due_at, attempts=turn.call.attempts + 1)
    calls = {**turn.calls, turn.way.contact.id: lost}
    move = next_move(turn.ways, calls, desk.now())
    if move.way is None or move.call is not None:
        return None
    return Turn(turn.person, turn.ways, calls, move.way, this.call(move.way))


def _attempt(desk: Desk, this: Round, turn: Turn) -> Attempt:
    """Send once, and say how it ended."""
    call = turn.call
    try:
        notice = this.compose(turn.person, call)
        outcome = sending.send(turn.way.target, notice, call.id, desk.switchboard.site, this.picture)
    except TemporaryError as exc:
        again = desk.now() + timedelta(seconds=pause_s(call.attempts + 1))
        return Attempt(call.id, CallState.FAILED, desk.now(), str(exc), again)
    except GatewayError as exc:
        return Attempt(call.id, CallState.FAILED, desk.now(), str(exc))
    except Exception as exc:  # noqa: BLE001 - a mistake of ours in one channel must not cost the others
        return Attempt(call.id, CallState.FAILED, desk.now(), f"mistake of ours: {unforeseen(exc)}")
    return Attempt(call.id, STATES[outcome], desk.now())
