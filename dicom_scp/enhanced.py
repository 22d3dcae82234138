"""Multi-frame CT: what the functional groups say of each frame.

Enhanced CT (PS3.3 section A.38) and Legacy Converted Enhanced CT (section A.70) keep position, time and rescale of each
frame in nested sequences, the functional groups (section C.7.6.16): those all frames share, and one item for each frame.
"""

import math
import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from dicom_scp.clocks import date_time_s, moment_s
from dicom_scp.elements import ITEM, ITEM_END, SEQUENCE_END, SHORT_VRS, UNDEFINED, Elements
from dicom_scp.uids import IMPLICIT_VR
from triage.errors import InputError

GROUP_TAGS = {"dimensions": 0x00209222, "shared_groups": 0x52009229, "frame_groups": 0x52009230}

MOST_FRAMES = 65_536
"""More are refused; 320 slices at 40 times are 12,800."""

TEMPORAL_POSITION_INDEX = 0x00209128

FRAME_CONTENT, CONVERTED = 0x00209111, frozenset({0x00209170, 0x00209171})
PLACES = frozenset({
    (0x00209113, 0x00200032), (0x00209116, 0x00200037), (0x00289110, 0x00280030), (0x00289145, 0x00281052),
    (0x00289145, 0x00281053), (0x00189329, 0x00080008), (0x00209310, 0x0020930D),
    *((FRAME_CONTENT, tag) for tag in (0x00189074, 0x00189151, 0x00209128, 0x00209156, 0x00209157)),
    *((kept, tag) for kept in CONVERTED for tag in (0x00080022, 0x00080032, 0x0008002A, 0x00200012, 0x00200013, 0x00200100)),
})  # fmt: skip
"""Sequence and element of what is read from a functional group: plane position and orientation, pixel measures, pixel
value transformation, CT image frame type, temporal position, frame content, and what a converter carried over."""


class Frame(NamedTuple):
    """What the functional groups say of one frame; None or empty where they say nothing.

    `clocks_s` are those of `dicom_scp.clocks.Clock`: Frame Acquisition DateTime, Acquisition Date and Time, none,
    Frame Reference DateTime, Temporal Position Time Offset. Slope and intercept are those of the rescale.
    """

    position_mm: tuple[float, float, float] | None
    orientation: tuple[float, float, float, float, float, float] | None
    pixel_spacing_mm: tuple[float, float] | None
    clocks_s: tuple[float | None, ...]
    temporal_position: int | None
    acquisition_number: int | None
    instance_number: int | None
    image_type: tuple[str, ...]
    dimension_index: tuple[int, ...]
    slope: float | None
    intercept: float | None


def frames_of(elements: Elements) -> tuple[Frame, ...]:
    """Frames of a multi-frame object, in stored order; none if it has no functional groups that can be read.

    Raises
    ------
    InputError
        If there are more than `MOST_FRAMES`.
    """
    raw = elements.values.get(GROUP_TAGS["frame_groups"])
    if not raw:
        return ()
    implicit = elements.transfer_syntax_uid == IMPLICIT_VR
    try:
        shared = next(_groups(elements.values.get(GROUP_TAGS["shared_groups"], b""), implicit=implicit), {})
        axis = _temporal_axis(elements.values.get(GROUP_TAGS["dimensions"], b""), implicit=implicit)
        frames = tuple(_frame({**shared, **own}, axis) for own in _groups(raw, implicit=implicit))
    except (struct.error, IndexError) as exc:
        raise InputError("the functional groups of a multi-frame object are damaged") from exc
    if len(frames) > MOST_FRAMES:
        raise InputError(f"a multi-frame object has more than {MOST_FRAMES} frames")
    return frames


Group = dict[int, bytes]


def _groups(raw: bytes, *, implicit: bool) -> Iterator[Group]:
    """Elements of `PLACES` in each outermost item."""
    group: Group = {}
    for depth, path, tag, value in _leaves(raw, implicit=implicit):
        if tag == ITEM and depth == 0:
            group = {}
        elif tag == ITEM_END and depth == 0:
            yield group
        elif (path, tag) in PLACES:
            group[tag] = value


def _leaves(raw: bytes, *, implicit: bool) -> Iterator[tuple[int, int, int, bytes]]:
    """Walk the items of a sequence: depth in items, tag of the innermost sequence, tag, value.

    The outermost items are announced by ``ITEM`` and ``ITEM_END`` at depth 0, whichever way their length is given.
    `dicom_scp.elements` has checked nesting and lengths before.
    """
    opened: list[tuple[int, int]] = [(len(raw), 0)]
    offset, items = 0, 0
    while offset < len(raw) or len(opened) > 1:
        while len(opened) > 1 and offset >= opened[-1][0]:
            items -= opened.pop()[1] == ITEM
            if len(opened) == 1:
                yield 0, 0, ITEM_END, b""
        if offset >= len(raw):
            continue
        tag, start, length, nests = _head(raw, offset, implicit=implicit)
        offset = start if nests else start + length
        if tag in {ITEM_END, SEQUENCE_END}:
            opened[-1] = (start, opened[-1][1])
        elif nests:
            opened.append((len(raw) if length == UNDEFINED else start + length, tag))
            items += tag == ITEM
            if len(opened) == 2:
                yield 0, 0, ITEM, b""
        else:
            yield items, opened[-2][1] if opened[-1][1] == ITEM else 0, tag, raw[start : start + length]
        if len(opened) == 1 and offset >= len(raw):
            return


