"""Which segment of a foreign segmentation is an infarct core: by its code first, then by its name."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from pydicom import Dataset

INFARCT_CODES = frozenset({("SCT", "55641003"), ("SCT", "432504007"), ("SRT", "M-54700")})
"""Infarct, cerebral infarction, and infarct in the older scheme (PS3.16 annex L)."""

OTHER_CODES = frozenset({("SCT", "52674009"), ("SRT", "M-01000"), ("SCT", "51114001"), ("SCT", "29092000")})
"""Ischemia, a lesion of any kind and vessels: coded so, it is no core whatever its name says."""

CORE_NAME = re.compile(
    r"\bcore\b|infarct|\bnoyau\b|\bc(œ|oe)ur\b|\bnecro|nécro|\blõi\b|\bloi\b|nhồi máu|nhoi mau"
)
OTHER_NAME = re.compile(
    r"penumbra|pénombre|penombre|tranh tối|at risk|hypoperfus|giảm tưới|tmax|mismatch|\bold\b|ancien|\bcũ\b"
)
"""In English, French and Vietnamese, with and without their signs; ``penumbra (minus core)`` names a penumbra."""


def core_numbers(segments: Sequence[Dataset]) -> tuple[int, ...]:
    """Numbers of the segments that are an infarct core; several count together."""
    return tuple(int(segment.SegmentNumber) for segment in segments if is_core(segment))


def is_core(segment: Dataset) -> bool:
    """Whether one segment is coded or named as an infarct core."""
    coded = set(_codes(segment))
    if coded & INFARCT_CODES:
        return True
    name = unicodedata.normalize("NFC", str(segment.get("SegmentLabel", ""))).casefold()
    return not coded & OTHER_CODES and named_as_core(name)


def named_as_core(name: str) -> bool:
    """Whether a name means an infarct core.

    >>> [named_as_core(name) for name in ("ischemic core", "penumbra (tmax > 6 s minus core)", "score", "lõi nhồi máu")]
    [True, False, False, True]
    """
    return bool(CORE_NAME.search(name)) and not OTHER_NAME.search(name)


def _codes(segment: Dataset) -> Iterator[tuple[str, str]]:
    for item in segment.get("SegmentedPropertyTypeCodeSequence") or ():
        yield str(item.get("CodingSchemeDesignator", "")), str(item.get("CodeValue", ""))
