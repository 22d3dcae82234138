"""What a person may do about a run: let it run again from where it failed, or give it up. Both may be repeated."""

from datetime import datetime

import structlog

from gateway.engine import Client
from gateway.journal import ACTIVE, DEAD, Job, Step
from gateway.lanes import Priority, lane_of
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import Delivery, DeliveryKind, DeliveryState
from gateway.runs.findings import lane
from triage.errors import InputError

log = structlog.get_logger()

DELIVERY_STEP = "attempt"
"""The step of a delivery that talks to the receiver; its run ends well even where the receiver refuses for good."""
_BY_COURIER = (DeliveryKind.EMR, DeliveryKind.SHARE)
"""Kinds that no run carries: a courier finds them in the ledger."""
_GIVEN_UP = (DeliveryState.FAILED, DeliveryState.CANCELLED)


def replay(
    client: Client, ledger: Ledger, key: str, now: datetime, by: str, from_step: int | None = None
) -> str:
    """Run a run again from its failed step, or from another; returns what was done, in words.

    Raises
    ------
    InputError
        There is no such run, it ended well, or it has no such step.
    TemporaryError
        The journal cannot be changed now.
    """
    job, delivery = find(client, key), ledger.deliveries.get(key)
    given_up = delivery if delivery and delivery.state in _GIVEN_UP else None
    if job is None:
        return _submit_again(client, ledger, key, given_up, now, by)
    if job.status in ACTIVE:
        return "it is under way already"
    if job.status == "SUCCESS" and given_up is None and from_step is None:
        raise InputError(f"{key} ended well; name a step to run it again from there")
    step = _checked(client.steps(key), from_step) if from_step else restart_at(client.steps(key))
    client.replay(key, step, lane(job))
    if given_up:  # afterwards: what the run may have found out by now stands
        _requeue(ledger, given_up, now)
    log.info("run replayed", run=key, from_step=step, by=by)
    return f"it runs again from step {step}"


def cancel(client: Client, ledger: Ledger, key: str, now: datetime, by: str) -> str:
    """Give a run up; returns what was done, in words.

    Raises
    ------
    InputError
        There is no such run.
    TemporaryError
        The journal cannot be changed now.
    """
    job = find(client, key)
    if job is None and ledger.deliveries.get(key) is None:
        raise InputError(f"there is no run {key!r}; `stroke-gateway runs list` shows them")
    if job and job.status in ACTIVE:
        client.cancel(key)
    elif job and job.status in DEAD:
        client.set_aside(key, _last(client.steps(key)))
    was_wanted = ledger.deliveries.cancelled(key, now, "given up by a person")
    if not was_wanted and (job is None or job.status not in (*ACTIVE, *DEAD)):
        return "it is over already"
    log.warning("run given up", run=key, by=by)
    return "it is given up"


def find(client: Client, key: str) -> Job | None:
    """The run of that key, or None."""
    return next(iter(client.jobs(1, key=key)), None) if key else None


def restart_at(steps: list[Step]) -> int:
    """The step that failed; else that of a delivery; else the one that had not ended."""
    failed = [step.number for step in steps if step.failed]
    attempts = [step.number for step in steps if step.name == DELIVERY_STEP]
    return max(failed or attempts or [_last(steps) + 1])


def _checked(steps: list[Step], wanted: int) -> int:
    if not 1 <= wanted <= _last(steps) + 1:
        raise InputError(f"there is no step {wanted}: the steps are 1 to {_last(steps) + 1}")
    return wanted


def _last(steps: list[Step]) -> int:
    return max((step.number for step in steps), default=0)


def _requeue(ledger: Ledger, given_up: Delivery, now: datetime) -> None:
    ledger.deliveries.requeue(given_up, now)
    if given_up.kind is DeliveryKind.EMR:
        ledger.letters.adopt(given_up.target)
        ledger.letters.reopen(given_up.id)
    if given_up.kind is DeliveryKind.SHARE:
        ledger.sharing.reopen(given_up.id, now)


def _submit_again(
    client: Client, ledger: Ledger, key: str, given_up: Delivery | None, now: datetime, by: str
) -> str:
    """A failed delivery whose run the journal has forgotten."""
    if given_up is None:
        raise InputError(f"there is no run {key!r}; `stroke-gateway runs list` shows them")
    _requeue(ledger, given_up, now)
    if given_up.kind in _BY_COURIER:
        log.info("delivery queued again", run=key, by=by)
        return "it is sent again when its destination is there"
    what = (given_up.kind.value, given_up.case_id, given_up.revision, given_up.target)
    client.submit("deliver", key, *what, queue=lane_of("deliver", key), priority=Priority.URGENT)
    log.info("run submitted again", run=key, by=by)
    return "it runs again from the beginning"
