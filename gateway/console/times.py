"""What the page of times shows: how long each stage took, over the cases of a day or a month."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil, log10
from statistics import median
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse

from gateway.api.reception import Reception
from gateway.console.rendering import render
from gateway.console.timeline import short
from gateway.ledger.moments import STAGES, Stage, laps_since
from gateway.ledger.records import utc_text

DAY, LONGEST_DAYS = 1, 30
WINDOWS = {DAY: "Last 24 hours", LONGEST_DAYS: "Last 30 days"}

SHORTEST_S, LONGEST_S = 0.03, 10_800.0
"""Ends of the axis, three hours; what lies beyond is drawn at the ends."""
BINS = 28
"""Five to a decade."""
TICKS = ((0.1, "0.1 s"), (1.0, "1 s"), (10.0, "10 s"), (60.0, "1 min"), (600.0, "10 min"), (3600.0, "1 h"))


@dataclass(frozen=True, slots=True)
class Distribution:
    """How long one stage took; positions and heights are percent."""

    stage: Stage
    seconds: tuple[float, ...]
    """In ascending order."""

    @property
    def count(self) -> int:
        """How often it happened."""
        return len(self.seconds)

    @property
    def figures(self) -> list[tuple[str, str]]:
        """The distribution in words."""
        times = {
            "Median": median(self.seconds),
            "95 % within": rank(self.seconds, 0.95),
            "Longest": self.seconds[-1],
        }
        return [*((name, short(value)) for name, value in times.items()), ("Count", str(self.count))]

    @property
    def median_at(self) -> float:
        """Where the median lies on the axis."""
        return position(median(self.seconds))

    @property
    def bins(self) -> list[tuple[float, float]]:
        """Left end and height of every bin that is not empty."""
        counts: dict[int, int] = defaultdict(int)
        for value in self.seconds:
            counts[min(BINS - 1, int(position(value) / 100 * BINS))] += 1
        highest = max(counts.values())
        return [(100 * place / BINS, 100 * count / highest) for place, count in sorted(counts.items())]


@dataclass(frozen=True, slots=True)
class TimesView:
    """Every stage within so many days."""

    days: int
    distributions: tuple[Distribution, ...]

    @property
    def bin_width(self) -> float:
        """Percent of the axis."""
        return 100 / BINS

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Position and words of the marks on the axis."""
        return [(position(seconds), text) for seconds, text in TICKS]


def position(seconds: float) -> float:
    """Where a duration lies on the logarithmic axis, in percent.

    >>> [round(position(s)) for s in (0.0, 1.0, 60.0, 1e9)]
    [0, 27, 59, 100]
    """
    inside = min(max(seconds, SHORTEST_S), LONGEST_S)
    return 100 * log10(inside / SHORTEST_S) / log10(LONGEST_S / SHORTEST_S)


def rank(ascending: Sequence[float], share: float) -> float:
    """The smallest value that so large a share does not exceed: one that did happen.

    >>> rank([1, 2, 3, 4], 0.5), rank([1, 2, 3, 4], 0.95)
    (2, 4)
    """
    return ascending[ceil(share * len(ascending)) - 1]


def view_of(reception: Reception, days: int) -> TimesView:
    """Look at the stages that ended within the last `days`."""
    since = utc_text(reception.now() - timedelta(days=days))
    seconds: dict[str, list[float]] = defaultdict(list)
    for lap in laps_since(reception.ledger.engine, since):
        seconds[lap.stage].append(lap.seconds)
    return TimesView(days, tuple(Distribution(stage, tuple(sorted(seconds[stage.name]))) for stage in STAGES))


def routes(reception: Reception) -> APIRouter:
    """The page of times."""
    router = APIRouter(include_in_schema=False)

    @router.get("/times")
    def show_times(days: Annotated[int, Query(ge=DAY, le=LONGEST_DAYS)] = DAY) -> HTMLResponse:
        return HTMLResponse(render("times.html", view=view_of(reception, days), windows=WINDOWS))

    return router
