"""An order in a message: ORC, OBR and, where they come, TQ1, IPC and ZDS.

References
----------
HL7 v2.5.1 chapter 4: ORC (4.5.1), TQ1 (4.5.4), OBR (4.5.3), IPC (4.5.6); IHE RAD TF-2 4.4 (OBR-18 to 20, ZDS).
Tables 0038, 0119, 0485.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from gateway.hl7.grammar import DATA_TYPE, REQUIRED_FIELD, TABLE_VALUE, Message, MessageError, Segment
from gateway.ledger.records import utc_text
from gateway.orders.names import folded
from gateway.orders.order import OrderNumber, OrderPriority, OrderStatus
from gateway.orders.reading_person import person_of
from gateway.orders.settings import Orders as Settings
from gateway.orders.times import moment_in
from gateway.orders.told import OrderTold, PatientTold

LONGEST_NUMBER = 64
"""Letters of a number, as the ledger keeps it."""
LONGEST_TEXT = 1024
LONGEST_CODE = 16
"""Of a modality and of a title, which DICOM writes as CS and AE."""
LONGEST_UID = 64

CONTROLS: Mapping[str, OrderStatus] = {
    "NW": OrderStatus.SCHEDULED,
    "XO": OrderStatus.SCHEDULED,
    "CA": OrderStatus.CANCELLED,
    "DC": OrderStatus.DISCONTINUED,
}
"""Order control (ORC-1, table 0119) to where the order stands then; SC takes it from ORC-5."""

STATUSES: Mapping[str, OrderStatus] = {
    "SC": OrderStatus.SCHEDULED,
    "IP": OrderStatus.IN_PROGRESS,
    "A": OrderStatus.IN_PROGRESS,
    "CM": OrderStatus.COMPLETED,
    "CA": OrderStatus.CANCELLED,
    "DC": OrderStatus.DISCONTINUED,
}
"""ORC-5, HL7 table 0038."""

URGENT = frozenset({"S", "STAT", "A", "ASAP", "T", "TS"})
"""HL7 table 0485: at once, soon, critical in time."""


def order_of(
    group: Message, step: Segment, patient: PatientTold, settings: Settings, sender: str
) -> OrderTold:
    """Read one order: a message reduced to the segments about it, and the step of it that is meant.

    Parameters
    ----------
    sender
        Issuer of order numbers that name none.

    Raises
    ------
    MessageError
        Order control or status is unknown, there is no number, or a value is too long.
    """
    orc, obr = group.first("ORC"), group.first("OBR")
    placer, filler = (_number(orc, obr, position, sender) for position in (2, 3))
    accession = _accession(group, step, settings)
    if not (placer.value or filler.value or accession.value):
        reason = "the order has no number: ORC-2, ORC-3 or an accession number"
        raise MessageError(reason, REQUIRED_FIELD, orc.place(2))
    step_id = _code(step, 4) or _code(obr, 20)
    told = {
        "accession_number": accession.value,
        "accession_issuer": accession.issuer,
        "procedure": [_line(obr.text(4, part)) for part in (1, 2, 3)]
        if obr.text(4) or obr.text(4, 2)
        else "",
        "procedure_id": _code(step, 2) or _code(obr, 19),
        "step_id": step_id,
        "scheduled_at": _utc(_scheduled(group, settings)),
        "ordered_at": _utc(moment_in(orc.text(9), settings.zone)),
        "modality": _code(step, 5, LONGEST_CODE) or _code(obr, 24, LONGEST_CODE),
        "station_ae": _code(step, 9, LONGEST_CODE),
        "study_uid": _uid(step, 3) or _uid(group.first("ZDS"), 1),
        "referring_physician": person_of(obr, 16) or person_of(orc, 12) or person_of(group.first("PV1"), 8),
        "reason": _line(obr.text(31, 2) or obr.whole(31) or obr.whole(13)),
        "priority": priority_of(group, settings),
    }
    return OrderTold(
        control=_control(orc),
        status=_status(orc),
        patient=patient,
        placer=placer,
        filler=filler,
        accession=accession,
        step_id=step_id,
        values={name: value for name, value in told.items() if value},
        place=orc.place(2),
    )


def priority_of(group: Message, settings: Settings) -> OrderPriority | None:
    """How urgent an order is; None where it says nothing of it."""
    stroke, obr = settings.stroke, group.first("OBR")
    codes = {folded(text) for text in _priority_texts(group)} - {""}
    urgent = bool(codes & {folded(code) for code in URGENT})
    procedure = [obr.text(4, part) for part in (1, 2, 4, 5)]
    described = [*_priority_texts(group), *procedure]
    reasons = [obr.whole(13), obr.whole(31), *(note.whole(3) for note in group.all("NTE"))]
    if (
        codes & {folded(code) for code in stroke.priority_codes}
        or {obr.text(4, 1), obr.text(4, 4)} & set(stroke.procedure_codes)
        or _marked(described, stroke.marks)
        or (urgent and _marked(reasons, stroke.marks))
    ):
        return OrderPriority.STROKE
    if not codes:
        return None
    return OrderPriority.URGENT if urgent else OrderPriority.ROUTINE


def _priority_texts(group: Message) -> Iterator[str]:
    """Codes and texts of the priority, in every place that a version of HL7 has for it."""
    for timing in group.all("TQ1"):
        yield from (timing.text(9, part) for part in (1, 2))
    orc, obr = group.first("ORC"), group.first("OBR")
    yield from (orc.text(7, 6), obr.text(27, 6), obr.text(5))


def _marked(texts: list[str], marks: tuple[str, ...]) -> bool:
    wanted = [f" {folded(mark)} " for mark in marks]
    words = "".join(mark if mark.isalnum() else " " for mark in " ".join(map(folded, texts)))
    return any(mark in f" {' '.join(words.split())} " for mark in wanted)


def _control(orc: Segment) -> str:
    control = orc.text(1).upper() or "NW"
    if control not in {*CONTROLS, "SC"}:
        raise MessageError("order control is none of NW, XO, CA, DC and SC", TABLE_VALUE, orc.place(1))
    return control


def _status(orc: Segment) -> OrderStatus:
    control = _control(orc)
    if control != "SC":
        return CONTROLS[control]
    status = STATUSES.get(orc.text(5).upper())
    if status is None:
        raise MessageError("order status is none of SC, IP, A, CM, CA and DC", TABLE_VALUE, orc.place(5))
    return status


def _number(orc: Segment, obr: Segment, position: int, sender: str) -> OrderNumber:
    for segment in (orc, obr):
        if value := _code(segment, position):
            issuer = segment.text(position, 2) or segment.text(position, 3) or sender
            return OrderNumber(value, issuer[:LONGEST_NUMBER])
    return OrderNumber()


def _accession(group: Message, step: Segment, settings: Settings) -> OrderNumber:
    for name in settings.accession_fields:
        segment = step if name.startswith("IPC") else group.first(name[:3])
        if value := _code(segment, int(name[4:])):
            return OrderNumber(value, segment.text(int(name[4:]), 2)[:LONGEST_NUMBER])
    return OrderNumber()


def _scheduled(group: Message, settings: Settings) -> datetime | None:
    """When it is planned for, by the first place that says so."""
    orc, obr, timing = group.first("ORC"), group.first("OBR"), group.first("TQ1")
    told = (timing.text(7), obr.text(36), obr.text(27, 4), orc.text(7, 4), orc.text(15), obr.text(6))
    return next((found for text in told if (found := moment_in(text, settings.zone))), None)


def _utc(moment: datetime | None) -> str:
    return utc_text(moment) if moment else ""


def _code(segment: Segment, position: int, longest: int = LONGEST_NUMBER) -> str:
    """The first component of a field that is a number or a code.

    Raises
    ------
    MessageError
        It is longer than it can be, or has marks that no code has.
    """
    text = segment.text(position)
    if len(text) > longest or not all(mark.isprintable() for mark in text):
        reason = f"{segment.name}-{position} is longer than {longest} letters or holds control characters"
        raise MessageError(reason, DATA_TYPE, segment.place(position))
    return text


def _uid(segment: Segment, position: int) -> str:
    text = segment.text(position)
    if text and (
        len(text) > LONGEST_UID
        or not all(mark.isdecimal() and mark.isascii() for mark in text.replace(".", ""))
    ):
        raise MessageError(f"{segment.name}-{position} is no UID", DATA_TYPE, segment.place(position))
    return text


def _line(text: str) -> str:
    """Free text in one line, no longer than it is shown."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())[:LONGEST_TEXT]
