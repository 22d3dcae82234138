"""The elements of a DICOM dataset, read without trusting it.

The walk keeps the raw bytes of the elements it was asked for, looks at the heads of the rest, and stops before the
pixels. It never recurses, so nesting costs nothing.
"""

import struct
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from dicom_scp.inflation import MOST_INFLATED_BYTES, Inflated
from dicom_scp.uids import BIG_ENDIAN, DEFLATED, IMPLICIT_VR
from dicom_scp.values import Element, Elements, is_uid, uid_of
from triage.errors import InputError, TemporaryError

__all__ = ["Element", "Elements", "is_uid", "walk_dataset", "walk_file", "walk_path"]

PREAMBLE_BYTES = 128
"""Length of the preamble before the prefix ``DICM`` (PS3.10 section 7.1)."""

UNDEFINED = 0xFFFFFFFF
"""Length of an element or item that ends with a delimiter (PS3.5 section 7.1)."""

DEEPEST_NESTING = 32
"""Sequences within sequences; real objects stay below 10, and common decoders fail from 40 on."""

MOST_ELEMENTS = 1_000_000
"""Elements walked before the dataset is refused; a multi-frame object of 12,800 images has half as many."""

LONGEST_VALUE_BYTES = 65_536
"""Longer values of wanted elements are taken as absent; the longest real one is a few hundred bytes."""

PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
ITEM_BYTES = b"\xfe\xff\x00\xe0"

FUNCTIONAL_GROUPS = frozenset({0x52009229, 0x52009230})
"""The only sequences that are kept whole (PS3.3 section C.7.6.16)."""

LONGEST_GROUPS_BYTES = 32 << 20
"""Longer functional groups are taken as absent; 12,800 images need half of it."""

SHORT_VRS = frozenset(
    b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split(),
)
"""Value representations with a two-byte length; all others, known or to come, have four (PS3.5 section 7.1.2)."""

SHORTEST_ELEMENT_BYTES = 8

WINDOW_BYTES = 8_192
"""Read at once; the header of a CT slice takes 2 to 8 KiB."""

UNREADABLE_SYNTAXES = frozenset({BIG_ENDIAN})
"""Transfer syntaxes refused here: big endian is retired."""

_IMPLICIT = struct.Struct("<HHI")
_SHORT = struct.Struct("<HH2sH")
_LONG = struct.Struct("<I")


class CutShortError(InputError):
    """The bytes end inside an element."""


class NestingError(InputError):
    """Sequences nest deeper than `DEEPEST_NESTING`."""


