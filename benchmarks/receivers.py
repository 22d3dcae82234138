"""Who is measured against whom when images come in: each receiver is one process tree on a port of its own.

Run as a program, this is one of the small receivers: ``python -m benchmarks.receivers KIND PORT FOLDER``.
"""

import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.running import NO_NAGLE, free_port

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
READY_S = 30.0
PDU_BYTES = 131_072
BUFFER_BYTES = 1 << 18
LENGTH_BYTES = 8
"""The bare loop's protocol: length, content, one byte back."""


@dataclass(frozen=True)
class Receiver:
    """A running receiver; `called` is the title it answers to."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    called: str

    def pids(self) -> list[int]:
        """Its processes that live now."""
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            path = Path(f"/proc/{pid}/task/{pid}/children")
            queue += map(int, path.read_text().split()) if path.exists() else ()
        return found

    def cpu_s(self) -> float:
        """Processor time of all its processes so far, ended children included."""
        return sum(sum(_stat(pid)) for pid in self.pids()) / TICKS_PER_S

    def threads_and_mb(self) -> tuple[int, float]:
        """Threads and resident memory of all its processes now."""
        pids = self.pids()
        return sum(_status(pid, "Threads") for pid in pids), sum(_status(pid, "VmRSS") for pid in pids) / 1024

    def peak_mb(self) -> float:
        """Largest resident memory that any of its processes ever had."""
        return max(_status(pid, "VmHWM") for pid in self.pids()) / 1024


def _stat(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return [0]
    return [int(part) for part in text.rpartition(")")[2].split()[11:15]]


def _status(pid: int, key: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key}:")), 0)


Command = Callable[[int, Path], list[str]]


def _python(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def _small(kind: str) -> Command:
    return lambda port, folder: _python("benchmarks.receivers", kind, port, folder)


def _gateway(processes: int) -> Command:
    def command(port: int, folder: Path) -> list[str]:
        text = f'[dicom]\nhost = "127.0.0.1"\nprocesses = {processes}\nfree_bytes_floor = 0\n'
        (folder / "gateway.toml").write_text(text)
        options = ("--config", folder / "gateway.toml", "--data-dir", folder / "data", "--dicom-port", port)
        return _python("gateway.cli", "listener", *options)

    return command


def _orthanc(port: int, folder: Path) -> list[str]:
    """Orthanc as the reference measurements ran it: synced files, SQLite."""
    settings = {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "StorageCompression": False,
        "HttpServerEnabled": False,
        "DicomAet": "ORTHANC",
        "DicomPort": port,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowStore": True,
        "OverwriteInstances": True,
        "MaximumPduLength": PDU_BYTES,
        "SyncStorageArea": True,
        "TcpNoDelay": True,
        "Plugins": [],
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    return ["/usr/sbin/Orthanc", str(folder / "orthanc.json")]


def _storescp(port: int, folder: Path) -> list[str]:
    return ["/usr/bin/storescp", "+B", "--fork", "-pdu", str(PDU_BYTES), "-od", str(folder), str(port)]


RECEIVERS: dict[str, tuple[Command, str]] = {
    "ours": (_gateway(1), "STROKEGW"),
    "ours, 2 processes": (_gateway(2), "STROKEGW"),
    "ours, spool only": (_small("spool"), "STROKEGW"),
    "pynetdicom save_as": (_small("save_as"), "ANY"),
    "Orthanc": (_orthanc, "ORTHANC"),
    "storescp": (_storescp, "ANY"),
    "bare loop": (_small("bare"), ""),
}
"""Name to its command and title. Ours is durable and recorded; pynetdicom and storescp never sync."""


@contextmanager
def running(name: str, folder: Path) -> Iterator[Receiver]:
    """Start a receiver and wait until it accepts; stopped by process id."""
    command, called = RECEIVERS[name]
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command(port, folder), env={**os.environ, **NO_NAGLE}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_open(port, process)
            yield Receiver(name, process, port, folder, called)
        finally:
            process.terminate()
            process.wait(READY_S)


def _wait_until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"a receiver did not open port {port}")


def spool(port: int, folder: Path) -> None:
    """Our listener without the ledger."""
    from dicom_scp.listener import ListenerSettings, serve  # noqa: PLC0415 - each receiver loads its own
    from dicom_scp.spool import Spool  # noqa: PLC0415 - the same

    serve(
        ListenerSettings(port=port, free_floor_bytes=0),
        Spool(folder / "spool"),
        on_arrival=lambda _arrival: None,
        on_association=lambda _event: None,
    )
    time.sleep(1e6)


def save_as(port: int, folder: Path) -> None:
    """Stock pynetdicom with the handler that its documentation shows."""
    from pydicom.uid import ExplicitVRLittleEndian  # noqa: PLC0415 - each receiver loads its own
    from pynetdicom import AE, evt  # noqa: PLC0415 - the same

    from benchmarks.raw_sender import CT  # noqa: PLC0415 - the same

    def handle(event: Any) -> int:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        dataset.save_as(folder / f"{event.request.AffectedSOPInstanceUID}.dcm")
        return 0

    entity = AE()
    entity.maximum_pdu_size = PDU_BYTES
    entity.add_supported_context(CT, ExplicitVRLittleEndian)
    entity.start_server(("127.0.0.1", port), evt_handlers=[(evt.EVT_C_STORE, handle)])


def bare(port: int, folder: Path) -> None:
    """What a socket and a disk can do: no DICOM, no name, no digest; the file is synced."""
    view = memoryview(bytearray(BUFFER_BYTES))
    numbers = itertools.count()
    with socket.create_server(("127.0.0.1", port)) as door:
        while True:
            peer, _ = door.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (head := peer.recv(LENGTH_BYTES, socket.MSG_WAITALL)) and len(head) == LENGTH_BYTES:
                _take(peer, int.from_bytes(head, "big"), folder / f"{next(numbers)}.bin", view)
            peer.close()


def _take(peer: socket.socket, left: int, path: Path, view: memoryview) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    while left:
        count = peer.recv_into(view[: min(left, len(view))])
        os.write(descriptor, view[:count])
        left -= count
    os.fsync(descriptor)
    os.close(descriptor)
    peer.sendall(b"\0")


def bare_send(port: int, files: Sequence[Path]) -> None:
    """Feed the bare loop."""
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for path in files:
            content = path.read_bytes()
            peer.sendall(len(content).to_bytes(LENGTH_BYTES, "big") + content)
            if not peer.recv(1):
                raise ConnectionError("the bare loop is gone")


SMALL: dict[str, Callable[[int, Path], None]] = {
    "spool": spool,
    "save_as": save_as,
    "bare": bare,
}

if __name__ == "__main__":
    SMALL[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3]))
