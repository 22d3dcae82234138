"""Where the compressed frames of one file lie: items of encapsulated pixel data (PS3.5 section A.4)."""

import os
import struct
from bisect import bisect_right
from collections.abc import Sequence

from dicom_scp.elements import ITEM
from dicom_scp.ending import MOST_FRAGMENTS
from dicom_scp.pixels import PixelFormat
from triage.errors import InputError

Part = tuple[int, int]
"""Offset and length in the file."""

FRAME_GROWTH = 2
"""Times a compressed frame may be larger than its pixels; noise grows by a few percent."""

FRAME_HEADER_BYTES = 65_536
"""A compressed frame may be larger by this as well: comments and profiles."""

_HEAD = struct.Struct("<HHI")


def frame_parts(descriptor: int, pixel_format: PixelFormat) -> Sequence[Sequence[Part]]:
    """Fragments of each frame, in the order of frames.

    Raises
    ------
    InputError
        If the fragments are damaged, cannot be told apart by frame, or are larger than any honest frame.
    """
    table, fragments = _fragments(descriptor, pixel_format.offset)
    if pixel_format.frames == 1:
        frames = [fragments]
    elif len(fragments) == pixel_format.frames:
        frames = [[fragment] for fragment in fragments]
    else:
        frames = _by_table(table, fragments)
    if len(frames) != pixel_format.frames or not all(frames):
        raise InputError("the pixel data of a multi-frame object do not tell its frames apart")
    most = FRAME_GROWTH * pixel_format.frame_bytes + FRAME_HEADER_BYTES
    if any(sum(length for _, length in parts) > most for parts in frames):
        raise InputError("the pixel data of an image are larger compressed than uncompressed")
    return frames


def _fragments(descriptor: int, offset: int) -> tuple[Sequence[int], list[Part]]:
    """Basic Offset Table and fragments; the table counts from the first fragment's item.

    A file may end without the delimiter: reception has taken it, see `dicom_scp.ending`.
    """
    parts: list[Part] = []
    end = os.fstat(descriptor).st_size
    while len(parts) < MOST_FRAGMENTS and offset + _HEAD.size <= end:
        group, number, length = _HEAD.unpack(os.pread(descriptor, _HEAD.size, offset))
        if group << 16 | number != ITEM:
            break
        parts.append((offset + 8, length))
        offset += 8 + length
    if offset > end:
        raise InputError("the pixel data of an image are cut short")
    if not parts:
        raise InputError("the pixel data of an image have no fragments")
    (where, length), fragments = parts[0], parts[1:]
    raw = os.pread(descriptor, min(length, 4 * MOST_FRAGMENTS), where)
    return struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4]), fragments


def _by_table(table: Sequence[int], fragments: Sequence[Part]) -> list[list[Part]]:
    """Fragments from each entry of the table to the next."""
    starts = sorted(table)
    frames: list[list[Part]] = [[] for _ in starts]
    for offset, length in fragments if starts and starts[0] == 0 else ():
        frames[bisect_right(starts, offset - fragments[0][0]) - 1].append((offset, length))
    return frames
