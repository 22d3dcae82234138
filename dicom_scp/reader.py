"""DICOM files to arrays: one CT perfusion series in time, space and Hounsfield units, or the reason why not."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dicom_scp.chronology import LONGEST_SERIES_S, in_time, steps_within
from dicom_scp.counts import missing_by_count
from dicom_scp.decoding import read_hu
from dicom_scp.elements import walk_file
from dicom_scp.grid import geometry_of
from dicom_scp.headers import TAGS, ImageHeader, header_of
from dicom_scp.pixels import PIXEL_TAGS, PixelFormat, formats_of
from dicom_scp.recognition import (
    FEWEST_SLICES,
    is_slice,
)
from dicom_scp.slices import Stack
from triage.errors import InputError, TemporaryError
from triage.types import CtpSeries, Float32, Float64, Geometry

LARGEST_SERIES_BYTES = 16 << 30
"""Float32 volume refused before it is allocated; 320 slices of 512 x 512 at 40 times need 13 GB."""

LARGEST_FRAME_BYTES = 1 << 30
"""Float32 frame refused at opening: two are in memory at a time, and 320 slices of 512 x 512 need a third of it."""

READING_THREADS = 2
"""Frames read at once into memory: reading is copying, which two cores do at the speed of memory."""

FRAMES_AHEAD = 2
"""Images come frame by frame where no slice is further ahead of another; several associations overlap a little."""

LATEST = 32
"""Images that came last lie in half of all slices or more where they come frame by frame, and in two of them otherwise."""

ODD_STEP_RATIO, ODD_STEPS = 1.75, 0.25
"""A slice lacks a frame where its step is so many times that of another, unless that is usual in this schedule."""

SAME_COSINE = 1e-3
"""Direction cosines of one series agree within this; vendors write five to seven digits."""

SAME_SPACING_MM = 1e-3
"""Pixel spacings of one series agree within this."""


WANTED = frozenset(TAGS.values()) | PIXEL_TAGS
"""All that is read of a header."""


@dataclass(frozen=True, slots=True)
class StoredSlice:
    """One image in a file."""

    path: Path
    header: ImageHeader
    pixels: PixelFormat

    @property
    def name(self) -> tuple[Path, int]:
        """What tells its content from all others, as long as no file changes."""
        return self.path, self.pixels.frame

    def hu(self) -> Float32:
        """Decode it, float32 ``(Y, X)`` in HU; raises like `StoredSeries.frame`."""
        out = np.empty((self.header.rows or 0, self.header.columns or 0), dtype=np.float32)
        read_hu(self.path, [self.pixels], [out])
        return out


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """One CT perfusion series in its files: headers are read and checked, pixels wait (a `FrameSource`).

    Attributes
    ----------
    geometry
        Geometry of one frame.
    time_s
        float64 ``(T, Z)``, seconds since the earliest image, strictly increasing along T in every slice.
    study_uid, series_uid
        DICOM instance UIDs.
    missing
        What did not come by the scanner's own counts, in words; empty where they are met, or say nothing credible.
    """

    geometry: Geometry
    time_s: Float64
    study_uid: str
    series_uid: str
    _slices: tuple[tuple[StoredSlice, ...], ...] = field(repr=False)
    missing: str = ""

    def frame(self, number: int) -> Float32:
        """Decode one frame, float32 ``(Z, Y, X)`` in HU; several threads may ask at once.

        Raises
        ------
        InputError
            If the pixels of an image do not fill it, or cannot be decoded.
        TemporaryError
            If a file cannot be read.
        """
        hu = np.empty(self.geometry.shape, dtype=np.float32)
        self.read_frame(number, hu)
        return hu

    def names(self, number: int) -> tuple[tuple[Path, int], ...]:
        """Names of the images of one frame."""
        return tuple(item.name for item in self._slices[number])

    def images(self, number: int) -> tuple[tuple[ImageHeader, int], ...]:
        """Header of each image of one frame, and which frame of its object it is, from 0."""
        return tuple((item.header, item.pixels.frame) for item in self._slices[number])

    def read_frame(self, number: int, out: Float32) -> None:
        """Decode one frame into `out`, float32 ``(Z, Y, X)``; raises like `frame`."""
        files: dict[Path, list[int]] = {}
        for z, item in enumerate(self._slices[number]):
            files.setdefault(item.path, []).append(z)
        for path, members in files.items():
            formats = [self._slices[number][z].pixels for z in members]
            read_hu(path, formats, [out[z] for z in members])

    def read_all(self, out: Float32) -> None:
        """Decode all frames into `out`, float32 ``(T, Z, Y, X)``; raises like `frame`."""
        with ThreadPoolExecutor(READING_THREADS, "reading") as pool:
            for done in [pool.submit(self.read_frame, number, frame) for number, frame in enumerate(out)]:
                done.result()


def open_ctp(paths: Iterable[Path]) -> StoredSeries:
    """Open the files of one CT perfusion series, in any order; headers are read, pixels are not.

    Images are grouped by position and ordered by time at each position, see `dicom_scp.chronology`. Frames of multi-frame
    objects are images like others. Scouts and objects without a place in the patient are left out.

    Raises
    ------
    InputError
        If the files are not one regular CT perfusion series; the message names what is wrong.
    TemporaryError
        If a file cannot be read.
    """
    return arrange([item for path in paths for item in read_slices(path)])


def arrange(images: Sequence[StoredSlice]) -> StoredSeries:
    """Put images in order of place and time; raises like `open_ctp`."""
    slices = _without_repeats(images)
    _require_uniform(slices)
    ordered = in_time([item.header for item in slices])
    _require_full(ordered)
    geometry = geometry_of(ordered)
    _require_memory(geometry.shape, LARGEST_FRAME_BYTES)
    order = np.lexsort((ordered.position, ordered.rank)).reshape(-1, geometry.shape[0])
    time_s = ordered.instant_s[order]
    first = slices[0].header
    frames = tuple(tuple(slices[k] for k in row) for row in order)
    missing = missing_by_count(ordered)
    return StoredSeries(geometry, time_s - time_s.min(), first.study_uid, first.series_uid, frames, missing)


def arrange_beginning(images: Sequence[StoredSlice]) -> tuple[StoredSeries, bool]:
    """The frames that are whole so far, and whether images, given as they came, come frame by frame.

    Raises like `open_ctp`.
    """
    slices = _without_repeats(images)
    _require_uniform(slices)
    ordered = in_time([item.header for item in slices])
    whole = int(ordered.counts.min())
    frames = [item for item, rank in zip(slices, ordered.rank, strict=True) if rank < whole]
    latest = np.unique(ordered.position[-LATEST:])
    spread = 2 * len(latest) >= min(len(ordered.counts), LATEST)
    return arrange(frames), spread and int(ordered.counts.max()) - whole <= FRAMES_AHEAD


def read_ctp(paths: Iterable[Path]) -> CtpSeries:
    """Open one CT perfusion series and decode all of it into memory.

    Raises
    ------
    InputError
        What `open_ctp` and `StoredSeries.frame` raise, and if the series needs more than `LARGEST_SERIES_BYTES`.
    TemporaryError
        If a file cannot be read.
    """
    stored = open_ctp(paths)
    hu_shape = (len(stored.time_s), *stored.geometry.shape)
    _require_memory(hu_shape, LARGEST_SERIES_BYTES)
    hu = np.empty(hu_shape, dtype=np.float32)
    stored.read_all(hu)
    return CtpSeries(hu, stored.time_s.copy(), stored.geometry, stored.study_uid, stored.series_uid)


def read_slices(path: Path) -> list[StoredSlice]:
    """Images of one file that lie in the patient; raises like `open_ctp`."""
    try:
        with path.open("rb", buffering=0) as stream:
            elements = walk_file(stream, WANTED)
    except OSError as exc:
        raise TemporaryError(f"cannot read a stored instance: {exc.strerror}") from exc
    header = header_of(elements)
    images = header.images()
    if len(images) != header.frames:
        groups = len(header.in_frames)
        raise InputError(f"a multi-frame object of {header.frames} frames has {groups} functional groups")
    if not any(map(is_slice, images)):
        return []
    formats = formats_of(elements, header)
    pairs = zip(images, formats, strict=True)
    return [StoredSlice(path, image, pixels) for image, pixels in pairs if is_slice(image)]


def _without_repeats(slices: Sequence[StoredSlice]) -> list[StoredSlice]:
    """Keep one file per SOP instance."""
    if not slices:
        raise InputError("no image has a position and orientation in the patient")
    unique: dict[tuple[str, int], StoredSlice] = {}
    for item in slices:
        if unique.setdefault((item.header.sop_instance_uid, item.pixels.frame), item).header != item.header:
            raise InputError("two different images share one SOP instance UID")
    return list(unique.values())


UNIFORM: tuple[tuple[str, float, Callable[[ImageHeader], object]], ...] = (
    ("series", 0, lambda h: h.series_uid),
    ("studies", 0, lambda h: h.study_uid),
    ("frames of reference", 0, lambda h: h.frame_of_reference_uid),
    ("numbers of rows and columns", 0, lambda h: (h.rows, h.columns)),
    ("orientations", SAME_COSINE, lambda h: h.orientation),
    ("pixel spacings", SAME_SPACING_MM, lambda h: h.pixel_spacing_mm),
)
"""What all images of a series share: name, tolerance, how to see it."""


def _require_uniform(slices: Sequence[StoredSlice]) -> None:
    headers = [item.header for item in slices]
    if {header.modality for header in headers} != {"CT"}:
        raise InputError("not CT")
    if not (headers[0].rows and headers[0].columns and headers[0].pixel_spacing_mm):
        raise InputError("an image has no rows, columns or pixel spacing")
    for name, tolerance, view in UNIFORM:
        first = view(headers[0])
        if not all(_same(view(header), first, tolerance) for header in headers):
            raise InputError(f"the images have different {name}")


def _same(a: object, b: object, tolerance: float) -> bool:
    if a == b or not (tolerance and isinstance(a, tuple) and isinstance(b, tuple)):
        return a == b
    return all(abs(x - y) <= tolerance for x, y in zip(a, b, strict=True))


def _require_full(ordered: Stack) -> None:
    counts = ordered.counts
    if len(counts) < FEWEST_SLICES or counts.max() < 2:
        raise InputError(f"{len(counts)} slices with {counts.max()} frames are no perfusion series")
    short = int(np.argmin(counts))
    if counts[short] < counts.max():
        where = f"{counts[short]} of {counts.max()} frames at {ordered.position_mm[short]:.1f} mm"
        raise InputError(f"frames are missing: {where}")
    if _numbers_skip(ordered):
        raise InputError("frames are missing: the temporal positions of the slices disagree")
    if np.ptp(ordered.instant_s) > LONGEST_SERIES_S:
        raise InputError(f"the images span {np.ptp(ordered.instant_s):.0f} s: more than one acquisition")
    if _steps_skip(ordered):
        raise InputError("frames are missing: slices pause at different times")


def _numbers_skip(ordered: Stack) -> bool:
    """Whether slices lack different frames, seen by the scanner's numbering where that tells frames apart."""
    given = [h.temporal_position for h in ordered.headers if h.temporal_position is not None]
    if len(given) < len(ordered.headers):
        return False
    numbers = np.empty((ordered.counts[0], len(ordered.counts)), dtype=np.int64)
    numbers[ordered.rank, ordered.position] = given
    steps = np.diff(numbers, axis=0)
    return bool((steps > 0).all() and (steps != steps[:, :1]).any())


def _steps_skip(ordered: Stack) -> bool:
    """Whether slices lack different frames, seen by a step that is long in some and short in others."""
    steps = steps_within(ordered.instant_s, ordered).reshape(len(ordered.counts), -1)
    odd = np.count_nonzero(steps.max(axis=0) > ODD_STEP_RATIO * steps.min(axis=0))
    return bool(0 < odd <= ODD_STEPS * steps.shape[1])


def _require_memory(shape: tuple[int, ...], most_bytes: int) -> None:
    needed = int(np.prod(shape, dtype=np.int64)) * np.dtype(np.float32).itemsize
    if needed > most_bytes:
        raise InputError(f"the series needs {needed >> 20} MiB of memory at once")
