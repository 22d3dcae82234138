"""One result to one EMR destination as HL7 v2."""

import hashlib

from dicom_scp.headers import read_patient
from gateway.config import EmrDestination
from gateway.desk import Desk
from gateway.emr import mllp
from gateway.emr.oru import oru_r01
from gateway.ledger.records import Case, moment_of
from triage.errors import InputError
from triage.types import TriageResult

CONTROL_ID_LENGTH = 20
"""HL7 v2.5.1 table of MSH-10: ST of at most 20 characters."""


def control_id_of(key: str) -> str:
    """Message control id of a delivery: a repeat carries the same, so the receiver can drop it.

    >>> len(control_id_of("emr:x:r1:his"))
    20
    """
    return hashlib.sha256(key.encode()).hexdigest()[:CONTROL_ID_LENGTH].upper()


def send(desk: Desk, case: Case, target: str, key: str) -> str:
    """Send the result and wait for its acknowledgement."""
    destination = _destination(desk, target)
    message = oru_r01(
        TriageResult.from_json(case.result or {}),
        read_patient(desk.some_image(case)),
        control_id=control_id_of(key),
        sent_at=desk.now(),
        observed_at=moment_of(case.times["analysed_at"] or ""),
        link=desk.link(case.id),
        revision=case.revision,
        sending_facility=desk.config.site.name,
        receiving_application=destination.receiving_application,
        receiving_facility=destination.receiving_facility,
    )
    answer = mllp.send(destination.host, destination.port, message, timeout_s=destination.timeout_s)
    desk.ledger.cases.stamp(case.id, case.revision, "emr_accepted_at", desk.now())
    return f"{answer.code} for message {answer.control_id}"


def _destination(desk: Desk, name: str) -> EmrDestination:
    for destination in desk.config.emr.destinations:
        if destination.name == name:
            return destination
    raise InputError(f"EMR destination {name} is no longer configured")
