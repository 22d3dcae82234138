"""A listener to be ill-treated: started on a port of its own, killed, started again on the same data."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults.peer import echoes
from benchmarks.faults.report import wait_until
from benchmarks.running import free_port, toml

STRACE = shutil.which("strace")
START_S = 60.0
ATTACH_S = 10.0
DETACH_S = 5.0
"""On Linux 6.18 strace now and then waits for ever for the threads of a process that it killed, which are all dead."""
STOP_S = 20.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Stable:
    """The process that forks listeners; see `benchmarks.faults.stable`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.faults.stable"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, argv: list[str], mutant: str | None, log: Path) -> int:
        """Start a listener; returns its process id."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"argv": argv, "mutant": mutant, "log": str(log)}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End the listeners and their maker."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(START_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@contextmanager
def a_stable() -> Iterator[Stable]:
    """A stable that is closed at the end."""
    stable = Stable()
    try:
        yield stable
    finally:
        stable.close()


@dataclass
class House:
    """One data directory with a listener in front; `pid` is 0 while none runs."""

    stable: Stable
    folder: Path
    data_dir: Path
    free_floor_bytes: int = 0
    mutant: str | None = None
    settings: dict[str, object] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    pid: int = 0
    _handle: int | None = None
    """Of the process itself: thousands of deaths use numbers up, and a number may soon be somebody else's."""

    @property
    def log(self) -> Path:
        """Where the listeners write."""
        return self.folder / "listener.log"

    def start(self) -> float:
        """Start a listener; returns the seconds until it takes part in a C-ECHO.

        Raises
        ------
        RuntimeError
            It did not within a minute.
        """
        self.launch()
        took_s = wait_until(lambda: echoes(self.port) or not self.is_alive(), START_S)
        if not self.is_alive() or took_s > START_S:
            raise RuntimeError("the listener did not start:\n" + self.log.read_text()[-2000:])
        return took_s

    def launch(self) -> None:
        """Start a listener and do not wait."""
        config = self.folder / "gateway.toml"
        dicom = {"host": "127.0.0.1", "port": self.port, "free_bytes_floor": self.free_floor_bytes}
        config.write_text(
            toml({"site": {"data_dir": str(self.data_dir)}, "dicom": {**dicom, **self.settings}}), "utf-8"
        )
        self.pid = self.stable.start(["listener", "--config", str(config)], self.mutant, self.log)
        self._let_go()
        with suppress(ProcessLookupError):
            self._handle = os.pidfd_open(self.pid)

    def is_alive(self) -> bool:
        """Whether the process runs."""
        if self._handle is None:
            return False
        ended = select.poll()
        ended.register(self._handle, select.POLLIN)
        return not ended.poll(0)

    def kill(self) -> None:
        """Kill the process and wait for its end."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the process to end and wait."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        if self._handle is not None and self.is_alive():
            signal.pidfd_send_signal(self._handle, number)
            if wait_until(lambda: not self.is_alive(), STOP_S, 0.005) > STOP_S:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        self._let_go()
        self.pid = 0

    def _let_go(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
        self._handle = None


@contextmanager
def injected(pid: int, fault: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Attach strace to a process and all its threads with one ``inject`` expression."""
    assert STRACE
    calls = fault.partition(":")[0]
    command = [STRACE, "-f", "-o", str(log), "-e", f"trace={calls}", "-e", f"inject={fault}", "-p", str(pid)]
    tracer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert tracer.stderr
    try:
        deadline = time.monotonic() + ATTACH_S
        while select.select([tracer.stderr], [], [], 0.5)[0] or time.monotonic() < deadline:
            line = tracer.stderr.readline()
            if b"attached" in line or not line:
                break
        yield tracer
    finally:
        if tracer.poll() is None:
            tracer.terminate()
        try:
            tracer.wait(DETACH_S)
        except subprocess.TimeoutExpired:
            tracer.kill()
            tracer.wait()
        tracer.stderr.close()


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a process holds."""

    threads: int
    descriptors: int
    rss_mb: float
    peak_mb: float

    @classmethod
    def of(cls, pid: int) -> "Vitals":
        """Read them from /proc."""
        pairs = (line.split(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        status = {pair[0]: pair[1].split() for pair in pairs if len(pair) == 2}
        return cls(
            int(status["Threads"][0]),
            len(list(Path(f"/proc/{pid}/fd").iterdir())),
            int(status["VmRSS"][0]) / 1024,
            int(status["VmHWM"][0]) / 1024,
        )


def cpu_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S
