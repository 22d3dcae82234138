"""Looks at all runs, cheaply enough for every page that is drawn."""

import math
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from gateway.engine import Client
from gateway.journal import ACTIVE, DEAD, Job
from gateway.ledger.ledger import Ledger
from gateway.runs.findings import (
    MS_PER_S,
    Findings,
    Trouble,
    arranged,
    dead_delivery,
    dead_run,
    lane,
    longest_silence_s,
    silent_run,
    waiting_run,
)
from gateway.runs.settings import Runs

FRESH_S = 2.0
"""A look that old is taken again: many pages and scrapes share it."""
MOST_DEAD = 500
"""Dead runs looked at; who has more has another problem."""


class Watch:
    """What is known of the runs of one site; the steps of a run are read only when it could be silent."""

    def __init__(self, client: Client, ledger: Ledger, settings: Runs) -> None:
        self._client = client
        self._ledger = ledger
        self._settings = settings
        self._active_until_ms: dict[str, float] = {}
        self._lock = threading.Lock()
        self._looked_at = -math.inf
        self._found = Findings()

    def look(self) -> Findings:
        """The present findings, at most `FRESH_S` old.

        Raises
        ------
        TemporaryError
            Journal or ledger cannot be read.
        """
        with self._lock:
            if time.monotonic() - self._looked_at >= FRESH_S:
                self._found = self.look_now(datetime.now(UTC))
                self._looked_at = time.monotonic()
            return self._found

    def forget(self) -> None:
        """Somebody has just changed something: the next look is a new one."""
        with self._lock:
            self._looked_at = -math.inf

    def look_now(self, now: datetime) -> Findings:
        """The findings at `now`."""
        return arranged([*self._dead(), *self._standing(now)])

    def _dead(self) -> Iterator[Trouble]:
        yield from map(dead_run, self._client.jobs(MOST_DEAD, DEAD))
        yield from map(dead_delivery, self._ledger.deliveries.dead_letters())

    def _standing(self, now: datetime) -> Iterator[Trouble]:
        active = self._client.jobs(None, ACTIVE)
        self._active_until_ms = {
            job.key: self._active_until_ms[job.key] for job in active if job.key in self._active_until_ms
        }
        for job in active:
            under_way = job.status == "PENDING"
            trouble = self._silent(job, now) if under_way else waiting_run(job, self._settings, now)
            if trouble:
                yield trouble

    def _silent(self, job: Job, now: datetime) -> Trouble | None:
        """Judge a run under way; its journal is read when what is known of it would make it silent."""
        begun_ms = job.begun_at_ms or job.created_at_ms or 0
        known_ms = max(begun_ms, self._active_until_ms.get(job.key, 0.0))
        if now.timestamp() - known_ms / MS_PER_S <= longest_silence_s(lane(job), self._settings):
            return None
        ends_ms = [step.until_ms for step in self._client.steps(job.key)]
        self._active_until_ms[job.key] = max([begun_ms, *ends_ms])
        return silent_run(job, self._active_until_ms[job.key], self._settings, now)
