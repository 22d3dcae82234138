"""The first elements of a DICOM dataset, read without trusting it.

The walk keeps the raw bytes of the elements it was asked for, skips the rest, and stops before the pixels. It never
recurses, so nesting costs nothing; every reading of a value answers None where the value is absent or nonsense.
"""

import math
import re
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from triage.errors import InputError

PREAMBLE_BYTES = 128
"""Length of the preamble before the prefix ``DICM`` (PS3.10 section 7.1)."""

UNDEFINED = 0xFFFFFFFF
"""Length of an element or item that ends with a delimiter (PS3.5 section 7.1)."""

DEEPEST_NESTING = 64
"""Open sequences and items together; real objects stay below 20, and common decoders fail above 80."""

MOST_ELEMENTS = 100_000
"""Elements walked before the dataset is refused; real headers have some hundreds."""

LONGEST_VALUE_BYTES = 65_536
"""Longer values of wanted elements are taken as absent; the longest real one is a few hundred bytes."""

PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

SHORT_VRS = frozenset(
    b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split(),
)
"""Value representations with a two-byte length; all others, known or to come, have four (PS3.5 section 7.1.2)."""

UNREADABLE_SYNTAXES = frozenset({DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian})
"""Transfer syntaxes refused here: inflating has no bound, and big endian is retired."""

