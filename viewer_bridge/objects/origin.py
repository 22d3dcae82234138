"""What every result object shares: whose it is, where it came from, who made it, and its identifiers."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.sr.coding import Code
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian

from triage.errors import InputError
from viewer_bridge.objects import codes
from viewer_bridge.objects.series import SeriesKind
from viewer_bridge.objects.uids import Role, derived_uid, result_uid

IMPLEMENTATION_CLASS_UID = UID(derived_uid("implementation"))
IMPLEMENTATION_VERSION_NAME = "STROKEGW"

MANUFACTURER = "stroke-gateway"
NO_SERIAL_NUMBER = "none"
"""The device is software; the module insists on a number (PS3.3 C.7.5.2)."""

RESEARCH_USE = "Research use. Not for primary diagnosis."

DOCUMENTS = frozenset({"SR", "KO", "DOC"})
"""Modalities without a Related Series Sequence: their series modules do not have it (PS3.3 C.17.1, C.17.6.1, C.24.1)."""

PATIENT_AND_STUDY = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "TypeOfPatientID",
    "PatientBirthDate",
    "PatientBirthTime",
    "PatientSex",
    "OtherPatientIDsSequence",
    "OtherPatientNames",
    "EthnicGroup",
    "PatientComments",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
    "TimezoneOffsetFromUTC",
)
"""Attributes of the Patient, Patient Study and General Study modules (PS3.3 C.7.1.1, C.7.2.2, C.7.2.1)."""

TEXT = frozenset({"PN", "LO", "SH", "LT", "ST", "UT"})
"""Value representations that depend on the character set (PS3.5 6.1.2.3)."""

NEVER_ABSENT = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Type 2 in those modules: present even when the scanner left them out."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The source series and the run that made the results.

    Attributes
    ----------
    source
        Header of one image of the analysed series; its pixels are not needed.
    revision
        Counts from 1; a later revision supersedes the earlier ones and gets series of its own.
    software_version
        Of this product.
    created_at
        When the analysis ended; becomes the content date and time.
    former
        Headers of the objects of the revision before; each series of ours names the one that it takes the place of.
    """

    source: Dataset = field(repr=False)
    revision: int
    software_version: str
    created_at: datetime
    former: Sequence[Dataset] = field(default=(), repr=False)

    def uid(self, role: str, index: int = 0) -> str:
        """Return the UID of the object or series with this role."""
        return result_uid(str(self.source.SeriesInstanceUID), role, self.revision, index)

    def series_number(self, kind: SeriesKind) -> int:
        """Return the number of a result series in the study."""
        return kind.number(self.revision)

    def described(self, kind: SeriesKind) -> str:
        """Return what a reader sees in the list of series."""
        return kind.described(self.revision)

    def placed(self, kind: SeriesKind) -> dict[str, Any]:
        """Where the only object of a series stands, as highdicom wants it said."""
        return {
            "series_instance_uid": self.uid(kind.role),
            "series_number": self.series_number(kind),
            "series_description": self.described(kind),
            "sop_instance_uid": self.uid(kind.role, 1),
            "instance_number": 1,
            "manufacturer": MANUFACTURER,
        }

    @property
    def device(self) -> dict[str, str]:
        """Who made an object, as highdicom wants it said where a device is asked for."""
        return {
            "manufacturer_model_name": MANUFACTURER,
            "software_versions": self.software_version,
            "device_serial_number": NO_SERIAL_NUMBER,
        }

    def blank(self, kind: SeriesKind, sop_class: str, index: int) -> Dataset:
        """Return a new object of a series with every shared module filled in."""
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPClassUID = UID(sop_class)
        ds.SOPClassUID, ds.SOPInstanceUID = sop_class, self.uid(kind.role, index)
        ds.file_meta.MediaStorageSOPInstanceUID = UID(ds.SOPInstanceUID)
        ds.SeriesInstanceUID, ds.SeriesNumber = self.uid(kind.role), self.series_number(kind)
        ds.Modality, ds.InstanceNumber = kind.modality, index
        ds.SeriesDescription = self.described(kind)
        ds.BodyPartExamined = "HEAD"
        ds.Manufacturer = ds.ManufacturerModelName = MANUFACTURER
        ds.ImageComments = RESEARCH_USE
        self.stamp(ds, kind)
        return ds

    def stamp(self, ds: Dataset, kind: SeriesKind) -> None:
        """Write the patient, the study, the times and the version into `ds`, replacing what is there."""
        ds.SpecificCharacterSet = "ISO_IR 192"
        for element in _patient_and_study(self.source):
            ds.add(element)
        ds.InstanceCreationDate = ds.ContentDate = ds.SeriesDate = self.created_at.strftime("%Y%m%d")
        ds.InstanceCreationTime = ds.ContentTime = ds.SeriesTime = self.created_at.strftime("%H%M%S.%f")
        ds.SoftwareVersions = self.software_version
        ds.file_meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
        ds.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
        ds.ContributingEquipmentSequence = [self._scanner()]
        if kind.modality not in DOCUMENTS:
            source = _related(self.source.StudyInstanceUID, self.source.SeriesInstanceUID)
            ds.RelatedSeriesSequence = [source, *self._superseded(kind.role)]

    def former_objects(self, role: Role) -> list[Dataset]:
        """Headers of what the series with this role held in the revision before.

        Our UIDs are computed, so a former series is known by its role, whichever of the revisions wrote it.
        """
        source_uid = str(self.source.SeriesInstanceUID)
        known = {result_uid(source_uid, role, number) for number in range(1, self.revision)}
        return [ds for ds in self.former if ds.SeriesInstanceUID in known]

    def _superseded(self, role: Role) -> Iterator[Dataset]:
        series = {(ds.StudyInstanceUID, ds.SeriesInstanceUID) for ds in self.former_objects(role)}
        for study_uid, series_uid in sorted(series):
            yield _related(study_uid, series_uid, codes.SUPERSEDED)

    def _scanner(self) -> Dataset:
        item = Dataset()
        item.PurposeOfReferenceCodeSequence = [codes.item(codes.ACQUISITION_EQUIPMENT)]
        item.Manufacturer = str(self.source.get("Manufacturer") or "unknown")
        item.ManufacturerModelName = str(self.source.get("ManufacturerModelName") or "unknown")
        return item


