"""Prometheus metrics, counted in the ledger at every scrape: nothing to keep in step, nobody named."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from shutil import disk_usage
from typing import Any

from fastapi import APIRouter
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.responses import Response

from gateway.api.stages import StageHistograms
from gateway.certificates import certificates_of
from gateway.config import Config
from gateway.emr import watch
from gateway.ledger.call import CallState
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import (
    Case,
    CaseState,
    DeliveryKind,
    DeliveryState,
    ObjectState,
    moment_of,
)
from gateway.ledger.views import conflict_counts
from gateway.storage.scrub import NAME
from gateway.storage.unclaimed import waiting
from gateway.team.contacts import ChannelKind

LATEST_CASES = 500
LATEST_CALLS = 2000
BUCKETS_S = (1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Dense around the five seconds from the last image to the alert."""

DURATIONS = {
    "alert": "alert_sent_at",
    "analysis": "analysed_at",
    "published": "published_at",
    "emr_accepted": "emr_accepted_at",
}
"""Name of the metric to the time at which the interval from the last image ends."""

Metric = GaugeMetricFamily | HistogramMetricFamily


def seconds_since_last_image(cases: Sequence[Case], name: str) -> list[float]:
    """Seconds from the last image to the time `name`, of every case that has both."""
    ours = (case for case in cases if case.state is not CaseState.RECEIVED)
    moments = [(case.times["last_image_at"], case.times[name]) for case in ours]
    return [
        max(0.0, (moment_of(end) - moment_of(start)).total_seconds())
        for start, end in moments
        if start and end
    ]


def histogram(name: str, text: str, values: Sequence[float]) -> HistogramMetricFamily:
    """Cumulative counts over `BUCKETS_S`."""
    counts = [(f"{edge:g}", float(sum(value <= edge for value in values))) for edge in BUCKETS_S]
    return HistogramMetricFamily(
        name, text, buckets=[*counts, ("+Inf", float(len(values)))], sum_value=sum(values)
    )


