"""A result as an HL7 v2.5.1 observation report, ORU^R01^ORU_R01: computed, with nothing read or sent.

References
----------
HL7 v2.5.1 chapter 2 (MSH), 3 (PID), 7 (OBR, OBX, ORU_R01). Tables 0078, 0085 (OBX-11), 0123 (OBR-25).
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dicom_scp.patient import Patient
from gateway.emr.encoding import (
    COMPONENT,
    DELIMITERS,
    FIELD,
    SEGMENT_END,
    coded,
    escaped,
    escaped_lines,
    person_name,
    timestamp,
)
from gateway.emr.observations import Observation, observations
from gateway.revision import UNCHANGED
from triage.errors import InputError
from triage.results import TriageResult

LONGEST_CONTROL_ID = 20
"""Characters of MSH-10 in version 2.5.1."""

SERVICE = ("39142-5", "CT perfusion head with contrast IV", "LN")
"""OBR-4."""

DIAGNOSTIC_SERVICE = "CT"
"""OBR-24 (HL7 table 0074)."""

PRELIMINARY, CORRECTED, NOT_OBTAINED = "P", "C", "X"

SEXES = {"M": "M", "F": "F", "O": "O"}
"""DICOM (0010,0040) to HL7 table 0001; anything else is U, unknown."""

RESEARCH = "Research use, not for primary diagnosis. Computed without review by a physician."


@dataclass(frozen=True, slots=True)
class Facility:
    """Who sends to whom; `assigning_authority` issues patient ids when the images do not say who does."""

    sending_application: str = "STROKEGW"
    sending_facility: str = ""
    receiving_application: str = "EMR"
    receiving_facility: str = ""
    assigning_authority: str = ""
    processing_id: str = "P"


def control_id_for(key: str) -> str:
    """MSH-10 of a delivery: a repeat of the same delivery carries the same one, so a receiver can tell.

    >>> control_id_for("emr:5f2c:r1:main")
    'MQVTYDRLUNWONWZF7AN5'
    """
    digest = hashlib.sha256(key.encode()).digest()
    return base64.b32encode(digest).decode()[:LONGEST_CONTROL_ID]


def oru_r01(
    result: TriageResult,
    patient: Patient,
    *,
    control_id: str,
    sent_at: datetime,
    observed_at: datetime,
    link: str,
    revision: int,
    facility: Facility,
    former_control_id: str = "",
    change: Sequence[str] = (),
) -> str:
    """Write the report; segments end with a carriage return. Encode it as UTF-8, which MSH-18 declares.

    Parameters
    ----------
    observed_at
        When the images were taken.
    link
        Address of the case's page.
    revision
        From 1. A later one is a correction: the same order and the same observations, each with status C.
    former_control_id, change
        MSH-10 of the report of the revision before, and what has changed for the team since it was alerted.

    Raises
    ------
    InputError
        The study carries no patient id, the control id is empty or too long, the revision is not positive, or a
        time has no zone.
    """
    if not patient.patient_id.strip():
        raise InputError(
            "the study carries no patient id, so no record can be addressed; correct it in the archive"
        )
    if not 0 < len(control_id) <= LONGEST_CONTROL_ID or revision < 1:
        raise InputError(f"need a control id of 1 to {LONGEST_CONTROL_ID} characters and a revision from 1")
    status = PRELIMINARY if revision == 1 else CORRECTED
    segments = [
        _header(control_id, sent_at, facility),
        *_person(patient, facility),
        _request(result, patient, sent_at, observed_at, status),
        _note(1, RESEARCH),
        *_correction(revision, former_control_id, change),
        *(
            _observation(number, observation, status, observed_at)
            for number, observation in enumerate(observations(result, link), start=1)
        ),
    ]
    return "".join(segment + SEGMENT_END for segment in segments)


def _correction(revision: int, former_control_id: str, change: Sequence[str]) -> list[str]:
    """Say which report this one replaces; version 2.5.1 has no field for it beside the order and the observation."""
    if revision == 1:
        return []
    message = f" (message {former_control_id})" if former_control_id else ""
    replaced = f"Revision {revision}; it replaces revision {revision - 1}{message} and every earlier report."
    return [_note(2, f"{replaced}\nChanged for the team: {'; '.join(change) or UNCHANGED}.")]


def _header(control_id: str, sent_at: datetime, facility: Facility) -> str:
    # MSH-1 is the field separator itself, so the field written first is MSH-2.
    fields = {
        1: DELIMITERS,
        2: escaped(facility.sending_application),
        3: escaped(facility.sending_facility),
        4: escaped(facility.receiving_application),
        5: escaped(facility.receiving_facility),
        6: timestamp(sent_at),
        8: "ORU^R01^ORU_R01",
        9: escaped(control_id),
        10: escaped(facility.processing_id),
        11: "2.5.1",
        17: "UNICODE UTF-8",
    }
    return _segment("MSH", fields)


def _person(patient: Patient, facility: Facility) -> list[str]:
    authority = patient.issuer or facility.assigning_authority
    born = patient.birth_date
    fields = {
        1: "1",
        3: COMPONENT.join((escaped(patient.patient_id.strip()), "", "", escaped(authority), "MR")),
        5: person_name(patient.name),
        7: born if len(born) == len("YYYYMMDD") and born.isdecimal() and born.isascii() else "",
        8: SEXES.get(patient.sex.strip().upper(), "U"),
    }
    doubt = _note(1, "The images do not say in which letters the name is written; it may be misspelt.")
    return [_segment("PID", fields), *([doubt] if patient.text_uncertain else [])]


def _request(
    result: TriageResult, patient: Patient, sent_at: datetime, observed_at: datetime, status: str
) -> str:
    filler = patient.filler_order_number or patient.accession_number or result.study_uid
    fields = {
        1: "1",
        2: escaped(patient.placer_order_number),
        3: escaped(filler),
        4: coded(*SERVICE),
        7: timestamp(observed_at),
        18: escaped(patient.accession_number),
        22: timestamp(sent_at),
        24: DIAGNOSTIC_SERVICE,
        25: status,
    }
    return _segment("OBR", fields)


def _note(number: int, text: str) -> str:
    return _segment("NTE", {1: str(number), 2: "L", 3: escaped_lines(text)})


def _observation(number: int, observation: Observation, status: str, observed_at: datetime) -> str:
    fields = {
        1: str(number),
        2: observation.type,
        3: coded(*observation.name),
        5: observation.value,
        6: coded(observation.unit, observation.unit, "UCUM") if observation.unit else "",
        11: status if observation.value else NOT_OBTAINED,
        14: timestamp(observed_at),
    }
    return _segment("OBX", fields)


def _segment(name: str, fields: Mapping[int, str]) -> str:
    """A segment from the fields that have a value.

    >>> _segment("NTE", {1: "1", 3: "text"})
    'NTE|1||text'
    """
    return FIELD.join((name, *(fields.get(place, "") for place in range(1, max(fields) + 1))))
