"""One result to one EMR destination as HL7 v2."""

from dicom_scp.patient import read_patient
from gateway.desk import Desk
from gateway.emr import mllp
from gateway.emr.oru import Facility, control_id_for, oru_r01
from gateway.emr.settings import EmrDestination
from gateway.ledger.deliveries import delivery_id_of
from gateway.ledger.records import Case, DeliveryKind, moment_of
from triage.errors import InputError
from triage.results import TriageResult


def send(desk: Desk, case: Case, target: str, key: str) -> str:
    """Send the result and wait for its acknowledgement."""
    destination = _destination(desk, target)
    news = desk.ledger.announcements.get(case.id, case.revision)
    message = oru_r01(
        TriageResult.from_json(case.result or {}),
        read_patient(desk.some_image(case)),
        control_id=control_id_for(key),
        sent_at=desk.now(),
        observed_at=moment_of(case.times["last_image_at"] or ""),
        link=desk.link(case.id),
        revision=case.revision,
        former_control_id=_former_control_id(case, target),
        change=news.reasons if news else (),
        facility=Facility(
            sending_facility=desk.config.site.name,
            receiving_application=destination.receiving_application,
            receiving_facility=destination.receiving_facility,
        ),
    )
    answer = mllp.send(destination.host, destination.port, message, timeout_s=destination.timeout_s)
    desk.ledger.cases.stamp(case.id, case.revision, "emr_accepted_at", desk.now())
    return f"{answer.code} for message {answer.control_id}"


def _former_control_id(case: Case, target: str) -> str:
    """MSH-10 of the report that this one replaces: computed, so that it is known whether that one arrived or not."""
    if case.revision == 1:
        return ""
    return control_id_for(delivery_id_of(case.id, case.revision - 1, DeliveryKind.EMR, target))


def _destination(desk: Desk, name: str) -> EmrDestination:
    for destination in desk.config.emr.destinations:
        if destination.name == name:
            return destination
    raise InputError(f"EMR destination {name} is no longer configured")