def gauge(name: str, text: str, labels: Sequence[str], values: Mapping[Any, float]) -> GaugeMetricFamily:
    """One number for each combination of labels."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _age_s(since: str | None, now: datetime) -> float:
    return max(0.0, (now - moment_of(since)).total_seconds()) if since else 0.0


class LedgerCollector(Collector):
    """Asks the ledger; closed vocabularies are always complete, so that a zero is a zero and not a gap."""

    def __init__(self, ledger: Ledger, config: Config) -> None:
        self._ledger = ledger
        self._config = config
        self._stages = StageHistograms(ledger.engine)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family."""
        by_state = self._ledger.cases.counts()
        cases = {(state.value,): by_state.get(state.value, 0) for state in CaseState}
        yield gauge("stroke_gateway_cases", "Cases by state.", ["state"], cases)
        by_forwarding = self._ledger.arrivals.forward_counts()
        arrivals = {(state.value,): by_forwarding.get(state, 0) for state in ObjectState}
        yield gauge(
            "stroke_gateway_arrivals", "Received objects by forward state.", ["forward_state"], arrivals
        )
        yield from self._storage()
        by_kind = self._ledger.deliveries.counts()
        pairs = [(kind.value, state.value) for kind in DeliveryKind for state in DeliveryState]
        deliveries = {pair: by_kind.get(pair, 0) for pair in pairs}
        yield gauge(
            "stroke_gateway_deliveries", "Deliveries by kind and state.", ["kind", "state"], deliveries
        )
        yield from self._calls()
        latest = self._ledger.cases.latest(LATEST_CASES)
        for name, end in DURATIONS.items():
            text = f"Seconds from the last image to {end}, of the latest {LATEST_CASES} cases."
            values = seconds_since_last_image(latest, end)
            yield histogram(f"stroke_gateway_last_image_to_{name}_seconds", text, values)
        yield self._stages.family()
        yield from self._destinations()

    def _calls(self) -> Iterator[Metric]:
        """How people are reached."""
        known = self._ledger.calls.counts()
        pairs = [(kind.value, state.value) for kind in ChannelKind for state in CallState]
        calls = {pair: known.get(pair, 0) for pair in pairs}
        yield gauge("stroke_gateway_calls", "Calls by channel and state.", ["kind", "state"], calls)
        for state in (CallState.SENT, CallState.DELIVERED, CallState.OPENED, CallState.ACKNOWLEDGED):
            text = f"Seconds from a call to its being {state.value}, of the latest {LATEST_CALLS} calls."
            values = self._ledger.calls.seconds_to(state, LATEST_CALLS)
            yield histogram(f"stroke_gateway_call_to_{state.value}_seconds", text, values)

    def _destinations(self) -> Iterator[Metric]:
        """How the medical records fare; what never happened, or does not wait, has no age."""
        now, known = datetime.now(UTC), watch.standings(self._config, self._ledger)
        for name, text, values in (
            ("waiting", "Letters that wait for a medical record.", {one.name: one.waiting for one in known}),
            (
                "failed",
                "Letters to a medical record that want a person.",
                {one.name: one.failed for one in known},
            ),
            (
                "paused",
                "1 while a person holds a queue back.",
                {one.name: bool(one.paused_at) for one in known},
            ),
            ("away", "1 while a medical record is away.", {one.name: bool(one.away_since) for one in known}),
            (
                "oldest_waiting_seconds",
                "Age of the letter that has waited longest.",
                {one.name: _age_s(one.oldest_at, now) for one in known if one.oldest_at},
            ),
            (
                "since_accepted_seconds",
                "Seconds since a medical record last accepted a letter.",
                {one.name: _age_s(one.delivered_at, now) for one in known if one.delivered_at},
            ),
        ):
            labelled = {(destination,): float(value) for destination, value in values.items()}
            yield gauge(f"stroke_gateway_destination_{name}", text, ["destination"], labelled)

    def _storage(self) -> Iterator[Metric]:
        """Room on the disk, and what the slow reading of everything has found."""
        reserve, free = self._config.dicom.free_bytes_floor, disk_usage(self._config.site.data_dir).free
        bytes_by_kind = {("free",): free, ("reserve",): reserve}
        yield gauge("stroke_gateway_disk_bytes", "Bytes free, and the reserve.", ["kind"], bytes_by_kind)
        scrub = self._ledger.holdings.round(NAME)
        found = {("damaged",): scrub.damaged, ("mended",): scrub.mended}
        yield gauge("stroke_gateway_scrubbed_objects", "Found in the present round.", ["finding"], found)
        finished = moment_of(scrub.finished_at).timestamp() if scrub.finished_at else 0
        text = "Unix time at which everything in the spool was last found, or put, right; 0 for never."
        yield gauge("stroke_gateway_scrub_finished_seconds", text, [], {(): int(finished)})
        _, disputed = conflict_counts(self._ledger.engine)
        yield gauge("stroke_gateway_disputed_uids", "UIDs that different images share.", [], {(): disputed})
        aside = {(): waiting(self._config.spool_dir)[0]}
        yield gauge("stroke_gateway_unclaimed_files", "Spool files that no arrival names.", [], aside)
        certificates = certificates_of(self._config)
        expiry = {(item.key,): int(item.expires_at.timestamp()) for item in certificates if item.expires_at}
        text = "Unix time at which a certificate of secure DICOM expires."
        yield gauge("stroke_gateway_certificate_expires_seconds", text, ["certificate"], expiry)


def routes(ledger: Ledger, config: Config, *others: Collector) -> APIRouter:
    """``/metrics``."""
    router = APIRouter(tags=["operation"])
    registry = CollectorRegistry(auto_describe=False)
    for collector in (LedgerCollector(ledger, config), *others):
        registry.register(collector)

    @router.get("/metrics", summary="Prometheus metrics", response_class=Response)
    def metrics() -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router
