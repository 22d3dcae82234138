"""How fast images come in: ours, durable and recorded, against others in the same run.

``python -m benchmarks.ingest [--short]``. Every receiver gets the same slices from dcmtk's dcmsend, in turns; medians of
three rounds. Each turn has slices that nobody has seen: a file that replaces another costs a file system much that a
scanner never asks of it. Needs 25 GB of disk, or 7 GB with --short. What earlier runs left is best deleted long before:
ext4 without a journal looks for names that were not freed within the last five minutes.

All of dcmtk and Orthanc run with TCP_NODELAY=1: without it they wait 45 ms an image, which would flatter us.
"""

import hashlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from benchmarks import crowd
from benchmarks.receivers import RECEIVERS, Receiver, bare_send, running
from benchmarks.running import DCMSEND, NO_NAGLE

SLICES, SLICES_SHORT, SLICES_BEFORE = 1200, 300, 40
ROUNDS = 3
ASSOCIATIONS = (1, 4)
CROWD_SLICES = 60
IDLE_S = 10.0
NORMAL_AGAIN_S = 60.0
MEMORY_SLACK_MB = 10.0

Row = tuple[str, str, str, bool]
"""What, its bound, what was found, whether that meets it."""

Figures = dict[tuple[str, int], dict[str, float]]
"""By receiver and number of associations: images a second, processor seconds per 1,000."""

SPEED_BOUNDS: tuple[tuple[int, str, float], ...] = (
    (4, "Orthanc", 2.0),
    (4, "pynetdicom save_as", 4.0),
    (4, "storescp", 0.5),
    (1, "Orthanc", 2.0),
    (1, "pynetdicom save_as", 2.4),
    (1, "bare loop", 0.65),
)
"""Associations, the other one, and how many times as fast as it we want to be."""

CPU_BOUND_S, MEMORY_BOUND_MB, CROWD_BOUND, IDLE_BOUND_PERCENT = 1.0, 100.0, 2.0, 15.0


def write_slices(folder: Path, count: int) -> list[Path]:
    """Write CT slices of 525 KB in explicit VR, each with a UID of its own."""
    random = np.random.default_rng(7)
    paths = []
    for k in range(count):
        data = _slice(k, random.integers(-1024, 3000, (512, 512), dtype=np.int16))
        path = folder / f"{k:05d}.dcm"
        data.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def instance_uid(turn: int, number: int) -> str:
    """UIDs of one length, so that one can stand in for another."""
    return f"2.25.{10**12 + turn * 10**6 + number}"


def renew(paths: Sequence[Path], turn: int) -> None:
    """Give every slice a UID that it did not have before."""
    for number, path in enumerate(paths):
        old, new = (instance_uid(known, number).encode() for known in (turn - 1, turn))
        path.write_bytes(path.read_bytes().replace(old, new))
    os.sync()


def _slice(number: int, stored: np.ndarray) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = instance_uid(0, number)
    data.StudyInstanceUID = generate_uid(entropy_srcs=["ingest", "|", "study"])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=["ingest", "|", "series"])
    data.StudyDate = data.AcquisitionDate = data.ContentDate = "20260101"
    data.StudyTime = data.AcquisitionTime = data.ContentTime = f"12{number // 60 % 60:02d}{number % 60:02d}"
    data.Modality, data.PatientName, data.PatientID = "CT", "PHANTOM^INGEST", "INGEST"
    data.SeriesNumber, data.InstanceNumber = 1, number + 1
    data.ImagePositionPatient = [-120.0, -120.0, number % 40 * 5.0]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = stored.shape
    data.PixelSpacing = [0.46875, 0.46875]
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.RescaleIntercept, data.RescaleSlope = 0, 1
    data.PixelData = stored.tobytes()
    return data


def send(receiver: Receiver, paths: Sequence[Path], associations: int) -> None:
    """Send all of it, divided over some associations."""
    shares = [paths[k::associations] for k in range(associations)]
    if receiver.name == "bare loop":
        bare_send(receiver.port, paths)
        return
    command = [str(DCMSEND), "--call", receiver.called, "127.0.0.1", str(receiver.port)]
    senders = [subprocess.Popen([*command, *map(str, share)], env=NO_NAGLE) for share in shares]
    codes = [sender.wait() for sender in senders]
    if any(codes):
        raise RuntimeError(f"dcmsend to {receiver.name} ended with {codes}")


def measure(receivers: Sequence[Receiver], paths: Sequence[Path]) -> Figures:
    """Medians of all receivers, in turns, after a few slices that are not counted."""
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for receiver in receivers:
        send(receiver, paths[:SLICES_BEFORE], 1)
    for turn in range(ROUNDS * len(ASSOCIATIONS)):
        associations = ASSOCIATIONS[turn % len(ASSOCIATIONS)]
        renew(paths, turn + 1)
        first = 2 * turn % len(receivers)  # whoever comes first pays for what the disk still has to do
        for receiver in (*receivers[first:], *receivers[:first]):
            if receiver.name != "bare loop" or associations == 1:
                figures = _once(receiver, paths, associations)
                found.setdefault((receiver.name, associations), []).append(figures)
                os.sync()  # what one never synced must not be written at the next one's expense
    return {
        key: {
            "per_s": statistics.median(rate for rate, _ in values),
            "cpu_s": statistics.median(cpu for _, cpu in values),
        }
        for key, values in found.items()
    }


