"""The header of an instance that is still coming in, from its first bytes in memory.

Almost every CT slice is explicit VR without sequences of undefined length before its pixels. That walk takes a third of
the time of the general one in `dicom_scp.elements`, which decides whenever anything is unusual.
"""

import io
import struct
from collections.abc import Collection
from typing import NamedTuple, Self

from dicom_scp.elements import (
    LONGEST_VALUE_BYTES,
    PIXEL_DATA,
    SHORT_VRS,
    UNDEFINED,
    UNREADABLE_SYNTAXES,
    Element,
    Elements,
    walk_dataset,
)
from dicom_scp.headers import TAGS, ImageHeader, header_of
from dicom_scp.uids import DEFLATED, IMPLICIT_VR
from triage.errors import InputError

LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""Value representations with a four-byte length (PS3.5 table 7.1-1)."""

_WANTED = frozenset(TAGS.values())
_SHORT = struct.Struct("<HH2sH")
_LONG = struct.Struct("<HH2sHI")


class Beginning(NamedTuple):
    """The header of a dataset and its pixel data element, whose offset counts from where the dataset begins.

    `pixels` is None where the walk went to the end of the dataset, or where the dataset is deflated.
    """

    header: ImageHeader
    pixels: Element | None

    @classmethod
    def of(cls, elements: Elements) -> Self:
        """Interpret walked elements; raises like `header_of`."""
        pixels = None if elements.transfer_syntax_uid == DEFLATED else elements.pixels
        return cls(header_of(elements), pixels and pixels._replace(offset=pixels.offset - elements.start))


def early_beginning(prefix: bytes, transfer_syntax_uid: str) -> Beginning | None:
    """Beginning of a dataset whose pixels begin within its prefix; None where it cannot be told yet."""
    try:
        elements = walk_prefix(prefix, transfer_syntax_uid, _WANTED)
        elements = elements or walk_dataset(io.BytesIO(prefix), transfer_syntax_uid, _WANTED)
        return Beginning.of(elements) if elements.pixels else None
    except InputError:
        return None


NESTING_VRS = frozenset({b"SQ", b"UN"})
"""Values that may hold datasets: how deep they nest is for the general walk to find out."""


def walk_prefix(prefix: bytes, transfer_syntax_uid: str, wanted: Collection[int]) -> Elements | None:
    """Walk the usual dataset up to its pixel data; None where the general walk must decide."""
    if transfer_syntax_uid in {IMPLICIT_VR, DEFLATED} or transfer_syntax_uid in UNREADABLE_SYNTAXES:
        return None
    values: dict[int, bytes] = {}
    offset, last = 0, len(prefix) - _LONG.size
    while offset <= last:
        group, number, vr, length = _SHORT.unpack_from(prefix, offset)
        tag, start = group << 16 | number, offset + _SHORT.size
        if vr in LONG_VRS:
            length, start = _LONG.unpack_from(prefix, offset)[4], offset + _LONG.size
        elif vr not in SHORT_VRS:
            return None
        if tag in PIXEL_DATA:
            return Elements(values, transfer_syntax_uid, Element(tag, vr, start, length))
        if length == UNDEFINED or (length and vr in NESTING_VRS):
            return None
        offset = start + length
        if tag in wanted and length <= LONGEST_VALUE_BYTES:
            values[tag] = prefix[start:offset]
    return None
