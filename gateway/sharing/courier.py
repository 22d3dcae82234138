"""The courier of one partner: over one line goes what matters most, whoever's it is.

Answers first, then announcements, then everybody's results, everybody's maps, and images at the end: on a poor line the
second patient's numbers never wait behind the first one's images. Within a stage the handover that was asked for first is
first. Whatever was accepted is in the ledger before the next objects go, so that whoever is killed repeats one batch at
most, and of that only what had not arrived.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from threading import Event
from typing import Any

import structlog

from gateway import casefolder
from gateway.desk import Desk
from gateway.journal import unforeseen
from gateway.ledger.records import Case, DeliveryState
from gateway.ledger.sharing import STAGES, UNFINISHED, Share, Stage
from gateway.ledger.sharing_answers import Answer
from gateway.rounds import begin_round, keep_round
from gateway.sharing import protocol
from gateway.sharing.bell import Bell
from gateway.sharing.envelope import Envelope
from gateway.sharing.freight import Load, is_drawn, loads_of
from gateway.sharing.line import Line
from gateway.sharing.settings import Partner
from gateway.storage.restoration import missing_from
from triage.errors import ConfigError, GatewayError, InputError, TemporaryError

log = structlog.get_logger()

LOOK_EVERY_S = 1.0
"""Between looks at the ledger when there is nothing to do."""
AWAY_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Between tries while the partner is away; the last one is repeated."""

BATCH_BYTES = 1 << 20
BATCH_OBJECTS = 100
"""Objects that go together: what others see next, and what a kill repeats the bookkeeping of."""


class Courier:
    """The one that serves a partner."""

    def __init__(self, desk: Desk, partner: Partner, line: Line | None = None) -> None:
        self._desk, self._sharing, self._partner = desk, desk.ledger.sharing, partner
        self._line = line or Line(partner, desk.config.sharing.name, desk.now)
        self._tries = 0
        self._plan: tuple[tuple[str, str, Stage, bool], list[Load]] | None = None

    def turn(self) -> float:
        """Do the one thing that matters most; returns the seconds until the next turn."""
        arrived = self._line.traffic.arrived_bytes
        try:
            has_done = self._tell_answers() or self._go_on()
        except (TemporaryError, ConfigError) as exc:
            if self._line.traffic.arrived_bytes > arrived:
                self._tries = 0
            self._tries += 1
            log.warning("partner cannot be served now", partner=self._partner.name, reason=str(exc))
            return AWAY_S[min(self._tries, len(AWAY_S)) - 1]
        self._tries = 0
        return 0.0 if has_done else LOOK_EVERY_S

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def _tell_answers(self) -> bool:
        answers = self._sharing.answers.untold(self._partner.name)
        refused = sum(not self._tell_answer(answer) for answer in answers)
        return len(answers) > refused

    def _tell_answer(self, answer: Answer) -> bool:
        """Bring an answer; one that is refused is tried again with the next look, and says so."""
        names = ("id", "case_id", "revision", "number", "word", "remark", "by", "at")
        try:
            self._line.tell(protocol.ANSWERS, {name: getattr(answer, name) for name in names})
        except GatewayError as exc:
            self._sharing.answers.not_told(answer, str(exc))
            if isinstance(exc, InputError):
                return False
            raise
        self._sharing.answers.told(answer, self._desk.now())
        return True

    def _go_on(self) -> bool:
        if not self._partner.may_receive:
            return False
        self._follow_revisions()
        share = self._next()
        if share is None:
            return False
        try:
            self._carry(share)
        except TemporaryError as exc:
            self._sharing.put_off(share, self._desk.now(), str(exc))
            raise
        except InputError as exc:
            log.error("handover failed", case_id=share.case_id, partner=share.partner, reason=str(exc))  # noqa: TRY400 - said in words
            self._sharing.end(share, DeliveryState.FAILED, self._desk.now(), str(exc))
        except Exception as exc:
            self._sharing.end(share, DeliveryState.FAILED, self._desk.now(), str(unforeseen(exc)))
            raise
        return True

    def _follow_revisions(self) -> None:
        """Whoever has a result gets the one that takes its place."""
        for old in self._sharing.outdated(self._partner.name):
            share, now = old.share, self._desk.now()
            text = f"revision {old.revision} took its place"
            self._sharing.queue(
                share.case_id, old.revision, share.partner, share.asked_by, now, with_images=share.with_images
            )
            self._sharing.end(share, DeliveryState.SUPERSEDED, now, text)

    def _next(self) -> Share | None:
        """The handover whose stage comes first; one whose objects are still being drawn holds up nobody."""
        ready = []
        for share in self._sharing.open_of(self._partner.name):
            if share.state.value not in UNFINISHED:  # a person has given it up
                self._sharing.end(share, share.state, self._desk.now(), share.detail or "")
            elif share.stage is Stage.ANNOUNCEMENT or is_drawn(self._desk, share):
                ready.append(share)
        return min(ready, key=lambda share: STAGES.index(share.stage), default=None)

    def _carry(self, share: Share) -> None:
        """Bring one batch of the present stage, or end the stage."""
        case = self._desk.case(share.case_id)
        if share.stage is Stage.OVER:
            self._conclude(share, case)
            return
        loads = self._planned(share, case)
        known = self._sharing.accepted(share.partner, [load.key for load in loads])
        waiting = [load for load in loads if load.key not in known]
        if batch := _batch(waiting):
            self._bring(share, batch)
            self._sharing.progress(share, len(loads), len(known) + len(batch), self._desk.now())
            return
        self._announce(share, case)
        self._sharing.through(share, self._desk.now())

    def _planned(self, share: Share, case: Case) -> list[Load]:
        key = (share.delivery_id, share.opened_at, share.stage, share.with_images)
        if self._plan is None or self._plan[0] != key:
            self._plan = (key, loads_of(self._desk, case, share))
        return self._plan[1]

    def _bring(self, share: Share, batch: Sequence[Load]) -> None:
        if trouble := missing_from(self._desk, [load.stored for load in batch if load.stored]):
            raise TemporaryError(trouble)
        said = self._line.store(Envelope.of([load.path for load in batch]))
        silent = "the partner's answer does not name it"
        answers = {load.key: said.get(load.sop_instance_uid, silent) for load in batch}
        self._sharing.note(share.partner, answers)

    def _announce(self, share: Share, case: Case) -> None:
        """Tell the partner of the result, and which stages are through."""
        over = [stage.value for stage in STAGES[1 : STAGES.index(share.stage) + 1]]
        told = {"study_uid": case.study_uid, "revision": share.revision, "by": share.asked_by}
        told |= {"scanned_at": _scanned_at(case, share)}
        self._line.tell(
            protocol.ANNOUNCEMENTS, {**told, "over": over, "result": _result(self._desk, case, share)}
        )

    def _conclude(self, share: Share, case: Case) -> None:
        """Say what became of all of it."""
        refused = self._refused(share, case)
        now = self._desk.now()
        if refused:
            text = f"{len(refused)} objects are not there: {refused[0]}"
            self._sharing.end(share, DeliveryState.FAILED, now, text)
            return
        text = "results, maps and images are there" if share.with_images else "results and maps are there"
        self._sharing.end(share, DeliveryState.DELIVERED, now, text)

    def _refused(self, share: Share, case: Case) -> list[str]:
        loads = [load for stage in STAGES for load in loads_of(self._desk, case, replace(share, stage=stage))]
        known = self._sharing.accepted(share.partner, [load.key for load in loads])
        return [reason for reason in known.values() if reason]


