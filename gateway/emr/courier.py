"""The loop of a worker process that empties the queue of one destination, letter by letter, on one connection.

Everything is derived from what is durable and may be repeated: a letter that was sent and not noted goes again under the same
control id. Each destination has a courier of its own, so one that is away or slow delays no other.

Two things can be wrong, and they wait differently. A letter that is answered badly or not at all waits for its own turn, by
seconds, then minutes, then hours, while the others pass it. A destination that cannot be reached, or fails one letter after
another, is tried every half minute with a single connection or letter; when it is back, nobody waits for a turn that was set
meanwhile. As long as nothing proves that the destination is well, no turn is further away than three quarters of a minute.
"""

import time
from datetime import timedelta
from functools import partial
from threading import Event

import structlog

from gateway.desk import Desk
from gateway.emr.composing import NotReadyError
from gateway.emr.outlets import outlet_of
from gateway.emr.settings import EmrDestination
from gateway.emr.writing import Writer, Written
from gateway.hl7.mllp import UnreachableError
from gateway.journal import unforeseen
from gateway.ledger.letter import UNFINISHED, Accepted, Cause, Letter
from gateway.ledger.records import Case, DeliveryState, moment_of, utc_text
from gateway.patience import pause_s as own_pause_s
from gateway.rounds import begin_round
from triage.errors import GatewayError, InputError, TemporaryError

log = structlog.get_logger()

LOOK_EVERY_S = 0.5
"""Between looks at an empty queue."""

AWAY_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Between tries while the destination cannot be reached; the last one is repeated, and is that of one that fails letters."""

UNPROVEN_S = 45.0
"""No letter's turn is further away while nothing proves that the destination is well: with one time-out less than a minute."""

NOT_READY_S = 2.0
"""Until a letter is looked at again whose file is being made."""

AILING = 3
"""Letters that failed one after another: then it is the destination and not the letters."""

OUTAGE = timedelta(minutes=1)
"""Only after so long is everybody woken: three bad letters alone must not be retried with every good one."""

BATCH = 50
"""Letters read at once."""

WRITTEN_TOGETHER, STALE_S = 25, 1.0
"""Letters whose addressees one commit notes before they are sent, and how old one may grow until it is written anew."""

NOTED_TOGETHER, NOTED_EVERY_S = 25, 0.1
"""Accepted letters that one commit notes, and how long one waits for it: a kill repeats at most so many, each under its own
control id."""


