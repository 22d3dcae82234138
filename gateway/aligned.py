"""DICOM files of a perfusion series to its motion-corrected series and maximum over time, frame by frame to disk."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from time import perf_counter

from pydicom import Dataset
from pydicom.uid import CTImageStorage

from dicom_scp.clocks import SECONDS_PER_DAY
from dicom_scp.headers import ImageHeader
from dicom_scp.reader import StoredSeries, open_ctp
from triage.record import Record
from triage.reduction import steps
from triage.stages import take_scan
from viewer_bridge.objects.aligned_series import AlignedFrames, SourceImage, aligned_series, projection_series
from viewer_bridge.objects.origin import Origin
from viewer_bridge.objects.results import file_bytes


def aligned_frames(paths: Sequence[Path]) -> AlignedFrames:
    """Read and align a series as an analysis does: the same frames in the same pose.

    Raises
    ------
    InputError, AnalysisError
        It cannot be read, or the head cannot be followed.
    TemporaryError
        A file cannot be read.
    """
    series = open_ctp(paths)
    scan = take_scan(series, Record(clock=perf_counter))
    slab, _ = steps(series.geometry)
    slices = scan.geometry.shape[0]
    sources = tuple(_sources(series, t, slab, slices) for t in range(len(scan.time_s)))
    return AlignedFrames(
        scan.hu, scan.seen, scan.time_s, scan.geometry, scan.motion.dropped, _began_at(series), sources
    )


def write_aligned(paths: Sequence[Path], origin: Origin, folder: Path) -> int:
    """Write both series into an existing folder; returns how many objects; raises like `aligned_frames`."""
    frames, count = aligned_frames(paths), 0
    dataset: Dataset
    for count, dataset in enumerate(
        chain(projection_series(frames, origin), aligned_series(frames, origin)), start=1
    ):
        (folder / f"{count:05d}.dcm").write_bytes(file_bytes(dataset))
    return count


def _sources(
    series: StoredSeries, number: int, slab: int, slices: int
) -> tuple[tuple[SourceImage, ...], ...]:
    """What went into each working slice of a frame."""
    images = [_source(header, frame) for header, frame in series.images(number)]
    return tuple(tuple(images[z * slab : (z + 1) * slab]) for z in range(slices))


def _source(header: ImageHeader, frame: int) -> SourceImage:
    in_object = 0 if header.sop_class_uid == CTImageStorage else frame + 1
    return SourceImage(header.sop_class_uid, header.sop_instance_uid, in_object)


def _began_at(series: StoredSeries) -> datetime | None:
    """When the first image was acquired, by the scanner's clock."""
    shown = [header.acquired_at_s for header, _ in series.images(0) if header.acquired_at_s is not None]
    if not shown:
        return None
    day, second = divmod(min(shown), SECONDS_PER_DAY)
    return datetime.fromordinal(int(day)) + timedelta(seconds=second)
