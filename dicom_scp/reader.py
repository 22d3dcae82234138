"""DICOM files to arrays: one CT perfusion series in time, space and Hounsfield units, or the reason why not."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dicom_scp.elements import walk_file
from dicom_scp.headers import TAGS, ImageHeader, header_of, read_header
from dicom_scp.pixels import PIXEL_TAGS, PixelFormat, read_hu
from dicom_scp.recognition import FEWEST_SLICES, SeriesKind, SeriesLook, is_slice, look_at_study
from dicom_scp.slices import EVEN_SPACING_MM, SAME_INSTANT_S, Stack, acquisition_times_s, stack
from triage.errors import InputError, TemporaryError
from triage.types import CtpSeries, Float64, Geometry

LONGEST_SERIES_S = 1800.0
"""A CT perfusion scan takes a minute or two; a longer span means that dates are wrong or two scans are mixed."""

LARGEST_SERIES_BYTES = 16 << 30
"""Float32 volume refused before it is allocated; 320 slices of 512 x 512 at 40 times need 13 GB."""

SAME_COSINE = 1e-3
"""Direction cosines of one series agree within this; vendors write five to seven digits."""

SAME_SPACING_MM = 1e-3
"""Pixel spacings of one series agree within this."""


@dataclass(frozen=True, slots=True)
class _Slice:
    path: Path
    header: ImageHeader
    pixels: PixelFormat


def read_ctp(paths: Iterable[Path]) -> CtpSeries:
    """Read the files of one CT perfusion series, in any order.

    Images are grouped by position and ordered by time at each position. Their times are the acquisition times; where
    those are absent or repeat at a position, Temporal Position Identifier times Temporal Resolution. The instance
    number is no evidence of time and is never used. Scouts and objects without a place in the patient are left out.

    Raises
    ------
    InputError
        If the files are not one regular CT perfusion series; the message names what is wrong.
    TemporaryError
        If a file cannot be read.
    """
    slices = _without_repeats([item for path in paths if (item := _read_slice(path)) is not None])
    _require_uniform(slices)
    ordered = _in_time([item.header for item in slices])
    _require_full(ordered)
    geometry = _geometry(ordered)
    hu = np.empty((int(ordered.counts[0]), *geometry.shape), dtype=np.float32)
    time_s = np.empty(hu.shape[:2])
    for item, t, z, instant_s in zip(slices, ordered.rank, ordered.position, ordered.instant_s, strict=True):
        read_hu(item.path, item.pixels, hu[t, z])
        time_s[t, z] = instant_s
    first = slices[0].header
    return CtpSeries(hu, time_s - time_s.min(), geometry, first.study_uid, first.series_uid)


def _read_slice(path: Path) -> _Slice | None:
    try:
        with path.open("rb") as stream:
            elements = walk_file(stream, frozenset(TAGS.values()) | PIXEL_TAGS)
    except OSError as exc:
        raise TemporaryError(f"cannot read a stored instance: {exc.strerror}") from exc
    header = header_of(elements)
    if header.frames > 1:
        raise InputError("multi-frame (enhanced) images are not supported")
    return _Slice(path, header, PixelFormat.of(elements)) if is_slice(header) else None


def _without_repeats(slices: Sequence[_Slice]) -> list[_Slice]:
    """Keep one file per SOP instance."""
    if not slices:
        raise InputError("no image has a position and orientation in the patient")
    unique: dict[str, _Slice] = {}
    for item in slices:
        if unique.setdefault(item.header.sop_instance_uid, item).header != item.header:
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


def _require_uniform(slices: Sequence[_Slice]) -> None:
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


def _in_time(headers: Sequence[ImageHeader]) -> Stack:
    """Stack the images by the first source of time that tells the frames of every slice apart."""
    for source in (acquisition_times_s, _numbered_times_s):
        times = source(headers)
        if times is not None:
            ordered = stack(headers, times)
            if _distinct(ordered):
                return ordered
    raise InputError(
        "the images of a slice cannot be told apart in time: acquisition times are absent or repeat, and there are no "
        "temporal positions with a temporal resolution"
    )


def _numbered_times_s(headers: Sequence[ImageHeader]) -> Float64 | None:
    """Temporal Position Identifier times Temporal Resolution (PS3.3 section C.7.6.2), unless the clock contradicts."""
    numbers = [h.temporal_position for h in headers if h.temporal_position is not None]
    steps = {h.temporal_resolution_s for h in headers}
    step_s = steps.pop() if len(steps) == 1 else None
    if len(numbers) < len(headers) or step_s is None:
        return None
    times = np.array(numbers) * step_s
    clock = acquisition_times_s(headers)
    return times if clock is None or _agree(stack(headers, times), clock) else None


def _agree(ordered: Stack, clock: Float64) -> bool:
    """Whether the clock never runs backwards from frame to frame of a slice."""
    order = np.lexsort((ordered.rank, ordered.position))
    steps = np.diff(clock[order])
    return bool((steps[np.diff(ordered.position[order]) == 0] >= 0).all())


def _distinct(ordered: Stack) -> bool:
    steps = np.diff(ordered.sorted_instants())
    same_slice = np.ones(len(steps), dtype=bool)
    same_slice[ordered.starts[1:] - 1] = False
    return bool((steps[same_slice] > SAME_INSTANT_S).all())


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


def _numbers_skip(ordered: Stack) -> bool:
    """Whether slices lack different frames, seen by the scanner's numbering where that tells frames apart."""
    given = [h.temporal_position for h in ordered.headers if h.temporal_position is not None]
    if len(given) < len(ordered.headers):
        return False
    numbers = np.empty((ordered.counts[0], len(ordered.counts)), dtype=np.int64)
    numbers[ordered.rank, ordered.position] = given
    steps = np.diff(numbers, axis=0)
    return bool((steps > 0).all() and (steps != steps[:, :1]).any())


