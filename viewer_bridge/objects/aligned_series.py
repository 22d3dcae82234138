"""The motion-corrected frames of a perfusion scan as a series in time, and their maximum over time as one volume.

Classic CT images, one a frame and slice: every viewer and archive plays them, sorted by Temporal Position Identifier or by
the time of acquisition, while dynamic Enhanced CT is shown by few. What every image is made of is told: its source images,
that it was resampled, and where a frame showed no tissue of its own.

References
----------
PS3.3 A.3 and C.8.2.1 (CT Image), C.7.6.1.1.2 (Content Time of images that are related in time), C.7.6.12.2 (Temporal
Position Identifier; as an extension of the class, PS3.4 B.3.2), PS3.16 CID 7203 (image derivation).
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sr.coding import Code

from triage.types import Float32, Float64, Geometry, Mask
from viewer_bridge.objects import codes
from viewer_bridge.objects.origin import RESEARCH_USE, Origin
from viewer_bridge.objects.reference_series import INT16_RANGE_HU, ct_template, decimals
from viewer_bridge.objects.series import SERIES, SeriesKind
from viewer_bridge.objects.uids import Role

RESAMPLED = Code("113085", "DCM", "Spatial resampling")
MAXIMUM = Code("113048", "DCM", "Pixel by pixel Maximum")

ALIGNED_WORDS = "Frames of the CT perfusion series, averaged to the working grid and brought into one pose"
MAXIMUM_WORDS = "Maximum over time of the aligned CT perfusion series"
EXTENDED_WORDS = "Beyond the coverage of this frame: its outermost slice is repeated."

OUR_RESULT = "STROKEGW"
"""Fourth value of Image Type: a series in time that comes back to us must not be taken for a scan
(`dicom_scp.recognition`)."""

MS_PER_S = 1000.0
UNEVEN_S = 0.1
"""Frames whose steps differ by more have no temporal resolution to state."""


class SourceImage(NamedTuple):
    """One image of the scanner: its object, and which frame of it, counted from 1; 0 for an object of one image."""

    sop_class_uid: str
    sop_instance_uid: str
    frame: int


@dataclass(frozen=True, slots=True)
class AlignedFrames:
    """Frames of one scan in one pose.

    Attributes
    ----------
    hu
        float32 ``(T, Z, Y, X)`` in HU on `geometry`.
    seen
        bool ``(T, Z)``: which slices lie inside the coverage of their frame.
    time_s
        float64 ``(T, Z)``, seconds since the first image.
    dropped
        int64 ``(D,)``, frames beyond repair: another one stands in `hu` for them, and they are left out of the series.
    began_at
        When the first image was acquired, in the scanner's local time; None where the scanner does not say.
    sources
        For each frame, for each slice, the scanner's images that went into it.
    """

    hu: Float32
    seen: Mask
    time_s: Float64
    geometry: Geometry
    dropped: NDArray[np.int64]
    began_at: datetime | None
    sources: Sequence[Sequence[Sequence[SourceImage]]]

    @property
    def kept(self) -> list[int]:
        """Numbers of the frames that are their own."""
        return [t for t in range(len(self.hu)) if t not in set(self.dropped.tolist())]


def aligned_series(frames: AlignedFrames, origin: Origin) -> Iterator[Dataset]:
    """Yield one CT image a frame and slice, frame after frame; the whole series is never in memory.

    The same frames give the same UIDs: they count frames of the scan, so that leaving one out renames none.
    """
    kind = SERIES[Role.ALIGNED]
    template = _derived(kind, ALIGNED_WORDS, (RESAMPLED,), frames.geometry, origin)
    template.ImageType = [*template.ImageType, OUR_RESULT]
    template.NumberOfTemporalPositions = len(frames.kept)
    _state_resolution(template, frames)
    slices = frames.geometry.shape[0]
    for position, t in enumerate(frames.kept, start=1):
        for z in range(slices):
            ds = _image(template, origin, kind, frames, z, t * slices + z + 1)
            ds.TemporalPositionIdentifier = ds.AcquisitionNumber = position
            _put_time(ds, frames, t, z)
            ds.SourceImageSequence = [_reference(image) for image in frames.sources[t][z]]
            if not frames.seen[t, z]:
                ds.ImageComments = f"{EXTENDED_WORDS} {RESEARCH_USE}"
            _put_pixels(ds, frames.hu[t, z])
            yield ds


def projection_series(frames: AlignedFrames, origin: Origin) -> Iterator[Dataset]:
    """Yield the maximum over time, one CT image a slice; where a frame saw nothing of a slice, it does not count."""
    kind = SERIES[Role.PROJECTION]
    template = _derived(kind, MAXIMUM_WORDS, (RESAMPLED, MAXIMUM), frames.geometry, origin)
    kept = frames.kept
    for z in range(frames.geometry.shape[0]):
        ds = _image(template, origin, kind, frames, z, z + 1)
        _put_time(ds, frames, kept[0], z)
        looking = [t for t in kept if frames.seen[t, z]] or kept
        ds.SourceImageSequence = [_reference(image) for t in looking for image in frames.sources[t][z]]
        _put_pixels(ds, frames.hu[looking, z].max(axis=0))
        yield ds


def _derived(
    kind: SeriesKind, words: str, derivations: Sequence[Code], geometry: Geometry, origin: Origin
) -> Dataset:
    """What all images of a series share."""
    ds = ct_template(kind, words, geometry, origin)
    ds.DerivationCodeSequence = [codes.item(code) for code in derivations]
    return ds


def _state_resolution(ds: Dataset, frames: AlignedFrames) -> None:
    """Temporal Resolution in ms, where frames follow one another evenly."""
    steps_s = np.diff(frames.time_s[frames.kept].mean(axis=1))
    if len(steps_s) and np.ptp(steps_s) <= UNEVEN_S:
        ds.TemporalResolution = decimals(np.array([steps_s.mean() * MS_PER_S]))[0]


def _image(
    template: Dataset, origin: Origin, kind: SeriesKind, frames: AlignedFrames, z: int, number: int
) -> Dataset:
    ds = deepcopy(template)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = origin.uid(kind.role, number)
    ds.InstanceNumber = number
    ds.ImagePositionPatient = decimals((frames.geometry.affine @ (z, 0, 0, 1))[:3])
    return ds


def _put_time(ds: Dataset, frames: AlignedFrames, t: int, z: int) -> None:
    """When the image was acquired; where the scanner gave no time there is none to tell, and the position remains."""
    if frames.began_at is None:
        return
    moment = frames.began_at + timedelta(seconds=float(frames.time_s[t, z]))
    ds.AcquisitionDate = ds.ContentDate = moment.strftime("%Y%m%d")
    ds.AcquisitionTime = ds.ContentTime = moment.strftime("%H%M%S.%f")
    ds.AcquisitionDateTime = ds.AcquisitionDate + ds.AcquisitionTime


def _reference(image: SourceImage) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID, ds.ReferencedSOPInstanceUID = image.sop_class_uid, image.sop_instance_uid
    if image.frame:
        ds.ReferencedFrameNumber = image.frame
    ds.PurposeOfReferenceCodeSequence = [codes.item(codes.SOURCE_IMAGE)]
    return ds


def _put_pixels(ds: Dataset, hu: Float32) -> None:
    ds.PixelData = np.clip(np.rint(hu), *INT16_RANGE_HU).astype("<i2").tobytes()
