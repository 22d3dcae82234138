"""The usual way: a plain Orthanc, its stable-study timer, and an analysis that starts when the timer says so.

It is treated well: the timer's event is looked for ten times a second, files come over four connections, and the analysis
is the gateway's own, in this process, loaded and warmed up before.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.pacing import Turn, send_fast
from benchmarks.running import free_port
from benchmarks.scanner import Part
from dicom_scp.headers import read_header
from gateway.analysis import analyse_files
from viewer_bridge.archive.private_orthanc import PrivateOrthanc

STABLE_AGE_S = 60
"""Orthanc's default (StableAge)."""
LOOK_S = 0.1
CONNECTIONS = 4
THREADS = 2
STOP_S = 20.0


@dataclass(frozen=True, slots=True)
class Waited:
    """Seconds after the last acknowledgement, and what they went into."""

    timer_s: float
    fetch_s: float
    compute_s: float

    @property
    def total_s(self) -> float:
        """From the last acknowledgement to the numbers; nobody is alerted yet."""
        return self.timer_s + self.fetch_s + self.compute_s


@contextmanager
def plain_orthanc(folder: Path) -> Iterator[tuple[PrivateOrthanc, int]]:
    """Start an Orthanc with its default timer; yields it with its DICOM port, and stops it by process id."""
    port = free_port()
    orthanc = PrivateOrthanc(folder, free_port(), dicom_port=port)
    launch = orthanc.prepare()
    with (folder / "log").open("wb") as log:
        environment = {**os.environ, **launch.env}
        process = subprocess.Popen(launch.command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            orthanc.wait_until_ready()
            yield orthanc, port
        finally:
            process.terminate()
            process.wait(STOP_S)


def run(orthanc: PrivateOrthanc, port: int, turn: Turn, folder: Path) -> Waited:
    """Send a study at full network speed and wait for its numbers."""
    with httpx.Client(base_url=orthanc.url, timeout=30, trust_env=False) as client:
        seen = client.get("/changes?last").json()["Last"]
        acknowledged_at = send_fast(port, turn.images, orthanc.aet)
        _wait_until_stable(client, seen, turn.study_uid)
        stable_at = time.time()
        paths = _fetch(client, turn, folder)
        fetched_at = time.time()
    header = read_header(paths[0])
    analyse_files(paths, header.study_uid, header.series_uid, THREADS)
    for path in paths:
        path.unlink()
    return Waited(stable_at - acknowledged_at, fetched_at - stable_at, time.time() - fetched_at)


def _wait_until_stable(client: httpx.Client, seen: int, study_uid: str) -> None:
    deadline = time.monotonic() + 3 * STABLE_AGE_S
    while time.monotonic() < deadline:
        answer = client.get(f"/changes?since={seen}&limit=5000").json()
        seen = answer["Last"]
        stable = [change["ID"] for change in answer["Changes"] if change["ChangeType"] == "StableStudy"]
        if any(_study_of(client, name) == study_uid for name in stable):
            return
        time.sleep(LOOK_S)
    raise TimeoutError("the study did not become stable")


def _study_of(client: httpx.Client, name: str) -> str:
    return str(client.get(f"/studies/{name}").json()["MainDicomTags"]["StudyInstanceUID"])


def _fetch(client: httpx.Client, turn: Turn, folder: Path) -> list[Path]:
    """The perfusion series as files."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {image.uid for image in turn.images if image.part is Part.PERFUSION}
    query = {"Level": "Instance", "Expand": True, "Query": {"StudyInstanceUID": turn.study_uid}}
    found = client.post("/tools/find", json=query).json()
    names = [item["ID"] for item in found if item["MainDicomTags"]["SOPInstanceUID"] in wanted]

    def one(name: str) -> Path:
        path = folder / f"{name}.dcm"
        path.write_bytes(client.get(f"/instances/{name}/file").content)
        return path

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(one, names))
