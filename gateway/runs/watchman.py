"""The loop of a worker process that makes dead and stuck runs visible, and runs again what passes by itself.

Every worker has one: all it does may be repeated, by itself and by others.
"""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.engine import Client
from gateway.ledger.ledger import Ledger
from gateway.runs import acts
from gateway.runs.findings import Findings, Kind, Trouble
from gateway.runs.settings import Runs
from gateway.runs.watch import Watch
from triage.errors import GatewayError

log = structlog.get_logger()

REST_S = 30.0
"""Between the end of a run for want of something and its next beginning."""
FORGET_EVERY_S = 3600.0
BATCH = 500
"""Runs deleted in one transaction, which takes 50 ms."""
_OURSELVES = "the gateway"


class Watchman:
    """Looks every ``runs.watch_every_s``."""

    def __init__(self, client: Client, ledger: Ledger, settings: Runs) -> None:
        self._client = client
        self._ledger = ledger
        self._settings = settings
        self._watch = Watch(client, ledger, settings)
        self._told: frozenset[tuple[str, Kind]] = frozenset()
        self._forgot_at = -math.inf

    def run(self, stop: Event) -> None:
        """Take turns until `stop` is set."""
        while not stop.wait(self._settings.watch_every_s):
            self._attempt(lambda: self.turn(datetime.now(UTC)))
            if time.monotonic() - self._forgot_at > FORGET_EVERY_S:
                self._attempt(lambda: self.forget(datetime.now(UTC)))
                self._forgot_at = time.monotonic()

    def turn(self, now: datetime) -> Findings:
        """One look, and what follows from it; returns what it has found."""
        found = self._watch.look_now(now)
        self._tell(found)
        for trouble in found.dead:
            if not trouble.passes_by_itself:
                self._ledger.deliveries.stranded(trouble.key, now, trouble.reason)
            elif (now - trouble.since).total_seconds() > REST_S:
                acts.replay(self._client, self._ledger, trouble.key, now, _OURSELVES)
        return found

    def forget(self, now: datetime) -> int:
        """Delete the runs that ended well too long ago; returns how many went."""
        before, total = now - timedelta(days=self._settings.keep_days), 0
        while gone := self._client.forget(before, BATCH):
            total += gone
        if total:
            log.info("ended runs left the journal", count=total)
        return total

    def _tell(self, found: Findings) -> None:
        """Log each trouble once, until it has passed."""
        present = {(trouble.key, trouble.kind): trouble for trouble in found.troubles}
        for name, trouble in present.items():
            if name not in self._told:
                _log(trouble)
        for key, kind in self._told - present.keys():
            log.info("run wants nobody any more", run=key, kind=kind.value)
        self._told = frozenset(present)

    def _attempt(self, part: Callable[[], object]) -> None:
        try:
            part()
        except (GatewayError, SQLAlchemyError) as exc:
            log.warning("watching the runs waits", kind=type(exc).__name__, reason=str(exc))


def _log(trouble: Trouble) -> None:
    log.error(
        "run wants a person",
        kind=trouble.kind.value,
        run=trouble.key,
        workflow=trouble.workflow,
        attempts=trouble.attempts,
        since=trouble.since.isoformat(timespec="seconds"),
        reason=trouble.reason,
    )
