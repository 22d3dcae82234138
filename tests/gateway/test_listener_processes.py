"""Two processes on one DICOM port: both serve, they stop together, and none outlives the others."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.raw_sender import RawSender
from benchmarks.running import free_port
from dicom_scp.wire import PduType

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
