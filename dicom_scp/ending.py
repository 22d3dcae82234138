"""Whether a dataset ends where an element ends: one that is cut off inside a value must not be acknowledged.

Up to the pixels `dicom_scp.elements` has looked; here it is the pixels and what follows them. The usual image, whose
pixels end where the dataset does, costs one comparison; a compressed one costs a read of eight bytes for each fragment.

What is merely odd is kept, since a sender may delete what was refused as well as what was taken:

* Compressed pixels without their Sequence Delimitation Item, or with zeros or another delimiter in its place, as
  archives and converters have written them in numbers: kept if a fragment came for every frame and, where the
  compression marks its end, the last one bears that mark.
* Bytes behind the pixels that are no element: the pixels are all there.
"""

import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO, NamedTuple

from dicom_scp.elements import (
    ITEM,
    SEQUENCE_END,
    UNDEFINED,
    CutShortError,
    Element,
    NestingError,
    walk_dataset,
)
from dicom_scp.prefix import Beginning
from triage.errors import InputError

MOST_FRAGMENTS = 262_144
"""More are refused: four for each frame of the largest object."""

END_OF_IMAGE = b"\xff\xd9"
"""The last marker of JPEG (ITU-T T.81), JPEG-LS (T.87) and JPEG 2000 (T.800, T.814) images."""

ENDED_BY_MARKER = tuple(f"1.2.840.10008.1.2.4.{number}" for number in ("5", "7", "8", "9", "20"))
"""How the transfer syntaxes begin whose frames end with that marker (PS3.5 sections A.4.1, A.4.3, A.4.4)."""

LONGEST_PADDING = 16
"""Zeros looked through behind the marker; one is usual, to make the length even."""

PADDING = b"\0 "
"""What values of odd length are padded with (PS3.5 section 6.2); some senders append it without counting it."""

_HEAD = struct.Struct("<HHI")
_TAG = struct.Struct("<HH")


class _Fragments(NamedTuple):
    """How many items encapsulated pixel data have, the offset table being one, and where and how they end."""

    items: int
    end: int
    delimited: bool


def require_whole(
    beginning: Beginning,
    transfer_syntax_uid: str,
    size_bytes: int,
    reread: Callable[[], AbstractContextManager[BinaryIO]],
) -> None:
    """Check that a dataset of this size does not end inside an element.

    `reread` gives a stream that stands at the beginning of the dataset; it is asked for only where pixels are
    encapsulated, or something follows them.

    Raises
    ------
    CutShortError
        The dataset ends within its pixel data (PS3.5 section 8.1.1, annex A.4) or within an element behind them.
    NestingError
        What follows the pixels nests too deep.
    """
    pixels = beginning.pixels
    if pixels is None or pixels.offset + pixels.length == size_bytes:
        return
    if pixels.length != UNDEFINED and pixels.offset + pixels.length > size_bytes:
        raise CutShortError(
            f"the pixel data are cut short: {size_bytes - pixels.offset} of {pixels.length} bytes came"
        )
    with reread() as stream:
        start, behind = stream.tell(), pixels.offset + pixels.length
        if pixels.length == UNDEFINED:
            fragments = _fragments(stream, start + pixels.offset, start + size_bytes)
            if not fragments.delimited:
                _require_every_frame(stream, fragments, beginning.header.frames, transfer_syntax_uid)
                return
            behind = fragments.end - start
        if behind < size_bytes:
            _require_whole_rest(stream, start + behind, pixels, transfer_syntax_uid)


def _fragments(stream: BinaryIO, first: int, end: int) -> _Fragments:
    """Go from item to item up to the delimiter (PS3.5 section A.4); some write one with an undefined length."""
    offset = first
    for items in range(MOST_FRAGMENTS):
        stream.seek(offset)
        head = stream.read(_HEAD.size)
        group, number, length = _HEAD.unpack(head) if len(head) == _HEAD.size else (0, 0, 0)
        tag = group << 16 | number
        if tag != ITEM:
            return _Fragments(items, offset + _HEAD.size * (tag == SEQUENCE_END), tag == SEQUENCE_END)
        offset += _HEAD.size + length
        if offset > end:
            raise CutShortError("the pixel data are cut short: the last fragment did not come whole")
    raise InputError(f"the pixel data have more than {MOST_FRAGMENTS} fragments")


def _require_every_frame(
    stream: BinaryIO, fragments: _Fragments, frames: int, transfer_syntax_uid: str
) -> None:
    if fragments.items - 1 < frames:
        raise CutShortError("the pixel data are cut short: they end before the last frame")
    if transfer_syntax_uid.startswith(ENDED_BY_MARKER):
        stream.seek(fragments.end - LONGEST_PADDING)
        if not stream.read(LONGEST_PADDING).rstrip(b"\0").endswith(END_OF_IMAGE):
            raise CutShortError("the pixel data are cut short: the last frame has no end")


def _require_whole_rest(stream: BinaryIO, offset: int, pixels: Element, transfer_syntax_uid: str) -> None:
    """Walk what follows the pixels, as far as it is elements in their order (PS3.5 section 7.1)."""
    stream.seek(offset)
    head = stream.read(_HEAD.size)
    is_padding = len(head) < _HEAD.size and not head.strip(PADDING)
    behind = len(head) < _TAG.size or _TAG.unpack_from(head) > (pixels.tag >> 16, pixels.tag & 0xFFFF)
    if is_padding or not behind:
        return
    stream.seek(offset)
    try:
        walk_dataset(stream, transfer_syntax_uid, ())
    except (CutShortError, NestingError):
        raise
    except InputError:
        return
