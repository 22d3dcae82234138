"""What a scanner says it does: taken once it is durable, and shown in the order it belongs to (PS3.4 annex F)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import structlog

from dicom_scp.dimse import Element, Field, ui, us
from dicom_scp.mpps import (
    ERROR_ID,
    FINAL_COMMENT,
    FINAL_ERROR_ID,
    INCORRECT_ENTRY,
    MPPS,
    Answer,
    Scheduled,
    StepError,
    StepStatus,
    changed,
    read_change,
    read_creation,
)
from dicom_scp.negotiation import Permission
from dicom_scp.queries import comment
from dicom_scp.services import DimseRequest, DimseResponse, Service
from dicom_scp.values import is_uid
from gateway.ledger.ledger import Ledger
from gateway.ledger.performed import Performed
from gateway.orders.order import Order, OrderStatus
from gateway.ris.worklist import step_id_of
from triage.errors import TemporaryError

log = structlog.get_logger()

ORDER_STATES: Mapping[StepStatus, OrderStatus] = {
    StepStatus.IN_PROGRESS: OrderStatus.IN_PROGRESS,
    StepStatus.COMPLETED: OrderStatus.COMPLETED,
    StepStatus.DISCONTINUED: OrderStatus.DISCONTINUED,
}

JUST_NOW = timedelta(minutes=10)
"""How far back a start looks; what the hospital has said of an order since then stands."""

ATTEMPTS = 3
"""Two changes of one step at once are a scanner's mistake, and still neither is lost."""


@dataclass(frozen=True, slots=True)
class StepProvider:
    """Takes procedure steps."""

    ledger: Ledger

    def create(self, request: DimseRequest) -> Iterator[DimseResponse]:
        """Answer an N-CREATE."""
        uid = request.command.text(Element.AFFECTED_SOP_INSTANCE_UID) or f"2.25.{uuid4().int}"
        yield self._answered(request, uid, lambda: self._begin(request, uid))

    def change(self, request: DimseRequest) -> Iterator[DimseResponse]:
        """Answer an N-SET."""
        uid = request.command.text(Element.REQUESTED_SOP_INSTANCE_UID)
        yield self._answered(request, uid, lambda: self._change(request, uid))

    def services(self) -> tuple[Service, Service]:
        """Both operations as services of the listener."""
        return (
            Service(Field.N_CREATE, (MPPS,), self.create, Permission.PERFORM),
            Service(Field.N_SET, (MPPS,), self.change, Permission.PERFORM),
        )

    def _begin(self, request: DimseRequest, uid: str) -> Performed:
        if not is_uid(uid):
            raise StepError(Answer.INVALID_INSTANCE, "the SOP Instance UID is none")
        step = read_creation(request.dataset, request.context.transfer_syntax, uid)
        keys = [order.key if order else None for order in (order_of(self.ledger, s) for s in step.scheduled)]
        if not self.ledger.performed.begin(step, request.peer.calling_ae, keys, datetime.now(UTC)):
            raise StepError(Answer.DUPLICATE_INSTANCE, "this step has begun before")
        return self._known(uid)

    def _change(self, request: DimseRequest, uid: str) -> Performed:
        change = read_change(request.dataset, request.context.transfer_syntax)
        for _ in range(ATTEMPTS):
            seen = self._known(uid)
            if self.ledger.performed.change(seen, changed(seen.step, change), datetime.now(UTC)):
                return self._known(uid)
        raise TemporaryError("the step changes under our hands")

    def _known(self, uid: str) -> Performed:
        known = self.ledger.performed.get(uid)
        if known is None:
            raise StepError(Answer.NO_SUCH_INSTANCE, "no step of this UID has begun")
        return known

    def _answered(self, request: DimseRequest, uid: str, act: Callable[[], Performed]) -> DimseResponse:
        """Act, and say how it went; what follows for the orders is no reason to refuse what is durable."""
        try:
            done = act()
        except StepError as exc:
            log.warning("a procedure step is refused", calling_ae=request.peer.calling_ae, reason=str(exc))
            return _response(uid, exc.answer, str(exc))
        except TemporaryError as exc:
            log.warning("a procedure step is not recorded", reason=str(exc))
            return _response(uid, Answer.RESOURCE_LIMITATION, "the step could not be recorded; send it again")
        log.info("procedure step", calling_ae=request.peer.calling_ae, status=done.step.status)
        try:
            carry_over(self.ledger, done)
        except TemporaryError as exc:
            log.warning("an order does not know of its step yet", reason=str(exc))
        return _response(uid, Answer.SUCCESS)


def order_of(ledger: Ledger, entry: Scheduled) -> Order | None:
    """The order that an entry of the worklist was made of; None where it is not certain."""
    orders = ledger.orders
    named = [order for order in orders.of_study(entry.study_uid) if entry.study_uid in order.study_uids]
    return _only(named, entry) or _only(orders.of_accession(entry.accession_number), entry)


def _only(found: Sequence[Order], entry: Scheduled) -> Order | None:
    if len(found) > 1:
        found = [order for order in found if step_id_of(order) == entry.step_id]
    return found[0] if len(found) == 1 else None


def carry_over(ledger: Ledger, done: Performed) -> None:
    """Give orders the state of their step; whoever selected the wrong entry leaves the order to be done."""
    state = ORDER_STATES[done.step.status]
    if state is OrderStatus.DISCONTINUED and done.step.reason_code == INCORRECT_ENTRY:
        state = OrderStatus.SCHEDULED
    for key in filter(None, done.order_keys):
        ledger.orders.set_status(key, state, datetime.now(UTC))


def catch_up(ledger: Ledger, now: datetime) -> None:
    """Give orders the state of steps that were made durable just before a kill."""
    for performed in ledger.performed.changed_since(now - JUST_NOW):
        carry_over(ledger, performed)


def _response(uid: str, answer: Answer, reason: str = "") -> DimseResponse:
    """An N-CREATE or N-SET response (PS3.7 tables 10.1-3 and 10.1-5)."""
    named: dict[int, bytes] = {Element.AFFECTED_SOP_CLASS_UID: ui(MPPS)}
    if is_uid(uid):
        named[Element.AFFECTED_SOP_INSTANCE_UID] = ui(uid)
    final = {ERROR_ID: us(FINAL_ERROR_ID)} if reason == FINAL_COMMENT else {}
    return DimseResponse(answer, extra=named | final | (comment(reason) if reason else {}))
