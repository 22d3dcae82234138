"""Whose record a report belongs into: the patient and the order of the hospital's records, or what the images say.

The records speak where a study's patient is certain. Where a person has still to say which order a study belongs to, no
number of an order goes out, not even the images' own: it may be another patient's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dicom_scp.patient import Patient, read_patient
from gateway.desk import Desk
from gateway.jobs.orders import OBJECTS
from gateway.ledger import views
from gateway.ledger.records import Case
from gateway.orders.match import Certainty
from gateway.orders.order import Order
from gateway.orders.person import Identifier, IdentifierKind, PatientIdentity
from triage.errors import GatewayError, InputError, TemporaryError


@dataclass(frozen=True, slots=True)
class Recipient:
    """The patient and the order of a report; nothing here may be logged or put into a file name.

    Attributes
    ----------
    text_uncertain
        The images do not say in which letters the name is written.
    """

    identity: PatientIdentity
    placer: str = field(default="", repr=False)
    placer_issuer: str = ""
    filler: str = field(default="", repr=False)
    filler_issuer: str = ""
    accession_number: str = field(default="", repr=False)
    text_uncertain: bool = False

    @property
    def numbers(self) -> tuple[Identifier, ...]:
        """The patient's numbers, the hospital's first.

        Raises
        ------
        InputError
            There is none, so no record can be addressed.
        """
        found = tuple(number for number in self.identity.identifiers if number.value.strip())
        if not found:
            raise InputError(
                "the study carries no patient id, so no record can be addressed; correct it in the archive"
            )
        return found


SAMPLE = Recipient(
    PatientIdentity((Identifier("SAMPLE", IdentifierKind.HOSPITAL, "SAMPLE"),), "SAMPLE^PATIENT", "", ""),
    accession_number="SAMPLE",
)
"""Nobody: what a preview is addressed to."""


def recipient_of(desk: Desk, case: Case) -> Recipient:
    """The recipient of a case's report.

    Raises
    ------
    InputError
        The images cannot be read as what they must be.
    TemporaryError
        Neither images nor result objects can be read now.
    """
    orders = desk.ledger.orders
    match = orders.matches.get(case.study_uid)
    seen = of_images(_person_in(desk, case))
    if match is None:
        return seen
    key = match.identity_key
    identity = orders.identities([key])[key] if key else seen.identity
    if match.certainty is Certainty.UNCERTAIN:
        return Recipient(identity, text_uncertain=identity is seen.identity and seen.text_uncertain)
    order = orders.get(match.order_key) if match.order_key else None
    return _of_order(order, identity) if order else _with(seen, identity)


def of_images(patient: Patient) -> Recipient:
    """The recipient as the images name them."""
    number = Identifier(patient.patient_id.strip(), IdentifierKind.HOSPITAL, patient.issuer)
    return Recipient(
        PatientIdentity((number,), patient.name, patient.birth_date, patient.sex),
        placer=patient.placer_order_number,
        filler=patient.filler_order_number,
        accession_number=patient.accession_number,
        text_uncertain=patient.text_uncertain,
    )


def _of_order(order: Order, identity: PatientIdentity) -> Recipient:
    numbers = (order.placer, order.placer_issuer, order.filler, order.filler_issuer)
    return Recipient(identity, *numbers, accession_number=order.accession_number)


def _with(seen: Recipient, identity: PatientIdentity) -> Recipient:
    """The images' order numbers and the records' patient; a name of the records is spelt as it is."""
    doubt = seen.text_uncertain and identity is seen.identity
    numbers = (seen.placer, seen.placer_issuer, seen.filler, seen.filler_issuer)
    return Recipient(identity, *numbers, accession_number=seen.accession_number, text_uncertain=doubt)


def _person_in(desk: Desk, case: Case) -> Patient:
    """The person in an image, or in a result object once the images have left the spool."""
    trouble: GatewayError = TemporaryError("nothing of the study can be read now")
    for path in _files(desk, case):
        try:
            return read_patient(path)
        except (TemporaryError, InputError) as exc:
            trouble = exc
    raise trouble


def _files(desk: Desk, case: Case) -> Iterator[Path]:
    if path := views.some_path(desk.ledger.engine, case.study_uid):
        yield desk.spooled(path)
    yield from sorted((desk.folder(case.id, case.revision) / OBJECTS).glob("*.dcm"))[:1]
