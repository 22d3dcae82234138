"""What no archive is given: judged without recursing, by the same rule however lengths are written."""

import struct

import pytest

from gateway.storage.structure import MOST_SIBLINGS, reason_to_withhold
from tests.gateway.shelf import EXPLICIT, dataset, element, nested

IMPLICIT = "1.2.840.10008.1.2"
PIXELS = element(0x7FE0, 0x0010, b"OW", bytes(2000))


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize(
    ("depth", "withheld"), [(1, False), (32, False), (33, True), (50, True), (2000, True)]
)
def test_depth_is_what_counts(depth, withheld, undefined):
    found = reason_to_withhold(dataset("1.2", more=nested(depth, undefined=undefined) + PIXELS), EXPLICIT)
    assert ("nest deeper than 32" in found) is withheld


def implicit(depth: int) -> bytes:
    inner = struct.pack("<HHI", 0x0008, 0x0104, 2) + b"x "
    for _ in range(depth):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
        inner = struct.pack("<HHI", 0x0040, 0xA730, len(item)) + item
    return inner


def test_implicit_sequences_are_seen_by_their_first_item():
    assert reason_to_withhold(implicit(32), IMPLICIT) == ""
    assert "deeper" in reason_to_withhold(implicit(33), IMPLICIT)


def test_nesting_behind_the_pixels_and_in_what_is_cut_short_counts_too():
    deep = nested(60, undefined=True)
    assert "deeper" in reason_to_withhold(dataset("1.2", more=PIXELS + deep), EXPLICIT)
    assert "deeper" in reason_to_withhold(dataset("1.2", more=deep[:-100]), EXPLICIT)


def test_pixels_that_look_like_items_are_pixels():
    begin = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    native = element(0x7FE0, 0x0010, b"OW", begin * (MOST_SIBLINGS + 1))
    fragments = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, 8) + begin for _ in range(100))
    compressed = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 2**32 - 1) + fragments
    compressed += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    assert reason_to_withhold(dataset("1.2", more=native), EXPLICIT) == ""
    assert reason_to_withhold(dataset("1.2", more=compressed), EXPLICIT) == ""


@pytest.mark.parametrize(
    "many",
    [
        b"".join(
            element(0x0041 + 2 * (n // 50_000), 0x1000 + n % 50_000, b"LO", b"")
            for n in range(MOST_SIBLINGS + 1)
        ),
        element(0x0040, 0xA730, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, 0) * (MOST_SIBLINGS + 1)),
    ],
    ids=["elements", "items"],
)
def test_too_many_side_by_side_are_too_many(many):
    assert "side by side" in reason_to_withhold(many, EXPLICIT)
    assert reason_to_withhold(many[: len(many) // 2], EXPLICIT) == ""


def test_what_cannot_be_inspected_is_withheld():
    assert "cannot be inspected" in reason_to_withhold(b"", "1.2.840.10008.1.2.1.99")
