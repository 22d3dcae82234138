"""From a message to what it tells: one table, and the orders of a message taken apart.

Numbers without an issuer get that of whoever sent them, so that two systems that both count from 1 never name the
same order; nothing here touches the ledger.

References
----------
HL7 v2.5.1 chapter 3 (ADT^A01, A04, A08, A28, A31, A40) and 4 (ORM^O01, OMI^O23).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from gateway.hl7.grammar import REQUIRED_FIELD, SEGMENT_SEQUENCE, Message, MessageError, Segment
from gateway.orders.reading_order import order_of
from gateway.orders.reading_person import patient_of, prior_of
from gateway.orders.settings import Orders as Settings
from gateway.orders.times import moment_in
from gateway.orders.told import MergeTold, PatientTold, Told, Weight

MESSAGE_TYPE, EVENT_CODE = "200", "201"
"""Conditions of HL7 table 0357."""

LONGEST_CONTROL_ID = 199


def read_told(message: Message, settings: Settings, received_at: datetime) -> tuple[Told, ...]:
    """Read what a message tells.

    Raises
    ------
    MessageError
        It tells nothing that is known here, or lacks what it needs; with condition and place for the answer.
    """
    if not 0 < len(message.control_id) <= LONGEST_CONTROL_ID:
        raise MessageError(
            "the message has no control id (MSH-10) of 1 to 199 letters", REQUIRED_FIELD, "MSH^1^10"
        )
    verb = VERBS.get(message.type)
    if verb is None:
        known = message.type.partition("^")[0] in {name.partition("^")[0] for name in VERBS}
        what, condition = ("event", EVENT_CODE) if known else ("type of message", MESSAGE_TYPE)
        raise MessageError(f"this {what} is not taken here (MSH-9)", condition, "MSH^1^9")
    return tuple(verb(message, settings, received_at))


def _patient(message: Message, settings: Settings, received_at: datetime) -> PatientTold:
    told_at = moment_in(message.first("MSH").text(7), settings.zone) or received_at
    # A clock that runs ahead must not make everything later look old.
    told_at = min(told_at, received_at)
    weight = WEIGHTS.get(message.type, Weight.MENTION)
    arrived_at = _arrival(message, settings, told_at) if message.type in ARRIVALS else None
    return PatientTold(patient_of(message, settings), told_at, weight, arrived_at)


def _arrival(message: Message, settings: Settings, told_at: datetime) -> datetime:
    """When the patient came: PV1-44, else EVN-6, else when the message was made; a day alone is no time."""
    said = (message.first("PV1").text(44), message.first("EVN").text(6))
    known = (moment_in(text, settings.zone) for text in said if len(text) >= len("YYYYMMDDHHMM"))
    return min(next((at for at in known if at is not None), told_at), told_at)


def _read_patient(message: Message, settings: Settings, received_at: datetime) -> Iterator[Told]:
    yield _patient(message, settings, received_at)


def _read_merges(message: Message, settings: Settings, received_at: datetime) -> Iterator[Told]:
    """Every pair of PID and MRG of the message."""
    pairs = list(zip(message.all("PID"), message.all("MRG"), strict=False)) or [
        (message.first("PID"), message.first("MRG"))
    ]
    for pid, mrg in pairs:
        pair = replace(message, segments=(message.first("MSH"), pid, mrg))
        yield MergeTold(_patient(pair, settings, received_at), prior_of(pair, settings))


def _read_orders(message: Message, settings: Settings, received_at: datetime) -> Iterator[Told]:
    patient = _patient(message, settings, received_at)
    header = message.first("MSH")
    sender = header.text(4) or header.text(3) or settings.default_issuer
    groups = _groups(message)
    if not groups:
        raise MessageError("the message has neither ORC nor OBR", SEGMENT_SEQUENCE, "ORC^1")
    for group in groups:
        for step in group.all("IPC") or (group.first("IPC"),):
            yield order_of(group, step, patient, settings, sender)


VERBS: Mapping[str, Callable[[Message, Settings, datetime], Iterator[Told]]] = {
    "ORM^O01": _read_orders,
    "OMI^O23": _read_orders,
    "ADT^A01": _read_patient,
    "ADT^A04": _read_patient,
    "ADT^A08": _read_patient,
    "ADT^A28": _read_patient,
    "ADT^A31": _read_patient,
    "ADT^A40": _read_merges,
}
"""Type of message to what it tells."""

ARRIVALS = frozenset({"ADT^A01", "ADT^A04"})
"""Messages that a patient has come: admitted, or registered in the emergency department."""

WEIGHTS: Mapping[str, Weight] = {
    **dict.fromkeys(("ADT^A01", "ADT^A04", "ADT^A28"), Weight.REGISTRATION),
    **dict.fromkeys(("ADT^A08", "ADT^A31", "ADT^A40"), Weight.CORRECTION),
}
"""How much each may change of a patient who is known; an order nothing."""


def _groups(message: Message) -> list[Message]:
    """The orders of a message: each begins with its ORC, or with its OBR where there is none."""
    about = [segment for segment in message.segments if segment.name == "PV1"]
    groups: list[list[Segment]] = []
    for segment in message.segments:
        alone = segment.name == "OBR" and (not groups or any(each.name == "OBR" for each in groups[-1]))
        if segment.name == "ORC" or alone:
            groups.append([*about])
        if groups:
            groups[-1].append(segment)
    return [replace(message, segments=tuple(group)) for group in groups]
