"""Watches the ledger: opens cases, proves completeness, re-opens for late images, starts the workflows.

Everything here is derived from what is durable and may be repeated at will: submitting the same workflow twice is one
run, and every state change names the state it starts from. So there is no fast path to keep in step with a slow one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from threading import Event
from typing import Protocol

import structlog

from dicom_scp.accounts import PerformedCount
from dicom_scp.mpps import Step, StepStatus
from dicom_scp.recognition import SeriesLook, look_at_study
from gateway.config import Intake as IntakeSettings
from gateway.engine import Client
from gateway.feedback.edit import is_segmentation
from gateway.lanes import Priority, Queue
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import Case, CaseState, StoredImage, case_id_of, moment_of
from gateway.ledger.sources_phantoms import ROOT
from gateway.orders.order import OrderPriority
from gateway.readiness import Circumstances, Readiness, judge, judge_without, perfusion_of
from triage.errors import TemporaryError

log = structlog.get_logger()

ARRIVAL_OVERLAP = 2000
"""Row numbers are given before commits become visible: look back so far, so that no commit is overtaken."""

PRIORITIES = {Queue.FORWARD: Priority.NORMAL, Queue.URGENT: Priority.URGENT, Queue.DELIVER: Priority.URGENT}

OVERDUE_FACTOR = 4.0
"""An analysis may take its time limit three times, and wait once behind another."""


def _longest_pause_s(images: Sequence[StoredImage]) -> float:
    times = sorted(image.received_at for image in images)
    return max(((later - sooner).total_seconds() for sooner, later in pairwise(times)), default=0.0)


@dataclass(slots=True)
class _Study:
    """Images of a study that is being received, so that only news are read."""

    images: list[StoredImage] = field(default_factory=list)
    looks: tuple[SeriesLook, ...] = ()
    steps: tuple[Step, ...] = ()
    """What the scanner says it did, and by which mark it was read."""
    mark: tuple[tuple[str, int], ...] = ()

    def performed(self, series_uid: str) -> PerformedCount:
        """The scanner's account of one series."""
        here = {i.header.sop_instance_uid for i in self.images if i.header.series_uid == series_uid}
        return PerformedCount.of(self.steps, series_uid, here)

    def discontinued(self) -> frozenset[str]:
        """Series of steps that were given up."""
        ended = [step for step in self.steps if step.status is StepStatus.DISCONTINUED]
        return frozenset(each.series_uid for step in ended for each in step.series)


class Ahead(Protocol):
    """Who works on a perfusion series before it is whole."""

    def prepare(self, case_id: str, revision: int, paths: Sequence[str]) -> None:
        """Note which images have come, as paths below the spool."""

    def keep(self, revisions: Collection[tuple[str, int]]) -> None:
        """Stop working for all cases but these."""

    def stop(self, case_id: str, revision: int) -> None:
        """Stop working for this case, however far its analysis is."""


