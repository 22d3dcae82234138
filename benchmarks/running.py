"""A whole gateway on this machine, for the demo, the benchmarks and the tests: started, watched, stopped by process id."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

DCMSEND = Path("/usr/bin/dcmsend")
"""dcmtk's own: pynetdicom puts programs of similar names into the environment's bin folder."""
NO_NAGLE = {"TCP_NODELAY": "1"}
"""dcmtk of Debian 12 leaves Nagle's algorithm on, which costs 45 ms an image."""
READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 40.0
OHIF_DIST = Path(__file__).parent.parent / ".cache" / "ohif" / "3.13.2" / "dist"


PORTS = range(12_000, 32_000)
"""Below the ports that the kernel lends to outgoing connections: one that was looked up stays free until it is used."""
PORTS_OF_A_WORKER = 2_000
"""Tests that run side by side look in ranges of their own: a listener that was killed finds its port free again."""


def free_port(preferred: int = 0) -> int:
    """Return `preferred` if it is free on loopback, else any free port."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    mine = PORTS[worker * PORTS_OF_A_WORKER :][:PORTS_OF_A_WORKER]
    wanted = [preferred] if preferred else []
    return next(port for port in [*wanted, *random.sample(mine, len(mine))] if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Write simple tables as TOML; JSON's strings, numbers and lists are TOML's too."""
    lines = []
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {_toml_value(value)}" for key, value in table.items()), ""]
    return "\n".join(lines)


def _toml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class RunningGateway:
    """A gateway that answers; `log` holds the lines it wrote to stderr so far."""

    process: subprocess.Popen[str]
    url: str
    dicom_port: int
    token: str
    data_dir: Path
    log: list[str]

    @property
    def api(self) -> httpx.Client:
        """A client with the token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=10, trust_env=False)

    def cases(self) -> list[dict[str, Any]]:
        """All cases, youngest first; empty while the API restarts."""
        with self.api as api:
            try:
                answer = api.get("/api/v1/cases")
            except httpx.TransportError:
                return []
        return list(answer.json()) if answer.is_success else []

    def case(self, study_uid: str) -> dict[str, Any] | None:
        """The case of a study, or None."""
        return next((case for case in self.cases() if case["study_uid"] == study_uid), None)

    def wait_for(
        self, study_uid: str, reached: Callable[[dict[str, Any]], bool], timeout_s: float
    ) -> dict[str, Any]:
        """Poll the study's case until `reached`.

        Raises
        ------
        TimeoutError
            It did not happen in time; the message holds the case's last state.
        """
        deadline = time.monotonic() + timeout_s
        case = None
        while time.monotonic() < deadline:
            case = self.case(study_uid)
            if case and reached(case):
                return case
            time.sleep(0.2)
        raise TimeoutError(
            f"not reached in {timeout_s} s; the case is {json.dumps(case, ensure_ascii=False)[:3000]}"
        )

    def send(self, paths: Sequence[Path], called_ae: str = "STROKEGW") -> subprocess.Popen[str]:
        """Send files with dcmtk's dcmsend, as a scanner would."""
        command = [str(DCMSEND), "--aetitle", "CT01", "--call", called_ae, "127.0.0.1", str(self.dicom_port)]
        return subprocess.Popen(
            [*command, *map(str, paths)],
            env={**os.environ, **NO_NAGLE},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def children(self) -> dict[str, int]:
        """Process ids of the gateway's processes by name."""
        found = {}
        for pid in _child_pids(self.process.pid):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ").split()
            names = [name for name in ("listener", "worker", "api") if name in command]
            found[names[0] if names else "orthanc"] = pid
        return found


def _child_pids(pid: int) -> list[int]:
    return [
        int(p)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for p in (task / "children").read_text().split()
    ]


@contextmanager
def running_gateway(
    data_dir: Path,
    tables: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    ports: tuple[int, int] = (0, 0),
    echo: bool = False,
) -> Iterator[RunningGateway]:
    """Start ``stroke-gateway run`` with `tables` as configuration and stop it at the end.

    `ports` are the preferred DICOM and HTTP ports; taken ones are replaced by free ones.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    dicom_port, http_port = free_port(ports[0]), free_port(ports[1])
    whole: dict[str, dict[str, Any]] = {
        "dicom": {"host": "127.0.0.1", "port": dicom_port},
        "http": {"port": http_port},
        "site": {"data_dir": str(data_dir / "data")},
    }
    if OHIF_DIST.is_dir():
        whole["viewer"] = {"ohif_dir": str(OHIF_DIST)}
    for name, table in (tables or {}).items():
        whole.setdefault(name, {}).update(table)
    config = data_dir / "gateway.toml"
    config.write_text(toml(whole), "utf-8")
    command = [sys.executable, "-m", "gateway.cli", "run", "--config", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    log: list[str] = []
    reader = threading.Thread(target=_drain, args=(process, log, echo), daemon=True)
    reader.start()
    try:
        token = _wait_for_token(process, log)
        gateway = RunningGateway(
            process, f"http://127.0.0.1:{http_port}", dicom_port, token, data_dir / "data", log
        )
        _wait_until_ready(gateway)
        yield gateway
    finally:
        _stop(process)
        reader.join(timeout=5)
        if process.stderr:
            process.stderr.close()


def _drain(process: subprocess.Popen[str], log: list[str], echo: bool) -> None:  # noqa: FBT001 - a switch
    for line in process.stderr or ():
        log.append(line)
        if echo:
            sys.stderr.write(line)


def _wait_for_token(process: subprocess.Popen[str], log: list[str]) -> str:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        for line in list(log):
            if line.startswith("token: "):
                return line.removeprefix("token: ").strip()
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError("the gateway did not start:\n" + "".join(log))


def _wait_until_ready(gateway: RunningGateway) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline and gateway.process.poll() is None:
        try:
            ready = httpx.get(f"{gateway.url}/readyz", timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            ready = False
        if ready and any('"listener ready"' in line for line in list(gateway.log)):
            return
        time.sleep(0.1)
    raise RuntimeError("the gateway did not become ready:\n" + "".join(gateway.log))


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
