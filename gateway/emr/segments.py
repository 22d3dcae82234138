"""Segments that both kinds of HL7 v2 message share, written from a report.

References
----------
HL7 v2.5.1 chapter 2 (MSH), 3 (PID), 7 (OBR, OBX). 2.A.14 (CX), 2.A.22 (EIP), 2.A.71 (SN): ``^low^-^high`` is a range, ``>=^low``
one without an upper end; OBX-7 is for reference ranges and stays empty: an interval says how far the number may be off, not what
is normal. Tables 0001, 0085 (OBX-11), 0123 (OBR-25), 0203 (kinds of numbers).
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

from gateway.emr.mapping import NOT_OBTAINED, POSTED_WRONG, SERVICE, Form
from gateway.emr.observations import Observation
from gateway.emr.recipient import Recipient
from gateway.emr.report import LONGEST_CONTROL_ID, Report
from gateway.emr.settings import Hl7Destination
from gateway.hl7.building import (
    COMPONENT,
    DELIMITERS,
    REPETITION,
    coded,
    escaped,
    escaped_lines,
    person_name,
    segment,
    timestamp,
)
from gateway.orders.person import Identifier, IdentifierKind
from triage.errors import InputError

APPLICATION = "STROKEGW"
"""MSH-3."""

DIAGNOSTIC_SERVICE = "CT"
"""OBR-24 (HL7 table 0074)."""

SEXES = {"M": "M", "F": "F", "O": "O"}
"""DICOM (0010,0040) to HL7 table 0001; anything else is U, unknown."""

NUMBERS: Mapping[IdentifierKind, str] = {
    IdentifierKind.HOSPITAL: "MR",
    IdentifierKind.CITIZEN: "NI",
    IdentifierKind.INSURANCE: "HC",
    IdentifierKind.OTHER: "PI",
}
"""Kinds of numbers to HL7 table 0203."""

_code = lru_cache(maxsize=512)(coded)
_moment = lru_cache(maxsize=64)(timestamp)
"""Of the mapping's names and units, and of the times that every observation of a report carries: written once."""

MISSPELT = "The images do not say in which letters the name is written; it may be misspelt."


def header(report: Report, destination: Hl7Destination, kind: tuple[str, str, str]) -> str:
    """MSH; `kind` is message code, event and structure.

    Raises
    ------
    InputError
        The control id is empty or too long, the revision is not positive, or a time has no zone.
    """
    if not 0 < len(report.control_id) <= LONGEST_CONTROL_ID or report.revision < 1:
        raise InputError(f"need a control id of 1 to {LONGEST_CONTROL_ID} characters and a revision from 1")
    fields = {
        2: APPLICATION,
        3: escaped(report.site),
        4: escaped(destination.receiving_application),
        5: escaped(destination.receiving_facility),
        6: timestamp(report.sent_at),
        8: COMPONENT.join(kind),
        9: escaped(report.control_id),
        10: "P",
        11: "2.5.1",
        17: "UNICODE UTF-8",
    }
    return segment("MSH", {1: DELIMITERS, **fields})


def person(recipient: Recipient) -> list[str]:
    """PID, and a note where the name may be misspelt.

    Raises
    ------
    InputError
        There is no patient number.
    """
    identity = recipient.identity
    born = identity.birth_date
    fields = {
        1: "1",
        3: REPETITION.join(map(_number, recipient.numbers)),
        5: person_name(identity.name),
        7: born if len(born) == len("YYYYMMDD") and born.isdecimal() and born.isascii() else "",
        8: SEXES.get(identity.sex.strip().upper(), "U"),
    }
    return [segment("PID", fields), *([note(1, MISSPELT)] if recipient.text_uncertain else [])]


def _number(number: Identifier) -> str:
    return COMPONENT.join(
        (escaped(number.value.strip()), "", "", escaped(number.issuer), NUMBERS[number.kind])
    )


def request(report: Report, destination: Hl7Destination) -> str:
    """OBR: the order, under the numbers that whoever ordered and whoever did it gave it."""
    recipient = report.recipient
    fields = {
        1: "1",
        2: placer(report),
        3: filler(report),
        4: coded(*SERVICE),
        7: timestamp(report.observed_at),
        18: escaped(recipient.accession_number),
        22: timestamp(report.sent_at),
        24: DIAGNOSTIC_SERVICE,
        25: status(report, destination),
        29: _parent(report),
    }
    return segment("OBR", {place: value for place, value in fields.items() if value})


def order(report: Report) -> str:
    """ORC: observations to an order, RE (HL7 table 0119)."""
    return segment("ORC", {1: "RE", 2: placer(report), 3: filler(report)})


def placer(report: Report) -> str:
    """EI of the number of whoever ordered."""
    return _entity(report.recipient.placer, report.recipient.placer_issuer)


def filler(report: Report) -> str:
    """EI of the number that the report is filed under, the same in every letter about a patient."""
    return _entity(*report.number)


def _entity(number: str, issuer: str) -> str:
    return COMPONENT.join((escaped(number), escaped(issuer))) if issuer else escaped(number)


def _parent(report: Report) -> str:
    """EIP of the report that a later one belongs to: the same order, for version 2.5.1 knows no number of a message here."""
    if report.edition == 1 and report.revision == 1:
        return ""
    return COMPONENT.join(number.replace(COMPONENT, "&") for number in (placer(report), filler(report)))


def status(report: Report, destination: Hl7Destination) -> str:
    """OBR-25 and OBX-11 of what has a value."""
    code = report.standing.hl7
    return {str(told): sent for told, sent in destination.statuses.items()}.get(code, code)


def note(number: int, text: str) -> str:
    """NTE."""
    return segment("NTE", {1: str(number), 2: "L", 3: escaped_lines(text)})


def observation(report: Report, number: int, seen: Observation, told: str) -> str:
    """OBX; `told` is its status where it has a value. What is withdrawn has none, so that it overwrites the former."""
    if report.is_withdrawn:
        seen, absent = Observation(seen.entry), POSTED_WRONG
    else:
        absent = NOT_OBTAINED.hl7
    unit = seen.entry.unit
    fields = {
        1: str(number),
        2: seen.type,
        3: _code(*seen.name),
        5: WRITERS[seen.entry.form](seen) if seen.is_obtained else "",
        6: _code(unit.hl7, unit.hl7, "UCUM") if unit else "",
        11: told if seen.is_obtained else absent,
        14: _moment(report.observed_at),
    }
    return segment("OBX", fields)


def _range(seen: Observation) -> str:
    low, high = seen.ends or ("", "")
    return COMPONENT.join(("", low, "-", high)) if high else COMPONENT.join((">=", low))


WRITERS: Mapping[Form, Callable[[Observation], str]] = {
    Form.TEXT: lambda seen: escaped_lines(seen.value),
    Form.CODED: lambda seen: coded(*seen.code) if seen.code else "",
    Form.NUMBER: lambda seen: seen.value,
    Form.RANGE: _range,
    Form.IDENTIFIER: lambda seen: escaped(seen.value),
    Form.LINK: lambda seen: COMPONENT.join((escaped(seen.value), APPLICATION, "TEXT", "HTML")),
    Form.FILE: lambda seen: seen.value,
}
"""OBX-5 by the form of the value."""
