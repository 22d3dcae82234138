"""Which runs want a person: dead letters, and runs that stand still. Nothing here changes anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from gateway.journal import TRANSIENT, Job
from gateway.lanes import Queue, lane_of
from gateway.ledger.records import Delivery, moment_of
from gateway.runs.settings import Runs

MS_PER_S = 1000.0
SECONDS_PER_MINUTE = 60.0

URGENT_LANES = (Queue.ALERT, Queue.URGENT)
"""Somebody waits for these by the minute."""

LONGEST_WAIT_S: Mapping[Queue, float] = {Queue.ANALYSIS: 120.0, Queue.FORWARD: 600.0, Queue.DELIVER: 600.0}
"""For a worker: an analysis stands behind others of three to ten seconds, the other lanes are never full."""

LONGEST_SILENCE_S: Mapping[Queue, float] = {
    Queue.ANALYSIS: 900.0,  # twice the time limit of an analysis, and its step's repetitions
    Queue.FORWARD: 900.0,  # 64 objects at an archive that takes ten seconds for each
    Queue.ALERT: 300.0,
    Queue.URGENT: 300.0,
    Queue.DELIVER: 900.0,
}
"""Without a new step, the run's own waits left out; a step's repetitions alone take 127 s."""

WORK: Mapping[str, str] = {
    "case": "Analysis",
    "overdue": "Conclusion of a late analysis",
    "alert": "Escalation of an alert",
    "forward": "Images to the archive",
    "commitment": "Report of a storage commitment",
    "edit": "Reading of an edited core",
    "summon": "Call to take over a case",
    "trial": "Test alarm",
}
RECEIVERS: Mapping[str, str] = {
    "alert": "Alert to",
    "publish": "Results to",
    "emr": "Message to",
    "node": "Results to PACS node",
    "aligned": "Motion-corrected series to",
    "signoff": "Signed report to",
    "availability": "Word of the images to",
    "share": "Study to",
}


class Kind(StrEnum):
    """How badly it stands."""

    DEAD = "dead"
    """Nothing goes on before a person has looked."""
    STUCK = "stuck"
    """It should go on and does not."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One run, or one delivery, that wants a person; without any person in it."""

    key: str
    workflow: str
    lane: Queue
    kind: Kind
    reason: str
    attempts: int
    since: datetime
    passes_by_itself: bool = False
    waits: bool = False
    """For a worker; otherwise it is under way."""

    @property
    def what(self) -> str:
        """What stands still, in words.

        >>> Trouble("emr:a:r1:his", "deliver", Queue.DELIVER, Kind.DEAD, "", 1, datetime(2026, 1, 1)).what
        'Message to his'
        """
        if self.workflow in WORK:
            return WORK[self.workflow]
        kind, *_, target = self.key.split(":", 3)
        return f"{RECEIVERS.get(kind, kind)} {target}"

    @property
    def case_id(self) -> str | None:
        """The case it is about, if any."""
        return None if self.workflow == "commitment" else self.key.split(":")[1]

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for it by the minute."""
        return self.lane in URGENT_LANES


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look at all runs has found, the longest trouble first."""

    troubles: tuple[Trouble, ...] = ()

    @property
    def dead(self) -> tuple[Trouble, ...]:
        """Dead letters."""
        return tuple(trouble for trouble in self.troubles if trouble.kind is Kind.DEAD)

    @property
    def stuck(self) -> tuple[Trouble, ...]:
        """Runs that stand still."""
        return tuple(trouble for trouble in self.troubles if trouble.kind is Kind.STUCK)

    def of_case(self, case_id: str) -> list[Trouble]:
        """Troubles of one case."""
        return [trouble for trouble in self.troubles if trouble.case_id == case_id]


def moment(ms: float) -> datetime:
    """A moment of the journal."""
    return datetime.fromtimestamp(ms / MS_PER_S, UTC)


def lane(job: Job) -> Queue:
    """Lane of a run."""
    return Queue(job.queue) if job.queue in set(Queue) else lane_of(job.workflow, job.key)


def dead_run(job: Job) -> Trouble:
    """A run that ended badly."""
    kind, _, message = (job.error or "").partition(": ")
    reason = f"the worker died {job.attempts} times while it worked on this"
    if kind in TRANSIENT:
        reason = "what it needs was away for too long, or the disk was full; it is tried again by itself"
    elif kind == "UnforeseenError":
        reason = f"an unforeseen error of the program ({message})"
    elif kind:
        reason = message or f"an unforeseen error of the program ({kind})"
    since = moment(job.updated_at_ms or job.created_at_ms or 0)
    passes = kind in TRANSIENT
    return Trouble(job.key, job.workflow, lane(job), Kind.DEAD, reason, job.attempts or 0, since, passes)


def dead_delivery(delivery: Delivery) -> Trouble:
    """A delivery that its receiver, or we, refused for good."""
    reason, since = delivery.detail or "no reason was given", moment_of(delivery.updated_at)
    where = lane_of("deliver", delivery.id)
    return Trouble(delivery.id, "deliver", where, Kind.DEAD, reason, delivery.attempts, since)


def longest_wait_s(where: Queue, settings: Runs) -> float:
    """How long a run of a lane may wait for a worker."""
    return settings.urgent_wait_s if where in URGENT_LANES else LONGEST_WAIT_S[where]


def longest_silence_s(where: Queue, settings: Runs) -> float:
    """How long a run of a lane may be under way without a new step."""
    minutes = settings.silent_minutes.get(where)
    return LONGEST_SILENCE_S[where] if minutes is None else minutes * SECONDS_PER_MINUTE


def waiting_run(job: Job, settings: Runs, now: datetime) -> Trouble | None:
    """A run that no worker takes, if it has waited too long."""
    where, since = lane(job), moment(max(job.created_at_ms or 0, job.updated_at_ms or 0))
    if (now - since).total_seconds() <= longest_wait_s(where, settings):
        return None
    reason = "no worker takes it: start one"
    return Trouble(
        job.key,
        job.workflow,
        where,
        Kind.STUCK,
        reason,
        job.attempts or 0,
        since,
        passes_by_itself=True,
        waits=True,
    )


def silent_run(job: Job, active_until_ms: float, settings: Runs, now: datetime) -> Trouble | None:
    """A run under way, if its last step is too long ago."""
    where, since = lane(job), moment(active_until_ms)
    if (now - since).total_seconds() <= longest_silence_s(where, settings):
        return None
    reason = "is under way, and no step has ended since: restart the worker"
    return Trouble(job.key, job.workflow, where, Kind.STUCK, reason, job.attempts or 0, since)


def arranged(troubles: Iterable[Trouble]) -> Findings:
    """One trouble a key, the urgent and then the longest first; a delivery's own words beat its run's."""
    by_key = {trouble.key: trouble for trouble in troubles}
    return Findings(tuple(sorted(by_key.values(), key=lambda trouble: (not trouble.urgent, trouble.since))))
