"""One attempt to judge a request and to tell whoever made it, on an association of our own (PS3.4 section J.3.3)."""

import time
from datetime import timedelta

import structlog

from dicom_scp.commitment import PUSH_MODEL
from dicom_scp.dimse import Element
from dicom_scp.requestor import Callee, Proposal, associated
from dicom_scp.services import UNCOMPRESSED
from gateway.commitment.requests import event_dataset, event_values
from gateway.commitment.verdicts import failures
from gateway.desk import Desk
from gateway.ledger.commitments import Commitment, CommitmentState
from triage.errors import GatewayError, InputError, TemporaryError

log = structlog.get_logger()

POLL_S = 0.1
STALE = timedelta(minutes=10)
"""Older verdicts are found anew before they are reported."""


def attempt_commitment(desk: Desk, key: str) -> bool:
    """Try once; returns whether the peer has heard."""
    try:
        judged = _judged(desk, key)
        judged = _not_held(desk, judged)
        if judged.state is CommitmentState.JUDGED:
            tell(judged, _callee(desk, judged.calling_ae))
            desk.ledger.commitments.reported(key, desk.now())
    except GatewayError as exc:
        desk.ledger.commitments.tried(key, str(exc))
        log.warning("a commitment report waits", commitment=key, reason=str(exc))
        return False
    log.info("commitment reported", commitment=key, failures=len(judged.failures or {}))
    return True


def give_up_commitment(desk: Desk, key: str) -> None:
    """Nobody listens: leave it to a person, visibly."""
    known = _get(desk, key)
    desk.ledger.commitments.given_up(key, desk.now(), known.detail or "nobody listens")
    log.error(
        "a commitment report is given up", commitment=key, calling_ae=known.calling_ae, reason=known.detail
    )


def _judged(desk: Desk, key: str) -> Commitment:
    """The request with verdicts that are not stale: its peer may have been away for days."""
    known = _get(desk, key)
    is_over = known.state in {CommitmentState.REPORTED, CommitmentState.GIVEN_UP}
    if is_over or (known.judged_at and desk.now() - known.judged_at < STALE):
        return known
    desk.ledger.commitments.judged(key, failures(desk, known.request.references), desk.now())
    return _get(desk, key)


def _not_held(desk: Desk, judged: Commitment) -> Commitment:
    """The request once its own association has reported or can no longer."""
    while judged.state is CommitmentState.JUDGED and judged.held_until and judged.held_until > desk.now():
        time.sleep(POLL_S)
        judged = _get(desk, judged.id)
    return judged


def _get(desk: Desk, key: str) -> Commitment:
    known = desk.ledger.commitments.get(key)
    if known is None:
        raise InputError(f"there is no commitment request {key}; was the ledger replaced?")
    return known


def _callee(desk: Desk, ae_title: str) -> Callee:
    for peer in desk.config.dicom.peers:
        if peer.ae_title.strip() == ae_title and peer.host and peer.port:
            return Callee(ae_title, peer.host, peer.port, desk.config.dicom.ae_title.strip())
    raise InputError(f"dicom.peers: {ae_title} has no host and port to report to; add them")


def tell(judged: Commitment, callee: Callee) -> None:
    """Send the report on a new association, with reversed roles.

    Raises
    ------
    TemporaryError, InputError
        The peer is away, does not accept, or does not confirm.
    """
    with associated(callee, [Proposal(PUSH_MODEL, UNCOMPRESSED, as_provider=True)]) as peer:
        context = peer.context_for(PUSH_MODEL, UNCOMPRESSED)
        if context is None:
            raise TemporaryError(f"{callee.ae_title} accepts no encoding of the report")
        raw = event_dataset(judged, context.transfer_syntax)
        status = peer.request(context.context_id, event_values(judged), raw).number(Element.STATUS)
    if status:
        raise TemporaryError(f"{callee.ae_title} answers the report with status {status:04X}")
