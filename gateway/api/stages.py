"""How long each stage of the cases takes, as a Prometheus histogram that neither a restart nor a repeat distorts."""

import copy
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from threading import Lock

from prometheus_client.core import HistogramMetricFamily
from sqlalchemy import Engine

from gateway.ledger.moments import STAGES, Lap, laps_after

BUCKETS_S = (
    *(0.05, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 20.0, 30.0),
    *(60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0),
)
"""From a hand-over within a tenth of a second to a team that answers within the hour."""

LOOK_BACK = 1000
"""Numbers are given before commits become visible: laps so close to the newest are read anew at every scrape."""


@dataclass(slots=True)
class Tally:
    """Durations by bucket, the last one without an upper edge."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    sum_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts, as Prometheus wants them."""
        edges = [*(f"{edge:g}" for edge in BUCKETS_S), "+Inf"]
        return list(zip(edges, map(float, accumulate(self.counts)), strict=True))


class StageHistograms:
    """Counts the ledger's laps once each: the old ones are remembered, the newest are read at every scrape."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._settled = {stage.name: Tally() for stage in STAGES}
        self._cursor = 0
        self._lock = Lock()

    def family(self) -> HistogramMetricFamily:
        """The histogram of every stage, those that never happened too."""
        text = "Seconds that each stage of a case took, of all cases and revisions."
        family = HistogramMetricFamily("stroke_gateway_stage_seconds", text, labels=["stage"])
        for stage, tally in self._tallies().items():
            family.add_metric([stage], tally.buckets(), tally.sum_s)
        return family

    def _tallies(self) -> dict[str, Tally]:
        with self._lock:
            laps = laps_after(self._engine, self._cursor)
            settled_until = max((lap.number for lap in laps), default=0) - LOOK_BACK
            _count(self._settled, [lap for lap in laps if lap.number <= settled_until])
            self._cursor = max(self._cursor, settled_until)
            tallies = copy.deepcopy(self._settled)
        _count(tallies, [lap for lap in laps if lap.number > settled_until])
        return tallies


def _count(tallies: dict[str, Tally], laps: list[Lap]) -> None:
    for lap in laps:
        tallies[lap.stage].add(lap.seconds)