class _View:
    """Bytes of a stream by their offset, read ahead a window at a time."""

    __slots__ = ("_base", "_bytes", "_stream")

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._base = stream.tell()
        self._bytes = stream.read(WINDOW_BYTES)

    def part(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes; fewer at the end of the stream."""
        first = offset - self._base
        if first < 0 or first + length > len(self._bytes):
            self._stream.seek(offset)
            self._bytes = self._stream.read(max(length, WINDOW_BYTES))
            self._base, first = offset, 0
        return self._bytes[first : first + length]

    def skim(self, offset: int, wanted: Collection[int], values: dict[int, bytes]) -> int:
        """Take the short elements that a dataset begins with; how far that went.

        Nine of ten elements of a CT slice are such, and here they take a third of the time.
        """
        raw, base = self._bytes, self._base
        here, last = offset - base, len(raw) - 12
        while 0 <= here <= last:
            group, number, vr, length = _SHORT.unpack_from(raw, here)
            behind = here + 8 + length
            if vr not in SHORT_VRS or behind > len(raw):
                break
            tag = group << 16 | number
            if tag in wanted:
                values[tag] = raw[here + 8 : behind]
            here = behind
        return base + here

    def head(self, offset: int, *, implicit: bool) -> Element:
        """The element that begins at an offset."""
        raw = self.part(offset, 12)
        if len(raw) < 8:
            raise CutShortError("the dataset is cut short")
        group, number, length = _IMPLICIT.unpack_from(raw)
        tag = group << 16 | number
        if implicit or group == 0xFFFE:
            return Element(tag, b"", offset + 8, length)
        vr = raw[4:6]
        if vr in SHORT_VRS:
            return Element(tag, vr, offset + 8, length >> 16)
        if not (vr.isalpha() and vr.isupper()):
            raise InputError(f"element {tag:08X} has no value representation: not a dataset in explicit VR")
        if len(raw) < 12:
            raise CutShortError("the dataset is cut short")
        return Element(tag, vr, offset + 12, _LONG.unpack_from(raw, 8)[0])


def walk_file(stream: BinaryIO, wanted: Collection[int]) -> Elements:
    """Walk a DICOM file: preamble, file meta information, dataset.

    Raises
    ------
    InputError
        If this is not a DICOM file, or its transfer syntax cannot be read.
    """
    view = _View(stream)
    if view.part(PREAMBLE_BYTES, 4) != b"DICM":
        raise InputError("not a DICOM file: the prefix DICM is missing")
    offset, raw = PREAMBLE_BYTES + 4, b""
    while view.part(offset, 2) == b"\2\0":
        element = view.head(offset, implicit=False)
        offset = element.offset + element.length
        value = view.part(element.offset, min(element.length, LONGEST_VALUE_BYTES))
        if len(value) != element.length:
            raise InputError("the file meta information is cut short")
        raw = value if element.tag == 0x00020010 else raw
    syntax = uid_of(raw)
    if not syntax:
        raise InputError("the file meta information names no transfer syntax")
    return _walk(stream, view, offset, syntax, wanted)


def walk_path(path: Path, wanted: Collection[int]) -> Elements:
    """Walk the DICOM file at a path; raises like `walk_file`.

    Raises
    ------
    TemporaryError
        If the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return walk_file(stream, frozenset(wanted))
    except OSError as exc:
        raise TemporaryError(f"cannot read a stored instance: {exc.strerror}") from exc


def walk_dataset(stream: BinaryIO, transfer_syntax_uid: str, wanted: Collection[int]) -> Elements:
    """Walk a dataset from the stream's position up to its pixel data.

    Raises
    ------
    InputError
        If the bytes are not a dataset in this transfer syntax, are cut short before the pixel data, nest deeper than
        `DEEPEST_NESTING`, or inflate without bound.
    """
    start = stream.tell()
    return _walk(stream, _View(stream), start, transfer_syntax_uid, wanted)


class _Open(NamedTuple):
    """A sequence or item that the walk is in: where it ends (None: at a delimiter), and how its elements are written."""

    end: int | None
    limit: int
    implicit: bool
    fragments: bool


def _walk(stream: BinaryIO, view: _View, start: int, syntax: str, wanted: Collection[int]) -> Elements:
    view, offset, outside = _entrance(stream, view, start, syntax)
    values: dict[int, bytes] = {}
    opened, last, walked = [outside], Element(0, b"", 0, 0), 0
    while walked < MOST_ELEMENTS:
        if len(opened) == 1 and not outside.implicit:
            begin, offset = offset, view.skim(offset, wanted, values)
            walked += (offset - begin) // SHORTEST_ELEMENT_BYTES
        while opened[-1].end == offset:
            opened.pop()
        top = len(opened) == 1
        if top and (offset == outside.limit or not view.part(offset, 1)):
            return Elements(values, syntax)
        element = view.head(offset, implicit=opened[-1].implicit)
        if top and element.tag in PIXEL_DATA:
            return Elements(values, syntax, element, start)
        _require_within(element, opened)
        if top:
            last = element
            _keep(view, element, wanted, values)
        offset = _step(view, element, opened)
        if element.tag == SEQUENCE_END and len(opened) == 1:
            _keep(view, last._replace(length=element.offset - 8 - last.offset), wanted, values)
        walked += 1
    raise InputError(f"the dataset has more than {MOST_ELEMENTS} elements before its pixel data")


def _entrance(stream: BinaryIO, view: _View, start: int, syntax: str) -> tuple[_View, int, _Open]:
    """Where to walk: in the stream itself, or in what it inflates to."""
    if syntax in UNREADABLE_SYNTAXES:
        raise InputError(f"transfer syntax {syntax} is not supported")
    implicit = syntax == IMPLICIT_VR
    if syntax != DEFLATED:
        return view, start, _Open(None, _size(stream), implicit, fragments=False)
    stream.seek(start)
    inflated = _View(cast("BinaryIO", Inflated(stream)))
    return inflated, 0, _Open(None, MOST_INFLATED_BYTES, implicit, fragments=False)


def _size(stream: BinaryIO) -> int:
    here = stream.tell()
    end = stream.seek(0, 2)
    stream.seek(here)
    return end


def _require_within(element: Element, opened: list[_Open]) -> None:
    if element.length == UNDEFINED or element.offset + element.length <= opened[-1].limit:
        return
    if all(level.end is None for level in opened):
        raise CutShortError("the dataset is cut short")
    raise InputError("an element is longer than the sequence it is in")


def _keep(view: _View, element: Element, wanted: Collection[int], values: dict[int, bytes]) -> None:
    longest = LONGEST_GROUPS_BYTES if element.tag in FUNCTIONAL_GROUPS else LONGEST_VALUE_BYTES
    if element.tag in wanted and element.length <= longest:
        values[element.tag] = view.part(element.offset, element.length)


def _step(view: _View, element: Element, opened: list[_Open]) -> int:
    """Where the walk goes on: behind the element, or within it if it is a sequence or an item."""
    around, (tag, vr, offset, length) = opened[-1], element
    if tag in {ITEM_END, SEQUENCE_END}:
        if len(opened) == 1 and offset == around.limit:
            return offset  # some structured reports end with a delimiter that nothing began
        if len(opened) == 1 or around.end is not None:
            raise InputError("the dataset has a delimiter without a sequence")
        opened.pop()
        return offset
    if length != UNDEFINED and not _nests(view, element, around):
        return offset + length
    if len(opened) > 2 * DEEPEST_NESTING:
        raise NestingError(f"sequences nest deeper than {DEEPEST_NESTING} levels")
    end = None if length == UNDEFINED else offset + length
    # UN holds implicit VR whatever surrounds it (PS3.5 section 6.2.2, note).
    implicit = around.implicit or vr == b"UN"
    opened.append(_Open(end, around.limit if end is None else end, implicit, tag in PIXEL_DATA))
    return offset


def _nests(view: _View, element: Element, around: _Open) -> bool:
    """Whether an element of known length is a sequence or one of its items."""
    if element.tag == ITEM:
        return not around.fragments
    untold = not element.vr or element.vr == b"UN"
    return element.vr == b"SQ" or (untold and view.part(element.offset, 4) == ITEM_BYTES)