class Intake:
    """The loop of a worker process that turns arrivals into cases."""

    def __init__(
        self,
        ledger: Ledger,
        client: Client,
        settings: IntakeSettings,
        analysis_timeout_s: float,
        ahead: Ahead | None = None,
    ) -> None:
        self._ledger = ledger
        self._client = client
        self._settings = settings
        self._ahead = ahead
        self._overdue_after_s = analysis_timeout_s * OVERDUE_FACTOR
        self._cursor = 0
        self._studies: dict[str, _Study] = {}
        self._accounted: dict[str, int] = {}
        self._submitted: set[str] = set()

    def run(self, stop: Event) -> None:
        """Look every `poll_s` until `stop` is set; a database that is away is looked for again."""
        caught_up = False
        while not stop.wait(self._settings.poll_s):
            try:
                if not caught_up:
                    self._catch_up()
                    caught_up = True
                self.look(datetime.now(UTC))
            except TemporaryError:
                log.exception("intake waits for the database")

    def look(self, now: datetime) -> None:
        """Account for new arrivals, then judge every study that is being received."""
        for study_uid, latest in self._ledger.arrivals.news(self._cursor - ARRIVAL_OVERLAP):
            self._account(study_uid, latest)
        receiving = self._ledger.cases.receiving()
        given_up = self._patients_first([*receiving, *self._ledger.cases.analysing()], now)
        for case in receiving:
            if case.id not in given_up:
                self._judge(case, now)
        analysing = self._ledger.cases.analysing()
        if self._ahead:
            self._ahead.keep({(case.id, case.revision) for case in (*receiving, *analysing)})
        for case in analysing:
            self._order_analysis(case.id, case.revision)
            if (now - moment_of(case.times["complete_at"] or "")).total_seconds() > self._overdue_after_s:
                self._submit(
                    "overdue", f"overdue:{case.id}:r{case.revision}", case.id, case.revision, Queue.URGENT
                )
        for study_uid in self._ledger.arrivals.studies_to_forward():
            self._order_forward(study_uid)
        for key in self._ledger.commitments.unfinished():
            self._submit("commitment", f"commitment:{key}", key, 0, Queue.DELIVER)

    def _patients_first(self, at_work: Sequence[Case], now: datetime) -> frozenset[str]:
        """A made-up patient gives way as soon as there is a real one; returns the cases that are not gone on with."""
        phantoms = self._ledger.phantoms
        made_up = [case for case in at_work if phantoms.owns(case.study_uid)]
        if len(made_up) < len(at_work):
            for case in made_up:
                phantoms.cancel(case.study_uid, now)
        given_up = [case for case in made_up if phantoms.is_cancelled(case.study_uid)]
        for case in given_up:
            if self._ahead:
                self._ahead.stop(case.id, case.revision)
        return frozenset(case.id for case in given_up)

    def _catch_up(self) -> None:
        for study_uid, latest in self._ledger.arrivals.unaccounted():
            self._account(study_uid, latest)

    def _account(self, study_uid: str, latest: int) -> None:
        """Bring the case up to its arrival `latest`; during an analysis wait, so that late images count as late."""
        if self._accounted.get(study_uid, 0) >= latest:
            return
        case = self._ledger.cases.of_study(study_uid)
        if case and case.state is CaseState.ANALYSING and case.seen_arrival_id < latest:
            return
        study = self._read(study_uid)
        if not study.images:
            return  # a made-up patient, whose traces have just been removed
        case = case or self._ledger.cases.open(study_uid, study.images[0].received_at)
        self._order_edits(case.id, study)
        if case.seen_arrival_id < latest:
            if _concerns_result(case, study):
                self._ledger.cases.reopen(case)
                log.info("case re-opened by late images", case_id=case.id)
            self._ledger.cases.saw(case.id, study.images[-1].arrival_id, study.images[-1].received_at)
        self._accounted[study_uid] = latest
        self._cursor = max(self._cursor, latest)

    def _read(self, study_uid: str) -> _Study:
        """Images of a study and what they look like; only what is new is read."""
        study = self._studies.setdefault(study_uid, _Study())
        seen = study.images[-1].arrival_id if study.images else 0
        if news := self._ledger.arrivals.images(study_uid, after_id=seen):
            study.images += news
            if self._ledger.holdings.note_conflicts(study_uid, after_id=seen):
                log.warning("different images share a SOP instance UID", case_id=case_id_of(study_uid))
            study.looks = look_at_study(
                [image.header for image in study.images if not is_segmentation(image.header)]
            )
        return study

    def _read_steps(self, study_uid: str, study: _Study) -> None:
        """What the scanner says it did; read when it says something new."""
        mark = self._ledger.performed.mark(study_uid)
        if mark != study.mark:
            study.steps = tuple(each.step for each in self._ledger.performed.of_study(study_uid))
            study.mark = mark

    def _judge(self, case: Case, now: datetime) -> None:
        study = self._read(case.study_uid)
        if not study.images:
            return  # as above
        self._read_steps(case.study_uid, study)
        look = perfusion_of(study.looks)
        known = self._circumstances(study, look, now)
        verdict = (
            judge(look, known, self._settings) if look else judge_without(study.looks, known, self._settings)
        )
        if look and self._ahead and not case.study_uid.startswith(ROOT):
            mine = [image.path for image in study.images if image.header.series_uid == look.series_uid]
            self._ahead.prepare(case.id, case.revision, mine)
        if verdict.readiness is Readiness.WAIT:
            return
        self._order_edits(case.id, study)
        # What was judged is accounted for: images that came in between must not count as late.
        self._ledger.cases.saw(case.id, study.images[-1].arrival_id, study.images[-1].received_at)
        if verdict.readiness is Readiness.NO_PERFUSION:
            self._ledger.cases.close_without_perfusion(case.id, case.revision, verdict.text, now)
            log.info("case closed", case_id=case.id, reason=verdict.text)
            del self._studies[case.study_uid]
        elif verdict.series_uid:
            if verdict.remarks:
                self._ledger.performed.remark(case.id, case.revision, verdict.remarks)
            self._ledger.cases.complete(case.id, case.revision, verdict.series_uid, verdict.text, now)
            log.info("study complete", case_id=case.id, revision=case.revision, proof=verdict.text)
            self._order_analysis(case.id, case.revision)
            del self._studies[case.study_uid]

    def _circumstances(self, study: _Study, look: SeriesLook | None, now: datetime) -> Circumstances:
        quiet_s = (now - study.images[-1].received_at).total_seconds()
        if look is None:
            return Circumstances(
                quiet_s,
                0,
                0,
                broken_off=self._broken_off(study, quiet_s),
                performed=study.performed(""),
                discontinued=study.discontinued(),
            )
        mine = [image for image in study.images if image.header.series_uid == look.series_uid]
        ids = {image.association_id for image in mine}
        arrivals = self._ledger.arrivals
        return Circumstances(
            quiet_s,
            len(ids),
            arrivals.open_associations(sorted(ids)),
            _longest_pause_s(mine),
            broke_off=bool(arrivals.aborted_associations([mine[-1].association_id])),
            sender_connected=arrivals.senders_connected(sorted(ids)),
            performed=study.performed(look.series_uid),
        )

    def _broken_off(self, study: _Study, quiet_s: float) -> frozenset[str]:
        """Series whose sender broke off; nobody asks before nothing more comes."""
        if quiet_s < self._settings.quiet_s:
            return frozenset()
        brought = {(image.association_id, image.header.series_uid) for image in study.images}
        aborted = self._ledger.arrivals.aborted_associations(sorted({name for name, _ in brought}))
        return frozenset(series for name, series in brought if name in aborted)

    def _order_analysis(self, case_id: str, revision: int) -> None:
        if self._submit("case", f"case:{case_id}:r{revision}", case_id, revision, Queue.ANALYSIS):
            self._ledger.cases.stamp(case_id, revision, "compute_queued_at", datetime.now(UTC))

    def _order_forward(self, study_uid: str) -> None:
        case = self._ledger.cases.of_study(study_uid)
        if case and not self._ledger.phantoms.stays_here(study_uid):
            key = f"forward:{case.id}:{case.forward_runs}"
            self._submit("forward", key, case.id, case.forward_runs, Queue.FORWARD)

    def _order_edits(self, case_id: str, study: _Study) -> None:
        """Have every segmentation looked at: it may be a core that somebody has edited."""
        for number in (image.arrival_id for image in study.images if is_segmentation(image.header)):
            self._submit("edit", f"edit:{case_id}:{number}", case_id, number, Queue.DELIVER)

    def _submit(self, name: str, key: str, case_id: str, number: int, queue: Queue) -> bool:
        """Submit once per process, and return whether this was it; a repeat after a restart is the same run."""
        if key in self._submitted:
            return False
        priority = self._analysis_priority(case_id) if queue is Queue.ANALYSIS else PRIORITIES[queue]
        self._client.submit(name, key, case_id, number, queue=queue, priority=priority)
        self._submitted.add(key)
        return True

    def _analysis_priority(self, case_id: str) -> Priority:
        """What may belong to a stroke-code order goes first, which harms nobody; a made-up patient last."""
        case = self._ledger.cases.get(case_id)
        if case is None:
            return Priority.URGENT
        if self._ledger.phantoms.owns(case.study_uid):
            return Priority.NORMAL
        ordered = self._ledger.orders.matches.priority_of(case.study_uid)
        return Priority.STROKE_CODE if ordered is OrderPriority.STROKE else Priority.URGENT


def _concerns_result(case: Case, study: _Study) -> bool:
    """Late images re-open a closed case when they belong to its perfusion series, or when it had none; drawings never do."""
    if case.state in {CaseState.RECEIVING, CaseState.ANALYSING}:
        return False
    known = {i.header.sop_instance_uid for i in study.images if i.arrival_id <= case.seen_arrival_id}
    fresh = [
        i for i in study.images if i.header.sop_instance_uid not in known and not is_segmentation(i.header)
    ]
    if case.state is CaseState.NO_PERFUSION:
        return bool(fresh)
    return any(i.header.series_uid == case.perfusion_series_uid for i in fresh)
