"""A patient in a message: numbers with their issuers, name, birth date, sex.

References
----------
HL7 v2.5.1, 3.4.2 (PID), 3.4.9 (MRG), 2.A.14 (CX), 2.A.88 (XPN); tables 0001, 0200, 0203.
"""

from collections.abc import Mapping

from gateway.hl7.grammar import DATA_TYPE, REQUIRED_FIELD, Message, MessageError, Repetition, Segment
from gateway.orders.person import Identifier, IdentifierKind, PatientIdentity
from gateway.orders.settings import Orders as Settings
from gateway.orders.times import date_in

LONGEST_NUMBER = 64
LONGEST_NAME = 256
MOST_NUMBERS = 20

CITIZEN_DIGITS = 12
NATION = "VNM"
"""Issuer of citizens' numbers, whatever name a message gives it: there is one."""

KINDS: Mapping[str, IdentifierKind] = {
    **dict.fromkeys(("MR", "PI", "PT", "MRT", "U", ""), IdentifierKind.HOSPITAL),
    **dict.fromkeys(("NI", "NNVNM", "NNVN", "CZ", "NIDN"), IdentifierKind.CITIZEN),
    **dict.fromkeys(("HC", "MC", "NIIP", "MA", "SS", "JHN", "PHC"), IdentifierKind.INSURANCE),
}
"""Type of a number (CX-5, table 0203) where the configuration does not know its authority."""

SEXES = {"M": "M", "F": "F", "O": "O", "A": "O"}
"""HL7 table 0001; anything else is unknown."""


def patient_of(message: Message, settings: Settings) -> PatientIdentity:
    """Read the patient of a message.

    Raises
    ------
    MessageError
        There is no PID, no number in it, or a value that is too long.
    """
    pid = message.first("PID")
    if not pid.present:
        raise MessageError("the message has no PID: whose it is stays open", REQUIRED_FIELD, "PID^1")
    ours = settings.default_issuer or message.first("MSH").text(4)
    numbers = numbers_of(pid, 3, settings, ours) or numbers_of(pid, 2, settings, ours)
    if not numbers:
        raise MessageError("the patient has no number (PID-3)", REQUIRED_FIELD, pid.place(3))
    return PatientIdentity(
        identifiers=numbers,
        name=name_of(pid, 5),
        birth_date=date_in(pid.text(7)),
        sex=SEXES.get(pid.text(8).upper(), ""),
    )


def prior_of(message: Message, settings: Settings) -> tuple[Identifier, ...]:
    """Numbers of the record that is merged into another (MRG-1).

    Raises
    ------
    MessageError
        There is none.
    """
    mrg = message.first("MRG")
    numbers = numbers_of(mrg, 1, settings, settings.default_issuer or message.first("MSH").text(4))
    if not numbers:
        raise MessageError("the merge names no prior number (MRG-1)", REQUIRED_FIELD, "MRG^1^1")
    return numbers


def numbers_of(segment: Segment, position: int, settings: Settings, ours: str) -> tuple[Identifier, ...]:
    """Numbers of a field with repetitions, the hospital's first, each once; `ours` issues what names no issuer."""
    found = [
        _number(repetition, segment.place(position), settings, ours)
        for repetition in segment.repetitions(position)[:MOST_NUMBERS]
        if repetition.text() and not repetition.is_null
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda number: number.kind is not IdentifierKind.HOSPITAL))


def _number(repetition: Repetition, place: str, settings: Settings, ours: str) -> Identifier:
    value, type_code = repetition.text(1), repetition.text(5).upper()
    name, oid = repetition.text(4, 1), repetition.text(4, 2)
    if max(map(len, (value, name, oid))) > LONGEST_NUMBER or not f"{value}{name}{oid}".isprintable():
        reason = f"a number or its issuer is longer than {LONGEST_NUMBER} letters or holds control characters"
        raise MessageError(reason, DATA_TYPE, place)
    known = settings.issuers.get(name) or settings.issuers.get(oid)
    kind = known.kind if known else KINDS.get(type_code, IdentifierKind.OTHER)
    if kind is IdentifierKind.CITIZEN and not is_citizen_number(value):
        kind = IdentifierKind.OTHER
    if kind is IdentifierKind.CITIZEN:
        return Identifier(value, kind, NATION)
    issuer = (known.name if known else "") or name or oid
    if kind is IdentifierKind.HOSPITAL:
        issuer = issuer or ours
    return Identifier(value, kind, issuer[:LONGEST_NUMBER])


def is_citizen_number(value: str) -> bool:
    """Whether a number can be a citizen's: 12 digits.

    >>> is_citizen_number("001085000123"), is_citizen_number("01085000123")
    (True, False)
    """
    return len(value) == CITIZEN_DIGITS and value.isascii() and value.isdecimal()


def name_of(segment: Segment, position: int) -> str:
    """A name as DICOM writes it; HL7 puts the suffix before the prefix.

    Raises
    ------
    MessageError
        It is longer than a name can be.
    """
    found = segment.repetitions(position)
    legal = [repetition for repetition in found if repetition.text(7).upper() in {"L", "D", ""}]
    chosen = next(iter(legal or found), None)
    if chosen is None or chosen.is_null:
        return ""
    family, given, middle, suffix, prefix = (_component(chosen, number) for number in range(1, 6))
    name = f"{family}^{given}^{middle}^{prefix}^{suffix}".rstrip("^")
    if len(name) > LONGEST_NAME:
        raise MessageError(
            f"a name is longer than {LONGEST_NAME} letters", DATA_TYPE, segment.place(position)
        )
    return name


def person_of(segment: Segment, position: int) -> str:
    """Name of a physician (XCN: its number stands before it), as DICOM writes it."""
    found = segment.repetitions(position)[:1]
    if not found:
        return ""
    family, given, middle, suffix, prefix = (_component(found[0], number) for number in range(2, 7))
    return f"{family}^{given}^{middle}^{prefix}^{suffix}".rstrip("^")[:LONGEST_NAME]


def _component(repetition: Repetition, number: int) -> str:
    """A part of a name in one line: what separates parts in DICOM cannot stand in one."""
    text = repetition.text(number)
    return " ".join(
        "".join(" " if mark in "^=\\" or not mark.isprintable() else mark for mark in text).split()
    )
