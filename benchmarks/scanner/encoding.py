"""DICOM headers and pixels: PS3.3 A.3, the CT Image IOD, with what scanners add to it."""

from datetime import datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import CTImageStorage

from benchmarks.scanner.study import ANGIOGRAPHY_SLICE_MM, Image, Part, Study
from benchmarks.scanner.vendors import Vendor
from triage.types import Mask

SERIES_NUMBERS = MappingProxyType(
    {Part.SCOUT: 1, Part.NON_CONTRAST: 2, Part.ANGIOGRAPHY: 4, Part.PERFUSION: 5}
)
KVP = MappingProxyType({Part.SCOUT: 120, Part.NON_CONTRAST: 120, Part.ANGIOGRAPHY: 100, Part.PERFUSION: 80})
TUBE_CURRENT_MA = MappingProxyType(
    {Part.SCOUT: 35, Part.NON_CONTRAST: 280, Part.ANGIOGRAPHY: 350, Part.PERFUSION: 200}
)
BRAIN_WINDOW_HU = (40, 80)
SCOUT_WINDOW_HU = (-500, 1000)

STATIC_TYPES = MappingProxyType(
    {
        Part.SCOUT: ("ORIGINAL", "PRIMARY", "LOCALIZER"),
        Part.NON_CONTRAST: ("ORIGINAL", "PRIMARY", "AXIAL"),
        Part.ANGIOGRAPHY: ("ORIGINAL", "PRIMARY", "AXIAL"),
    }
)
RESCALE_TYPES = MappingProxyType(dict.fromkeys(Part, "HU") | {Part.SCOUT: "US"})
"""A projection has no Hounsfield units: unspecified (C.11.1.1.2)."""

STATIC_NAMES = MappingProxyType(
    {
        Part.SCOUT: "Scout",
        Part.NON_CONTRAST: "Head  5.0  Non-contrast",
        Part.ANGIOGRAPHY: "CTA head and neck  0.6",
    }
)


def series_header(plan: Study, part: Part) -> Dataset:
    """Everything that the images of one series have in common."""
    header = Dataset()
    for module in (_person, _study, _equipment, _acquisition, _pixels):
        module(header, plan, part)
    header.SOPClassUID = CTImageStorage
    header.Modality = "CT"
    header.SeriesInstanceUID = plan.uid(part)
    header.SeriesNumber = SERIES_NUMBERS[part]
    header.SeriesDescription = STATIC_NAMES.get(part, plan.vendor.perfusion_name)
    header.FrameOfReferenceUID = plan.uid("frame of reference")
    header.PositionReferenceIndicator = "OM"
    for private in plan.vendor.private:
        block = header.private_block(private.group, private.creator, create=True)
        block.add_new(private.offset, private.vr, private.value)
    return header


def _person(header: Dataset, plan: Study, _: Part) -> None:
    person = plan.person
    header.SpecificCharacterSet = "ISO_IR 192"
    header.PatientName = person.name
    header.PatientID = person.patient_id
    header.PatientBirthDate = person.birth_date
    header.PatientSex = person.sex
    header.AccessionNumber = person.accession_number
    header.ReferringPhysicianName = ""


def _study(header: Dataset, plan: Study, part: Part) -> None:
    header.StudyInstanceUID = plan.uid()
    header.StudyID = str(plan.phantom.patient.seed)
    header.StudyDescription = "CT STROKE PROTOCOL"
    header.StudyDate, header.StudyTime = f"{plan.start:%Y%m%d}", f"{plan.start:%H%M%S}"
    start = plan.perfusion_start if part is Part.PERFUSION else plan.start
    header.SeriesDate, header.SeriesTime = f"{start:%Y%m%d}", f"{start:%H%M%S}"


def _equipment(header: Dataset, plan: Study, _: Part) -> None:
    vendor = plan.vendor
    header.Manufacturer = vendor.manufacturer
    header.ManufacturerModelName = vendor.model
    header.SoftwareVersions = vendor.software
    header.InstitutionName = "Bệnh viện Mô Phỏng"
    header.StationName = "CT1"


