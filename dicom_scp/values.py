"""Values of elements, taken as a sender wrote them: None or empty where they are absent or nonsense."""

import math
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

REPEATED_BYTES = 128
"""Longer values are no UID and no list of numbers, and are not remembered."""

LONGEST_UID = 64
"""Characters of a UID (PS3.5 section 9.1)."""

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class Element(NamedTuple):
    """Where an element's value lies in the stream; `length` is `UNDEFINED` when a delimiter ends it."""

    tag: int
    vr: bytes
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Elements:
    """Raw values by tag (0xGGGGEEEE), and the pixel data element if the walk reached one.

    `start` is where the dataset begins in its stream; offsets of a deflated dataset count inflated bytes from there.
    """

    values: dict[int, bytes] = field(repr=False)
    transfer_syntax_uid: str
    pixels: Element | None = None
    start: int = 0

    def texts(self, tag: int) -> tuple[str, ...]:
        """Values of an element without person text, as ASCII; undecodable bytes become question marks."""
        raw = self.values.get(tag, b"")
        return _texts(raw) if len(raw) <= REPEATED_BYTES else _texts.__wrapped__(raw)

    def text(self, tag: int) -> str:
        """First value of an element, or an empty string."""
        return next(iter(self.texts(tag)), "")

    def uid(self, tag: int) -> str:
        """A valid UID, or an empty string."""
        raw = self.values.get(tag, b"")
        return uid_of(raw) if len(raw) <= REPEATED_BYTES else ""

    def numbers(self, tag: int, count: int) -> tuple[float, ...] | None:
        """Exactly `count` finite decimal strings, or None."""
        raw = self.values.get(tag, b"")
        numbers = _numbers(raw) if 0 < len(raw) <= REPEATED_BYTES else None
        return numbers if numbers is not None and len(numbers) == count else None

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
    """Whether a text may serve as a UID: numbers with single dots between them, at most 64 characters.

    That is PS3.5 section 9.1 but for one rule: a component may begin with zeros. Registration authorities hand such
    components out (a note there says so) and devices send them; pynetdicom checks nothing but the length unless told
    otherwise, and Orthanc and dcmtk's receiver take them. A scanner must not lose an image over a zero. The text is
    never normalised: ``1.02`` and ``1.2`` are two UIDs, as the archive sees it.

    >>> is_uid("1.2.840.10008.1.1"), is_uid("1.02.3"), is_uid("1..2"), is_uid("../../etc/passwd")
    (True, True, False, False)
    """
    return len(text) <= LONGEST_UID and _UID.fullmatch(text) is not None


# The images of a series repeat most of their values: each is interpreted once.
@lru_cache(maxsize=4096)
def _texts(raw: bytes) -> tuple[str, ...]:
    text = raw.rstrip(b"\0 ").decode("ascii", "replace").replace("\N{REPLACEMENT CHARACTER}", "?")
    return tuple(part.strip() for part in text.split("\\")) if text else ()


@lru_cache(maxsize=4096)
def uid_of(raw: bytes) -> str:
    """A valid UID, or an empty string."""
    text = raw.rstrip(b"\0 ").decode("ascii", "replace")
    return text if is_uid(text) else ""


@lru_cache(maxsize=4096)
def _numbers(raw: bytes) -> tuple[float, ...] | None:
    numbers = tuple(float(text) if _NUMBER.fullmatch(text) else math.nan for text in _texts(raw))
    return numbers if all(map(math.isfinite, numbers)) else None
