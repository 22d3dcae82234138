"""What the gateway needs to know of an image (`ImageHeader`) and of the person in it (`Patient`)."""

import io
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, Self

from dicom_scp.charsets import decode_text
from dicom_scp.elements import Elements, walk_dataset, walk_file
from triage.errors import InputError, TemporaryError

TAGS = {
    "image_type":             0x00080008,
    "sop_class_uid":          0x00080016,
    "sop_instance_uid":       0x00080018,
    "acquisition_date":       0x00080022,
    "content_date":           0x00080023,
    "acquisition_date_time":  0x0008002A,
    "acquisition_time":       0x00080032,
    "content_time":           0x00080033,
    "modality":               0x00080060,
    "study_uid":              0x0020000D,
    "series_uid":             0x0020000E,
    "series_number":          0x00200011,
    "acquisition_number":     0x00200012,
    "instance_number":        0x00200013,
    "position_mm":            0x00200032,
    "orientation":            0x00200037,
    "frame_of_reference_uid": 0x00200052,
    "temporal_position":      0x00200100,
    "temporal_positions":     0x00200105,
    "temporal_resolution":    0x00200110,
    "images_in_acquisition":  0x00201002,
    "frames":                 0x00280008,
    "rows":                   0x00280010,
    "columns":                0x00280011,
    "pixel_spacing_mm":       0x00280030,
}  # fmt: skip
"""Where the fields of `ImageHeader` come from (PS3.6)."""

PERSON_TAGS = {
    "study_description":    0x00081030,
    "accession_number":     0x00080050,
    "referring_physician":  0x00080090,
    "institution":          0x00080080,
    "name":                 0x00100010,
    "patient_id":           0x00100020,
    "issuer":               0x00100021,
    "birth_date":           0x00100030,
    "sex":                  0x00100040,
    "study_id":             0x00200010,
    "study_date":           0x00080020,
    "study_time":           0x00080030,
    "placer_order_number":  0x00402016,
    "filler_order_number":  0x00402017,
}  # fmt: skip
"""Where the fields of `Patient` come from (PS3.6)."""

CHARACTER_SET = 0x00080005

UNIT_TOLERANCE = 0.01
"""Direction cosines must have length one and be perpendicular within this; vendors write five to seven digits."""

SECONDS_PER_DAY = 86_400
MS_PER_S = 1_000

_DATE = re.compile(r"(\d{4})[.]?(\d{2})[.]?(\d{2})")
_TIME = re.compile(r"(\d{2}):?(\d{2}):?(\d{2}(?:\.\d{1,6})?)")
_DATE_TIME = re.compile(r"(\d{8})(\d{6}(?:\.\d{1,6})?)(?:[+-]\d{4})?")


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """One instance without its pixels and without the person.

    Attributes
    ----------
    position_mm, orientation, pixel_spacing_mm
        Image Position (Patient), Image Orientation (Patient), Pixel Spacing (between rows, between columns); None
        where absent or impossible.
    acquired_at_s
        Seconds of local time since 1 January of year 1 when the image was acquired, so that a study over midnight is
        monotonic; Acquisition DateTime, else Acquisition Date and Time, else Content Date and Time.
    temporal_position, temporal_positions, images_in_acquisition
        The scanner's own counts: (0020,0100), (0020,0105), (0020,1002).
    temporal_resolution_s
        Time between frames as the scanner states it, (0020,0110).
    """

    sop_instance_uid: str
    sop_class_uid: str
    study_uid: str
    series_uid: str
    modality: str = ""
    image_type: tuple[str, ...] = ()
    series_number: int | None = None
    acquisition_number: int | None = None
    instance_number: int | None = None
    rows: int | None = None
    columns: int | None = None
    frames: int = 1
    position_mm: tuple[float, float, float] | None = None
    orientation: tuple[float, float, float, float, float, float] | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    frame_of_reference_uid: str = ""
    acquired_at_s: float | None = None
    temporal_position: int | None = None
    temporal_positions: int | None = None
    temporal_resolution_s: float | None = None
    images_in_acquisition: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for ``json.dumps``."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Inverse of `to_json`, also after the values went through JSON."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()}
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Patient:
    """The person and the order, for the medical record only: nothing here may be logged or put into a file name.

    `text_uncertain` is true when the declared character set cannot be right, so that a reader is warned.
    """

    name: str = field(default="", repr=False)
    patient_id: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    accession_number: str = field(default="", repr=False)
    study_id: str = field(default="", repr=False)
    study_date: str = field(default="", repr=False)
    study_time: str = field(default="", repr=False)
    study_description: str = field(default="", repr=False)
    referring_physician: str = field(default="", repr=False)
    institution: str = field(default="", repr=False)
    placer_order_number: str = field(default="", repr=False)
    filler_order_number: str = field(default="", repr=False)
    text_uncertain: bool = False


def read_header(source: bytes | Path) -> ImageHeader:
    """Read the header of a DICOM file, given as its bytes or its path; pixels are not read.

    Raises
    ------
    InputError
        If it is not a DICOM file, is cut short, or has no valid study, series and SOP instance UID.
    TemporaryError
        If the file cannot be read.
    """
    if isinstance(source, bytes):
        return header_of(walk_file(io.BytesIO(source), TAGS.values()))
    return header_of(_walk_path(source, TAGS.values()))


