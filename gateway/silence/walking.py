"""The phantom's walk, from our own door to the numbers, whenever no patient is on the way.

What is durable is one row for each walk, written before the first image; whoever takes this up after a restart ends the
walk that he finds and removes its traces. The walk gives way to any patient: `gateway.intake` cancels it as soon as one
is seen, in whichever worker, and nothing is begun, nor removed, while one is at work.
"""

import json
import secrets
import subprocess
import sys
import time
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from gateway.desk import SECONDS_PER_MINUTE, Desk
from gateway.ledger.records import Case, CaseState, ObjectState, moment_of
from gateway.ledger.sources_phantoms import ROOT, Walk
from gateway.processes import dying_with_parent, last_words
from gateway.silence import traces
from gateway.silence.order import PhantomOrder
from gateway.silence.outcomes import Outcome
from gateway.silence.stages import WORDS, Progress, Stage
from gateway.silence.truth import compared

log = structlog.get_logger()

SCAN_S = 60.0
"""The phantom's scan lies so long before it is sent."""

UID_NUMBERS = 10**12
KEPT = timedelta(days=30)
"""What became of a phantom is remembered so long."""

AGAIN_S = 180.0
"""After a walk that failed the next one follows soon: a listener that was just restarted is no trouble."""

SETTLED_S = 120.0
"""After a start, before the first walk that is due."""

WATCH_S, WAIT_S = 0.2, 5.0
"""Between two looks while a phantom walks, and while none does."""


class Walker:
    """Has phantoms walk, one at a time; one of all workers has this."""

    def __init__(self, desk: Desk, started: datetime) -> None:
        self._desk = desk
        self._settings = desk.config.silence.phantom
        self._started = started
        self._walk: Walk | None = None
        self._sender: subprocess.Popen[bytes] | None = None
        self._until = 0.0

    def turn(self) -> float:
        """One look, and what follows from it; returns the seconds until the next."""
        now = self._desk.now()
        if self._walk:
            self._go_on(self._walk, now)
        elif not self._patients():
            self._tidy(now)
            if self.due_at() <= now:
                self._begin(now)
        return WATCH_S if self._walk else WAIT_S

    def close(self) -> None:
        """End the process that sends."""
        if self._sender:
            self._sender.kill()
            self._sender.communicate()
            self._sender = None

    def due_at(self) -> datetime:
        """When the next phantom may set out."""
        every = timedelta(minutes=self._settings.every_minutes)
        last = next((walk for walk in self._desk.ledger.phantoms.latest(1)), None)
        if last is None:
            return self._started + every
        soon = Outcome(last.outcome or Outcome.INTERRUPTED).is_soon_repeated
        rest = timedelta(seconds=AGAIN_S) if soon else every
        return max(moment_of(last.begun_at) + rest, self._started + min(every, timedelta(seconds=SETTLED_S)))

    def _patients(self) -> list[Case]:
        """Everybody who is being received or analysed and is not made up."""
        ledger = self._desk.ledger
        at_work = [*ledger.cases.receiving(), *ledger.cases.analysing()]
        return [case for case in at_work if not ledger.phantoms.owns(case.study_uid)]

    def _tidy(self, now: datetime) -> None:
        """Remove what former walks have left, also what a power cut has brought back."""
        phantoms = self._desk.ledger.phantoms
        for walk in [*phantoms.unremoved(), *phantoms.come_back()]:
            if walk.ended_at is None:
                phantoms.cancel(walk.study_uid, now)
                self._end(walk, Outcome.INTERRUPTED, "the gateway was restarted meanwhile", now)
            traces.removed(self._desk, walk)
        phantoms.forget(now - KEPT)

    def _begin(self, now: datetime) -> None:
        study_uid = f"{ROOT}{secrets.randbelow(UID_NUMBERS)}"
        config, phantoms = self._desk.config, self._desk.ledger.phantoms
        self._walk = phantoms.begin(
            study_uid, self._settings.ae_title.strip(), now, to_archive=bool(self._settings.archive)
        )
        scanned = now.astimezone(ZoneInfo(config.site.time_zone)) - timedelta(seconds=SCAN_S)
        order = PhantomOrder.to_our_own_door(config, study_uid, scanned)
        self._until = time.monotonic() + self._settings.limit_s
        self._sender = subprocess.Popen(
            dying_with_parent([sys.executable, "-m", "gateway.jobs.phantom"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if self._sender.stdin:
            self._sender.stdin.write(order.to_json().encode())
            self._sender.stdin.close()
            self._sender.stdin = None
        log.info("phantom sets out")

    def _go_on(self, walk: Walk, now: datetime) -> None:
        """Look how far it has come."""
        ledger = self._desk.ledger
        if ledger.phantoms.is_cancelled(walk.study_uid) or self._patients():
            self._give_up(walk, Outcome.GAVE_WAY, "a patient came", now)
            return
        if failure := self._sender_failed(walk, now):
            self._give_up(walk, Outcome.STUCK, f"{WORDS[Stage.SENDING]} It says: {failure}", now)
            return
        case = ledger.cases.get(walk.case_id)
        stage = self._progress(walk, case).stage
        if stage is Stage.OVER and case:
            self._judge(walk, case, now)
        elif time.monotonic() > self._until:
            self._give_up(walk, Outcome.STUCK, WORDS[stage], now)

    def _sender_failed(self, walk: Walk, now: datetime) -> str:
        """What the sending process has to say; nothing while it sends, and when all went well."""
        if self._sender is None or self._sender.poll() is None:
            return ""
        said, errors = self._sender.communicate()
        self._sender = None
        answer: dict[str, Any] = json.loads(said) if said else {"failure": last_words(errors)}
        if "failure" in answer:
            return str(answer["failure"])
        self._desk.ledger.phantoms.sent(walk.study_uid, now)
        return ""

    def _progress(self, walk: Walk, case: Case | None) -> Progress:
        ledger = self._desk.ledger
        counts = ledger.arrivals.forward_counts(walk.study_uid)
        return Progress(
            is_sent=self._sender is None,
            received=sum(counts.values()),
            state=case.state if case else None,
            has_begun=bool(case and case.times["compute_started_at"]),
            pending=counts.get(ObjectState.PENDING, 0) if walk.to_archive else 0,
        )

    def _judge(self, walk: Walk, case: Case, now: datetime) -> None:
        """It came through: compare what came out with what went in."""
        if case.state is CaseState.NO_PERFUSION:
            self._give_up(walk, Outcome.DIFFERS, "it was not recognised as a perfusion scan", now)
            return
        found = compared(case.result or {"status": case.state.value})
        outcome = Outcome.DIFFERS if found.difference else Outcome.CAME_THROUGH
        self._end(walk, outcome, found.difference, now, found.numbers)
        self._walk = None

    def _give_up(self, walk: Walk, outcome: Outcome, detail: str, now: datetime) -> None:
        self.close()
        self._desk.ledger.phantoms.cancel(walk.study_uid, now)
        self._end(walk, outcome, detail, now)
        self._walk = None

    def _end(
        self,
        walk: Walk,
        outcome: Outcome,
        detail: str,
        now: datetime,
        numbers: Any = None,
    ) -> None:
        self._desk.ledger.phantoms.end(walk, outcome.value, detail, now, numbers)
        log.info("phantom ended", outcome=outcome.value, detail=detail)


def longest_wait(every_minutes: float, hours: float) -> timedelta:
    """Without a phantom for so long, somebody should look why."""
    return timedelta(minutes=every_minutes) + timedelta(seconds=hours * SECONDS_PER_MINUTE**2)
