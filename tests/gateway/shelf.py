"""A worker's desk with real ledger and spool, real objects, and an archive that can be told to misbehave."""

import hashlib
import struct
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from dicom_scp.arrival import Arrival
from dicom_scp.file_meta import FileMeta
from dicom_scp.headers import ImageHeader
from dicom_scp.spool import Spool
from gateway.analysts import Analysts
from gateway.config import Config
from gateway.desk import Desk
from gateway.ledger.ledger import Ledger
from triage.errors import InputError, TemporaryError

CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"
STUDY = "1.2.826.7"
SERIES = f"{STUDY}.0"


def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    if vr in {b"SQ", b"OW"}:
        return struct.pack("<HH2sHI", group, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def nested(depth: int, *, undefined: bool) -> bytes:
    """Sequences within sequences, by length or by delimiter."""
    inner = element(0x0008, 0x0104, b"LO", b"x")
    for _ in range(depth):
        if undefined:
            begin = struct.pack("<HH2sHIHHI", 0x0040, 0xA730, b"SQ", 0, 2**32 - 1, 0xFFFE, 0xE000, 2**32 - 1)
            inner = begin + inner + struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
        else:
            item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
            inner = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, len(item)) + item
    return inner


def dataset(
    uid: str, *, study: str = STUDY, series: str = SERIES, patient: bytes = b"P1", more: bytes = b""
) -> bytes:
    return (
        element(0x0008, 0x0016, b"UI", CT.encode())
        + element(0x0008, 0x0018, b"UI", uid.encode())
        + element(0x0008, 0x0060, b"CS", b"CT")
        + element(0x0010, 0x0010, b"PN", b"A^B")
        + element(0x0010, 0x0020, b"LO", patient)
        + element(0x0020, 0x000D, b"UI", study.encode())
        + element(0x0020, 0x000E, b"UI", series.encode())
        + element(0x0020, 0x0013, b"IS", b"1")
        + more
    )


@dataclass
class Archive:
    """What Orthanc does, as far as these questions go; it can lose, change and refuse."""

    files: dict[str, bytes] = field(default_factory=dict)
    alive: bool = True
    deadly: bytes = b"nothing at all"
    deaths: int = 0
    fault: Exception | None = None
    damaged: set[str] = field(default_factory=set)

    def upload(self, dicom: bytes):
        if self.fault:
            raise self.fault
        if self.deadly in dicom:
            self.deaths += 1
            self.alive = False
        if not self.alive:
            raise TemporaryError("Orthanc does not answer")
        name = uid_in(dicom)
        self.files.setdefault(name, dicom)
        return SimpleNamespace(orthanc_id=name)

    def is_alive(self) -> bool:
        return self.alive

    def _require(self) -> None:
        if not self.alive:
            raise TemporaryError("Orthanc does not answer")

    def instance_id(self, uid: str) -> str | None:
        self._require()
        return uid if uid in self.files else None

    def md5(self, name: str) -> str | None:
        self._require()
        return hashlib.md5(self.files[name]).hexdigest() if name in self.files else None

    def is_intact(self, name: str) -> bool:
        return name not in self.damaged

    def file(self, uid: str) -> bytes:
        self._require()
        if uid not in self.files:
            raise InputError(f"Orthanc has no instance {uid}")
        return self.files[uid]


def uid_in(file: bytes) -> str:
    at = file.index(struct.pack("<HH2s", 8, 0x18, b"UI"), 132) + 6
    length = int.from_bytes(file[at : at + 2], "little")
    return file[at + 2 : at + 2 + length].rstrip(b"\0").decode()


@dataclass
class Shelf:
    """The desk, and verbs that do what a sender and time do."""

    desk: Desk
    spool: Spool
    later: timedelta = timedelta(0)

    @property
    def holdings(self):
        return self.desk.ledger.holdings

    def receive(
        self, uid: str, *, study: str = STUDY, series: str = SERIES, age_h: float = 0.0, **more
    ) -> int:
        raw = dataset(uid, study=study, series=series, **more)
        stored = self.spool.store(raw, FileMeta(CT, uid, EXPLICIT))
        header = ImageHeader(sop_instance_uid=uid, sop_class_uid=CT, study_uid=study, series_uid=series)
        self.desk.ledger.arrivals.record(
            Arrival(
                header=header,
                path=stored.path,
                digest=stored.digest,
                size_bytes=stored.size_bytes,
                transfer_syntax_uid=EXPLICIT,
                received_at=datetime.now(UTC) - timedelta(hours=age_h),
                calling_ae="CT01",
                called_ae="STROKEGW",
                association_id="a-1",
            )
        )
        case = self.desk.ledger.cases.open(study, datetime.now(UTC))
        self.desk.ledger.cases.close_without_perfusion(case.id, 1, "none", datetime.now(UTC))
        return self.holdings.by_digest(study, stored.digest).arrival_id

    def states(self) -> dict[str, int]:
        return self.desk.ledger.arrivals.forward_counts()

    def get(self, arrival_id: int):
        return self.holdings.get(arrival_id)

    def file(self, arrival_id: int):
        return self.desk.spooled(self.get(arrival_id).path)

    def flip(self, arrival_id: int, bit: int) -> None:
        raw = bytearray(self.file(arrival_id).read_bytes())
        raw[bit // 8 % len(raw)] ^= 1 << bit % 8
        self.file(arrival_id).write_bytes(raw)


@contextmanager
def a_shelf(folder, orthanc, **storage):
    settings = {"second_sighting_after_hours": 0, "keep_hours": 1, **storage}
    config = Config.model_validate({"site": {"data_dir": folder}, "storage": settings})
    ledger, spool = Ledger.open(config.ledger_url), Spool(config.spool_dir)
    yield Shelf(Desk(config, ledger, client=None, orthanc=orthanc, analysts=Analysts(threads=1)), spool)
    spool.close()
    ledger.engine.dispose()
