"""The images of one study: where, when and under which number a vendor's scanner takes them."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from pydicom.uid import generate_uid

from benchmarks.phantom import Phantom
from benchmarks.scanner.vendors import VENDORS, Vendor
from triage.types import Float32, Float64, Geometry

STUDY_START = datetime(2026, 3, 14, 9, 26, 53)  # noqa: DTZ001 - DICOM times are local times
SEED_DAYS = 1000
"""The scout of seed 0; later seeds come on later days."""

NON_CONTRAST_AFTER, ANGIOGRAPHY_AFTER, PERFUSION_AFTER = (
    timedelta(minutes=2),
    timedelta(minutes=4),
    timedelta(minutes=6, seconds=11, microseconds=482_000),
)
BEFORE_MIDNIGHT = timedelta(seconds=20)
"""A perfusion scan over midnight starts this long before."""

NON_CONTRAST_STEP = timedelta(milliseconds=250)
ANGIOGRAPHY_SLICES, ANGIOGRAPHY_SLICE_MM = 480, 0.625
ANGIOGRAPHY_STEP = timedelta(milliseconds=10)
"""From the aortic arch to the vertex, 300 mm in five seconds."""
RECONSTRUCTION = timedelta(seconds=75)
RECONSTRUCTION_STEP = timedelta(milliseconds=50)
"""Where Content Time tells of reconstruction: after the start of the scan, and from image to image."""

SCOUT_ROWS = 256
OTHER_FIELD_OF_VIEW = 1.1
"""Of a scan whose geometry changes half-way."""

FAMILY_GIVEN = ("NGUYỄN^THỊ HOA", "TRẦN^VĂN ĐỨC", "LÊ^THỊ THU HƯƠNG", "PHẠM^QUỐC DŨNG", "HOÀNG^NGỌC ÁNH")
"""Invented people."""


class Part(StrEnum):
    """The series of a stroke study."""

    SCOUT = "scout"
    NON_CONTRAST = "non_contrast"
    PERFUSION = "perfusion"
    ANGIOGRAPHY = "angiography"


USUAL = (Part.SCOUT, Part.NON_CONTRAST, Part.PERFUSION)
NOT_PERFUSION = (Part.SCOUT, Part.NON_CONTRAST)


@dataclass(frozen=True, slots=True)
class Person:
    """Who was scanned; invented, DICOM formats."""

    name: str
    patient_id: str
    birth_date: str
    sex: str
    accession_number: str

    @classmethod
    def invented(cls, seed: int) -> "Person":
        """One of a few names, with numbers that depend on the seed."""
        name = FAMILY_GIVEN[seed % len(FAMILY_GIVEN)]
        sex = "F" if "THỊ" in name else "M"
        return cls(name, f"SG{seed:06d}", f"{1938 + seed % 40}0{1 + seed % 9}17", sex, f"CT{seed:08d}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image lies: centre of its first pixel (LPS), direction of rows and columns, distance of rows and columns."""

    position_mm: Float64
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, float]

    @classmethod
    def axial(cls, geometry: Geometry, z: float) -> "Place":
        """Slice `z` of an axial volume, whose gantry may be tilted."""
        _, row_mm, column_mm = geometry.spacing_mm
        orientation = (*(geometry.affine[:3, 2] / column_mm), *(geometry.affine[:3, 1] / row_mm))
        return cls(geometry.affine[:3] @ [z, 0, 0, 1], orientation, (row_mm, column_mm))


@dataclass(frozen=True, slots=True)
class Image:
    """One image: what, where, when, and under which numbers; frames count from 1."""

    part: Part
    hu: Float32
    place: Place
    acquired: datetime
    content: datetime
    instance: int
    acquisition: int = 1
    frame: int = 0


@dataclass(frozen=True, slots=True)
class Study:
    """What all images of a study share."""

    phantom: Phantom
    vendor: Vendor
    person: Person
    key: str
    start: datetime
    perfusion_start: datetime
    mixed_geometry: bool

    def uid(self, *names: object) -> str:
        """UID of a thing in this study; the separator keeps (1, 11) and (11, 1) apart."""
        return str(generate_uid(entropy_srcs=["|".join(map(str, (self.key, *names)))]))


