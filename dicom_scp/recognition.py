"""What a series is and whether all of it has come, by content alone: names and protocols are never believed.

A CT perfusion series is one in which the same slice positions recur in time. Completeness is a proof, not a guess: DICOM
has no end marker, so either the scanner's own counts are met, or the images form a full rectangle of slices and frames,
which proves something only together with the end of the association.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from dicom_scp.counts import FEWEST_FRAMES, LONGEST_LIST, ScannerCount, missing_from
from dicom_scp.headers import ImageHeader
from dicom_scp.slices import SAME_INSTANT_S, Stack, acquisition_times_s, evenly_spaced, stack
from triage.arrays import Float64

SHORTEST_DYNAMIC_S = 15.0
"""Time a dynamic slice must span: gated cardiac phases recur within a second, a bolus takes 15 s and more to pass."""

FEWEST_SLICES = 2
"""Slices of a perfusion series; bolus monitoring also recurs in time, but watches a single slice."""

NOMINAL_FRAME_S = 2.0
"""Frame distance assumed, for recognition only, where the scanner numbers its time points but gives no times; a usual
one in CT perfusion."""

LOCALIZER = "LOCALIZER"
OUR_RESULT = "STROKEGW"
"""In Image Type: what a gateway like this one made of a scan; a PACS may send it back, and it is no scan."""


class SeriesKind(StrEnum):
    """What a series is."""

    PERFUSION = "perfusion"
    STATIC = "static"
    LOCALIZER = "localizer"
    OTHER = "other"


class Completeness(StrEnum):
    """How sure it is that all images have come.

    PROVEN: the scanner's own counts are met. RECTANGULAR: every slice has as many time points as every other, so it may
    be complete; the end of the association decides. INCOMPLETE: something is missing for certain.
    """

    PROVEN = "proven"
    RECTANGULAR = "rectangular"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class SeriesLook:
    """What a series looks like so far.

    Attributes
    ----------
    slices, frames, images
        Positions seen, time points of the fullest slice, slice images counted once per SOP instance.
    expected_frames, expected_images
        By the scanner's counts, or None where it gives none that can be true.
    missing
        What is known to be missing, in words, at most `LONGEST_LIST` entries.
    regular
        Whether the positions lie on an even grid.
    coverage_mm
        Distance between the outermost positions.
    span_s
        Time from the first to the last image, or None without times.
    proof
        One sentence with the counts behind `completeness`.
    """

    series_uid: str
    study_uid: str
    kind: SeriesKind
    slices: int
    frames: int
    images: int
    expected_frames: int | None
    expected_images: int | None
    missing: tuple[str, ...]
    regular: bool
    coverage_mm: float
    span_s: float | None
    completeness: Completeness
    proof: str


def is_slice(header: ImageHeader) -> bool:
    """Whether an instance is a single slice with a place in the patient, and no scout."""
    placed = header.position_mm is not None and header.orientation is not None
    return placed and header.frames == 1 and not {LOCALIZER, OUR_RESULT} & set(header.image_type)


def look_at_study(headers: Iterable[ImageHeader]) -> tuple[SeriesLook, ...]:
    """Look at every series of a study, in order of first appearance."""
    series: dict[str, list[ImageHeader]] = {}
    for header in headers:
        series.setdefault(header.series_uid, []).append(header)
    return tuple(look_at(members) for members in series.values())


def look_at(headers: Iterable[ImageHeader]) -> SeriesLook:
    """Look at the images of one series, in any order; the same SOP instance counts once.

    Raises
    ------
    ValueError
        If there is no header at all.
    """
    unique = list({header.sop_instance_uid: header for header in headers}.values())
    if not unique:
        raise ValueError("a series needs at least one image")
    images = [image for header in unique for image in header.images()]
    slices = _largest_stack([image for image in images if is_slice(image)])
    if not slices:
        return _look_without_slices(unique)
    return _look_at_stack(stack(slices, _instants_s(slices)), holds_all=_holds_all(unique, len(slices)))


def _holds_all(headers: Sequence[ImageHeader], slices: int) -> bool:
    """Whether the objects are one multi-frame object with every frame it promised.

    Dimension Index Values, where they number frames apart, must fill their grid (PS3.3 section C.7.6.17); a large object
    may be cut into parts that tell how many they are (section C.7.6.16.2.2.4).
    """
    frames = [frame for header in headers for frame in header.in_frames]
    parts = {header.concatenation_total or 1 for header in headers}
    whole = bool(frames) and parts == {len(headers)} and len(frames) == slices
    indices = {frame.dimension_index for frame in frames}
    if not whole or len(indices) == 1:
        return whole
    grid = math.prod(len(set(axis)) for axis in zip(*indices, strict=False))
    return len(indices) == len(frames) == grid


def _look_without_slices(headers: Sequence[ImageHeader]) -> SeriesLook:
    scout = any(LOCALIZER in header.image_type for header in headers)
    return SeriesLook(
        series_uid=headers[0].series_uid,
        study_uid=headers[0].study_uid,
        kind=SeriesKind.LOCALIZER if scout else SeriesKind.OTHER,
        slices=0,
        frames=0,
        images=len(headers),
        expected_frames=None,
        expected_images=None,
        missing=(),
        regular=False,
        coverage_mm=0.0,
        span_s=None,
        completeness=Completeness.INCOMPLETE,
        proof=f"{len(headers)} objects without slices",
    )


def _largest_stack(slices: Sequence[ImageHeader]) -> list[ImageHeader]:
    """Slices of the commonest orientation and matrix; a stray reformat does not hide a perfusion series."""
    shapes = [_shape(header) for header in slices]
    commonest = Counter(shapes).most_common(1)
    return [header for header, shape in zip(slices, shapes, strict=True) if shape == commonest[0][0]]


def _shape(header: ImageHeader) -> tuple[object, ...]:
    return header.rows, header.columns, tuple(round(cosine, 2) for cosine in header.orientation or ())


def _instants_s(headers: Sequence[ImageHeader]) -> Float64:
    """Acquisition times, else the scanner's own numbering of time points, else zeros: nothing recurs in time then."""
    times = acquisition_times_s(headers)
    if times is not None:
        return times
    return np.array([(header.temporal_position or 0) * NOMINAL_FRAME_S for header in headers])


