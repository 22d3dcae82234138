"""The phantom as DICOM: plain CT images with the scanner's own counts, which say in every header that nobody was scanned."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import CTImageStorage

from gateway.silence.phantom import USUAL, Grid, Scan
from gateway.silence.truth import PERSON, PERSON_NUMBER

INTERCEPT_HU = -1024
WINDOW_HU = ("40", "80")


@dataclass(frozen=True, slots=True)
class Image:
    """One instance: its UID and its dataset in explicit little endian."""

    uid: str
    dataset: bytes


def images_of(scan: Scan, study_uid: str, begun: datetime, grid: Grid = USUAL) -> Iterator[Image]:
    """Frame by frame; `begun` is local time, as scanners write it."""
    header = _header(study_uid, begun, grid)
    for frame, volume in enumerate(scan.hu):
        when = begun + timedelta(seconds=float(scan.time_s[frame]))
        header.TemporalPositionIdentifier = header.AcquisitionNumber = frame + 1
        header.AcquisitionDate = header.ContentDate = f"{when:%Y%m%d}"
        header.AcquisitionTime = header.ContentTime = f"{when:%H%M%S.%f}"
        for place, pixels in enumerate(volume):
            number = frame * grid.slices + place + 1
            header.InstanceNumber, header.SOPInstanceUID = number, f"{study_uid}.1.{number}"
            header.ImagePositionPatient = _corner(place, grid)
            header.PixelData = (pixels - INTERCEPT_HU).astype("<u2").tobytes()
            yield Image(header.SOPInstanceUID, _encoded(header))


def _header(study_uid: str, begun: datetime, grid: Grid) -> Dataset:
    """What all images have in common (PS3.3 table A.3-1)."""
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 100"
    header.SOPClassUID, header.Modality, header.Manufacturer = CTImageStorage, "CT", "stroke-gateway"
    header.PatientName, header.PatientID = PERSON, PERSON_NUMBER
    header.PatientBirthDate = header.PatientSex = header.AccessionNumber = header.ReferringPhysicianName = ""
    header.ImageComments, header.QualityControlImage = "Made up: nobody was scanned", "YES"
    header.StudyInstanceUID, header.SeriesInstanceUID = study_uid, f"{study_uid}.1"
    header.FrameOfReferenceUID, header.PositionReferenceIndicator = f"{study_uid}.2", ""
    header.StudyID, header.SeriesNumber = "PHANTOM", 1
    header.StudyDescription = header.SeriesDescription = "Phantom of the silence watch"
    header.StudyDate = header.SeriesDate = f"{begun:%Y%m%d}"
    header.StudyTime = header.SeriesTime = f"{begun:%H%M%S}"
    header.ImageType, header.KVP = ["ORIGINAL", "PRIMARY", "AXIAL"], "80"
    header.NumberOfTemporalPositions = grid.frames
    header.ImagesInAcquisition = grid.frames * grid.slices
    header.SliceThickness, header.PixelSpacing = f"{grid.slice_mm:g}", [f"{grid.pixel_mm:g}"] * 2
    header.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    header.Rows = header.Columns = grid.size
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 12, 11, 0
    header.RescaleIntercept, header.RescaleSlope, header.RescaleType = str(INTERCEPT_HU), "1", "HU"
    header.WindowCenter, header.WindowWidth = WINDOW_HU
    return header


def _corner(place: int, grid: Grid) -> list[str]:
    """Image Position (Patient): the middle of the first slice is the origin."""
    edge = -(grid.size - 1) / 2 * grid.pixel_mm
    return [f"{edge:g}", f"{edge:g}", f"{place * grid.slice_mm:g}"]


def _encoded(header: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, header)
    return bytes(buffer.getvalue())