def read_dataset_header(stream: BinaryIO, transfer_syntax_uid: str) -> ImageHeader:
    """Read the header of a bare dataset, as C-STORE carries it; raises like `read_header`."""
    return header_of(walk_dataset(stream, transfer_syntax_uid, TAGS.values()))


def read_patient(path: Path) -> Patient:
    """Read the person and the order of a DICOM file; raises like `read_header`."""
    elements = _walk_path(path, {CHARACTER_SET, *PERSON_TAGS.values()})
    charsets = elements.texts(CHARACTER_SET)
    decoded = {
        name: decode_text(elements.values.get(tag, b""), charsets) for name, tag in PERSON_TAGS.items()
    }
    uncertain = any(doubt for _, doubt in decoded.values())
    return Patient(**{name: text for name, (text, _) in decoded.items()}, text_uncertain=uncertain)


def _walk_path(path: Path, wanted: Any) -> Elements:
    try:
        with path.open("rb") as stream:
            return walk_file(stream, frozenset(wanted))
    except OSError as exc:
        raise TemporaryError(f"cannot read a stored instance: {exc.strerror}") from exc


def header_of(elements: Elements) -> ImageHeader:
    """Interpret walked elements.

    Raises
    ------
    InputError
        If study, series or SOP instance UID is missing or invalid.
    """
    uids = {name: elements.uid(TAGS[name]) for name in ("sop_instance_uid", "study_uid", "series_uid")}
    bad = [name for name, uid in uids.items() if not uid]
    if bad:
        raise InputError(f"missing or invalid: {', '.join(bad)}")
    resolution_ms = elements.number(TAGS["temporal_resolution"])
    return ImageHeader(
        **uids,
        sop_class_uid=elements.uid(TAGS["sop_class_uid"]),
        modality=elements.text(TAGS["modality"])[:16],
        image_type=elements.texts(TAGS["image_type"])[:16],
        series_number=elements.integer(TAGS["series_number"]),
        acquisition_number=elements.integer(TAGS["acquisition_number"]),
        instance_number=elements.integer(TAGS["instance_number"]),
        rows=elements.unsigned(TAGS["rows"]),
        columns=elements.unsigned(TAGS["columns"]),
        frames=max(elements.integer(TAGS["frames"]) or 1, 1),
        position_mm=elements.numbers(TAGS["position_mm"], 3),  # type: ignore[arg-type]  # length is checked there
        orientation=_orientation(elements.numbers(TAGS["orientation"], 6)),  # type: ignore[arg-type]  # the same
        pixel_spacing_mm=_spacing(elements.numbers(TAGS["pixel_spacing_mm"], 2)),  # type: ignore[arg-type]  # the same
        frame_of_reference_uid=elements.uid(TAGS["frame_of_reference_uid"]),
        acquired_at_s=_acquired_at_s(elements),
        temporal_position=elements.integer(TAGS["temporal_position"]),
        temporal_positions=elements.integer(TAGS["temporal_positions"]),
        temporal_resolution_s=resolution_ms / MS_PER_S if resolution_ms and resolution_ms > 0 else None,
        images_in_acquisition=elements.integer(TAGS["images_in_acquisition"]),
    )


def _orientation(cosines: tuple[float, ...] | None) -> tuple[float, ...] | None:
    if cosines is None:
        return None
    row, column = cosines[:3], cosines[3:]
    faults = (math.hypot(*row) - 1, math.hypot(*column) - 1, _dot(row, column))
    return cosines if all(abs(fault) < UNIT_TOLERANCE for fault in faults) else None


def _dot(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _spacing(spacing: tuple[float, ...] | None) -> tuple[float, ...] | None:
    return spacing if spacing is not None and min(spacing) > 0 else None


def _acquired_at_s(elements: Elements) -> float | None:
    whole = _DATE_TIME.fullmatch(elements.text(TAGS["acquisition_date_time"]))
    pairs = [whole.groups()] if whole else []
    pairs += [
        (elements.text(TAGS[f"{event}_date"]), elements.text(TAGS[f"{event}_time"]))
        for event in ("acquisition", "content")
    ]
    moments = (_moment_s(day, time) for day, time in pairs)
    return next((moment for moment in moments if moment is not None), None)


def _moment_s(day: str, time: str) -> float | None:
    """Seconds since 1 January of year 1; a date that was removed counts as that day.

    >>> _moment_s("20240229", "000001.5") - _moment_s("20240228", "235959.5")
    2.0
    """
    days, clock = _day_number(day), _TIME.fullmatch(time)
    if clock is None or days is None:
        return None
    hours, minutes, seconds = (float(part) for part in clock.groups())
    return days * SECONDS_PER_DAY + (hours * 60 + minutes) * 60 + seconds


def _day_number(day: str) -> int | None:
    match = _DATE.fullmatch(day)
    if match is None:
        return None if day else 0
    try:
        return date(*(int(part) for part in match.groups())).toordinal()
    except ValueError:
        return None
