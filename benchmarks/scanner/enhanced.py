"""A scanner that sends multi-frame objects: PS3.3 A.38, the Enhanced CT IOD, and A.70, its legacy converted form.

``write_enhanced(series, folder, Layout(...))`` writes the same arrays as `write_study`, as one object of all frames or as
one object a volume, frames in random order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    UID,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    LegacyConvertedEnhancedCTImageStorage,
    generate_uid,
)

from triage.types import CtpSeries

START = datetime(2026, 3, 14, 23, 59, 50)  # noqa: DTZ001 - DICOM times are local times
STORED_OFFSET_HU = -1024
FRAME = tuple[int, int]
"""Time and slice."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Habits of a scanner that sends multi-frame objects.

    Attributes
    ----------
    object_per_volume
        One object for each time; otherwise one object of all.
    converted
        Legacy converted: classic attributes in the unassigned groups instead of Frame Content times.
    clock
        ``"acquisition"``, ``"reference"``, ``"offset"``, ``"both"`` or ``"none"``: which times a frame carries.
    counts
        Temporal Position Index and Dimension Index Values count times and slices; otherwise all are 1.
    told_lengths
        Sequences tell their lengths; otherwise delimiters end them.
    """

    object_per_volume: bool = False
    converted: bool = False
    clock: str = "both"
    counts: bool = True
    told_lengths: bool = True
    syntax: UID = ExplicitVRLittleEndian
    seed: int = 0


def write_enhanced(series: CtpSeries, folder: Path, layout: Layout) -> tuple[Path, ...]:
    """Write a perfusion series as multi-frame objects."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = list(np.ndindex(*series.time_s.shape))
    random = np.random.default_rng(layout.seed)
    groups = (
        [[f for f in frames if f[0] == t] for t in range(len(series.time_s))]
        if layout.object_per_volume
        else [frames]
    )
    paths = []
    for number, group in enumerate(groups):
        order = [group[k] for k in random.permutation(len(group))]
        path = folder / f"E{random.integers(1 << 40):012x}.dcm"
        dcmwrite(
            path, _object(series, order, number, layout), **_encoding(layout.syntax), enforce_file_format=True
        )
        paths.append(path)
    return tuple(paths)


def _encoding(syntax: UID) -> dict[str, bool]:
    return {"implicit_vr": syntax.is_implicit_VR, "little_endian": True}


def _object(series: CtpSeries, frames: Sequence[FRAME], number: int, layout: Layout) -> Dataset:
    data = _common(series, frames, number, layout)
    data.SharedFunctionalGroupsSequence = [_shared(series)]
    data.PerFrameFunctionalGroupsSequence = [_own(series, frame, layout) for frame in frames]
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        data[name].is_undefined_length = not layout.told_lengths
        for item in data[name].value:
            item.is_undefined_length_sequence_item = not layout.told_lengths
    stored = np.stack([np.rint(series.hu[frame] - STORED_OFFSET_HU).astype(np.int16) for frame in frames])
    data.PixelData = stored.tobytes()
    if layout.syntax.is_compressed and layout.syntax.is_encapsulated:
        data.compress(layout.syntax, generate_instance_uid=False)
    data.file_meta.TransferSyntaxUID = layout.syntax
    return data


def _common(series: CtpSeries, frames: Sequence[FRAME], number: int, layout: Layout) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = LegacyConvertedEnhancedCTImageStorage if layout.converted else EnhancedCTImageStorage
    data.SOPInstanceUID = generate_uid(entropy_srcs=[f"enhanced|{layout.seed}|{number}"])
    data.StudyInstanceUID, data.SeriesInstanceUID = (
        generate_uid(entropy_srcs=[f"enhanced|{layout.seed}|{what}"]) for what in ("study", "series")
    )
    data.FrameOfReferenceUID = series.geometry.frame_of_reference_uid or "1.2.826.0.1.9"
    data.Modality, data.PatientName, data.PatientID = "CT", "PHANTOM^ENHANCED", "ENHANCED"
    data.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    data.InstanceNumber, data.NumberOfFrames = 1, len(frames)
    first = min(series.time_s[frame] for frame in frames)
    data.AcquisitionDateTime = _date_time(first)
    _, data.Rows, data.Columns = series.geometry.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.DimensionIndexSequence = [_axis("TemporalPositionIndex"), _axis("InStackPositionNumber")]
    return data


def _axis(keyword: str) -> Dataset:
    axis = Dataset()
    axis.DimensionIndexPointer = keyword
    axis.FunctionalGroupPointer = "FrameContentSequence"
    return axis


def _item(**elements: object) -> list[Dataset]:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return [item]


def _shared(series: CtpSeries) -> Dataset:
    _, row_mm, column_mm = series.geometry.spacing_mm
    affine = series.geometry.affine
    cosines = (*(affine[:3, 2] / column_mm), *(affine[:3, 1] / row_mm))
    shared = Dataset()
    shared.PlaneOrientationSequence = _item(ImageOrientationPatient=[f"{c:.8f}" for c in cosines])
    shared.PixelMeasuresSequence = _item(PixelSpacing=[f"{row_mm:.8f}", f"{column_mm:.8f}"])
    shared.PixelValueTransformationSequence = _item(
        RescaleIntercept=str(STORED_OFFSET_HU), RescaleSlope="1", RescaleType="HU"
    )
    return shared


def _own(series: CtpSeries, frame: FRAME, layout: Layout) -> Dataset:
    t, z = frame
    own = Dataset()
    position = series.geometry.affine[:3] @ [z, 0, 0, 1]
    own.PlanePositionSequence = _item(ImagePositionPatient=[f"{p:.8f}"[:16] for p in position])
    counted = (t + 1, z + 1) if layout.counts else (1, 1)
    content = _item(
        StackID="1",
        InStackPositionNumber=z + 1,
        TemporalPositionIndex=counted[0],
        DimensionIndexValues=list(counted),
        FrameAcquisitionNumber=1,
    )
    seconds = float(series.time_s[frame])
    if layout.converted:
        when = START + timedelta(seconds=seconds)
        own.UnassignedPerFrameConvertedAttributesSequence = _item(
            AcquisitionDate=f"{when:%Y%m%d}", AcquisitionTime=f"{when:%H%M%S.%f}"
        )
    if layout.clock in {"acquisition", "both"} and not layout.converted:
        content[0].FrameAcquisitionDateTime = _date_time(seconds)
    if layout.clock in {"reference", "both"} and not layout.converted:
        content[0].FrameReferenceDateTime = _date_time(seconds + 0.25)
    if layout.clock == "offset":
        own.TemporalPositionSequence = _item(TemporalPositionTimeOffset=seconds)
    own.FrameContentSequence = content
    return own


def _date_time(seconds: float) -> str:
    return f"{START + timedelta(seconds=float(seconds)):%Y%m%d%H%M%S.%f}"
