"""The derived 3-D CT series that segmentations and viewers lean on.

Viewers fail on overlays that point at a 4-D perfusion series, where every position exists many times; so the temporal
mean goes out as a plain CT volume on the working grid, in the source's frame of reference.
"""

from copy import deepcopy

import numpy as np
from pydicom import Dataset
from pydicom.uid import CTImageStorage
from pydicom.valuerep import DS

from triage.types import Findings, Float64, Geometry
from viewer_bridge.objects.origin import Origin
from viewer_bridge.objects.series import SERIES, SeriesKind
from viewer_bridge.objects.uids import Role

KIND = SERIES[Role.REFERENCE]

DERIVATION = "Temporal mean of the aligned CT perfusion series"

AIR_HU = -1024
"""Stands for voxels without a value."""

INT16_RANGE_HU = (-32768, 32767)

COPIED = ("PatientPosition", "KVP", "PositionReferenceIndicator", "AcquisitionDate", "AcquisitionTime")
"""Attributes of the acquisition that stay true for its mean."""

TYPE_TWO = ("KVP", "PositionReferenceIndicator", "AcquisitionNumber")
"""May be empty in a CT image but not absent (PS3.3 A.3.3)."""


def decimals(values: Float64) -> list[DS]:
    """Return numbers as DICOM decimal strings of at most 16 characters (PS3.5 6.2).

    Examples
    --------
    >>> decimals(np.array([1 / 3]))
    ['0.33333333333333']
    """
    return [DS(float(value), auto_format=True) for value in values]


def reference_series(findings: Findings, origin: Origin) -> list[Dataset]:
    """Return one CT image per slice of the temporal mean, in order of the working grid.

    Parameters
    ----------
    findings
        `mean_hu` float32 ``(Z, Y, X)`` on `geometry`.
    origin
        Source and run.
    """
    mean = np.nan_to_num(findings.mean_hu, nan=AIR_HU)
    stored = np.clip(np.rint(mean), *INT16_RANGE_HU).astype("<i2")
    template = ct_template(KIND, DERIVATION, findings.geometry, origin)
    return [_image(template, origin, findings.geometry, plane, z) for z, plane in enumerate(stored)]


def ct_template(kind: SeriesKind, derivation: str, geometry: Geometry, origin: Origin) -> Dataset:
    """Everything that all slices of a derived CT series share: its grid, and in words how it was derived."""
    ds = origin.blank(kind, CTImageStorage, 1)
    for keyword in COPIED:
        if keyword in origin.source:
            ds.add(origin.source[keyword])
    for keyword in TYPE_TWO:
        if keyword not in ds:
            setattr(ds, keyword, None)
    ds.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    ds.DerivationDescription = derivation
    ds.FrameOfReferenceUID = frame_of_reference(geometry, origin)
    spacing = np.array(geometry.spacing_mm)
    axes = geometry.affine[:3, :3] / spacing
    ds.ImageOrientationPatient = decimals(np.concatenate([axes[:, 2], axes[:, 1]]))
    ds.PixelSpacing = decimals(spacing[1:])
    ds.SliceThickness = ds.SpacingBetweenSlices = decimals(spacing)[0]
    _, ds.Rows, ds.Columns = geometry.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "HU"
    ds.WindowCenter, ds.WindowWidth = "40", "80"
    ds.BurnedInAnnotation, ds.LossyImageCompression = "NO", "00"
    return ds


def frame_of_reference(geometry: Geometry, origin: Origin) -> str:
    """Return the source's frame of reference, or one of our own where the scanner gave none."""
    return (
        geometry.frame_of_reference_uid
        or str(origin.source.get("FrameOfReferenceUID", ""))
        or origin.uid("frame of reference")
    )


def _image(template: Dataset, origin: Origin, geometry: Geometry, plane: np.ndarray, z: int) -> Dataset:
    ds = deepcopy(template)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = origin.uid(KIND.role, z + 1)
    ds.InstanceNumber = z + 1
    ds.ImagePositionPatient = decimals((geometry.affine @ (z, 0, 0, 1))[:3])
    ds.PixelData = plane.tobytes()
    return ds
