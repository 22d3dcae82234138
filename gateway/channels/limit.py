"""A time limit that holds whatever the other side does: also against a server that sends a byte every second.

Timeouts of sockets count from byte to byte, and the search for an address has none. So what is limited runs on a thread of
its own, and at the end of its time its connection is shut down under it.
"""

import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from triage.errors import TemporaryError

Result = TypeVar("Result")

UNLIMITED_S = 60.0
"""For whoever asks without a limit of its own."""

SHORTEST_S = 0.001
"""A socket's timeout of 0 would mean something else."""


class Leash:
    """The end of somebody's time, and the connection that is cut then."""

    def __init__(self, limit_s: float) -> None:
        self.end_s = time.monotonic() + limit_s
        self._held: socket.socket | None = None

    @property
    def left_s(self) -> float:
        """Time left, at least a moment."""
        return max(SHORTEST_S, self.end_s - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether nobody waits any more."""
        return time.monotonic() >= self.end_s

    def hold(self, sock: socket.socket | None) -> None:
        """Have this connection cut at the end, in place of the former one."""
        self._held = sock

    def cut(self) -> None:
        """Shut the connection down; whoever waits on it hears of it at once."""
        if sock := self._held:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


_mine = threading.local()


def leash() -> Leash:
    """The leash of the thread that asks."""
    found = getattr(_mine, "leash", None)
    return found if isinstance(found, Leash) else Leash(UNLIMITED_S)


def within(limit_s: float, work: Callable[[], Result], receiver: str) -> Result:
    """Do `work` in at most `limit_s`; what it raises is raised here.

    Raises
    ------
    TemporaryError
        It took longer; `receiver` is named, and must be fit for a log.
    """
    mine = Leash(limit_s)
    results: queue.SimpleQueue[Result] = queue.SimpleQueue()
    errors: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
    done = threading.Event()

    def run() -> None:
        _mine.leash = mine
        try:
            results.put(work())
        except BaseException as exc:  # noqa: BLE001 - raised where it is waited for
            errors.put(exc)
        finally:
            done.set()

    threading.Thread(target=run, name=f"to {receiver}", daemon=True).start()
    if not done.wait(limit_s):
        mine.cut()
        raise TemporaryError(f"{receiver}: no answer within {limit_s:g} s")
    if not errors.empty():
        raise errors.get()
    return results.get()