def _once(receiver: Receiver, paths: Sequence[Path], associations: int) -> tuple[float, float]:
    cpu_s, began = receiver.cpu_s(), time.perf_counter()
    send(receiver, paths, associations)
    took_s = time.perf_counter() - began
    time.sleep(0.2)  # forked children are counted once they have ended
    return len(paths) / took_s, (receiver.cpu_s() - cpu_s) / len(paths) * 1000


def dataset_of(path: Path) -> bytes:
    """A file's dataset, without preamble and file meta information."""
    content = path.read_bytes()
    group_bytes = int.from_bytes(content[140:144], "little")
    return content[144 + group_bytes :]


def identical(paths: Sequence[Path], folder: Path) -> tuple[int, int]:
    """How many of the datasets that were sent are on disk byte for byte, and how many there are."""
    sent = {hashlib.sha256(dataset_of(path)).digest() for path in paths}
    stored = {hashlib.sha256(dataset_of(path)).digest() for path in folder.rglob("datasets/*/*/*.dcm")}
    return len(sent & stored), len(sent)


def rows(*, short: bool = False) -> list[Row]:
    """Measure everything against its bound."""
    return list(_measured(short=short))


def _measured(*, short: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(dir=Path.cwd() / ".cache" if Path(".cache").is_dir() else None) as name:
        folder = Path(name)
        (folder / "sent").mkdir()
        paths = write_slices(folder / "sent", SLICES_SHORT if short else SLICES)
        with ExitStack() as stack:
            receivers = [stack.enter_context(running(n, folder / f"r{k}")) for k, n in enumerate(RECEIVERS)]
            figures = measure(receivers, paths)
            ours = receivers[0]
            same = identical(paths, ours.folder)
            yield from _speed_rows(figures)
            yield from _cost_rows(figures, receivers)
            yield "stored bytes", "100 % identical", f"{same[0]} of {same[1]}", same[0] == same[1]
            yield from _crowd_rows(ours, paths)


def _speed_rows(figures: Figures) -> list[Row]:
    found = []
    for associations, other, bound in SPEED_BOUNDS:
        mine, theirs = figures["ours", associations]["per_s"], figures[other, associations]["per_s"]
        what = f"{associations} association{'s' * (associations > 1)}: ours / {other}"
        text = f"{mine / theirs:.2f} ({mine:.0f}/s, {theirs:.0f}/s)"
        found.append((what, f">= {bound}", text, mine / theirs >= bound))
    return found


def _cost_rows(figures: Figures, receivers: Sequence[Receiver]) -> list[Row]:
    found = []
    for receiver in receivers:
        for associations in ASSOCIATIONS:
            if (receiver.name, associations) not in figures:
                continue
            cpu_s, per_s = (figures[receiver.name, associations][key] for key in ("cpu_s", "per_s"))
            bound = f"<= {CPU_BOUND_S} s" if receiver.name == "ours" else ""
            what = f"{receiver.name}, {associations} assoc.: CPU per 1,000"
            found.append((what, bound, f"{cpu_s:.2f} s at {per_s:.0f}/s", not bound or cpu_s <= CPU_BOUND_S))
        bound = f"<= {MEMORY_BOUND_MB:.0f} MB" if receiver.name.startswith("ours") else ""
        peak_mb = receiver.peak_mb()
        found.append(
            (
                f"{receiver.name}: peak memory",
                bound,
                f"{peak_mb:.0f} MB",
                not bound or peak_mb <= MEMORY_BOUND_MB,
            )
        )
    return found


def _crowd_rows(ours: Receiver, paths: Sequence[Path]) -> Iterator[Row]:
    images = [(_uid(path), dataset_of(path)) for path in paths[:CROWD_SLICES]]
    crowd.timed_sender(ours.port, images)
    before = ours.threads_and_mb()
    for name, ratio in crowd.ratios(ours, images):
        yield f"p95 among {name}", f"<= {CROWD_BOUND} x quiet", f"{ratio:.2f}", ratio <= CROWD_BOUND
    yield _aftermath_row(ours, before)
    percent = crowd.idle_percent(ours, IDLE_S)
    bound = f"<= {IDLE_BOUND_PERCENT:.0f} % of a core"
    yield "32 idle associations", bound, f"{percent:.1f} %", percent <= IDLE_BOUND_PERCENT


def _aftermath_row(ours: Receiver, before: tuple[int, float]) -> Row:
    deadline = time.monotonic() + NORMAL_AGAIN_S
    while (after := ours.threads_and_mb())[0] > before[0] and time.monotonic() < deadline:
        time.sleep(1)
    met = after[0] <= before[0] and after[1] <= before[1] + MEMORY_SLACK_MB
    found = f"{before[0]} -> {after[0]} threads, {before[1]:.0f} -> {after[1]:.0f} MB"
    return "after the crowds", f"as before in {NORMAL_AGAIN_S:.0f} s", found, met


def _uid(path: Path) -> str:
    return str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)


def main() -> int:
    """Print the table; 1 when a bound is missed."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help=f"{SLICES_SHORT} slices instead of {SLICES}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the receivers are stopped
    missed = 0
    for what, bound, found, met in _measured(short=parser.parse_args().short):
        verdict = ("met" if met else "MISSED") if bound else ""
        print(f"{what:48} {bound:22} {found:36} {verdict}", flush=True)
        missed += not met
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