def plan_study(
    phantom: Phantom,
    vendor: str,
    study: str | None,
    person: Person | None,
    *,
    over_midnight: bool,
    mixed_geometry: bool,
) -> Study:
    """Decide identity and times of a study; see `write_study`."""
    seed = phantom.patient.seed
    start = STUDY_START + timedelta(days=seed % SEED_DAYS)
    perfusion = start + PERFUSION_AFTER
    if over_midnight:
        midnight = datetime.combine(start.date() + timedelta(days=1), datetime.min.time())
        perfusion = midnight - BEFORE_MIDNIGHT
        start = perfusion - PERFUSION_AFTER
    key = f"{uuid.uuid4()}" if study is None else f"{study}|{vendor}|{seed}"
    return Study(
        phantom, VENDORS[vendor], person or Person.invented(seed), key, start, perfusion, mixed_geometry
    )


def _scout(plan: Study) -> Iterator[Image]:
    """Frontal projection, head up."""
    hu, geometry = plan.phantom.non_contrast_hu, plan.phantom.series.geometry
    slices, rows, _ = hu.shape
    slice_mm, _, column_mm = geometry.spacing_mm
    repeats = max(SCOUT_ROWS // slices, 1)
    position = geometry.affine[:3] @ [slices - 0.5 - 0.5 / repeats, rows / 2, 0, 1]
    place = Place(position, (1, 0, 0, 0, 0, -1), (slice_mm / repeats, column_mm))
    projection = np.repeat(hu.mean(axis=1)[::-1], repeats, axis=0)
    yield Image(Part.SCOUT, projection, place, plan.start, plan.start, 1)


def _non_contrast(plan: Study) -> Iterator[Image]:
    geometry, start = plan.phantom.series.geometry, plan.start + NON_CONTRAST_AFTER
    for z, hu in enumerate(plan.phantom.non_contrast_hu):
        acquired = start + NON_CONTRAST_STEP * z
        yield Image(Part.NON_CONTRAST, hu, Place.axial(geometry, z), acquired, acquired, z + 1)


def _angiography(plan: Study) -> Iterator[Image]:
    """Thin slices through head and neck: below and above the phantom its outermost slices go on."""
    geometry, start = plan.phantom.series.geometry, plan.start + ANGIOGRAPHY_AFTER
    slice_mm = geometry.spacing_mm[0]
    for number in range(ANGIOGRAPHY_SLICES):
        z = (number - ANGIOGRAPHY_SLICES // 2) * ANGIOGRAPHY_SLICE_MM / slice_mm + geometry.shape[0] / 2
        hu = plan.phantom.non_contrast_hu[int(np.clip(z, 0, geometry.shape[0] - 1))]
        acquired = start + ANGIOGRAPHY_STEP * number
        yield Image(Part.ANGIOGRAPHY, hu, Place.axial(geometry, z), acquired, acquired, number + 1)


def _perfusion(plan: Study) -> Iterator[Image]:
    vendor, series, start = plan.vendor, plan.phantom.series, plan.perfusion_start
    frames, slices = series.time_s.shape
    other = _other_field_of_view(series.geometry) if plan.mixed_geometry else series.geometry
    for t, z in np.ndindex(frames, slices):
        instance = _instance_number(vendor, t, z, frames, slices)
        acquired = start + timedelta(seconds=series.time_s[t, z] + vendor.slice_step_s * z)
        reconstructed = start + RECONSTRUCTION + RECONSTRUCTION_STEP * instance
        yield Image(
            Part.PERFUSION,
            series.hu[t, z],
            Place.axial(series.geometry if t < frames // 2 else other, z),
            acquired,
            acquired if vendor.content_is_acquisition else reconstructed,
            instance,
            acquisition=t + 1 if vendor.acquisition_per_frame else 1,
            frame=t + 1,
        )


def _instance_number(vendor: Vendor, t: int, z: int, frames: int, slices: int) -> int:
    rank = slices - 1 - z if vendor.head_first else z
    return 1 + (rank * frames + t if vendor.slice_major else t * slices + rank)


def _other_field_of_view(geometry: Geometry) -> Geometry:
    affine = geometry.affine.copy()
    affine[:3, 1:3] *= OTHER_FIELD_OF_VIEW
    affine[:2, 3] *= OTHER_FIELD_OF_VIEW
    return Geometry(geometry.shape, affine)


IMAGES = MappingProxyType(
    {
        Part.SCOUT: _scout,
        Part.NON_CONTRAST: _non_contrast,
        Part.PERFUSION: _perfusion,
        Part.ANGIOGRAPHY: _angiography,
    }
)
"""How the images of each series are taken."""
