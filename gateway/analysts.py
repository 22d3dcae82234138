"""Hands cases to processes that are warm: loaded before the first image, at work before the last one.

All of it is haste and none of it is needed: a case whose analyst died, or never had one, is analysed from its files.
"""

import json
import math
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field

import structlog

from gateway.jobs.orders import AnalyseOrder
from gateway.models_settings import ModelSettings
from gateway.processes import ONE_BLAS_THREAD
from triage.errors import ConfigError, TemporaryError

log = structlog.get_logger()

MOST_AT_ONCE = 2
"""Cases prepared side by side; each takes half a gigabyte."""

PRESSED_S = 1.0
"""So long after its last image a case under preparation counts as one whose patient is waiting."""

LONGEST_WAIT_S = 30.0
"""Work that can wait lets analyses pass so long and no longer: a scanner that sends for an hour must not stop it."""

LOOK_S = 0.05
"""How often work that waits looks again."""

PROBE = "probe"
"""The key of a child that only shows that it can work."""

HANDSHAKE_S = 30.0
"""A loaded process forks in milliseconds; one that has just been started loads for some seconds."""


PACKAGED = ModelSettings()
"""The models that are installed with the gateway."""


class AnalystDiedError(TemporaryError):
    """The process ended without an answer."""


class AnalystLateError(TemporaryError):
    """The process took too long and was ended."""


@dataclass(slots=True)
class Line:
    """A child at work: where to send its orders, by which handle to end it, and how many images it knows."""

    sock: socket.socket
    handle: int
    known: set[str] = field(default_factory=set)
    pressed_until: float = 0.0

    def send(self, order: dict[str, object]) -> None:
        """Send one order; raises OSError when the child is gone."""
        self.sock.sendall(json.dumps(order).encode() + b"\n")

    def close(self) -> None:
        """End the child, whatever it is doing."""
        with suppress(OSError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)
        self.hang_up()

    def hang_up(self) -> None:
        """Leave the child to itself."""
        os.close(self.handle)
        self.sock.close()


class Analysts:
    """The worker's analysts: a process that forks, and its children by case and revision."""

    def __init__(self, threads: int, models: ModelSettings = PACKAGED) -> None:
        self._threads = threads
        self._models = models
        self._lines: dict[str, Line] = {}
        self._lock = threading.Lock()
        self._source: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def require_models(self) -> None:
        """Start the process that forks, and have a child load what an analysis needs.

        Raises
        ------
        ConfigError
            A model is missing, changed or cannot run.
        TemporaryError
            The process did not come up.
        """
        try:
            line = self._line(PROBE)
            line.send({"answer": True})
            with line.sock.makefile("rb") as answers:
                failure = json.loads(answers.readline())["failure"]
        except (OSError, ValueError) as exc:
            raise TemporaryError(f"the analysis process did not start: {type(exc).__name__}") from exc
        finally:
            self.forget(PROBE)
        if failure:
            raise ConfigError(failure)

    def prepare(self, key: str, paths: Sequence[str]) -> None:
        """Tell the case's analyst which images have come; never fails, and asks for no more than there is room for."""
        with self._lock:
            if key not in self._lines and len(self._lines) >= MOST_AT_ONCE:
                return
            try:
                line = self._lines.get(key) or self._lines.setdefault(key, self._hire())
                if fresh := [path for path in paths if path not in line.known]:
                    line.send({"prepare": fresh})
                    line.known.update(fresh)
                    line.pressed_until = time.monotonic() + PRESSED_S
            except OSError as exc:
                log.warning("an analyst is gone before its time", case=key, error=type(exc).__name__)
                self._dismiss(key)

    def analyse(self, key: str, order: AnalyseOrder, timeout_s: float) -> str:
        """Analyse a case; returns where the computation failed, in words without any value, or nothing.

        Raises
        ------
        AnalystDiedError, AnalystLateError
            There is no answer.
        """
        try:
            line = self._line(key)
            line.pressed_until = math.inf
            line.send({"analyse": asdict(order)})
            line.sock.settimeout(timeout_s)
            with line.sock.makefile("rb") as answers:
                answer = answers.readline()
            self._release(key)
        except TimeoutError as exc:
            raise AnalystLateError(f"no answer within {timeout_s:.0f} s") from exc
        except OSError as exc:
            raise AnalystDiedError(f"the analysis process is gone: {type(exc).__name__}") from exc
        finally:
            self.forget(key)
        if not answer:
            raise AnalystDiedError("the analysis process died")
        return str(json.loads(answer)["failure"])

    @property
    def is_pressed(self) -> bool:
        """Whether somebody waits for numbers, and the processors had better be left to the analysis."""
        now = time.monotonic()
        with self._lock:
            return any(line.pressed_until > now for line in self._lines.values())

    def let_pass(self) -> None:
        """Wait while an analysis needs the machine more than the caller does."""
        until = time.monotonic() + LONGEST_WAIT_S
        while self.is_pressed and time.monotonic() < until:
            time.sleep(LOOK_S)

    def keep(self, keys: Collection[str]) -> None:
        """End the analysts of all other cases: whoever was closed, or analysed elsewhere, needs none here."""
        with self._lock:
            for key, line in list(self._lines.items()):
                if key not in keys and line.pressed_until < math.inf:
                    self._dismiss(key)

    def forget(self, key: str) -> None:
        """End the case's analyst."""
        with self._lock:
            self._dismiss(key)

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            for key in list(self._lines):
                self._dismiss(key)
            if self._source:
                self._source[1].close()
                self._source[0].wait(HANDSHAKE_S)
                self._source = None

    def _line(self, key: str) -> Line:
        with self._lock:
            line = self._lines.get(key)
            if line and select.select([line.sock], [], [], 0)[0]:  # it has said something unasked: its end
                self._dismiss(key)
                line = None
            return line or self._lines.setdefault(key, self._hire())

    def _dismiss(self, key: str) -> None:
        if line := self._lines.pop(key, None):
            line.close()

    def _release(self, key: str) -> None:
        """Hang up on an analyst who has answered; it ends by itself, after the picture that nobody waits for."""
        with self._lock:
            if line := self._lines.pop(key, None):
                line.hang_up()

    def _hire(self) -> Line:
        """Have a child forked; raises OSError."""
        ours, theirs = socket.socketpair()
        ours.settimeout(HANDSHAKE_S)
        try:
            with theirs:
                socket.send_fds(self._door(), [bytes([self._threads])], [theirs.fileno()])
            _, handles, *_ = socket.recv_fds(ours, 1, 1)
            if not handles:
                raise ConnectionResetError("the process that forks is gone")
        except OSError:
            ours.close()
            raise
        return Line(ours, handles[0])

    def _door(self) -> socket.socket:
        if self._source:
            if self._source[0].poll() is None:
                return self._source[1]
            self._source[1].close()
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "gateway.jobs.analyst",
                    str(self._models.folder or ""),
                    *self._models.providers,
                ],
                stdin=theirs.fileno(),
                env={**os.environ, **ONE_BLAS_THREAD},
            )
        self._source = (process, ours)
        return ours
