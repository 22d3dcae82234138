"""Numbers as people read them: pages, alerts, reports and the terminal write the same figure the same way."""

import math
from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from triage.results import Interval, SecondOpinion, Territory, TriageResult

RATIO_DECIMALS = 2

WHOLE_FROM_ML = 10
"""Interval ends are written in whole ml from here on; a tenth of a small volume still matters."""

TERRITORIES = {
    Territory.ANTERIOR: "anterior cerebral",
    Territory.MIDDLE: "middle cerebral",
    Territory.POSTERIOR: "posterior cerebral",
    Territory.CEREBELLAR: "posterior fossa",
}

ONLY_TIME_TO_PEAK = "Time to peak, no arterial input: not Tmax"
"""Title of the only map there is without an arterial input."""


def floored(value: float, decimals: int = RATIO_DECIMALS) -> str:
    """Cut, not rounded, so that a ratio below a limit never reads as the limit.

    >>> floored(1.799), floored(1.8), floored(2.3), floored(6.125)
    ('1.79', '1.80', '2.30', '6.12')
    """
    return _cut(value, decimals, ROUND_FLOOR)


def ceiled(value: float, decimals: int = RATIO_DECIMALS) -> str:
    """Cut upwards: the upper end of what was computed.

    >>> ceiled(38.61, 1), ceiled(2.3)
    ('38.7', '2.30')
    """
    return _cut(value, decimals, ROUND_CEILING)


def span(interval: Interval, decimals: int | None = None) -> str:
    """Ends of an interval, rounded outwards: what is written holds what was computed.

    >>> span(Interval(28.4, 38.7)), span(Interval(0.0, 1.22)), span(Interval(2.109, None), 2)
    ('28-39', '0-1.3', '2.10 or more')
    """
    if interval.high is None or math.isinf(interval.high):
        return f"{floored(interval.low, _decimals(interval.low, decimals))} or more"
    places = _decimals(interval.high, decimals)
    low = floored(interval.low, places) if interval.low else "0"
    high = ceiled(interval.high, places)
    return f"{low} to {high}" if interval.low < 0 else f"{low}-{high}"


def ratio_span(interval: Interval) -> str:
    """Interval of a ratio."""
    return span(interval, RATIO_DECIMALS)


def territories(volumes_ml: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Territories with their volume in ml, the largest first; those with none are left out.

    >>> list(territories({"posterior_cerebral": 0.0, "middle_cerebral": 80.2}))
    [('middle cerebral', 80.2)]
    """
    for name, ml in sorted(volumes_ml.items(), key=lambda item: -item[1]):
        if ml > 0:
            yield TERRITORIES[Territory(name)], ml


def disagreeing(result: TriageResult) -> list[SecondOpinion]:
    """Other methods that do not agree with the result."""
    return [opinion for opinion in result.opinions if not opinion.agrees]


def _decimals(end: float, wanted: int | None) -> int:
    return wanted if wanted is not None else int(end < WHOLE_FROM_ML)


def _cut(value: float, decimals: int, direction: str) -> str:
    """Round the shortest decimal that is `value`, so that 2.3 is not 2.29."""
    if not math.isfinite(value):
        return str(value)
    return str(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), direction))
