"""A foreign segmentation as planes of voxels in the patient: read without trust, in a child with narrow limits.

References
----------
PS3.3 A.51, C.8.20 (Segmentation), C.7.6.16.2 (plane position, orientation and pixel measures).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from gateway.feedback.edit import LABEL_MAP, SEGMENTATION_CLASSES
from gateway.feedback.segments import core_numbers
from triage.errors import InputError, require

MOST_VOXELS = 1 << 28
"""512 x 512 x 1024: three times the finest head; a bit each in the file, a byte each here."""
MOST_FRAMES = 20_000
HALF = 0.5
"""Of the maximum of a fractional segmentation: what is rather inside than outside."""
SHORTEST_MM, LONGEST_MM = 0.01, 100.0
"""Voxels outside of these are no voxels of a head."""
UNIT_TOLERANCE = 0.01
DIGITS = 2
"""Of a position in mm: nearer planes are the same."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One slice of the core.

    Attributes
    ----------
    mask
        bool ``(rows, columns)``.
    origin_mm
        LPS position of the first voxel's centre, ``(3,)``.
    steps_mm
        ``(2, 3)``: from a voxel to the one below it, and to the one right of it.
    """

    mask: NDArray[np.bool_]
    origin_mm: NDArray[np.float64]
    steps_mm: NDArray[np.float64]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector out of the plane."""
        across: NDArray[np.float64] = np.cross(self.steps_mm[1], self.steps_mm[0])
        return np.divide(across, np.linalg.norm(across))

    @property
    def voxel_mm2(self) -> float:
        """Area of one voxel."""
        return float(np.linalg.norm(self.steps_mm[0]) * np.linalg.norm(self.steps_mm[1]))

    def points_mm(self) -> NDArray[np.float64]:
        """LPS positions of the voxels inside, ``(n, 3)``."""
        inside = np.argwhere(self.mask).astype(np.float64)
        return self.origin_mm + inside @ self.steps_mm

    def holds(self, points_mm: NDArray[np.float64], thickness_mm: float) -> int:
        """How many of these points ``(n, 3)`` lie in voxels inside, in a slice of that thickness."""
        axes = np.vstack([self.normal, self.steps_mm])
        places = np.linalg.solve(axes.T, (points_mm - self.origin_mm).T).T
        rows, columns = np.rint(places[:, 1:]).astype(np.int64).T
        within = (places[:, 0] >= -thickness_mm / 2) & (places[:, 0] < thickness_mm / 2)
        within &= (rows >= 0) & (rows < self.mask.shape[0]) & (columns >= 0) & (columns < self.mask.shape[1])
        return int(self.mask[rows[within], columns[within]].sum())


@dataclass(frozen=True, slots=True)
class Outline:
    """What a segmentation says of the core.

    Attributes
    ----------
    references
        Series that it says it was drawn on.
    planes
        Of the core; empty where it was drawn and is empty.
    gap_mm
        Distance of neighbouring slices as the object says it; None where it does not.
    """

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    frame_of_reference_uid: str
    references: frozenset[str]
    planes: tuple[Plane, ...]
    gap_mm: float | None


def read(path: Path) -> Outline | None:
    """Read a segmentation; None where no segment of it is an infarct core.

    Raises
    ------
    InputError
        It is none, or cannot be what it says it is.
    """
    ds = dcmread(path)
    require(ds.get("SOPClassUID") in SEGMENTATION_CLASSES, "it is no segmentation")
    segments = ds.get("SegmentSequence") or ()
    require(bool(segments), "it describes no segment")
    numbers = core_numbers(segments)
    if not numbers:
        return None
    return Outline(
        str(ds.StudyInstanceUID),
        str(ds.SeriesInstanceUID),
        str(ds.SOPInstanceUID),
        str(ds.get("FrameOfReferenceUID", "")),
        frozenset(_references(ds)),
        tuple(_merged(list(_planes(ds, numbers)))),
        _gap(ds),
    )


def _references(ds: Dataset) -> Iterator[str]:
    for item in ds.get("ReferencedSeriesSequence") or ():
        yield str(item.get("SeriesInstanceUID", ""))


