"""What a study's images say of person and order, for matching."""

from dicom_scp.patient import Patient, read_patient
from gateway.desk import Desk
from gateway.ledger import views
from gateway.orders.evidence import StudyHeader
from gateway.orders.settings import Orders as Settings
from gateway.orders.times import date_in, moment_in
from triage.errors import TemporaryError


def header_of_study(desk: Desk, study_uid: str) -> StudyHeader:
    """Read it from one received image.

    Raises
    ------
    InputError
        The image cannot be read as what it must be.
    TemporaryError
        No image can be read now.
    """
    path = views.some_path(desk.ledger.engine, study_uid)
    if path is None:
        raise TemporaryError("the study has no image yet")
    images = desk.ledger.arrivals.images(study_uid)
    modality = next((image.header.modality for image in images), "")
    return header_of(study_uid, read_patient(desk.spooled(path)), modality, desk.config.orders)


def header_of(study_uid: str, patient: Patient, modality: str, settings: Settings) -> StudyHeader:
    """The header of a study as one of its images tells it; times are of the site."""
    issuer = patient.issuer.strip()
    known = settings.issuers.get(issuer)
    numbers = [patient.patient_id, *patient.other_patient_ids.split("\\")]
    time = patient.study_time.strip().partition(".")[0]
    return StudyHeader(
        study_uid=study_uid,
        accession_number=patient.accession_number.strip(),
        numbers=tuple(dict.fromkeys(number.strip() for number in numbers if number.strip())),
        issuer=(known.name if known else "") or issuer or settings.default_issuer,
        name=patient.name,
        birth_date=date_in(patient.birth_date),
        sex=patient.sex.strip().upper(),
        study_at=moment_in(patient.study_date.strip() + time, settings.zone),
        modality=modality,
    )
