"""Tries every channel by the hour, a few at a time, and says which one is dead."""

from datetime import datetime, timedelta

import structlog

from gateway.channels import sending
from gateway.channels.target import Target
from gateway.desk import Desk
from gateway.ledger.sources_health import Probe
from gateway.ledger.troubles import TroubleKind
from gateway.silence.probing import dead_words, listed, next_at, targets_of
from triage.errors import GatewayError

log = structlog.get_logger()

AT_ONCE = 3
"""Probes in one turn; each takes four seconds at most."""


class ChannelWatch:
    """Channels as they are in the ledger and the configuration now."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settings = desk.config.silence
        self._every = timedelta(minutes=self._settings.probe_every_minutes)
        self._targets: dict[str, Target] = {}

    def list_all(self, now: datetime) -> None:
        """Take in what people and configuration have changed; what is no channel any more is no trouble."""
        desk, troubles = self._desk, self._desk.ledger.troubles
        self._targets, rows = listed(
            targets_of(desk.ledger.people, desk.config.alerts.every_level), now, self._every
        )
        desk.ledger.health.list_channels(rows, now)
        present = {row.target for row in rows}
        for trouble in troubles.open_now(TroubleKind.CHANNEL_DEAD):
            if trouble.subject not in present:
                troubles.close(TroubleKind.CHANNEL_DEAD, trouble.subject, "nobody uses it any more", now)

    def probe_due(self) -> None:
        """Try the channels whose time has come."""
        for probe in self._desk.ledger.health.due(self._desk.now())[:AT_ONCE]:
            if target := self._targets.get(probe.key):
                self._probe(probe, target)

    def _probe(self, probe: Probe, target: Target) -> None:
        ledger = self._desk.ledger
        try:
            sending.probe(target, self._desk.switchboard.site)
        except GatewayError as exc:
            self._failed(probe, str(exc))
            return
        now = self._desk.now()
        ledger.health.worked(probe.key, now, next_at(0, now, self._every))
        ledger.troubles.close(TroubleKind.CHANNEL_DEAD, probe.target, "it works again", now)

    def _failed(self, probe: Probe, reason: str) -> None:
        now, ledger = self._desk.now(), self._desk.ledger
        failures = ledger.health.failed(probe, reason, now, next_at(probe.failures + 1, now, self._every))
        log.warning("a channel fails its probe", channel=probe.target, failures=failures, reason=reason)
        if failures >= self._settings.probe_failures:
            text = dead_words(probe, failures, reason)
            ledger.troubles.open(TroubleKind.CHANNEL_DEAD, probe.target, text, now)