def _frames(ds: Dataset) -> list[Dataset]:
    frames = list(ds.get("PerFrameFunctionalGroupsSequence") or ())
    said = int(ds.get("NumberOfFrames", 0) or 0)
    require(len(frames) == said, f"it has {said} frames and describes {len(frames)}")
    require(said <= MOST_FRAMES, f"more than {MOST_FRAMES} frames")
    return frames


def _planes(ds: Dataset, numbers: tuple[int, ...]) -> Iterator[Plane]:
    frames = _frames(ds)
    if not frames:
        return
    pixels = _pixels(ds, len(frames))
    for number, frame in enumerate(frames):
        mask = _core_of(ds, frame, pixels[number], numbers)
        if mask is not None and mask.any():
            yield Plane(mask, *_placed(ds, frame))


def _pixels(ds: Dataset, frames: int) -> NDArray[Any]:
    """All frames, ``(frames, rows, columns)``."""
    rows, columns = int(ds.Rows), int(ds.Columns)
    require(0 < rows * columns * frames <= MOST_VOXELS, f"more than {MOST_VOXELS} voxels")
    require(int(ds.get("SamplesPerPixel", 1)) == 1, "more than one sample a voxel")
    return np.asarray(ds.pixel_array).reshape(frames, rows, columns)


def _core_of(
    ds: Dataset, frame: Dataset, pixels: NDArray[Any], numbers: tuple[int, ...]
) -> NDArray[np.bool_] | None:
    """The core in one frame; None where the frame is of another segment."""
    if ds.SOPClassUID == LABEL_MAP or ds.get("SegmentationType") == "LABELMAP":
        return np.isin(pixels, numbers)
    if int(_group(ds, frame, "SegmentIdentificationSequence").ReferencedSegmentNumber) not in numbers:
        return None
    if ds.get("SegmentationType") == "FRACTIONAL":
        return np.asarray(pixels >= HALF * int(ds.MaximumFractionalValue), bool)
    return np.asarray(pixels, bool)


def _group(ds: Dataset, frame: Dataset, name: str) -> Dataset:
    """A functional group of a frame, its own or that of all frames."""
    shared = (ds.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    found = frame.get(name) or shared.get(name)
    if not found:
        raise InputError(f"a frame has no {name}")
    item: Dataset = found[0]
    return item


def _placed(ds: Dataset, frame: Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    origin = _numbers(_group(ds, frame, "PlanePositionSequence").ImagePositionPatient, 3)
    axes = _numbers(_group(ds, frame, "PlaneOrientationSequence").ImageOrientationPatient, 6).reshape(2, 3)
    spacing = _numbers(_group(ds, frame, "PixelMeasuresSequence").PixelSpacing, 2)
    require(bool((spacing >= SHORTEST_MM).all() and (spacing <= LONGEST_MM).all()), "its voxels have no size")
    faults = np.abs(axes @ axes.T - np.eye(2))
    require(bool(faults.max() < UNIT_TOLERANCE), "its axes are not perpendicular")
    return origin, axes[::-1] * spacing[:, None]


def _numbers(values: Any, count: int) -> NDArray[np.float64]:
    found = np.array([float(value) for value in values], np.float64)
    require(found.shape == (count,) and bool(np.isfinite(found).all()), "a position is none")
    return found


def _merged(planes: list[Plane]) -> Iterator[Plane]:
    """One plane a position: what several segments or frames say of it counts together."""
    found: dict[tuple[float, ...], Plane] = {}
    for plane in planes:
        place = tuple(np.round([*plane.origin_mm, *plane.steps_mm.ravel()], DIGITS).tolist())
        known = found.get(place)
        found[place] = Plane(plane.mask | known.mask, plane.origin_mm, plane.steps_mm) if known else plane
    yield from found.values()


def _gap(ds: Dataset) -> float | None:
    """Distance of slices, or their thickness, as the object says it."""
    frames = ds.get("PerFrameFunctionalGroupsSequence") or [Dataset()]
    try:
        measures = _group(ds, frames[0], "PixelMeasuresSequence")
    except InputError:
        return None
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        value = float(measures.get(keyword) or 0.0)
        if SHORTEST_MM <= value <= LONGEST_MM:
            return value
    return None
