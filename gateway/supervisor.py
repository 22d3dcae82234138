"""One machine, everything: starts the processes, restarts what dies, stops them in order."""

import secrets
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from threading import Event

import structlog

from gateway.access import Access
from gateway.config import ENVIRONMENT_PREFIX, LOOPBACK, Config
from gateway.processes import start
from triage.errors import ConfigError
from viewer_bridge.archive.private_orthanc import DICOMWEB_PLUGIN, USER, PrivateOrthanc

log = structlog.get_logger()

POLL_S = 0.1
RESTART_DELAYS_S = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Waiting time before the n-th restart in a row; the last one stays."""
SETTLED_AFTER_S = 30.0
"""A process that lived so long starts counting anew."""
STANDBY_AFTER_S = 10.0
"""Then a process that was started is past its own loading, and another may load beside it."""
STOP_TIMEOUT_S = 15.0
"""Orthanc takes 3.5 to 4.5 s to stop."""
BEHIND = ("nice", "-n", "10")
"""Our own archive takes the processors last: what it stores is safe in the spool, and numbers are awaited."""
CONFIG_ERROR_EXIT = 2
"""A child that refuses its configuration will refuse it again: stop with it. One that has worked with it may find its
port taken for a moment, and comes again."""


@dataclass(slots=True)
class Child:
    """A process to be kept alive; `standby` is the command of one that waits to take its place, if any."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    standby: Sequence[str] = ()
    process: Popen[bytes] | None = None
    waiting: Popen[bytes] | None = None
    started_at: float = 0.0
    restarts: int = 0
    has_settled: bool = False
    due_at: float = 0.0

    def tend(self, now: float) -> None:
        """Start the process when it is due; note its death."""
        if self.process is None:
            if now >= self.due_at:
                self.process, self.started_at = start(self.command, self.environment), now
            return
        code = self.process.poll()
        if code is None:
            self._keep_standby(now)
            return
        self.process = None
        self._judge(code, now)
        log.warning("process died and is restarted", child=self.name, code=code, restarts=self.restarts)
        if chosen := self._promoted():
            self.process, self.started_at = chosen, now

    def _judge(self, code: int, now: float) -> None:
        """Decide when to start again after a death."""
        lived_long = now - self.started_at > SETTLED_AFTER_S
        self.has_settled |= lived_long
        if code == CONFIG_ERROR_EXIT and not self.has_settled:
            raise ConfigError(f"{self.name} refused its configuration; its message is above")
        self.restarts = 0 if lived_long else self.restarts
        self.due_at = now + RESTART_DELAYS_S[min(self.restarts, len(RESTART_DELAYS_S) - 1)]
        self.restarts += 1

    def _keep_standby(self, now: float) -> None:
        if self.waiting is not None and self.waiting.poll() is not None:
            self._dismiss()
        if self.standby and self.waiting is None and now - self.started_at > STANDBY_AFTER_S:
            self.waiting = start(self.standby, self.environment, told=True)

    def _promoted(self) -> Popen[bytes] | None:
        """The process that has waited, at work now; None where none waits."""
        chosen, self.waiting = self.waiting, None
        if chosen is None or chosen.stdin is None:
            return None
        with (
            suppress(BrokenPipeError),
            chosen.stdin as line,
        ):  # it may have died as well, and is found dead then
            line.write(b"\n")
        return chosen

    def _dismiss(self) -> None:
        """Let the one that waits go."""
        if self.waiting is not None and self.waiting.stdin is not None:
            self.waiting.kill()
            self.waiting.wait()
            self.waiting.stdin.close()
        self.waiting = None

    def stop(self) -> None:
        """Ask the process to end, then insist."""
        self._dismiss()
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


def children_of(config: Config, config_file: Path | None) -> list[Child]:
    """Processes of this machine in the order in which they start; they stop the other way round."""
    children = []
    environment = _overrides(config)
    if not config.orthanc.url:
        orthanc = PrivateOrthanc(
            directory=config.site.data_dir.resolve() / "orthanc",
            http_port=free_port(),
            password=secrets.token_urlsafe(),
            program=config.orthanc.program,
            plugin=config.orthanc.plugins / DICOMWEB_PLUGIN.name,
        )
        launch = orthanc.prepare()
        children.append(Child("orthanc", (*BEHIND, *launch.command), launch.env))
        where = {"URL": orthanc.url, "USERNAME": USER, "PASSWORD": orthanc.password}
        environment |= {f"{ENVIRONMENT_PREFIX}ORTHANC__{key}": f'"{value}"' for key, value in where.items()}
    for name in ("listener", *(["hl7"] if config.orders.port is not None else []), "worker", "api"):
        arguments = [name, *(["--config", str(config_file)] if config_file else [])]
        command = [sys.executable, "-m", "gateway.cli", *arguments]
        waits = name == "worker" and config.worker.standby
        standby = [sys.executable, "-m", "gateway.standby", *arguments] if waits else []
        children.append(Child(name, command, environment, standby))
    return children


def _overrides(config: Config) -> dict[str, str]:
    """What the command line decided, for the children."""
    chosen = {
        "SITE__DATA_DIR": f'"{config.site.data_dir.resolve()}"',
        "DICOM__PORT": str(config.dicom.port),
        "HTTP__PORT": str(config.http.port),
    }
    phantom = config.silence.phantom
    if phantom.enabled is None:
        chosen["SILENCE__PHANTOM__ENABLED"] = "true"
    if phantom.archive is None:
        chosen["SILENCE__PHANTOM__ARCHIVE"] = "false" if config.orthanc.url else "true"
    return {ENVIRONMENT_PREFIX + name: value for name, value in chosen.items()}


def run(config: Config, config_file: Path | None = None) -> None:
    """Keep everything running until SIGTERM or SIGINT.

    Raises
    ------
    ConfigError
        A process refused its configuration.
    """
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    access = Access.open(config.site.data_dir)
    if config.http.host in LOOPBACK:
        sys.stderr.write(f"token: {access.token}\n")
        sys.stderr.flush()
    children = children_of(config, config_file)
    try:
        while not stop.wait(POLL_S):
            for child in children:
                child.tend(time.monotonic())
    finally:
        for child in reversed(children):
            child.stop()
    log.info("stopped")