def _look_at_stack(slices: Stack, *, holds_all: bool) -> SeriesLook:
    first, counts = slices.headers[0], slices.counts
    count = ScannerCount.of(slices)
    if holds_all and _kind(slices) is SeriesKind.PERFUSION:
        count = ScannerCount(count.frames, len(slices.headers))
    missing = missing_from(slices, count)
    completeness = _completeness(slices, count, rectangular=not missing)
    return SeriesLook(
        series_uid=first.series_uid,
        study_uid=first.study_uid,
        kind=_kind(slices),
        slices=len(counts),
        frames=int(counts.max()),
        images=len(slices.headers),
        expected_frames=count.frames,
        expected_images=count.images or (count.frames * len(counts) if count.frames else None),
        missing=missing[:LONGEST_LIST],
        regular=evenly_spaced(slices.position_mm),
        coverage_mm=float(np.ptp(slices.position_mm)),
        span_s=float(np.ptp(slices.instant_s)) if first.acquired_at_s is not None else None,
        completeness=completeness,
        proof=_proof(slices, count, completeness),
    )


def _kind(slices: Stack) -> SeriesKind:
    if slices.headers[0].modality != "CT" or len(slices.position_mm) < FEWEST_SLICES:
        return SeriesKind.OTHER
    return SeriesKind.PERFUSION if _recurs(slices) else SeriesKind.STATIC


def _recurs(slices: Stack) -> bool:
    """Whether at least half the slices were imaged often and long enough to follow a bolus."""
    counts, starts, instants = slices.counts, slices.starts, slices.sorted_instants()
    fresh = np.diff(instants, prepend=-np.inf) > SAME_INSTANT_S
    fresh[starts] = True
    span_s = instants[starts + counts - 1] - instants[starts]
    dynamic = (np.add.reduceat(fresh, starts, dtype=np.int64) >= FEWEST_FRAMES) & (
        span_s >= SHORTEST_DYNAMIC_S
    )
    return bool(2 * np.count_nonzero(dynamic) >= len(counts))


def _completeness(slices: Stack, count: ScannerCount, *, rectangular: bool) -> Completeness:
    full = slices.counts.min() == slices.counts.max() == (count.frames or slices.counts.max())
    if full and count.images == len(slices.headers):
        return Completeness.PROVEN
    if full and count.images is None and count.frames and _numbered_volume_by_volume(slices):
        return Completeness.PROVEN
    return Completeness.RECTANGULAR if rectangular else Completeness.INCOMPLETE


def _numbered_volume_by_volume(slices: Stack) -> bool:
    """Whether instance numbers run without a gap through one frame after the other.

    Only then do full counts at all positions seen prove that no position is still to come: a gapless run from the
    first to the last frame contains the whole of each frame between. Numbered slice by slice, the run could go on.
    """
    numbers = np.array([-1 if h.instance_number is None else h.instance_number for h in slices.headers])
    order = np.argsort(numbers)
    if not bool((np.diff(numbers[order]) == 1).all()):
        return False
    steps = np.diff(slices.rank[order])
    return bool((steps >= 0).all() or (steps <= 0).all())


def _proof(slices: Stack, count: ScannerCount, completeness: Completeness) -> str:
    counts = slices.counts
    target = count.frames or int(counts.max())
    whole = count.images is not None and count.images % target == 0
    expected = max(len(counts), count.images // target) if whole and count.images else len(counts)
    full = int(np.count_nonzero(counts == target))
    text = f"{full} of {expected} slices x {counts.min()} of {target} frames"
    if completeness is not Completeness.PROVEN:
        return text
    return f"{text}; the scanner counted {f'{count.images} images' if count.images else f'{count.frames} frames'}"
