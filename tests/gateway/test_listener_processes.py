"""Two processes on one DICOM port: both serve, they stop together, and none outlives the others."""

import os
import signal
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.raw_sender import RawSender
from benchmarks.running import free_port
from dicom_scp.wire import PduType
from tests.gateway import shelf

TEXT = '[dicom]\nhost = "127.0.0.1"\nprocesses = 2\nfree_bytes_floor = 0\n'


@contextmanager
def two_processes(folder):
    (folder / "gateway.toml").write_text(TEXT)
    port = free_port()
    options = ["--config", folder / "gateway.toml", "--data-dir", folder / "data", "--dicom-port", str(port)]
    command = [sys.executable, "-m", "gateway.cli", "listener", *map(str, options)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if line.count("listener ready"):
                break
        yield process, port
    finally:
        process.kill()
        process.communicate()


def children(process):
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def gone(pids, within_s=10.0):
    deadline = time.monotonic() + within_s
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.parametrize(
    ("whom", "number", "code"), [("parent", signal.SIGTERM, 0), ("child", signal.SIGKILL, 1)]
)
def test_they_serve_one_port_and_stop_together(tmp_path, whom, number, code):
    with two_processes(tmp_path) as (process, port):
        served = children(process)
        assert len(served) == 2
        for _ in range(4):
            with RawSender(port) as peer:
                assert peer.associate() == PduType.ASSOCIATE_AC
                assert peer.release() == PduType.RELEASE_RP
        os.kill(process.pid if whom == "parent" else served[0], number)
        assert process.wait(20) == code
        assert gone(served)


def test_when_the_first_process_is_killed_the_others_end(tmp_path):
    with two_processes(tmp_path) as (process, _):
        served = children(process)
        process.kill()
        process.wait(10)
        assert gone(served)


HEAVY = {
    "numpy",
    "PIL",
    "pydicom",
    "pynetdicom",
    "scipy",
    "SimpleITK",
    "onnxruntime",
    "highdicom",
    "fastapi",
    "dbos",
}
"""Each takes from 8 to 60 MB of every process that loads it, and receiving needs none of them."""

LOADED = """
import sys
from importlib import import_module
from gateway.services import SERVICES
import_module(SERVICES[sys.argv[1]][0])
print(*{name.partition(".")[0] for name in sys.modules})
"""


COMPUTING = {"scipy", "SimpleITK", "onnxruntime", "highdicom", "pynetdicom"}
"""What computes and draws belongs into children that come and go: SimpleITK alone takes 100 MB."""


@pytest.mark.parametrize(
    ("service", "avoided"), [("listener", HEAVY), ("worker", COMPUTING), ("api", COMPUTING)]
)
def test_a_service_loads_no_library_that_it_does_not_need(service, avoided):
    command = [sys.executable, "-c", LOADED, service]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert {"gateway", "dicom_scp", "sqlalchemy", "pydantic"} <= loaded
    assert avoided & loaded == set()


def test_a_listener_that_has_received_has_still_loaded_none(tmp_path):
    dataset, uid = an_image()
    with two_processes(tmp_path) as (process, port):
        for _ in range(4):
            with RawSender(port) as peer:
                peer.associate()
                assert peer.store(dataset, uid) == 0
        for pid in (process.pid, *children(process)):
            mapped = Path(f"/proc/{pid}/maps").read_text()
            assert "sqlite3" in mapped
            assert [name for name in HEAVY if f"site-packages/{name}" in mapped] == []


def an_image() -> tuple[bytes, str]:
    pixels = struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, 512) + bytes(512)
    return shelf.dataset("1.2.3", more=pixels), "1.2.3"
