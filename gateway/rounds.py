"""Couriers: one for each receiver, in one worker at a time, for as long as the worker lives."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Protocol

import structlog

from gateway.journal import unforeseen
from gateway.locks import locks_of
from triage.errors import GatewayError

log = structlog.get_logger()

TAKE_OVER_EVERY_S = 2.0
"""Between attempts to take the place of a courier in another worker."""


class Courier(Protocol):
    """Somebody who serves one receiver."""

    def turn(self) -> float:
        """Do what can be done now; returns the seconds until the next turn."""

    def close(self) -> None:
        """Let go of connections."""


def keep_round(engine_url: str, name: str, hire: Callable[[], Courier], stop: Event) -> None:
    """Be the courier called `name` until `stop` is set; of several workers, one at a time is."""
    while not stop.is_set():
        try:
            _keep_alone(engine_url, name, hire, stop)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the queue has to go on
            reason = str(exc) if isinstance(exc, GatewayError) else str(unforeseen(exc))
            log.error("courier begins again", courier=name, reason=reason)  # noqa: TRY400 - said in words
        stop.wait(TAKE_OVER_EVERY_S)


def begin_round(engine_url: str, name: str, hire: Callable[[], Courier], stop: Event) -> None:
    """Keep the round in a thread of its own."""
    Thread(target=keep_round, args=(engine_url, name, hire, stop), name=name, daemon=True).start()


def _keep_alone(engine_url: str, name: str, hire: Callable[[], Courier], stop: Event) -> None:
    """Take turns as long as the lock is ours."""
    locks = locks_of(engine_url)
    while not locks.take(name):
        if stop.wait(TAKE_OVER_EVERY_S):
            return
    courier = hire()
    try:
        while locks.alive() and not stop.wait(courier.turn()):
            pass
    finally:
        courier.close()
        locks.release(name)
