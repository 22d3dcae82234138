"""A patient as a FHIR R4 resource.

References
----------
FHIR R4, Patient and HumanName. HL7 table 0203 (kinds of numbers).
"""

from collections.abc import Mapping
from typing import Any

from gateway.emr.recipient import Recipient
from gateway.emr.settings import FhirDestination
from gateway.orders.person import Identifier, IdentifierKind
from viewer_bridge.objects.uids import derived_uid

Resource = dict[str, Any]

NUMBER_KINDS = "http://terminology.hl7.org/CodeSystem/v2-0203"

GENDERS = {"M": "male", "F": "female", "O": "other"}
KINDS: Mapping[IdentifierKind, str] = {
    IdentifierKind.HOSPITAL: "MR",
    IdentifierKind.CITIZEN: "NI",
    IdentifierKind.INSURANCE: "HC",
    IdentifierKind.OTHER: "PI",
}


def system_named(*parts: str) -> str:
    """System of numbers that a site gave no name of its own."""
    return f"urn:oid:{derived_uid(*parts)}"


def patient(recipient: Recipient, destination: FhirDestination) -> Resource:
    """Patient.

    Raises
    ------
    InputError
        There is no patient number.
    """
    person = recipient.identity
    born = person.birth_date
    written: Resource = {
        "resourceType": "Patient",
        "identifier": [_number(number, destination) for number in recipient.numbers],
        "gender": GENDERS.get(person.sex.strip().upper(), "unknown"),
    }
    if names := [_human_name(group) for group in person.name.split("=") if group.strip("^ ")]:
        written["name"] = names
    if len(born) == len("YYYYMMDD") and born.isdecimal() and born.isascii():
        written["birthDate"] = f"{born[:4]}-{born[4:6]}-{born[6:]}"
    return written


def _number(number: Identifier, destination: FhirDestination) -> Resource:
    by_issuer = destination.systems.get(number.issuer) or destination.systems.get(number.kind.value)
    named = system_named("patient number", number.kind.value, number.issuer)
    kind = {"coding": [{"system": NUMBER_KINDS, "code": KINDS[number.kind]}]}
    return {"type": kind, "system": by_issuer or named, "value": number.value.strip()}


def _human_name(group: str) -> Resource:
    """HumanName of one group of a DICOM name."""
    family, given, middle, prefix, suffix, *_ = [*(part.strip() for part in group.split("^")), *[""] * 5]
    parts = {"family": family, "prefix": [prefix] if prefix else [], "suffix": [suffix] if suffix else []}
    named = {**parts, "given": [part for part in (given, middle) if part]}
    text = " ".join(part for part in (prefix, family, middle, given, suffix) if part)
    return {"text": text, **{key: value for key, value in named.items() if value}}
