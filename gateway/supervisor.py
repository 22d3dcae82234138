"""One machine, everything: starts the processes, restarts what dies, stops them in order.

Services are forked from this process, which has loaded them: one that died is back in tenths of a second, and what they
have in common is in memory once.
"""

import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from subprocess import TimeoutExpired
from threading import Event
from typing import TypeVar

import structlog

from gateway.access import Access
from gateway.config import LOOPBACK, Config
from gateway.processes import ONE_BLAS_THREAD, Forked, Running, start
from gateway.section import Section
from gateway.services import SERVICES, USAGE_EXIT, runner, serve
from triage.errors import ConfigError
from viewer_bridge.archive.private_orthanc import DICOMWEB_PLUGIN, USER, PrivateOrthanc

log = structlog.get_logger()

Part = TypeVar("Part", bound=Section)

POLL_S = 0.1
RESTART_DELAYS_S = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Waiting time before the n-th restart in a row; the last one stays."""
SETTLED_AFTER_S = 30.0
"""A process that lived so long starts counting anew."""
STOP_TIMEOUT_S = 15.0
"""Orthanc takes 3.5 to 4.5 s to stop."""
BEHIND = ("nice", "-n", "10")
"""Our own archive takes the processors last: what it stores is safe in the spool, and numbers are awaited."""


@dataclass(slots=True)
class Child:
    """A process to be kept alive, and how it is launched."""

    name: str
    launch: Callable[[], Running]
    process: Running | None = None
    started_at: float = 0.0
    restarts: int = 0
    has_settled: bool = False
    due_at: float = 0.0

    def tend(self, now: float) -> None:
        """Start the process when it is due; note its death."""
        if self.process is None:
            if now >= self.due_at:
                self.process, self.started_at = self.launch(), now
            return
        code = self.process.poll()
        if code is None:
            return
        self.process = None
        self._judge(code, now)
        log.warning("process died and is restarted", child=self.name, code=code, restarts=self.restarts)

    def _judge(self, code: int, now: float) -> None:
        """Decide when to start again after a death.

        A child that refuses its configuration will refuse it again: stop with it. One that has worked with it may find its
        port taken for a moment, and comes again.
        """
        lived_long = now - self.started_at > SETTLED_AFTER_S
        self.has_settled |= lived_long
        if code == USAGE_EXIT and not self.has_settled:
            raise ConfigError(f"{self.name} refused its configuration; its message is above")
        self.restarts = 0 if lived_long else self.restarts
        self.due_at = now + RESTART_DELAYS_S[min(self.restarts, len(RESTART_DELAYS_S) - 1)]
        self.restarts += 1

    def stop(self) -> None:
        """Ask the process to end, then insist."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except TimeoutExpired:
            log.warning("process did not stop in time", child=self.name)
            self.process.kill()
            self.process.wait()
        self.process = None


def free_port() -> int:
    """A free TCP port on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children_of(config: Config) -> list[Child]:
    """Processes of this machine in the order in which they start; they stop the other way round."""
    children, settled = [], _settled(config)
    if not config.orthanc.url:
        orthanc = PrivateOrthanc(
            directory=config.site.data_dir.resolve() / "orthanc",
            http_port=free_port(),
            password=secrets.token_urlsafe(),
            program=config.orthanc.program,
            plugin=config.orthanc.plugins / DICOMWEB_PLUGIN.name,
        )
        launch = orthanc.prepare()
        children.append(Child("orthanc", partial(start, (*BEHIND, *launch.command), launch.env)))
        ours = {"url": orthanc.url, "username": USER, "password": orthanc.password}
        settled = _with(settled, orthanc=_with(config.orthanc, **ours))
    services = ("listener", *(["hl7"] if config.orders.port is not None else []), "worker", "api")
    return [*children, *(Child(name, partial(_launch, name, settled)) for name in services)]


def _launch(name: str, config: Config) -> Forked:
    """Load a service unless it is loaded, and fork it: the listener need not wait for what the others load."""
    runner(SERVICES[name][0])
    return Forked(f"stroke-gateway {name}", partial(serve, name, config))


def _settled(config: Config) -> Config:
    """What this machine decides where the site leaves it open."""
    phantom, silence = config.silence.phantom, config.silence
    phantom = _with(
        phantom,
        enabled=True if phantom.enabled is None else phantom.enabled,
        archive=not config.orthanc.url if phantom.archive is None else phantom.archive,
    )
    return _with(config, silence=_with(silence, phantom=phantom))


def _with(part: Part, **values: object) -> Part:
    return part.model_copy(update=values)


def run(config: Config) -> None:
    """Keep everything running until SIGTERM or SIGINT.

    Raises
    ------
    ConfigError
        A process refused its configuration.
    """
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    os.environ.update(ONE_BLAS_THREAD)  # threads do not survive a fork
    access = Access.open(config.site.data_dir)
    if config.http.host in LOOPBACK:
        sys.stderr.write(f"token: {access.token}\n")
        sys.stderr.flush()
    children = children_of(config)
    try:
        while not stop.wait(POLL_S):
            for child in children:
                child.tend(time.monotonic())
    finally:
        for child in reversed(children):
            child.stop()
    log.info("stopped")
