"""The listener for messages as a process of its own, started and killed."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.hospital.messages import orm
from benchmarks.hospital.sender import Sender
from benchmarks.running import free_port, toml

READY_S = 60.0


class Mllp:
    """``stroke-gateway hl7`` on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"sqlite:///{(folder / 'ledger.db').resolve()}"
        self._config = folder / "site.toml"
        tables = {"site": {"data_dir": str(folder)}, "orders": {"host": "127.0.0.1", "port": self.port}}
        self._config.write_text(toml(tables), "utf-8")
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Start, and wait until it listens."""
        command = [sys.executable, "-m", "gateway.cli", "hl7", "--config", str(self._config)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        ready = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._process, ready), daemon=True)
        self._reader.start()
        if not ready.wait(READY_S):
            raise TimeoutError("the listener does not listen")

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        if process.stderr is None:
            return
        with process.stderr:
            for line in process.stderr:
                if line.startswith("{") and json.loads(line).get("event") == "orders ready":
                    ready.set()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._reader is not None:
            self._reader.join()

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        return self._process.wait(READY_S)

    @property
    def cpu_s(self) -> float:
        """Processor time that it has used."""
        pid = self._process.pid if self._process else 0
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(folder: Path) -> Iterator[Mllp]:
    """A started listener."""
    mllp = Mllp(folder)
    mllp.start()
    try:
        yield mllp
    finally:
        mllp.kill()


def send_until_killed(mllp: Mllp, round_number: int, alive_s: float) -> set[str]:
    """Start, send orders on two connections, kill after so long; returns the accession numbers that were acknowledged."""
    acknowledged: set[str] = set()

    def send(line: int) -> None:
        number = 0
        try:
            with Sender(mllp.port) as sender:
                while True:
                    name = f"A{round_number}-{line}-{number}"
                    answer = sender.send(
                        orm(f"{round_number}-{line}-{number}", placer=f"P{name}", accession=name)
                    )
                    if "MSA|AA|" in answer:
                        acknowledged.add(name)
                    number += 1
        except OSError:
            return

    mllp.start()
    senders = [threading.Thread(target=send, args=(line,)) for line in range(2)]
    for each in senders:
        each.start()
    time.sleep(alive_s)
    mllp.kill()
    for each in senders:
        each.join()
    return acknowledged
