"""When two ways of reading a scan agree."""

from types import SimpleNamespace

import pytest

from triage.opinions import compared


@pytest.mark.parametrize(
    ("first", "second", "agrees"),
    [
        ((0.0, 0.0), (0.0, 0.0), True),
        ((0.0, 0.0), (5.0, 10.0), True),
        ((0.0, 0.0), (6.0, 10.0), False),
        ((40.0, 100.0), (30.0, 125.0), True),
        ((40.0, 100.0), (20.0, 100.0), False),
        ((40.0, 100.0), (40.0, 140.0), False),
    ],
)
def test_small_and_relative_differences_are_no_disagreement(first, second, agrees):
    found = SimpleNamespace(core_ml=first[0], hypoperfused_ml=first[1])
    assert compared("model", found, *second).agrees is agrees
