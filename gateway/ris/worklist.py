"""Worklist answers out of orders: stroke codes first, each letter as the order has it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from uuid import UUID

import structlog

from dicom_scp.dimse import Field
from dicom_scp.negotiation import Permission
from dicom_scp.queries import Status, comment
from dicom_scp.services import DimseRequest, DimseResponse, Service
from dicom_scp.worklist import FIND, Entry, Query, answer, matches, read_query
from dicom_scp.worklist_keys import STEPS
from gateway.orders.order import Order, OrderPriority, OrderStatus, WorklistQuery, made_uid
from gateway.orders.person import Identifier, IdentifierKind
from triage.errors import InputError, TemporaryError

log = structlog.get_logger()

PRIORITIES: Mapping[OrderPriority, str] = {
    OrderPriority.STROKE: "STAT",
    OrderPriority.URGENT: "HIGH",
    OrderPriority.ROUTINE: "ROUTINE",
}
"""Requested Procedure Priority (PS3.3 section C.4.11)."""

FIRST: Sequence[OrderPriority] = tuple(PRIORITIES)

STATES: Mapping[OrderStatus, str] = {OrderStatus.SCHEDULED: "SCHEDULED", OrderStatus.IN_PROGRESS: "STARTED"}
"""Scheduled Procedure Step Status (PS3.3 section C.4.10)."""

STROKE_CODE = "STROKE CODE"
"""The remark that a person at the scanner reads."""

USUAL_MODALITY = "CT"
"""Of an order that names none: this gateway serves CT scanners."""

LONGEST_SHORT, LONGEST_LONG = 16, 64
"""Characters of a short and of a long string (PS3.5 table 6.2-1)."""

MOST_ORDERS = 5000
"""Open orders that one query looks at."""


def step_id_of(order: Order) -> str:
    """Scheduled Procedure Step ID: the order's own where it fits, else one that is always the same for the order."""
    return _short(order.step_id) or UUID(order.key).hex[:LONGEST_SHORT]


def procedure_id_of(order: Order) -> str:
    """Requested Procedure ID: the order's own or one of its numbers, whichever fits first."""
    return _short(order.procedure_id) or _short(order.filler) or step_id_of(order)


def _short(number: str) -> str:
    """A number that is a short string; one that is longer would have to be cut, and then it is another."""
    return number if len(number) <= LONGEST_SHORT else ""


def entry_of(order: Order, calling_ae: str, now: datetime, zone: tzinfo) -> Entry:
    """An order as a scanner reads it; one that names no scanner is for whoever asks, one without a time for now.

    Parameters
    ----------
    now
        Aware.
    zone
        Of the dates and times that the scanner reads.
    """
    local = (order.scheduled_at or now).astimezone(zone)
    text = order.procedure.text[:LONGEST_LONG]
    is_stroke = order.priority is OrderPriority.STROKE
    step: Entry = {
        0x00400001: order.station_ae or calling_ae,
        0x00400002: local.strftime("%Y%m%d"),
        0x00400003: local.strftime("%H%M%S"),
        0x00080060: order.modality or USUAL_MODALITY,
        0x00400007: text,
        0x00400009: step_id_of(order),
        0x00400020: STATES.get(order.status, ""),
        0x00400400: STROKE_CODE if is_stroke else "",
    }
    return {
        STEPS: (step,),
        0x00401001: procedure_id_of(order),
        0x00321060: text,
        0x00321064: _code(order),
        0x0020000D: order.study_uid or made_uid(order.key),
        0x00080050: _short(order.accession_number),
        0x00080090: order.referring_physician,
        0x00401002: order.reason[:LONGEST_LONG],
        0x00401003: PRIORITIES[order.priority],
        0x00402016: order.placer,
        0x00402017: order.filler,
        **_patient(order),
    }


def _code(order: Order) -> tuple[Entry, ...]:
    procedure = order.procedure
    if not (procedure.code and procedure.scheme and _short(procedure.code)):
        return ()
    return (
        {
            0x00080100: procedure.code,
            0x00080102: procedure.scheme[:LONGEST_SHORT],
            0x00080104: procedure.text[:LONGEST_LONG],
        },
    )


def _patient(order: Order) -> Entry:
    patient = order.patient
    first = patient.number(IdentifierKind.HOSPITAL) or next(iter(patient.identifiers), Identifier(""))
    others = [each for each in patient.identifiers if each != first]
    return {
        0x00100010: patient.name,
        0x00100020: first.value,
        0x00100021: first.issuer,
        0x00100030: patient.birth_date,
        0x00100040: patient.sex,
        0x00101002: tuple(
            {0x00100020: each.value, 0x00100021: each.issuer, 0x00100022: "TEXT"} for each in others
        ),
    }


def in_order(orders: Sequence[Order]) -> list[Order]:
    """Stroke codes first, then what is urgent; among equals the order in which they come stays."""
    return sorted(orders, key=lambda order: FIRST.index(order.priority))


@dataclass(frozen=True, slots=True)
class WorklistProvider:
    """Answers worklist queries.

    Attributes
    ----------
    orders
        Open orders that may be asked for, the soonest first.
    zone
        Of the dates and times that scanners read.
    only_sets
        The one character set of scanners that read no other, by title.
    """

    orders: Callable[[WorklistQuery], Sequence[Order]]
    zone: tzinfo
    only_sets: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def find(self, request: DimseRequest) -> Iterator[DimseResponse]:
        """Answer one query: matches, then how it ended (PS3.4 section K.4.1)."""
        try:
            query = read_query(request.dataset, request.context.transfer_syntax)
        except InputError as exc:
            yield DimseResponse(Status.IDENTIFIER_DOES_NOT_MATCH, extra=comment(str(exc)))
            return
        try:
            found = in_order(self.orders(WorklistQuery(limit=MOST_ORDERS)))
        except TemporaryError as exc:
            log.warning("a worklist cannot be read", calling_ae=request.peer.calling_ae, reason=str(exc))
            yield DimseResponse(Status.OUT_OF_RESOURCES, extra=comment("orders cannot be read now"))
            return
        yield from self._matches(query, found, request)

    def _matches(
        self, query: Query, orders: Sequence[Order], request: DimseRequest
    ) -> Iterator[DimseResponse]:
        calling_ae, now, lost = request.peer.calling_ae, self.now(), 0
        status = Status.PENDING_WITHOUT_SOME_KEYS if query.has_unknown_keys else Status.PENDING
        for order in orders:
            if request.channel.is_cancelled():
                yield DimseResponse(Status.CANCELLED)
                return
            entry = entry_of(order, calling_ae, now, self.zone)
            if matches(query, entry):
                told = answer(query, entry, self.only_sets.get(calling_ae))
                lost += told.lost_letters
                yield DimseResponse(status, told.dataset)
        if lost:
            log.warning("a scanner's character set lacks letters", calling_ae=calling_ae, entries=lost)
        yield DimseResponse(Status.SUCCESS)

    def service(self) -> Service:
        """Modality Worklist as a service of the listener."""
        return Service(Field.C_FIND, (FIND,), self.find, Permission.WORKLIST)
