"""The loop of a worker process that looks after the bytes of received objects.

Like the intake it derives everything from what is durable and may be repeated at will. One worker of a site keeps at a
time: the lock falls to another when its holder dies.
"""

import time
from collections.abc import Callable
from threading import Event

import structlog

from gateway.certificates import Warner
from gateway.desk import Desk
from gateway.locks import locks_of
from gateway.ris import availability
from gateway.storage import retention, scrub, sightings
from gateway.storage.unclaimed import Sweeper
from triage.errors import GatewayError

log = structlog.get_logger()

LOCK = "keeper"
MEASURE_EVERY_S = 600.0
"""Counting all arrivals is not free."""


class Keeper:
    """Sightings, retention, scrub, files without an arrival, word of new images, and certificates, in turns of ``storage.look_every_s``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._turned_at = time.monotonic()
        self._measured_at = -MEASURE_EVERY_S
        self._spooled_bytes = 0
        self._sweeper = Sweeper(desk)
        self._warn = Warner(desk.config)

    def run(self, stop: Event) -> None:
        """Take turns until `stop` is set; the first worker that asks is the one that keeps."""
        locks = locks_of(self._desk.config.engine_url)
        pause_s = self._desk.config.storage.look_every_s
        while not locks.take(LOCK):
            if stop.wait(pause_s):
                return
        self._attempt(self._desk.ledger.holdings.doubt_recent_sightings)
        self._attempt(lambda: retention.finish(self._desk))
        self._turned_at = time.monotonic()
        while not stop.wait(pause_s) and locks.alive():
            self.turn()

    def turn(self) -> None:
        """One turn; a part that fails is tried again in the next, and holds up no other."""
        elapsed_s, self._turned_at = time.monotonic() - self._turned_at, time.monotonic()
        self._attempt(lambda: sightings.look_for_new(self._desk))
        self._attempt(lambda: sightings.look_again(self._desk))
        self._attempt(lambda: retention.make_room(self._desk))
        self._attempt(lambda: self._scrub(elapsed_s))
        self._attempt(self._sweeper.turn)
        self._attempt(lambda: availability.announce(self._desk))
        self._attempt(lambda: self._warn(self._desk.now()))

    def _scrub(self, elapsed_s: float) -> None:
        if self._turned_at - self._measured_at > MEASURE_EVERY_S:
            self._spooled_bytes = scrub.spooled_bytes(self._desk.ledger.engine)
            self._measured_at = self._turned_at
        settings = self._desk.config.storage
        scrub.scrub(self._desk, scrub.allowance_bytes(settings, self._spooled_bytes, elapsed_s))

    def _attempt(self, part: Callable[[], object]) -> None:
        try:
            part()
        except (GatewayError, OSError) as exc:
            log.warning("keeping waits", kind=type(exc).__name__, reason=str(exc))