def _result(desk: Desk, case: Case, share: Share) -> dict[str, Any]:
    """A revision's result; the ledger has the newest, and late images may have re-opened the case since."""
    if case.revision == share.revision and case.result:
        return dict(case.result)
    return casefolder.load_result(desk.folder(case.id, share.revision)).to_json()


def _scanned_at(case: Case, share: Share) -> str | None:
    """When the last image that a revision's result waited for came; None where images have come since."""
    known = case.times["last_perfusion_image_at"] or case.times["last_image_at"]
    return known if case.revision == share.revision else None


def _batch(waiting: Sequence[Load]) -> list[Load]:
    """The next objects that go together: at least one, in their order."""
    chosen: list[Load] = []
    for load in waiting[:BATCH_OBJECTS]:
        if chosen and sum(one.size_bytes for one in chosen) + load.size_bytes > BATCH_BYTES:
            break
        chosen.append(load)
    return chosen


def serve(desk: Desk, partner: Partner, stop: Event) -> None:
    """Be the courier of a partner until `stop` is set."""
    keep_round(desk.config.engine_url, f"sharing {partner.name}", partial(Courier, desk, partner), stop)


def serve_all(desk: Desk, stop: Event) -> None:
    """Start a courier for every partner, and the bell where one may send."""
    if any(partner.may_send for partner in desk.config.sharing.partners):
        begin_round(desk.config.engine_url, "sharing bell", partial(Bell, desk), stop)
    for partner in desk.config.sharing.partners:
        name = f"sharing {partner.name}"
        begin_round(desk.config.engine_url, name, partial(Courier, desk, partner), stop)