_IMPLICIT, _LONG = struct.Struct("<HHI"), struct.Struct("<I")
_ITEM_BYTES = struct.pack("<HH", 0xFFFE, 0xE000)


def _head(raw: bytes, offset: int, *, implicit: bool) -> tuple[int, int, int, bool]:
    """Tag, start of the value, length, whether the walk goes on inside."""
    group, number, length = _IMPLICIT.unpack_from(raw, offset)
    tag, start, vr = group << 16 | number, offset + 8, raw[offset + 4 : offset + 6]
    if group == 0xFFFE or implicit:
        nests = tag == ITEM or length == UNDEFINED or (implicit and raw[start : start + 4] == _ITEM_BYTES)
        return tag, start, length, nests and tag not in {ITEM_END, SEQUENCE_END}
    if vr in SHORT_VRS:
        return tag, start, length >> 16, False
    length = _LONG.unpack_from(raw, start)[0]
    return tag, start + 4, length, length == UNDEFINED or vr == b"SQ"


def _temporal_axis(raw: bytes, *, implicit: bool) -> int | None:
    """Which of the dimension index values counts time: the one that points to Temporal Position Index or to a time."""
    pointers = [value for _, _, tag, value in _leaves(raw, implicit=implicit) if tag == 0x00209165]
    tags = [int.from_bytes(p[:2], "little") << 16 | int.from_bytes(p[2:4], "little") for p in pointers]
    timed = [
        k
        for k, tag in enumerate(tags)
        if tag in {TEMPORAL_POSITION_INDEX, 0x00189074, 0x00189151, 0x0020930D}
    ]
    return timed[0] if timed else None


def _frame(group: Group, temporal_axis: int | None) -> Frame:
    indices = _unsigned(group.get(0x00209157, b""))
    counted = _unsigned(group.get(TEMPORAL_POSITION_INDEX, b"")) or _integer(group.get(0x00200100, b""))
    if not counted and temporal_axis is not None:
        counted = indices[temporal_axis : temporal_axis + 1]
    taken = _unsigned(group.get(0x00209156, b""), 2) or _integer(group.get(0x00200012, b""))
    numbered = _integer(group.get(0x00200013, b""))
    return Frame(
        position_mm=_exactly(3, group.get(0x00200032, b"")),  # type: ignore[arg-type]  # length is checked there
        orientation=_exactly(6, group.get(0x00200037, b"")),  # type: ignore[arg-type]  # the same
        pixel_spacing_mm=_exactly(2, group.get(0x00280030, b"")),  # type: ignore[arg-type]  # the same
        clocks_s=(
            date_time_s(_text(group.get(0x00189074, group.get(0x0008002A, b"")))),
            moment_s(_text(group.get(0x00080022, b"")), _text(group.get(0x00080032, b""))),
            None,
            date_time_s(_text(group.get(0x00189151, b""))),
            _double(group.get(0x0020930D, b"")),
        ),
        temporal_position=counted[0] if counted else None,
        acquisition_number=taken[0] if taken else None,
        instance_number=numbered[0] if numbered else None,
        image_type=tuple(_text(group.get(0x00080008, b"")).split("\\")) if 0x00080008 in group else (),
        dimension_index=indices,
        slope=(_exactly(1, group.get(0x00281053, b"")) or (None,))[0],
        intercept=(_exactly(1, group.get(0x00281052, b"")) or (None,))[0],
    )


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0 ").decode("ascii", "replace")


# The frames of an object repeat most of their values: each is interpreted once.
@lru_cache(maxsize=4096)
def _exactly(count: int, raw: bytes) -> tuple[float, ...] | None:
    """Exactly `count` finite decimal strings, or None."""
    return Elements({0: raw}, "").numbers(0, count)


def _integer(raw: bytes) -> tuple[int, ...]:
    number = Elements({0: raw}, "").integer(0)
    return () if number is None else (number,)


def _unsigned(raw: bytes, size: int = 4) -> tuple[int, ...]:
    return tuple(int.from_bytes(raw[k : k + size], "little") for k in range(0, len(raw) - size + 1, size))


def _double(raw: bytes) -> float | None:
    value: float = struct.unpack("<d", raw)[0] if len(raw) == 8 else math.nan
    return value if math.isfinite(value) else None
