"""A small CT perfusion study written with pydicom, a listener with a notebook, and real senders."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom_scp.arrival import Arrival, AssociationEvent, AssociationKind, Refusal
from dicom_scp.listener import Listener, ListenerSettings, serve
from dicom_scp.spool import Spool

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
STUDY, SERIES, FRAME_OF_REFERENCE = "1.2.826.0.1.1", "1.2.826.0.1.1.1", "1.2.826.0.1.1.2"
CANARY = "CANARY^NAME"


@pytest.fixture(scope="session")
def reference_data() -> Callable[[str], Path]:
    """Folder of real data beside the checkout; the test is skipped where there is none."""

    def folder(name: str) -> Path:
        if not (DATA / name).is_dir():
            pytest.skip(f"reference data {name!r} are not on this machine")
        return DATA / name

    return folder


def _ct_slice(
    position_mm: tuple[float, float, float] = (-100.0, -120.0, 0.0),
    acquired: tuple[str, str] = ("20240229", "235950.000000"),
    instance: int = 1,
    seed: int = 0,
    shape: tuple[int, int] = (16, 12),
    **changes: object,
) -> Dataset:
    """One CT slice with random stored values; `changes` overrides elements by keyword, None deletes."""
    stored = np.random.default_rng(seed).integers(0, 3000, shape, dtype=np.int16)
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SpecificCharacterSet = "ISO_IR 192"
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = f"{SERIES}.{instance}"
    data.StudyDate, data.AcquisitionDate, data.ContentDate = "20240229", acquired[0], acquired[0]
    data.StudyTime, data.AcquisitionTime, data.ContentTime = "235900", acquired[1], acquired[1]
    data.Modality, data.PatientName, data.PatientID = "CT", CANARY, "CANARY-ID"
    data.StudyInstanceUID, data.SeriesInstanceUID = STUDY, SERIES
    data.SeriesNumber, data.AcquisitionNumber, data.InstanceNumber = 4, 1, instance
    data.ImagePositionPatient = [f"{value:.6f}" for value in position_mm]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.FrameOfReferenceUID = FRAME_OF_REFERENCE
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = shape
    data.PixelSpacing = [0.5, 0.75]
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.RescaleIntercept, data.RescaleSlope = -1024, 1
    data.PixelData = stored.tobytes()
    for keyword, value in changes.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    return data


def _write(path: Path, data: Dataset, syntax: UID = ExplicitVRLittleEndian) -> Path:
    """Write a slice; compressing makes a new SOP instance UID unless told otherwise."""
    if syntax.is_compressed:
        data.compress(syntax, generate_instance_uid=False)
    data.file_meta.TransferSyntaxUID = syntax
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(
        path, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True, enforce_file_format=True
    )
    return path


@pytest.fixture(scope="session")
def ct_slice() -> Callable[..., Dataset]:
    return _ct_slice


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    return _write


@dataclass(frozen=True)
class Study:
    """What was written: files in writing order, Hounsfield units (T, Z, Y, X), seconds (T, Z)."""

    paths: list[Path]
    hu: np.ndarray
    time_s: np.ndarray


@pytest.fixture(scope="session")
def write_ctp() -> Callable[..., Study]:
    """Write a small CT perfusion series that crosses midnight, slice by slice, with a step per slice and per frame."""

    def build(
        folder: Path,
        frames: int = 12,
        slices: int = 3,
        step_mm=(0.0, 0.0, 5.0),
        syntax=ExplicitVRLittleEndian,
        **changes,
    ) -> Study:
        paths, hu, times = [], np.empty((frames, slices, 16, 12), np.float32), np.empty((frames, slices))
        for t in range(frames):
            for z in range(slices):
                number = t * slices + z + 1
                clock = 1.75 * t + 0.125 * z - 10.0
                day, clock = ("20240229", clock + 86400) if clock < 0 else ("20240301", clock)
                hours, rest = divmod(clock, 3600)
                text = f"{int(hours):02d}{int(rest // 60):02d}{rest % 60:09.6f}"
                position = tuple(
                    start + z * step for start, step in zip((-100.0, -120.0, 7.5), step_mm, strict=True)
                )
                data = _ct_slice(position, (day, text), number, seed=number, **changes)
                hu[t, z] = np.frombuffer(data.PixelData, np.int16).reshape(16, 12) - 1024.0
                times[t, z] = 1.75 * t + 0.125 * z
                paths.append(_write(folder / f"{number:05d}.dcm", data, syntax))
        return Study(paths, hu, times)

    return build


def dataset_bytes(path: Path) -> bytes:
    """A file without preamble and file meta information, exactly as a sender must transmit it."""
    with path.open("rb") as stream:
        meta = pydicom.filereader.read_file_meta_info(path)
        stream.seek(128 + 4 + 12 + meta.FileMetaInformationGroupLength)
        return stream.read()


@pytest.fixture(scope="session")
def bytes_of() -> Callable[[Path], bytes]:
    return dataset_bytes


@dataclass
class Notebook:
    """A running listener and all that it reported; `fault` is raised for every arrival while it is set."""

    spool: Spool
    listener: Listener = None
    arrivals: list[Arrival] = field(default_factory=list)
    associations: list[AssociationEvent] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    fault: Exception | None = None
    accepting: bool = True

    def note(self, arrival: Arrival) -> None:
        if self.fault is not None:
            raise self.fault
        self.arrivals.append(arrival)

    def send(
        self, tool: str, *arguments: object, called: str = "STROKEGW"
    ) -> subprocess.CompletedProcess[str]:
        """Run one of dcmtk's tools against the listener."""
        command = [f"/usr/bin/{tool}", "-aec", called, *map(str, arguments)]
        split = next((k for k, a in enumerate(command) if a.endswith(".dcm")), len(command))
        command[split:split] = ["127.0.0.1", str(self.listener.port)]
        return subprocess.run(
            command,
            env={**os.environ, "TCP_NODELAY": "1"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def stored(self, arrival: Arrival) -> Path:
        return self.spool.path_of(arrival.path)

    def wait_closed(self, count: int = 1) -> list[AssociationKind]:
        """Kinds of all reported changes, once `count` associations have ended."""
        deadline = time.monotonic() + 10
        while sum(e.kind is not AssociationKind.OPENED for e in self.associations) < count:
            assert time.monotonic() < deadline, "an association never ended"
            time.sleep(0.01)
        return [event.kind for event in self.associations]


@pytest.fixture
def listening(tmp_path: Path) -> Callable[..., object]:
    """Context manager: a listener on a free port with a spool of its own."""

    @contextmanager
    def start(**settings: object) -> Iterator[Notebook]:
        notebook = Notebook(Spool(tmp_path / "spool"))
        notebook.listener = serve(
            ListenerSettings(port=0, **{"free_floor_bytes": 0, **settings}),
            notebook.spool,
            on_arrival=notebook.note,
            on_association=notebook.associations.append,
            is_accepting=lambda: notebook.accepting,
            on_refusal=notebook.refusals.append,
        )
        try:
            yield notebook
        finally:
            notebook.listener.shutdown()
            notebook.spool.close()

    return start
