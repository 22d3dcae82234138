"""Whether an archive may be given a dataset: how deep it nests and how much it lists, read without recursing.

Reception reads up to the pixels and steps over sequences of known length; archives read everything, and recurse.
"""

import struct
from dataclasses import dataclass

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from dicom_scp.elements import ITEM, ITEM_END, PIXEL_DATA, SEQUENCE_END, SHORT_VRS, UNDEFINED

DEEPEST_NESTING = 32
"""Sequences within sequences. Orthanc 1.10.1 takes 45 and dies of 48 (SIGSEGV, measured); real objects stay below 10."""

MOST_SIBLINGS = 20_000
"""Elements of one item, or items of one sequence. Orthanc 1.10.1 takes time by their square: 0.3 s for 10,000, 16 s
for 100,000, and more than its clients wait for 400,000 (measured)."""

MOST_ELEMENTS = 500_000
"""In all; a multi-frame image of 3,000 frames has about 100,000."""

_HEAD = struct.Struct("<HHI")
_LONG = struct.Struct("<I")
_ITEM_BYTES = struct.pack("<HH", 0xFFFE, 0xE000)
_ROOM_FOR_TOO_MUCH = 8 * MOST_SIBLINGS
"""Bytes into which so many of the smallest elements fit."""
_DELIMITERS = (ITEM_END, SEQUENCE_END)


@dataclass(slots=True)
class _Level:
    """An open dataset, item or sequence; `end` is where it ends, unless a delimiter does that."""

    end: int
    implicit: bool
    is_sequence: bool = False
    is_pixels: bool = False
    members: int = 0


def reason_to_withhold(dataset: bytes | memoryview, transfer_syntax_uid: str) -> str:
    """Why no archive should be given this dataset, or an empty string.

    What is malformed is followed as far as it can be read: an archive may have recursed as deep before it gives up.
    Whatever begins like a sequence counts as one, as implicit VR does not say (PS3.5 sections 7.1.3 and 7.5).
    """
    if transfer_syntax_uid in {DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian}:
        return "its transfer syntax cannot be inspected here"
    implicit = transfer_syntax_uid == ImplicitVRLittleEndian
    if _is_plainly_harmless(dataset, implicit=implicit):
        return ""
    return _Walk(memoryview(dataset), implicit=implicit).complaint()


def _is_plainly_harmless(dataset: bytes | memoryview, *, implicit: bool) -> bool:
    """Whether a glance at the outermost level, and too few items for deep nesting, settle it: a tenth of the time."""
    at, end = 0, len(dataset)
    pixels = (end, end)
    for _ in range(MOST_SIBLINGS):
        if at + 8 > end:
            begin, behind = pixels
            beside_pixels = (bytes(dataset[:begin]), bytes(dataset[behind:]))
            return sum(part.count(_ITEM_BYTES) for part in beside_pixels) <= DEEPEST_NESTING
        group, number, length = _HEAD.unpack_from(dataset, at)
        at += 8
        if not implicit and dataset[at - 4 : at - 2] in SHORT_VRS:
            at += length >> 16
            continue
        if not implicit and at + 4 <= end:
            (length,) = _LONG.unpack_from(dataset, at)
            at += 4
        is_pixels = (group << 16 | number) in PIXEL_DATA
        if length == UNDEFINED or (length >= _ROOM_FOR_TOO_MUCH and not is_pixels):
            return False
        pixels = (at, at + length) if is_pixels else pixels
        at += length
    return False


class _Walk:
    """One walk through a dataset, from element to element, with the open levels on a list."""

    def __init__(self, data: memoryview, *, implicit: bool) -> None:
        self._data = data
        self._levels = [_Level(len(data), implicit)]
        self._at = 0

    def complaint(self) -> str:
        """Walk to the end, or to the first thing that is too much."""
        for _ in range(MOST_ELEMENTS):
            self._close_what_ended()
            level = self._levels[-1]
            if self._at + 8 > level.end:
                if len(self._levels) == 1:
                    return ""
                self._skip_rest(level)
                continue
            level.members += 1
            if level.members > MOST_SIBLINGS:
                return f"it lists more than {MOST_SIBLINGS} things side by side"
            self._step(level)
            if self._nests_too_deep():
                return f"its sequences nest deeper than {DEEPEST_NESTING} levels"
        return f"it has more than {MOST_ELEMENTS} elements"

    def _nests_too_deep(self) -> bool:
        deep = len(self._levels) > DEEPEST_NESTING
        return deep and sum(level.is_sequence for level in self._levels) > DEEPEST_NESTING

    def _close_what_ended(self) -> None:
        while len(self._levels) > 1 and self._at >= self._levels[-1].end:
            self._levels.pop()

    def _skip_rest(self, level: _Level) -> None:
        self._at = level.end
        self._levels.pop()

    def _step(self, level: _Level) -> None:
        group, number, length = _HEAD.unpack_from(self._data, self._at)
        tag = group << 16 | number
        if tag in _DELIMITERS:
            self._at += 8
            if len(self._levels) > 1:
                self._levels.pop()
        elif tag == ITEM and level.is_pixels:
            self._at += 8 + length  # a fragment of compressed pixels (PS3.5 section A.4)
        elif tag == ITEM:
            self._at += 8
            self._enter(level, length, implicit=level.implicit)
        else:
            self._element(level, tag, length)

    def _element(self, level: _Level, tag: int, length: int) -> None:
        implicit, self._at = level.implicit, self._at + 8
        if not implicit:
            vr = bytes(self._data[self._at - 4 : self._at - 2])
            if vr in SHORT_VRS:
                self._at += length >> 16
                return
            if self._at + 4 > level.end:
                self._at = level.end
                return
            (length,) = _LONG.unpack_from(self._data, self._at)
            self._at += 4
            implicit = vr == b"UN" and length == UNDEFINED  # PS3.5 section 6.2.2, note 1
        is_pixels = tag in PIXEL_DATA
        begins_an_item = self._data[self._at : self._at + 4] == _ITEM_BYTES
        if length == UNDEFINED or (begins_an_item and not is_pixels):
            self._enter(level, length, implicit=implicit, is_sequence=True, is_pixels=is_pixels)
        else:
            self._at += length

    def _enter(
        self,
        level: _Level,
        length: int,
        *,
        implicit: bool,
        is_sequence: bool = False,
        is_pixels: bool = False,
    ) -> None:
        end = level.end if length == UNDEFINED else min(level.end, self._at + length)
        self._levels.append(_Level(end, implicit, is_sequence, is_pixels))