def _related(study_uid: str, series_uid: str, *purpose: Code) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID, item.SeriesInstanceUID = study_uid, series_uid
    item.PurposeOfReferenceCodeSequence = [codes.item(code) for code in purpose]
    return item


def _patient_and_study(source: Dataset) -> Iterator[DataElement]:
    """Copies of the source's elements as Unicode text, so that any character set survives."""
    declared = bool(source.get("SpecificCharacterSet"))
    for keyword in PATIENT_AND_STUDY:
        if keyword in source:
            element = deepcopy(source[keyword])
            if element.VR in TEXT and element.value:
                element.value = _unicode(element.value, declared=declared)
            yield element
        elif keyword in NEVER_ABSENT:
            yield DataElement(Tag(keyword), dictionary_VR(keyword), None)


def _unicode(value: Any, *, declared: bool) -> Any:
    """Return text, or a list of texts, as Unicode strings.

    pydicom reads undeclared bytes as Latin-1. Scanners that forget the declaration send UTF-8 today, and bytes
    that happen to be valid UTF-8 are hardly ever anything else.
    """
    if isinstance(value, MultiValue):
        return [_unicode(item, declared=declared) for item in value]
    text = str(value)
    if declared:
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def in_zone_of(source: Dataset, moment: datetime) -> datetime:
    """Return a moment as the study's clock would have shown it.

    Times in DICOM are local, with the distance to UTC beside them or without (PS3.3 C.12.1.1.8): where the scanner says
    none, this machine's zone is taken. A moment without a zone stays as it is.
    """
    if moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(datetime.strptime(str(source.TimezoneOffsetFromUTC), "%z").tzinfo)
    except (AttributeError, ValueError):
        return moment.astimezone()


def creation_time(source: Dataset) -> datetime:
    """Return the time of the source image itself: the fallback that keeps objects reproducible."""
    for pair in (
        ("ContentDate", "ContentTime"),
        ("AcquisitionDate", "AcquisitionTime"),
        ("StudyDate", "StudyTime"),
    ):
        day, time = (str(source.get(keyword) or "") for keyword in pair)
        if len(day) == 8 and day.isdigit():
            clock = time.partition(".")[0].ljust(6, "0")[:6]
            try:
                return datetime.strptime(day + clock, "%Y%m%d%H%M%S")  # noqa: DTZ007 - DICOM times are local
            except ValueError:
                continue
    raise InputError("the source image carries no date; pass created_at")