_UID = re.compile(r"[0-9.]{1,64}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_IMPLICIT = struct.Struct("<HHI")
_EXPLICIT = struct.Struct("<HH2sH")
_LONG = struct.Struct("<I")


class Element(NamedTuple):
    """Where an element's value lies in the stream; `length` is `UNDEFINED` when a delimiter ends it."""

    tag: int
    vr: bytes
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Elements:
    """Raw values by tag (0xGGGGEEEE), and the pixel data element if the walk reached one."""

    values: dict[int, bytes] = field(repr=False)
    transfer_syntax_uid: str
    pixels: Element | None = None

    def texts(self, tag: int) -> tuple[str, ...]:
        """Values of an element without person text, as ASCII; undecodable bytes become question marks."""
        raw = self.values.get(tag, b"").rstrip(b"\0 ")
        text = raw.decode("ascii", "replace").replace("\N{REPLACEMENT CHARACTER}", "?")
        return tuple(part.strip() for part in text.split("\\")) if text else ()

    def text(self, tag: int) -> str:
        """First value of an element, or an empty string."""
        return next(iter(self.texts(tag)), "")

    def uid(self, tag: int) -> str:
        """A valid UID, or an empty string."""
        text = self.values.get(tag, b"").rstrip(b"\0 ").decode("ascii", "replace")
        return text if is_uid(text) else ""

    def numbers(self, tag: int, count: int) -> tuple[float, ...] | None:
        """Exactly `count` finite decimal strings, or None."""
        numbers = tuple(_number(text) for text in self.texts(tag))
        finite = tuple(number for number in numbers if number is not None)
        return finite if len(finite) == len(numbers) == count else None

    def number(self, tag: int) -> float | None:
        """One finite decimal string, or None."""
        return (self.numbers(tag, 1) or (None,))[0]

    def integer(self, tag: int) -> int | None:
        """One integer string that fits 32 bits, or None."""
        number = self.number(tag)
        fits = number is not None and number == int(number) and abs(number) < 2**31
        return int(number) if fits and number is not None else None

    def unsigned(self, tag: int) -> int | None:
        """One unsigned 16-bit binary value, or None."""
        raw = self.values.get(tag, b"")
        return int.from_bytes(raw, "little") if len(raw) == 2 else None


def is_uid(text: str) -> bool:
    """Whether a text may serve as a UID: digits and dots, at most 64.

    >>> is_uid("1.2.840.10008.1.1"), is_uid("../../etc/passwd")
    (True, False)
    """
    return _UID.fullmatch(text) is not None


def _number(text: str) -> float | None:
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    return number if math.isfinite(number) else None


def walk_file(stream: BinaryIO, wanted: Collection[int]) -> Elements:
    """Walk a DICOM file: preamble, file meta information, dataset.

    Raises
    ------
    InputError
        If this is not a DICOM file, or its transfer syntax cannot be read.
    """
    if stream.read(PREAMBLE_BYTES + 4)[PREAMBLE_BYTES:] != b"DICM":
        raise InputError("not a DICOM file: the prefix DICM is missing")
    return walk_dataset(stream, _transfer_syntax(stream), wanted)


def _transfer_syntax(stream: BinaryIO) -> str:
    """Transfer syntax of the file meta information; leaves the stream at the dataset (PS3.10 section 7.1)."""
    raw = b""
    while _group(stream) == 0x0002:
        element = _next(stream, implicit=False)
        value = stream.read(min(element.length, LONGEST_VALUE_BYTES))
        if len(value) != element.length:
            raise InputError("the file meta information is cut short")
        raw = value if element.tag == 0x00020010 else raw
    uid = raw.rstrip(b"\0 ").decode("ascii", "replace")
    if not is_uid(uid):
        raise InputError("the file meta information names no transfer syntax")
    return uid


def _group(stream: BinaryIO) -> int:
    here = stream.tell()
    group = int.from_bytes(stream.read(2), "little")
    stream.seek(here)
    return group


def walk_dataset(stream: BinaryIO, transfer_syntax_uid: str, wanted: Collection[int]) -> Elements:
    """Walk a dataset from the stream's position up to its pixel data.

    Raises
    ------
    InputError
        If the bytes are not a dataset in this transfer syntax, are cut short before the pixel data, or nest too deep.
    """
    if transfer_syntax_uid in UNREADABLE_SYNTAXES:
        raise InputError(f"transfer syntax {transfer_syntax_uid} is not supported")
    values: dict[int, bytes] = {}
    end = _size(stream)
    for element in _top_level(stream, end, implicit=transfer_syntax_uid == ImplicitVRLittleEndian):
        if element.tag in PIXEL_DATA:
            return Elements(values, transfer_syntax_uid, element)
        if element.tag in wanted and element.length <= LONGEST_VALUE_BYTES:
            values[element.tag] = stream.read(element.length)
    return Elements(values, transfer_syntax_uid)


def _size(stream: BinaryIO) -> int:
    here = stream.tell()
    end = stream.seek(0, 2)
    stream.seek(here)
    return end


def _top_level(stream: BinaryIO, end: int, *, implicit: bool) -> Iterator[Element]:
    """Elements of the outermost level; what lies inside undefined lengths is stepped over."""
    open_encodings = [implicit]
    for _ in range(MOST_ELEMENTS):
        if stream.tell() == end and len(open_encodings) == 1:
            return
        element = _next(stream, implicit=open_encodings[-1])
        beyond = element.length != UNDEFINED and element.offset + element.length > end
        if beyond and element.tag not in PIXEL_DATA:
            raise InputError("the dataset is cut short")
        if len(open_encodings) == 1:
            yield element
        _step(stream, element, open_encodings)
    raise InputError(f"the dataset has more than {MOST_ELEMENTS} elements before its pixel data")


def _step(stream: BinaryIO, element: Element, open_encodings: list[bool]) -> None:
    """Move behind the element, or into it where a delimiter will end it."""
    if element.tag in {ITEM_END, SEQUENCE_END}:
        _close(open_encodings)
    elif element.length != UNDEFINED:
        stream.seek(element.offset + element.length)
    elif len(open_encodings) > DEEPEST_NESTING:
        raise InputError(f"sequences nest deeper than {DEEPEST_NESTING} levels")
    else:
        # An undefined length UN holds implicit VR whatever surrounds it (PS3.5 section 6.2.2, note).
        open_encodings.append(open_encodings[-1] or element.vr == b"UN")


def _close(open_encodings: list[bool]) -> None:
    if len(open_encodings) == 1:
        raise InputError("the dataset has a delimiter without a sequence")
    open_encodings.pop()


def _next(stream: BinaryIO, *, implicit: bool) -> Element:
    head = stream.read(8)
    if len(head) < 8:
        raise InputError("the dataset is cut short")
    group, number, length = _IMPLICIT.unpack(head)
    tag = group << 16 | number
    if implicit or group == 0xFFFE:
        return Element(tag, b"", stream.tell(), length)
    _, _, vr, short = _EXPLICIT.unpack(head)
    if not (vr.isalpha() and vr.isupper()):
        raise InputError(f"element {tag:08X} has no value representation: not a dataset in explicit VR")
    if vr in SHORT_VRS:
        return Element(tag, vr, stream.tell(), short)
    extended = stream.read(4)
    if len(extended) < 4:
        raise InputError("the dataset is cut short")
    return Element(tag, vr, stream.tell(), _LONG.unpack(extended)[0])
