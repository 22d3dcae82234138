"""What the gateway needs to know of an image (`ImageHeader`); the person in it is in `dicom_scp.patient`."""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from dicom_scp.clocks import CLOCK_TAGS, MS_PER_S, best_moment_s, clocks_of
from dicom_scp.elements import Elements, walk_file, walk_path
from dicom_scp.enhanced import GROUP_TAGS, Frame, frames_of
from triage.errors import InputError

TAGS = {
    "image_type":             0x00080008,
    "sop_class_uid":          0x00080016,
    "sop_instance_uid":       0x00080018,
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
    "concatenation_total":    0x00209163,
    "frames":                 0x00280008,
    "rows":                   0x00280010,
    "columns":                0x00280011,
    "pixel_spacing_mm":       0x00280030,
    **CLOCK_TAGS,
    **GROUP_TAGS,
}  # fmt: skip
"""Where the fields of `ImageHeader` come from (PS3.6)."""

UNIT_TOLERANCE = 0.01
"""Direction cosines must have length one and be perpendicular within this; vendors write five to seven digits."""


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
    clocks_s
        What each of `dicom_scp.clocks.Clock` shows.
    frames, in_frames
        Number of Frames, and what the functional groups of a multi-frame object say of each.
    concatenation_total
        Of how many objects this one is a part, (0020,9163).
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
    clocks_s: tuple[float | None, ...] = ()
    concatenation_total: int | None = None
    in_frames: tuple[Frame, ...] = ()

    def images(self) -> tuple[Self, ...]:
        """One header for each image: of each frame of a multi-frame object, else this one.

        An object whose Number of Frames is not the number of its functional groups stays as it is.
        """
        if not self.in_frames or len(self.in_frames) != self.frames:
            return (self,)
        plain = replace(self, frames=1, in_frames=())
        return tuple(plain.in_frame(frame) for frame in self.in_frames)

    def in_frame(self, frame: Frame) -> Self:
        """Header of one frame: where its functional group speaks, that counts.

        A clock of the whole object counts only where the frame has none: it tells when the first frame was acquired.
        """
        clocks_s = self.clocks_s if set(frame.clocks_s) <= {None} else frame.clocks_s
        return replace(
            self,
            position_mm=frame.position_mm or self.position_mm,
            orientation=_orientation(frame.orientation) or self.orientation,  # type: ignore[arg-type]  # length is checked there
            pixel_spacing_mm=_spacing(frame.pixel_spacing_mm) or self.pixel_spacing_mm,  # type: ignore[arg-type]  # the same
            image_type=frame.image_type or self.image_type,
            temporal_position=frame.temporal_position,
            acquisition_number=frame.acquisition_number,
            instance_number=frame.instance_number,
            acquired_at_s=next((shown for shown in clocks_s if shown is not None), None),
            clocks_s=clocks_s,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for ``json.dumps``."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Inverse of `to_json`, also after the values went through JSON."""
        values: dict[str, Any] = {name: _frozen(value) for name, value in plain.items()}
        values["in_frames"] = tuple(Frame(*frame) for frame in values.get("in_frames", ()))
        return cls(**values)


def _frozen(value: Any) -> Any:
    """Lists of JSON are tuples here."""
    return tuple(_frozen(part) for part in value) if isinstance(value, (list, tuple)) else value


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
    return header_of(walk_path(source, TAGS.values()))


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
    clocks_s = clocks_of(elements)
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
        acquired_at_s=best_moment_s(clocks_s),
        temporal_position=elements.integer(TAGS["temporal_position"]),
        temporal_positions=elements.integer(TAGS["temporal_positions"]),
        temporal_resolution_s=resolution_ms / MS_PER_S if resolution_ms and resolution_ms > 0 else None,
        images_in_acquisition=elements.integer(TAGS["images_in_acquisition"]),
        clocks_s=clocks_s,
        concatenation_total=elements.unsigned(TAGS["concatenation_total"]),
        in_frames=frames_of(elements),
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
