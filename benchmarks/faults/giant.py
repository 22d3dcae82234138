"""One Enhanced CT object of three gigabytes through a whole gateway: how much memory each process ever took."""

import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import pydicom

from benchmarks.faults.peer import (
    ASSOCIATE_AC,
    EXPLICIT,
    SUCCESS,
    Lost,
    Peer,
    association_request,
    command,
    fragments,
    pdu,
)
from benchmarks.faults.report import Row, at_most, none_of, row, wait_until
from benchmarks.running import RunningGateway, running_gateway
from benchmarks.scanner.enhanced import Layout, write_enhanced
from triage.types import CtpSeries, Geometry

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
FRAMES, SLICES, EDGE = 20, 320, 512
"""A whole-brain perfusion scan of a wide detector: 3.4 GB in one object, and the shortest that is analysed."""
LISTENER_MB, OTHERS_MB = 300, 4_096
LOOK_S = 0.2
END_S = 600.0
PART_BYTES = 131_066
STORE_RQ, P_DATA = 0x0001, 4


def dataset(folder: Path) -> tuple[str, bytes]:
    """UID, and everything before the pixels: the functional groups of all frames, written with frames of 8 x 8."""
    hu = np.zeros((FRAMES, SLICES, 8, 8), np.float32)
    times = np.repeat(2.0 * np.arange(FRAMES)[:, None], SLICES, axis=1)
    affine = np.diag([0.4, 0.4, 0.5, 1.0])
    series = CtpSeries(hu, times, Geometry((SLICES, 8, 8), affine, "1.2.3"))
    (path,) = write_enhanced(series, folder, Layout())
    data = pydicom.dcmread(path)
    data.Rows = data.Columns = EDGE
    del data.PixelData
    data.save_as(path)
    raw = path.read_bytes()
    (length,) = struct.unpack_from("<I", raw, 140)
    return str(data.SOPInstanceUID), raw[144 + length :]


def units(head: bytes, pixel_bytes: int) -> Iterator[bytes]:
    """The dataset as P-DATA units; the pixels are a ramp that is written again and again."""
    ramp = np.arange(1 << 19, dtype="<u2").tobytes()
    held, left = head + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, pixel_bytes), pixel_bytes
    while held:
        if len(held) <= PART_BYTES and left:
            piece = ramp[: min(left, len(ramp))]
            held, left = held + piece, left - len(piece)
        part, held = held[:PART_BYTES], held[PART_BYTES:]
        yield pdu(P_DATA, struct.pack(">IBB", len(part) + 2, 1, 0 if held or left else 2) + part)


def send(port: int, instance: str, head: bytes, pixel_bytes: int) -> int:
    """Send the object; returns its status."""
    with Peer(port, timeout_s=300) as peer:
        if (
            peer.associate(association_request("GIANT", sop_class=ENHANCED_CT, syntax=EXPLICIT))[0]
            != ASSOCIATE_AC
        ):
            raise Lost("no association")
        peer.send(fragments(1, command(STORE_RQ, ENHANCED_CT, instance.encode()), is_command=True))
        for unit in units(head, pixel_bytes):
            peer.send(unit)
        status = peer.status()
        peer.release()
    return status


class Watch:
    """The most memory that each process of a gateway was seen with, its children's children too."""

    def __init__(self, gateway: RunningGateway) -> None:
        self.peaks_mb: dict[str, float] = {}
        self._gateway = gateway
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            for name, pid in self._gateway.children().items():
                self._note(name, pid)
                for child in _children(pid):
                    self._note(f"{name}'s child", child)

    def _note(self, name: str, pid: int) -> None:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        peak_kb = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")), "0")
        self.peaks_mb[name] = max(self.peaks_mb.get(name, 0.0), int(peak_kb) / 1024)


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def rows(folder: Path) -> list[Row]:
    """Send it, wait until its case has ended, and name the peaks."""
    instance, head = dataset(folder / "made")
    pixel_bytes = FRAMES * SLICES * EDGE * EDGE * 2
    with running_gateway(folder / "giant", {"intake": {"quiet_s": 2.0}}) as gateway, Watch(gateway) as watch:
        before = gateway.children()
        start = time.monotonic()
        status = send(gateway.dicom_port, instance, head, pixel_bytes)
        sent_s = time.monotonic() - start
        ended_s = wait_until(lambda: _has_ended(gateway), END_S, 0.5)
        case = next(iter(gateway.cases()), {})
        same = gateway.children() == before
    told = f"{case.get('state')}: {case.get('reason') or case.get('proof')}; images {case.get('images')}"
    name = f"Enhanced CT of {(pixel_bytes + len(head)) / 1e9:.1f} GB"
    return [
        row(f"{name}: taken", "0000", f"{status:04X} in {sent_s:.0f} s", met=status == SUCCESS),
        row(f"{name}: its case ended", f"<= {END_S:.0f} s", f"{ended_s:.0f} s, {told}", met=ended_s < END_S),
        row(f"{name}: the same processes, Orthanc too", "yes", same, met=same),
        *(
            at_most(
                f"{name}: memory of {process}",
                LISTENER_MB if process == "listener" else OTHERS_MB,
                peak,
                "MB",
            )
            for process, peak in sorted(watch.peaks_mb.items())
        ),
        none_of(f"{name}: temporary files left", list((folder / "giant").rglob("*.part"))),
    ]


def _has_ended(gateway: RunningGateway) -> bool:
    cases = gateway.cases()
    return bool(cases) and all(
        case["state"] not in {"receiving", "analysing"} and not case["images"].get("pending")
        for case in cases
    )
