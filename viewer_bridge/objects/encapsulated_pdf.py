"""The report as a DICOM object, so that it lies in the patient's study wherever the study goes.

References
----------
PS3.3 A.45.1 (Encapsulated PDF IOD), C.24.1 (Encapsulated Document Series), C.24.2 (Encapsulated Document).
"""

from pydicom import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from viewer_bridge.objects import codes
from viewer_bridge.objects.origin import RESEARCH_USE, Origin
from viewer_bridge.objects.series import SERIES
from viewer_bridge.objects.uids import Role
from viewer_bridge.report.subject import Subject, subject_of

KIND = SERIES[Role.REPORT]

TITLE = f"CT perfusion report. {RESEARCH_USE}"

OF_IMAGES_ALONE = ("BodyPartExamined", "ImageComments")
"""What every image of ours carries and a document has no place for."""


def encapsulated_report(pdf: bytes, origin: Origin) -> Dataset:
    """Return the report in a series of its own; the same file gives the same object.

    Parameters
    ----------
    pdf
        The file of `viewer_bridge.report.pdf.report_pdf`; it names the patient, which the object says.
    """
    ds = _blank(origin)
    ds.ConversionType = "WSD"
    ds.AcquisitionDateTime = None
    ds.BurnedInAnnotation = "YES"
    ds.DocumentTitle = TITLE
    ds.ConceptNameCodeSequence = [codes.item(codes.IMAGING_REPORT)]
    ds.VerificationFlag = "UNVERIFIED"
    ds.SourceInstanceSequence = [_reference(origin.source)]
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    return with_document(ds, pdf)


def with_document(ds: Dataset, pdf: bytes) -> Dataset:
    """Put a file into the object, byte for byte, and return it."""
    ds.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    ds.EncapsulatedDocumentLength = len(pdf)
    return ds


def report_subject(origin: Origin) -> Subject:
    """Whose report it is, with the letters as the objects carry them, whatever the scanner's character set."""
    return subject_of(_blank(origin))


def _blank(origin: Origin) -> Dataset:
    ds = origin.blank(KIND, EncapsulatedPDFStorage, 1)
    for keyword in OF_IMAGES_ALONE:
        delattr(ds, keyword)
    return ds


def _reference(source: Dataset) -> Dataset:
    """One image of the analysed series stands for all."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
    return item
