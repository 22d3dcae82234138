"""A report as a FHIR R4 transaction: computed, with nothing read or sent.

The first report of a case creates its resources unless a resource of the same identifier is there, so that a repeat is
harmless. A later one updates the report and its observations where they are: at no time are there two reports of a case.
Patient, Device and ImagingStudy are the server's own once they exist and are never changed, but that an ImagingStudy follows
the patient when the study turns out to be another one's. The report itself is then withdrawn where it is, and another one
begins under identifiers of its own.

References
----------
FHIR R4: 3.1.0.8.1 (conditional create), 3.1.0.4.3 (conditional update), 3.1.0.11 (transaction), DiagnosticReport,
Observation, ImagingStudy, Device, Provenance, DocumentReference. An undefined value carries ``dataAbsentReason``, a true 0 is
sent as 0.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_OID, uuid5

from gateway.emr.mapping import LOCAL, MAPPING, PDF, SERVICE, SYSTEMS, Coding, Form, Unit
from gateway.emr.observations import Observation, as_configured, observations
from gateway.emr.person import NUMBER_KINDS, patient, system_named
from gateway.emr.report import Report
from gateway.emr.settings import FhirDestination, system_of
from gateway.release import SOFTWARE_VERSION

Resource = dict[str, Any]

NAMES = SYSTEMS[LOCAL]
"""System of the identifiers that we give: of cases, their observations and reports."""

DICOM_UID = "urn:dicom:uid"
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
SERVICES = "http://terminology.hl7.org/CodeSystem/v2-0074"
ABSENCES = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
ROLES = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def bundle(report: Report, destination: FhirDestination) -> Resource:
    """Write the transaction.

    Raises
    ------
    InputError
        There is no patient number.
    """
    seen = [*observations(report.result, report.link, destination.language)]
    wanted = [one for one in (as_configured(each, destination) for each in seen) if one is not None]
    subject = patient(report.recipient, destination)
    told = [_observation(one, report, destination) for one in wanted if one.entry.form is not Form.LINK]
    study = _imaging_study(report, destination)
    entries = [
        _created(subject),
        _created(_device(report)),
        *(
            []
            if report.is_withdrawn
            else [_told(study, report) if report.filing.number > 1 else _created(study)]
        ),
        *(_told(one, report) for one in told),
        _told(_diagnostic_report(report, destination, told), report),
        *([_told(_document(report, destination), report)] if _has_document(report, destination) else []),
        _provenance(report),
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _name(*parts: str) -> str:
    """A temporary name within the transaction, the same on every repeat."""
    return f"urn:uuid:{uuid5(NAMESPACE_OID, '|'.join(parts))}"


def _entry(resource: Resource, request: Mapping[str, str]) -> Resource:
    kind, identifier = resource["resourceType"], resource["identifier"][0]["value"]
    return {"fullUrl": _name(kind, identifier), "resource": resource, "request": dict(request)}


def _condition(resource: Resource) -> str:
    first = resource["identifier"][0]
    return f"identifier={quote(first['system'], safe='')}%7C{quote(first['value'], safe='')}"


def _created(resource: Resource) -> Resource:
    """Created unless it is there."""
    kind = resource["resourceType"]
    return _entry(resource, {"method": "POST", "url": kind, "ifNoneExist": _condition(resource)})


def _told(resource: Resource, report: Report) -> Resource:
    """Created unless it is there; by a later report, put in the place of what is there."""
    if not report.replacement:
        return _created(resource)
    return _entry(resource, {"method": "PUT", "url": f"{resource['resourceType']}?{_condition(resource)}"})


def _has_document(report: Report, destination: FhirDestination) -> bool:
    return destination.include_pdf and bool(report.pdf or report.is_withdrawn)


def _filed(report: Report, *parts: str) -> Resource:
    """Identifier of something in a report; one for another patient has others than the one that was withdrawn."""
    another = [f"filing-{report.filing.number}"] if report.filing.number > 1 else []
    return _ours(report.case_id, *parts, *another)


def _ours(*parts: str) -> Resource:
    return {"system": NAMES, "value": "/".join(parts)}


def _reference(kind: str, identifier: str) -> Resource:
    return {"reference": _name(kind, identifier)}


def _subject(report: Report) -> Resource:
    return _reference("Patient", report.recipient.numbers[0].value.strip())


def _itself(report: Report) -> Resource:
    return _reference("DiagnosticReport", _filed(report)["value"])


def _study(report: Report) -> Resource:
    return _reference("ImagingStudy", _study_number(report)["value"])


def _study_number(report: Report) -> Resource:
    return {"system": DICOM_UID, "value": f"urn:oid:{report.result.study_uid}"}


def _concept(coding: Coding, destination: FhirDestination) -> Resource:
    system = system_of(coding.scheme, destination)
    return {
        "coding": [{"system": system, "code": coding.code, "display": coding.text}],
        "text": coding.text,
    }


def _device(report: Report) -> Resource:
    digest = hashlib.sha256(repr(sorted(report.result.versions.items())).encode()).hexdigest()[:12]
    return {
        "resourceType": "Device",
        "identifier": [_ours("software", SOFTWARE_VERSION, digest)],
        "status": "active",
        "deviceName": [{"name": "stroke-gateway", "type": "model-name"}],
        "version": [
            {"value": f"{name} {version}"} for name, version in sorted(report.result.versions.items())
        ]
        or [{"value": SOFTWARE_VERSION}],
        "note": [{"text": "Research use, not for primary diagnosis."}],
    }


def _imaging_study(report: Report, destination: FhirDestination) -> Resource:
    numbers = [_study_number(report)]
    if accession := report.recipient.accession_number.strip():
        kind = {"coding": [{"system": NUMBER_KINDS, "code": "ACSN"}]}
        numbers.append({"type": kind, "system": system_named("accession number"), "value": accession})
    return {
        "resourceType": "ImagingStudy",
        "identifier": numbers,
        "status": "available",
        "subject": _subject(report),
        "started": report.observed_at.isoformat(),
        "procedureCode": [_concept(SERVICE, destination)],
        "modality": [{"system": SYSTEMS["DCM"], "code": "CT"}],
    }


def _observation(seen: Observation, report: Report, destination: FhirDestination) -> Resource:
    resource: Resource = {
        "resourceType": "Observation",
        "identifier": [_filed(report, seen.entry.key)],
        "status": report.standing.fhir,
        "category": [{"coding": [{"system": CATEGORIES, "code": "imaging"}]}],
        "code": _concept(seen.name, destination),
        "subject": _subject(report),
        "effectiveDateTime": report.observed_at.isoformat(),
        "issued": report.sent_at.isoformat(),
        "device": _reference("Device", _device(report)["identifier"][0]["value"]),
    }
    if report.is_withdrawn:
        return resource | {"dataAbsentReason": {"coding": [{"system": ABSENCES, "code": "error"}]}}
    resource["derivedFrom"] = [_study(report)]
    if seen.is_obtained:
        return resource | VALUES[seen.entry.form](seen, destination)
    absent = {"coding": [{"system": ABSENCES, "code": "unknown"}]}
    return resource | {"dataAbsentReason": absent}


def _quantity(value: str, unit: Unit | None) -> Resource:
    number: Resource = {"value": float(value)}
    return number | ({"unit": unit.fhir, "system": SYSTEMS["UCUM"], "code": unit.fhir} if unit else {})


def _range(seen: Observation, _destination: FhirDestination) -> Resource:
    low, high = seen.ends or ("", "")
    ends = {"low": _quantity(low, seen.entry.unit)}
    return {"valueRange": ends | ({"high": _quantity(high, seen.entry.unit)} if high else {})}


VALUES: Mapping[Form, Callable[[Observation, FhirDestination], Resource]] = {
    Form.TEXT: lambda seen, _: {"valueString": seen.value},
    Form.IDENTIFIER: lambda seen, _: {"valueString": seen.value},
    Form.NUMBER: lambda seen, _: {"valueQuantity": _quantity(seen.value, seen.entry.unit)},
    Form.RANGE: _range,
    Form.CODED: lambda seen, where: {"valueCodeableConcept": _concept(seen.code, where)} if seen.code else {},
}
"""Value of an observation by its form."""


def _diagnostic_report(report: Report, destination: FhirDestination, told: list[Resource]) -> Resource:
    resource: Resource = {
        "resourceType": "DiagnosticReport",
        "identifier": [_filed(report)],
        "status": report.standing.fhir,
        "category": [{"coding": [{"system": SERVICES, "code": "CT"}]}],
        "code": _concept(SERVICE, destination),
        "subject": _subject(report),
        "effectiveDateTime": report.observed_at.isoformat(),
        "issued": report.sent_at.isoformat(),
        **({} if report.is_withdrawn else {"imagingStudy": [_study(report)]}),
        "result": [_reference("Observation", one["identifier"][0]["value"]) for one in told],
        "conclusion": "\n".join(filter(None, (report.notice, report.replacement, report.link))),
    }
    if placer := report.recipient.placer.strip():
        number = {"system": system_named("placer number"), "value": placer}
        resource["basedOn"] = [{"type": "ServiceRequest", "identifier": number}]
    return resource


def _document(report: Report, destination: FhirDestination) -> Resource:
    return {
        "resourceType": "DocumentReference",
        "identifier": [_filed(report, PDF)],
        "status": "entered-in-error" if report.is_withdrawn else "current",
        "docStatus": report.standing.fhir,
        "type": _concept(MAPPING[PDF].name, destination),
        "subject": _subject(report),
        "date": report.computed_at.isoformat(),
        "description": report.notice,
        "content": [
            {
                "attachment": {
                    "contentType": "application/pdf",
                    "title": MAPPING[PDF].name.text,
                    **(_bytes(report.pdf) if report.pdf else {}),
                }
            }
        ],
        "context": {"related": [_itself(report), *([] if report.is_withdrawn else [_study(report)])]},
    }


def _bytes(content: bytes) -> Resource:
    return {
        "data": base64.b64encode(content).decode("ascii"),
        "hash": base64.b64encode(hashlib.sha1(content).digest()).decode("ascii"),  # noqa: S324 - as R4 defines
    }


def _provenance(report: Report) -> Resource:
    """Who made the report of what; its own letter's tag tells a repeat, since a Provenance has no identifier."""
    tag = {"system": NAMES, "code": report.control_id}
    device = _reference("Device", _device(report)["identifier"][0]["value"])
    former = [{"role": "revision", "what": {"identifier": _ours("letter", report.former_control_id)}}]
    resource: Resource = {
        "resourceType": "Provenance",
        "meta": {"tag": [tag]},
        "target": [_itself(report)],
        "recorded": report.sent_at.isoformat(),
        "agent": [{"type": {"coding": [{"system": ROLES, "code": "assembler"}]}, "who": device}],
        "entity": [
            {"role": "source", "what": {"identifier": _study_number(report)}}
            if report.is_withdrawn
            else {"role": "source", "what": _study(report)},
            *(former if report.former_control_id else []),
        ],
    }
    condition = f"_tag={quote(NAMES, safe='')}%7C{report.control_id}"
    request = {"method": "POST", "url": "Provenance", "ifNoneExist": condition}
    return {"fullUrl": _name("Provenance", report.control_id), "resource": resource, "request": request}
