"""Gauges of the silence watch: what is open, who has been silent how long, whether the phantom comes through."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.api.metrics import gauge
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import moment_of
from gateway.ledger.troubles import TroubleKind
from gateway.silence.outcomes import Outcome

WALKS = 24
"""Looked through for the last that came through."""


class SilenceCollector(Collector):
    """Asks the ledger at every scrape; every kind of trouble is there, so that a zero is a zero."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every metric family."""
        now, open_now = datetime.now(UTC), self._ledger.troubles.open_now()
        counts = {(kind.value,): float(sum(each.kind is kind for each in open_now)) for kind in TroubleKind}
        yield gauge("stroke_gateway_troubles", "Open troubles of the silence watch.", ["kind"], counts)
        ages = {
            (name,): max(0.0, (now - last).total_seconds())
            for name, (_, last, _) in self._ledger.sources.all().items()
        }
        text = "Seconds since a scanner last sent an image."
        yield gauge("stroke_gateway_scanner_last_image_seconds", text, ["scanner"], ages)
        failures = {(each.kind, each.target): float(each.failures) for each in self._ledger.health.channels()}
        text = "Probes of a channel that failed in a row."
        yield gauge("stroke_gateway_channel_failed_probes", text, ["kind", "channel"], failures)
        yield from self._phantom()

    def _phantom(self) -> Iterator[GaugeMetricFamily]:
        """When the phantom last came through, and how long it took; absent while it never has."""
        walks = self._ledger.phantoms.latest(WALKS)
        last = next((walk for walk in walks if walk.outcome == Outcome.CAME_THROUGH), None)
        if last is None or last.ended_at is None:
            return
        at, took = moment_of(last.ended_at).timestamp(), last.seconds or 0.0
        text = "Unix time at which the phantom last came through."
        yield gauge("stroke_gateway_phantom_came_through_seconds", text, [], {(): float(int(at))})
        text = (
            "Seconds that the phantom took from our door to its numbers, the last time that it came through."
        )
        yield gauge("stroke_gateway_phantom_walk_seconds", text, [], {(): took})