def _geometry(ordered: Stack) -> Geometry:
    """Geometry of one frame; the step from slice to slice keeps the gantry tilt.

    Raises
    ------
    InputError
        If the slices do not lie on an even grid along one line.
    """
    header = ordered.headers[0]
    rows, columns, spacing, orientation = (
        header.rows,
        header.columns,
        header.pixel_spacing_mm,
        header.orientation,
    )
    if rows is None or columns is None or spacing is None or orientation is None:
        raise InputError("an image has no rows, columns, pixel spacing or orientation")
    corners = np.array([h.position_mm for h in ordered.headers])
    firsts = np.array([corners[ordered.position == z][0] for z in range(len(ordered.position_mm))])
    step = (firsts[-1] - firsts[0]) / (len(firsts) - 1)
    expected = firsts[0] + ordered.position[:, None] * step
    off_mm = float(np.linalg.norm(corners - expected, axis=1).max())
    if off_mm > EVEN_SPACING_MM:
        raise InputError(f"slice distances are uneven: an image lies {off_mm:.2f} mm off the grid")
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = np.array(orientation[3:]) * spacing[0]
    affine[:3, 2] = np.array(orientation[:3]) * spacing[1]
    affine[:3, 3] = firsts[0]
    shape = (len(firsts), rows, columns)
    _require_memory(shape, int(ordered.counts[0]))
    return Geometry(shape, affine, header.frame_of_reference_uid)


def _require_memory(shape: tuple[int, int, int], frames: int) -> None:
    needed = frames * int(np.prod(shape, dtype=np.int64)) * np.dtype(np.float32).itemsize
    if needed > LARGEST_SERIES_BYTES:
        raise InputError(f"the series needs {needed >> 30} GiB of memory")


def find_perfusion(folder: Path) -> tuple[Path, ...]:
    """Find the CT perfusion series among all files below a folder; of several, the one with most images.

    Raises
    ------
    InputError
        If there is none; the message says what was found instead.
    """
    files: dict[str, list[Path]] = {}
    headers: list[ImageHeader] = []
    skipped = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            header = read_header(path)
        except InputError:
            skipped += 1
            continue
        headers.append(header)
        files.setdefault(header.series_uid, []).append(path)
    looks = look_at_study(headers)
    found = [look for look in looks if look.kind is SeriesKind.PERFUSION]
    if not found:
        raise InputError(f"no CT perfusion series found; {_inventory(looks, skipped)}")
    return tuple(files[max(found, key=lambda look: look.images).series_uid])


def _inventory(looks: Sequence[SeriesLook], skipped: int) -> str:
    """What a folder holds, in words.

    >>> _inventory((), 3)
    '3 files are not DICOM instances'
    """
    kinds = Counter(look.kind for look in looks)
    found = [f"{count} {kind} series" for kind, count in kinds.items()]
    return ", ".join([*found, f"{skipped} files are not DICOM instances"])
