"""A listener with every service on, a real Orthanc behind it, and dcmtk's tools as modalities and workstations."""

import io
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from benchmarks.running import NO_NAGLE, free_port
from dicom_scp.listener import serve
from dicom_scp.spool import Spool
from gateway.config import Config
from gateway.desk import Desk
from gateway.ledger.ledger import Ledger
from gateway.listener import services_of_site, settings_of
from viewer_bridge.archive.orthanc import Orthanc
from viewer_bridge.archive.private_orthanc import DICOMWEB_PLUGIN, PROGRAM, PrivateOrthanc

NAME = "Nguyễn^Thị Hồng"
TOOLS = Path("/usr/bin")


def ct(
    study: str, series: int, instance: int, *, syntax=ExplicitVRLittleEndian, name=NAME, patient="P1", **more
) -> bytes:
    """One CT image as a file."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax is RLELossless else syntax
    data.SpecificCharacterSet, data.SOPClassUID = "ISO_IR 192", CTImageStorage
    data.SOPInstanceUID = f"{study}.{series}.{instance}"
    data.StudyDate, data.StudyTime, data.Modality, data.AccessionNumber = "20240102", "101112", "CT", "A1"
    data.StudyDescription = "Sọ não"
    data.PatientName, data.PatientID = name, patient
    data.StudyInstanceUID, data.SeriesInstanceUID = study, f"{study}.{series}"
    data.InstanceNumber, data.SeriesNumber = instance, series
    data.Rows = data.Columns = 16
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation, data.SamplesPerPixel = 15, 0, 1
    data.PhotometricInterpretation, data.PixelData = "MONOCHROME2", bytes(range(256)) * 2
    for keyword, value in more.items():
        setattr(data, keyword, value)
    if syntax is RLELossless:
        data.compress(syntax, generate_instance_uid=False)
    raw = io.BytesIO()
    data.save_as(
        raw, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True, enforce_file_format=True
    )
    return raw.getvalue()


class RunningOrthanc:
    """Orthanc with a DICOM port; stopped by process id."""

    def __init__(self, folder: Path) -> None:
        self.settings = PrivateOrthanc(folder, free_port(), free_port())
        launch = self.settings.prepare()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(launch.command, env={**os.environ, **launch.env}, **quiet)
        self.settings.wait_until_ready(60)
        self.client = Orthanc(self.settings.url)

    def stop(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait(20)


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory):
    if not (PROGRAM.is_file() and DICOMWEB_PLUGIN.is_file()):
        pytest.skip("Orthanc or its DICOMweb plugin is not installed")
    running = RunningOrthanc(tmp_path_factory.mktemp("archive"))
    yield running
    running.stop()


@dataclass
class House:
    """A listener and what a worker has."""

    desk: Desk
    spool: Spool
    port: int

    def tool(self, name: str, *arguments: object, limit_s: float = 30) -> subprocess.CompletedProcess[str]:
        """One of dcmtk's tools as the workstation WS."""
        command = [TOOLS / name, "-aet", "WS", "-aec", "STROKEGW", *arguments[:-1], "127.0.0.1", self.port]
        command += arguments[-1]
        return subprocess.run(
            list(map(str, command)),
            capture_output=True,
            text=True,
            check=False,
            timeout=limit_s,
            env={**os.environ, **NO_NAGLE},
        )


@contextmanager
def a_house(folder: Path, archive_url: str, peers, **dicom):
    tables = {
        "site": {"data_dir": folder},
        "orthanc": {"url": archive_url},
        "dicom": {"host": "127.0.0.1", "port": 0, "free_bytes_floor": 0, "peers": peers, **dicom},
    }
    config = Config.model_validate(tables)
    ledger, spool = Ledger.open(config.ledger_url), Spool(config.spool_dir)
    listener = serve(
        settings_of(config),
        spool,
        on_arrival=ledger.arrivals.record,
        on_association=ledger.arrivals.record_association,
        services=services_of_site(config, ledger),
    )
    archive = Orthanc(archive_url)
    try:
        others = dict.fromkeys(field.name for field in fields(Desk) if field.init)
        desk = Desk(**others | {"config": config, "ledger": ledger, "orthanc": archive})
        yield House(desk, spool, listener.port)
    finally:
        listener.shutdown()
        archive.close()
        spool.close()
        ledger.engine.dispose()


def read(path: Path) -> Dataset:
    return pydicom.dcmread(path)
