"""Small datasets of requests and responses: queries, lists of references; never images (PS3.5 sections 7.1 and 7.5).

They are held in memory whole. Values stay raw bytes; a sequence's value is a tuple of datasets.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dicom_scp.uids import EXPLICIT_VR, IMPLICIT_VR
from triage.errors import InputError

DEEPEST_NESTING = 8
"""Sequences within sequences; real requests have one or two."""

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
LONG_VRS = frozenset(
    {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"},
)
"""Value representations with a four-byte length in explicit VR (PS3.5 section 7.1.2)."""

_HEAD = struct.Struct("<HHI")
_SHORT = struct.Struct("<HH2sH")
_LONG = struct.Struct("<HH2sHI")
_ITEM_BYTES = b"\xfe\xff\x00\xe0"


class Attribute(NamedTuple):
    """One element; `vr` is empty where the transfer syntax does not say."""

    vr: str
    value: "bytes | tuple[Dataset, ...]"

    def text(self) -> str:
        """The value as ASCII text without padding, empty for a sequence."""
        return self.value.strip(b"\0 ").decode("ascii", "replace") if isinstance(self.value, bytes) else ""


Dataset = Mapping[int, Attribute]
"""Attributes by tag."""


def parse(raw: bytes, transfer_syntax_uid: str) -> Dataset:
    """Read a dataset.

    Raises
    ------
    InputError
        It is cut short, nests too deeply, or its transfer syntax is none for small datasets.
    """
    if transfer_syntax_uid not in {EXPLICIT_VR, IMPLICIT_VR}:
        raise InputError("a request is read in little endian without compression only")
    try:
        found, _ = _Reader(raw, implicit=transfer_syntax_uid == IMPLICIT_VR).dataset(0, len(raw), 0)
    except struct.error as exc:
        raise InputError("the request's dataset is cut short") from exc
    return found


class _Reader:
    """Reads one buffer; every method returns what it read and where it stopped."""

    def __init__(self, raw: bytes, *, implicit: bool) -> None:
        self._raw = raw
        self._implicit = implicit

    def dataset(self, at: int, end: int, depth: int) -> tuple[Dataset, int]:
        """Elements up to `end` or to the end of an item."""
        found: dict[int, Attribute] = {}
        while at < end:
            group, number, length = _HEAD.unpack_from(self._raw, at)
            tag = group << 16 | number
            if tag == ITEM_END:
                return found, at + _HEAD.size
            found[tag], at = self._element(at, length, depth)
            if at > end:
                raise InputError("the request's dataset is cut short")
        return found, at

    def _element(self, at: int, length: int, depth: int) -> tuple[Attribute, int]:
        vr, at = "", at + _HEAD.size
        if not self._implicit:
            vr = self._raw[at - 4 : at - 2].decode("latin_1")
            length >>= 16
            if vr in LONG_VRS:
                (length,) = struct.unpack_from("<I", self._raw, at)
                at += 4
        nests = vr == "SQ" or (not vr and self._raw[at : at + 4] == _ITEM_BYTES)
        if nests or length == UNDEFINED:
            items, at = self._items(at, length, depth + 1)
            return Attribute("SQ", items), at
        if at + length > len(self._raw):
            raise InputError("the request's dataset is cut short")
        return Attribute(vr, self._raw[at : at + length]), at + length

    def _items(self, at: int, length: int, depth: int) -> tuple[tuple[Dataset, ...], int]:
        if depth > DEEPEST_NESTING:
            raise InputError("the request's dataset nests too deeply")
        end = len(self._raw) if length == UNDEFINED else at + length
        items = []
        while at < end:
            group, number, size = _HEAD.unpack_from(self._raw, at)
            at += _HEAD.size
            if (group << 16 | number) == SEQUENCE_END:
                break
            if (group << 16 | number) != ITEM:
                raise InputError("a sequence of the request holds something else than items")
            item, at = self.dataset(at, end if size == UNDEFINED else min(at + size, end), depth)
            items.append(item)
        return tuple(items), at


def encode(dataset: Dataset, transfer_syntax_uid: str) -> bytes:
    r"""Write a dataset in tag order; the inverse of `parse`.

    >>> encode({0x00100020: Attribute("LO", b"A1")}, IMPLICIT_VR)
    b'\x10\x00 \x00\x02\x00\x00\x00A1'
    """
    implicit = transfer_syntax_uid == IMPLICIT_VR
    return b"".join(_encoded(tag, dataset[tag], implicit=implicit) for tag in sorted(dataset))


def _encoded(tag: int, attribute: Attribute, *, implicit: bool) -> bytes:
    vr, value = attribute
    if isinstance(value, tuple):
        syntax = IMPLICIT_VR if implicit else EXPLICIT_VR
        vr, raw = "SQ", b"".join(_item(encode(item, syntax)) for item in value)
    else:
        raw = value + (b"\0" if vr in {"UI", "OB", "UN"} else b" ") * (len(value) % 2)
    group, number = tag >> 16, tag & 0xFFFF
    if implicit:
        return _HEAD.pack(group, number, len(raw)) + raw
    name = (vr or "UN").encode("latin_1")
    if (vr or "UN") in LONG_VRS:
        return _LONG.pack(group, number, name, 0, len(raw)) + raw
    return _SHORT.pack(group, number, name, min(len(raw), 0xFFFE)) + raw[:0xFFFE]


def _item(raw: bytes) -> bytes:
    return _HEAD.pack(ITEM >> 16, ITEM & 0xFFFF, len(raw)) + raw


def uid(text: str) -> Attribute:
    """A UID."""
    return Attribute("UI", text.encode("ascii"))


def number(value: int) -> Attribute:
    """An unsigned short."""
    return Attribute("US", struct.pack("<H", value))


def uids(values: Iterable[str]) -> Attribute:
    """Several UIDs in one element."""
    return uid("\\".join(values))