class Courier:
    """The one that serves a destination.

    It goes by the desk's clock, and never sleeps itself.
    """

    def __init__(self, desk: Desk, destination: EmrDestination) -> None:
        self._desk, self._letters, self._now = desk, desk.ledger.letters, desk.now
        self._destination, self._name = destination, destination.name
        self._outlet, self._writer = outlet_of(destination, desk.now), Writer(desk, destination)
        known = self._letters.standing(self._name)
        self._away_since = moment_of(known.away_since) if known.away_since else None
        self._asked_at = self._ask_at = desk.now()
        self._tries = 0
        self._is_well = False
        self._struck: set[str] = set()
        self._accepted: list[Accepted] = []
        self._noted_at = 0.0
        self._letters.adopt(self._name)

    def turn(self) -> float:
        """Send what is due; returns the seconds until the next turn."""
        if self._letters.standing(self._name).paused_at:
            self._outlet.close()
            return LOOK_EVERY_S
        due = self._due()
        try:
            place = 0
            while place < len(due):
                together = 1 if self._away_since else WRITTEN_TOGETHER
                if not self._take(due[place : place + together]):
                    return LOOK_EVERY_S
                place += together
        finally:
            self._note_accepted()
        return 0.0 if due else LOOK_EVERY_S

    def _due(self) -> list[Letter]:
        """Letters to look at now."""
        if self._away_since is None:
            return self._letters.waiting(self._name, BATCH, self._now())
        if self._now() >= self._ask_at:
            return self._letters.waiting(self._name, BATCH)  # any serves to ask, whosever turn it is
        return self._letters.arrived_since(self._name, self._asked_at, BATCH)  # a fresh one asks at once

    def _note_accepted(self) -> None:
        accepted, self._accepted = self._accepted, []
        self._letters.delivered(accepted)
        self._noted_at = time.monotonic()

    def close(self) -> None:
        """Hang up."""
        self._outlet.close()

    def _take(self, letters: list[Letter]) -> bool:
        """Deliver letters, or note why not; returns whether the destination is there for more."""
        for letter in letters:
            if letter.state.value not in UNFINISHED:
                self._letters.close(letter)
        open_ = [letter for letter in letters if letter.state.value in UNFINISHED]
        written, begun = self._writer.write(open_, self._is_wanted, self._note), time.monotonic()
        for place, one in enumerate(written):
            if time.monotonic() - begun > STALE_S:
                self._writer.not_sent(written[place:])
                return True
            self._send(one)
            if self._away_since is not None:
                self._writer.not_sent(written[place + 1 :])
                return False
            if len(self._accepted) >= NOTED_TOGETHER or time.monotonic() - self._noted_at > NOTED_EVERY_S:
                self._note_accepted()
        return True

    def _send(self, one: Written) -> None:
        """Deliver a letter, or note why not."""
        try:
            detail = self._outlet.send(one.report)
        except Exception as exc:  # noqa: BLE001 - one letter that cannot be sent must not hold up the others
            if isinstance(exc, UnreachableError | InputError):
                self._writer.not_sent([one])
            self._note(one.letter, exc)
            return
        self._answered()
        self._accepted.append(Accepted(one.letter, self._now(), detail))

    def _is_wanted(self, letter: Letter, case: Case) -> bool:
        """Whether a letter still goes; one in whose place another one is, is closed."""
        if letter.cause is Cause.WITHDRAWN:
            return True
        if case.revision == letter.revision and letter.newest == letter.edition:
            return True
        what = f"revision {case.revision}" if case.revision != letter.revision else f"edition {letter.newest}"
        told = f"{what} took its place"
        self._letters.end(letter, DeliveryState.SUPERSEDED, self._now(), told, tried=False)
        return False

    def _note(self, letter: Letter, exc: Exception) -> None:
        """Write down what went wrong with a letter, and decide who waits for how long."""
        exc = exc if isinstance(exc, GatewayError) else unforeseen(exc)
        now, reason = self._now(), str(exc)
        log.warning("letter not delivered", run=letter.id, destination=self._name, reason=reason)
        if isinstance(exc, NotReadyError):
            later = now + timedelta(seconds=NOT_READY_S)
            self._letters.put_off(letter, later, now, reason, tried=False)
        elif isinstance(exc, UnreachableError):
            self._letters.put_off(letter, now, now, reason, tried=False)
            self._tries += 1
            self._went_away(reason, AWAY_S[min(self._tries, len(AWAY_S)) - 1])
        elif isinstance(exc, TemporaryError):
            self._struck.add(letter.id)
            wait_s = own_pause_s(letter.attempts + 1)
            later = now + timedelta(seconds=wait_s if self._is_well else min(wait_s, UNPROVEN_S))
            self._letters.put_off(letter, later, now, reason, tried=True)
            if len(self._struck) >= AILING or self._away_since is not None:
                self._went_away(reason, AWAY_S[-1])
        else:
            self._answered()
            self._letters.end(letter, DeliveryState.FAILED, now, reason, tried=True)

    def _went_away(self, reason: str, pause_s: float) -> None:
        self._asked_at = self._now()
        self._ask_at = self._asked_at + timedelta(seconds=pause_s)
        self._is_well = False
        self._outlet.close()
        if self._away_since is None:
            self._away_since = self._now()
            log.error("destination is away", destination=self._name, reason=reason)
        told = {"away_since": utc_text(self._away_since), "tried_at": utc_text(self._now())}
        self._letters.note(self._name, **told, trouble=reason)

    def _answered(self) -> None:
        """The destination is well."""
        self._struck.clear()
        self._tries, self._is_well = 0, True
        if self._away_since is None:
            return
        if self._now() - self._away_since >= OUTAGE:
            self._letters.wake(self._name)
        log.info("destination is back", destination=self._name)
        self._away_since = None
        self._letters.note(self._name, away_since=None, trouble=None)


def serve_all(desk: Desk, stop: Event) -> None:
    """Start a courier for every destination."""
    for destination in desk.config.emr.destinations:
        name = f"emr {destination.name}"
        begin_round(desk.config.engine_url, name, partial(Courier, desk, destination), stop)
