"""The lines of one process: threads that send, who is being called just now, and how the calls went, written down together."""

import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Lock

import structlog

from gateway.channels.sending import LIMIT_S
from gateway.channels.site import ChannelSite
from gateway.config import Config
from gateway.ledger.calls import Attempt, Hold
from gateway.ledger.ledger import Ledger
from triage.errors import TemporaryError

log = structlog.get_logger()

LINES = 32
"""Notices on their way at once; a thread is made when it is first needed, and costs some hundred kilobytes."""

HOLD_S = 2 * LIMIT_S
"""How long no other process sends a call that was begun here. A worker that takes this one's slot does not wait: it goes by
the same name."""

NOTE_AGAIN_S = 0.2
"""Between attempts to write outcomes down, while the ledger is away."""


class Switchboard:
    """One per process; nothing runs until somebody is called."""

    def __init__(self, ledger: Ledger, config: Config) -> None:
        self.site = ChannelSite(config.channels, config.site.data_dir, ledger.people.drop_device)
        self._ledger = ledger
        self._name = config.worker.slot
        self._lines = ThreadPoolExecutor(LINES, thread_name_prefix="line")
        self._lock = Lock()
        self._busy: set[Hashable] = set()
        self._outcomes: list[tuple[Hashable, Attempt]] = []
        self._writing = False

    def hold(self, now: datetime) -> Hold:
        """What keeps other processes from sending what is begun now."""
        return Hold(self._name, now + timedelta(seconds=HOLD_S))

    def is_busy(self) -> bool:
        """Whether anybody is being called just now."""
        with self._lock:
            return bool(self._busy)

    def take(self, who: Hashable) -> bool:
        """Begin with somebody, unless that has been begun; ends with `settle` or `release`."""
        with self._lock:
            fresh = who not in self._busy
            self._busy.add(who)
        return fresh

    def release(self, who: Hashable) -> None:
        """Nothing goes on with somebody any more."""
        with self._lock:
            self._busy.discard(who)

    def send(self, who: Hashable, act: Callable[[], None]) -> None:
        """Do something for somebody on the next free line; whatever goes wrong ends there, and is logged."""
        self._lines.submit(self._guarded, who, act)

    def settle(self, who: Hashable, attempt: Attempt) -> None:
        """Write an outcome down and release its person then, together with the outcomes of others that came meanwhile.

        A commit waits for the disk: fifty of them would outlast the calls.
        """
        with self._lock:
            self._outcomes.append((who, attempt))
            if self._writing:
                return
            self._writing = True
        while batch := self._next_batch():
            self._note(batch)

    def close(self) -> None:
        """Hang up everywhere."""
        self._lines.shutdown(cancel_futures=True)
        self.site.close()

    def _guarded(self, who: Hashable, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as exc:  # noqa: BLE001 - the call stays queued, and the next look takes it up
            log.error("call not made", kind=type(exc).__name__)  # noqa: TRY400 - a message may quote an address
            self.release(who)

    def _next_batch(self) -> list[tuple[Hashable, Attempt]]:
        with self._lock:
            batch, self._outcomes = self._outcomes, []
            self._writing = bool(batch)
        return batch

    def _note(self, batch: list[tuple[Hashable, Attempt]]) -> None:
        """Nobody is called again before it is written down: a call that was sent must not be sent twice."""
        try:
            while not self._noted([attempt for _, attempt in batch]):
                time.sleep(NOTE_AGAIN_S)
        except Exception as exc:  # noqa: BLE001 - others' outcomes come after these
            log.error("outcome of calls lost", calls=len(batch), kind=type(exc).__name__)  # noqa: TRY400 - as above
        finally:
            for who, _ in batch:
                self.release(who)

    def _noted(self, attempts: list[Attempt]) -> bool:
        try:
            self._ledger.calls.note(attempts)
        except TemporaryError as exc:
            log.warning("outcome of calls not written down yet", calls=len(attempts), reason=str(exc))
            return False
        return True