def _acquisition(header: Dataset, plan: Study, part: Part) -> None:
    vendor = plan.vendor
    header.ImageType = list(STATIC_TYPES.get(part, vendor.perfusion_type))
    header.BodyPartExamined = "HEAD"
    header.PatientPosition = "HFS"
    header.ProtocolName = "Stroke"
    header.KVP = str(KVP[part])
    header.XRayTubeCurrent = TUBE_CURRENT_MA[part]
    thick_mm = ANGIOGRAPHY_SLICE_MM if part is Part.ANGIOGRAPHY else plan.phantom.patient.slice_mm
    header.SliceThickness = f"{thick_mm:g}"
    header.ConvolutionKernel = vendor.kernel
    header.GantryDetectorTilt = f"{plan.phantom.patient.tilt_deg:g}"
    if part is Part.PERFUSION:
        header.ContrastBolusAgent = "IOHEXOL 350"
        header.ContrastBolusVolume = "40"
        header.ContrastFlowRate = "5"
        if vendor.counts_time:
            header.NumberOfTemporalPositions = plan.phantom.patient.frames
        if vendor.counts_images:
            header.ImagesInAcquisition = plan.phantom.patient.frames * plan.phantom.patient.slices


def _pixels(header: Dataset, plan: Study, part: Part) -> None:
    vendor = plan.vendor
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.BitsAllocated = 16
    header.BitsStored, header.HighBit = vendor.bits_stored, vendor.bits_stored - 1
    header.PixelRepresentation = int(vendor.signed)
    header.RescaleIntercept, header.RescaleSlope, header.RescaleType = (
        str(vendor.intercept_hu),
        "1",
        RESCALE_TYPES[part],
    )
    header.WindowCenter, header.WindowWidth = map(
        str, SCOUT_WINDOW_HU if part is Part.SCOUT else BRAIN_WINDOW_HU
    )
    if vendor.padding is not None:
        header.add_new("PixelPaddingValue", "SS", vendor.padding)


def write_image(plan: Study, header: Dataset, image: Image, path: Path) -> Path:
    """Complete the series' `header` for one image, in place, and write it as a DICOM file."""
    vendor = plan.vendor
    _identify(header, image, plan.uid(image.part, image.instance), vendor)
    _place(header, image)
    header.PixelData = _stored(image, vendor).tobytes()
    dcmwrite(path, header, enforce_file_format=True)
    return path


def _identify(header: Dataset, image: Image, uid: str, vendor: Vendor) -> None:
    header.SOPInstanceUID = uid
    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPInstanceUID = uid
    header.file_meta.TransferSyntaxUID = vendor.transfer_syntax
    header.InstanceNumber, header.AcquisitionNumber = image.instance, image.acquisition
    header.AcquisitionDate, header.AcquisitionTime = _date(image.acquired), _time(image.acquired, vendor)
    header.ContentDate, header.ContentTime = _date(image.content), _time(image.content, vendor)
    if vendor.has_date_time:
        header.AcquisitionDateTime = header.AcquisitionDate + header.AcquisitionTime
    if vendor.numbers_time and image.part is Part.PERFUSION:
        header.TemporalPositionIdentifier = image.frame


def _place(header: Dataset, image: Image) -> None:
    place = image.place
    header.ImagePositionPatient = [_decimal(value) for value in place.position_mm]
    header.ImageOrientationPatient = [_decimal(value) for value in place.orientation]
    header.PixelSpacing = [_decimal(value) for value in place.spacing_mm]
    header.SliceLocation = _decimal(place.position_mm[2])
    header.Rows, header.Columns = image.hu.shape


def _date(when: datetime) -> str:
    return f"{when:%Y%m%d}"


def _time(when: datetime, vendor: Vendor) -> str:
    return f"{when:%H%M%S.%f}"[: len("HHMMSS.") + vendor.time_digits]


def _decimal(value: float) -> str:
    """Decimal String: at most 16 characters."""
    return f"{round(value, 6):.10g}"


def _stored(image: Image, vendor: Vendor) -> NDArray[np.integer]:
    hu = np.rint(image.hu).astype(np.int16)
    pixels = (hu - np.int16(vendor.intercept_hu)).astype(np.int16 if vendor.signed else np.uint16)
    if vendor.padding is not None and image.part is not Part.SCOUT:
        pixels[_outside_circle(*pixels.shape)] = vendor.padding
    return pixels


@cache
def _outside_circle(rows: int, columns: int) -> Mask:
    """Corners of the square that the scanner does not reconstruct."""
    y, x = (np.arange(size) - (size - 1) / 2 for size in (rows, columns))
    outside: Mask = np.hypot(y[:, None] / rows, x / columns) > 0.5
    return outside
