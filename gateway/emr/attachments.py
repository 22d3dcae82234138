"""The published report as a file: the bytes that lie in the archive, for whoever gets them beside it."""

from gateway.desk import Desk
from gateway.ledger.records import Case
from gateway.signing import documents


def report_of(desk: Desk, case: Case) -> bytes | None:
    """The PDF of the case's present revision, byte for byte as in its DICOM object; None until it is drawn."""
    return documents.report_of(desk.config.cases_dir, case.id, case.revision)
