"""Peers written in JavaScript, from npm: started on a free loopback port, stopped by their handle."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from benchmarks.running import free_port

HERE = Path(__file__).parent
PACKAGES = HERE.parents[1] / ".cache" / "npm-peers"
"""Where ``npm install`` has put them; the repository has none of them."""


class Peer:
    """A process that writes a line of JSON for everything it hears."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.port = port
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            self._lines.put(line)

    def line(self) -> str:
        """The next line."""
        return self._lines.get(timeout=60)

    def told(self) -> Any:
        """The next line that is JSON."""
        while not (line := self.line()).startswith("{"):
            pass
        return json.loads(line)


@contextmanager
def a_peer(script: str, needs: str, *arguments: object) -> Iterator[Peer]:
    """Run a script of this folder; the test is skipped where node or its package is not installed."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed (Debian package nodejs)")
    if not (PACKAGES / "node_modules" / needs).is_dir():
        pytest.skip(f"npm package {needs} is not installed in {PACKAGES.name}")
    port = free_port()
    command = [node, HERE / script, PACKAGES, str(port), *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        peer = Peer(process, port)
        while peer.line() != "ready\n":
            pass
        yield peer
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
