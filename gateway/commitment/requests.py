"""N-ACTION: a request is accepted once it is durable, and answered here if its association lasts (PS3.4 section J.3)."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from dicom_scp.commitment import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    REQUEST_COMMITMENT,
    Failure,
    Request,
    event_type,
    read_request,
    report,
)
from dicom_scp.dimse import Element, Field, ui, us
from dicom_scp.negotiation import Permission
from dicom_scp.queries import comment
from dicom_scp.services import DimseRequest, DimseResponse, Service
from gateway.ledger.commitments import Commitment, Commitments, CommitmentState, commitment_id_of
from triage.errors import InputError, TemporaryError

log = structlog.get_logger()

WAIT_HERE_S = 300.0
"""How long a report waits for the worker on an association that stays open; a study is read in a second or two."""
HOLD = timedelta(seconds=10)
"""For so long at a time the worker is kept from reporting elsewhere; should this process die, it goes on then."""
WAIT_FOR_ANSWER = timedelta(seconds=60)
"""How long the worker leaves a report alone that is on its way here."""
POLL_S = 0.1
SETTLE_S = 0.3
"""A peer that is done with the association releases it within this time after our answer."""


@dataclass(frozen=True, slots=True)
class CommitmentProvider:
    """Takes requests for storage commitment."""

    commitments: Commitments

    def take(self, request: DimseRequest) -> Iterator[DimseResponse]:
        """Answer an N-ACTION; then stay with the association until the report is sent or cannot be sent here."""
        try:
            asked = _read(request)
            accepted = self._accept(request.peer.calling_ae, asked)
        except _RefusedError as exc:
            yield _response(exc.failure, str(exc))
            return
        except TemporaryError as exc:
            log.warning("a commitment request is not recorded", reason=str(exc))
            yield _response(Failure.PROCESSING_FAILURE, "the request could not be recorded; ask again")
            return
        yield _response(0)
        if accepted:
            self._report_here(request, commitment_id_of(request.peer.calling_ae, asked.transaction_uid))

    def _accept(self, calling_ae: str, asked: Request) -> bool:
        """Make the request durable; a repeat of one that is still open is the same request."""
        now = datetime.now(UTC)
        if self.commitments.ask(calling_ae, asked, now, now + HOLD):
            return True
        known = self.commitments.get(commitment_id_of(calling_ae, asked.transaction_uid))
        is_open = known and known.state in {CommitmentState.ASKED, CommitmentState.JUDGED}
        if known is None or not is_open or known.request != asked:
            raise _RefusedError(Failure.DUPLICATE_TRANSACTION, "the transaction UID was used before")
        return False

    def _report_here(self, request: DimseRequest, key: str) -> None:
        try:
            judged = self._when_judged(request, key)
            if judged:
                self.commitments.hold(key, datetime.now(UTC) + WAIT_FOR_ANSWER)
                values = event_values(judged)
                raw = event_dataset(judged, request.context.transfer_syntax)
                answer = request.channel.request(request.context.context_id, values, raw)
                if not answer.number(Element.STATUS):
                    self.commitments.reported(key, datetime.now(UTC))
        finally:
            self.commitments.hold(key, None)

    def _when_judged(self, request: DimseRequest, key: str) -> Commitment | None:
        """The request once the worker has looked; None when the peer goes on with something else."""
        begun = time.monotonic()
        while (waited_s := time.monotonic() - begun) < WAIT_HERE_S and not request.channel.has_news:
            known = self.commitments.get(key) if waited_s > SETTLE_S else None
            if known and known.state is not CommitmentState.ASKED:
                return known if known.state is CommitmentState.JUDGED else None
            if known and known.held_until and known.held_until - datetime.now(UTC) < HOLD / 2:
                self.commitments.hold(key, datetime.now(UTC) + HOLD)
            time.sleep(POLL_S)
        return None


class _RefusedError(InputError):
    """A request that is not accepted."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


def _read(request: DimseRequest) -> Request:
    command = request.command
    if command.number(Element.ACTION_TYPE_ID) != REQUEST_COMMITMENT:
        raise _RefusedError(Failure.NO_SUCH_ACTION, "the only action is to request storage commitment")
    if command.text(Element.REQUESTED_SOP_INSTANCE_UID) != PUSH_MODEL_INSTANCE:
        raise _RefusedError(Failure.NO_SUCH_OBJECT, "requests go to the well-known instance")
    try:
        return read_request(request.dataset, request.context.transfer_syntax)
    except InputError as exc:
        raise _RefusedError(Failure.INVALID_ARGUMENT, str(exc)) from exc


def _response(status: int, reason: str = "") -> DimseResponse:
    """An N-ACTION response (PS3.7 table 10.1-5)."""
    named: dict[int, bytes] = {
        Element.AFFECTED_SOP_CLASS_UID: ui(PUSH_MODEL),
        Element.AFFECTED_SOP_INSTANCE_UID: ui(PUSH_MODEL_INSTANCE),
        Element.ACTION_TYPE_ID: us(REQUEST_COMMITMENT),
    }
    return DimseResponse(status, extra=named | (comment(reason) if reason else {}))


def event_values(judged: Commitment) -> Mapping[int, bytes]:
    """Command set of the report (PS3.7 table 10.1-1)."""
    return {
        Element.COMMAND_FIELD: us(Field.N_EVENT_REPORT),
        Element.AFFECTED_SOP_CLASS_UID: ui(PUSH_MODEL),
        Element.AFFECTED_SOP_INSTANCE_UID: ui(PUSH_MODEL_INSTANCE),
        Element.EVENT_TYPE_ID: us(event_type(judged.verdicts)),
    }


def event_dataset(judged: Commitment, transfer_syntax_uid: str) -> bytes:
    """Dataset of the report."""
    return report(judged.request.transaction_uid, judged.verdicts, transfer_syntax_uid)


def service_of(commitments: Commitments) -> Service:
    """Storage commitment as a service of the listener."""
    return Service(Field.N_ACTION, (PUSH_MODEL,), CommitmentProvider(commitments).take, Permission.COMMIT)
