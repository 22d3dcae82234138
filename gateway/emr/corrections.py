"""What happens to results that were sent already when something about them turns out otherwise."""

import structlog

from gateway.desk import Desk
from gateway.ledger.letter import Cause
from gateway.ledger.records import Case, CaseState, case_id_of

log = structlog.get_logger()

CONCLUDED = frozenset({CaseState.ANALYSED, CaseState.NOT_ANALYSED})


def resend(desk: Desk, study_uid: str, reason: str) -> int:
    """Send a corrected letter to every destination that has had one; patient and order are read when it is sent.

    A letter that was never tried carries the correction by itself. Returns how many letters were queued.

    Parameters
    ----------
    reason
        Why, in words that name nobody; the receiver reads it.
    """
    case = desk.ledger.cases.get(case_id_of(study_uid))
    return _queue(desk, case, Cause.CORRECTED, reason) if case else 0


def signed(desk: Desk, case_id: str, reason: str = "A physician has signed this result.") -> int:
    """Send the final letter of a result that a physician has signed; returns how many were queued."""
    case = desk.ledger.cases.get(case_id)
    return _queue(desk, case, Cause.SIGNED, reason) if case else 0


def _queue(desk: Desk, case: Case, cause: Cause, reason: str) -> int:
    """One letter a destination; a case without a result has nothing to correct."""
    if case.state not in CONCLUDED:
        return 0
    letters, queued = desk.ledger.letters, 0
    for destination in desk.config.emr.destinations:
        if letters.of_case(case.id, destination.name):
            key = letters.queue(case.id, case.revision, destination.name, cause, reason, desk.now())
            queued += key is not None
    log.info("letters queued", case_id=case.id, cause=cause.value, count=queued)
    return queued
