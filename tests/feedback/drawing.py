"""Segmentations as workstations make them, of a known volume and place."""

from copy import deepcopy

import numpy as np
import pydicom
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from gateway.feedback.edit import Question
from tests.viewer_bridge.drawn import SERIES_UID, STUDY_UID
from viewer_bridge.objects import codes
from viewer_bridge.objects.origin import Origin
from viewer_bridge.objects.reference_series import reference_series

TISSUE = Code("85756007", "SCT", "Tissue")


def described(number=1, label="Ischemic core", kind=codes.INFARCT):
    return SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.ABNORMAL_STRUCTURE,
        segmented_property_type=kind,
        algorithm_type=SegmentAlgorithmTypeValues.MANUAL,
    )


def our_series(analysis, source, revision=1):
    """The images of ours that a workstation draws on."""
    at = pydicom.valuerep.DT("20260101101500")
    return reference_series(analysis.findings, Origin(source, revision, "1", at))


def drawn(images, mask, *segments, kind=SegmentationTypeValues.BINARY, **more):
    """A segmentation on these images; `mask` is ``(Z, Y, X)`` or has a segment an item in its last axis."""
    return Segmentation(
        source_images=deepcopy(list(images)),  # it shares elements with them
        pixel_array=mask,
        segmentation_type=kind,
        segment_descriptions=list(segments) or [described()],
        series_instance_uid=generate_uid(),
        series_number=900,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="A workstation",
        manufacturer_model_name="WS",
        software_versions="1",
        device_serial_number="1",
        **more,
    )


def foreign_series(analysis, source, step=2):
    """Images of the same head on another grid: half as many rows and columns, every second slice."""
    geometry = analysis.findings.geometry
    z, y, x = geometry.shape
    template = our_series(analysis, source)[0]
    series, images = generate_uid(), []
    for number in range(0, z, step):
        ds = deepcopy(template)
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        ds.SeriesInstanceUID, ds.InstanceNumber = series, number + 1
        ds.Rows, ds.Columns = y // 2, x // 2
        ds.PixelSpacing = [2 * float(mm) for mm in template.PixelSpacing]
        centre = geometry.affine @ (number, 0.5, 0.5, 1)
        ds.ImagePositionPatient = [round(float(mm), 6) for mm in centre[:3]]
        ds.SpacingBetweenSlices = ds.SliceThickness = step * geometry.spacing_mm[0]
        ds.PixelData = bytes(2 * ds.Rows * ds.Columns)
        images.append(ds)
    return images


def kept(ds, folder):
    path = folder / f"{ds.SOPInstanceUID}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


def asked(path, folder, revisions=(1,), **changes):
    plain = {
        "path": str(path),
        "study_uid": STUDY_UID,
        "series_uid": SERIES_UID,
        "folders": {number: str(folder) for number in revisions},
        "frames": (),
        "series": (SERIES_UID,),
    }
    return Question(**{**plain, **changes})


def a_core(analysis, shift=0):
    return np.roll(analysis.findings.core, shift, axis=2).astype(np.uint8)
