"""What a sender can swear to, and whether the gateway agrees after the fault.

Lost: answered with success, but the ledger's row or the spool's file is absent or has other bytes. Phantom: present, but
never sent. Dangling: a row whose file is absent or has other bytes, whether it was acknowledged or not.
"""

import hashlib
import sqlite3
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from blake3 import blake3

from benchmarks.faults.peer import CT, GONE, SUCCESS, Lost, Peer

PREAMBLE_BYTES = 132
_TEXT = {0x00080016: b"UI", 0x00080018: b"UI", 0x00080060: b"CS", 0x0020000D: b"UI", 0x0020000E: b"UI"}


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt to store an instance, and how it was answered."""

    instance: str
    digest: str
    status: int
    at: float


@dataclass
class Testimony:
    """Everything that was sent, whatever became of it; may be written by several senders."""

    sent: list[Sent] = field(default_factory=list)
    latest: tuple[str, bytes] | None = None
    """What was acknowledged last: its UID and dataset."""
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def acknowledged(self) -> set[tuple[str, str]]:
        """UID and digest of all that was answered with success."""
        return {(sent.instance, sent.digest) for sent in self.sent if sent.status == SUCCESS}

    def slice(self, size_bytes: int = 3000) -> tuple[str, bytes]:
        """A CT slice that was never sent before: its UID and dataset."""
        with self._lock:
            self._count += 1
            number = self._count
        instance = f"1.2.826.0.1.3680043.10.1.{number}"
        return instance, ct_dataset(instance, number, size_bytes)

    def store(self, peer: Peer, instance: str, dataset: bytes) -> int:
        """Send one instance and note what came of it; it counts as sent before its first byte leaves."""
        digest, status = blake3(dataset).hexdigest(), GONE
        try:
            status = peer.store(instance, dataset)
        except (Lost, ValueError):
            pass
        finally:
            with self._lock:
                self.sent.append(Sent(instance, digest, status, time.time()))
                if status == SUCCESS:
                    self.latest = (instance, dataset)
        return status


def ct_dataset(instance: str, number: int, size_bytes: int) -> bytes:
    """A CT image in Explicit VR little endian; its pixels are different for every number."""
    texts = {
        0x00080016: CT,
        0x00080018: instance,
        0x00080060: "CT",
        0x0020000D: f"1.2.826.0.1.3680043.10.2.{number % 7}",
        0x0020000E: f"1.2.826.0.1.3680043.10.3.{number % 7}",
    }
    head = b"".join(_element(tag, text.encode()) for tag, text in texts.items())
    pixels = hashlib.shake_128(str(number).encode()).digest(1024) * (size_bytes // 1024 + 1)
    return head + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, size_bytes) + pixels[:size_bytes]


def _element(tag: int, value: bytes) -> bytes:
    value += (b" " if _TEXT[tag] == b"CS" else b"\0") * (len(value) % 2)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, _TEXT[tag], len(value)) + value


@dataclass(frozen=True, slots=True)
class Verdict:
    """The testimony compared with the gateway; every list should be empty."""

    lost: list[str]
    phantom: list[str]
    dangling: list[str]
    integrity: str

    @property
    def is_clean(self) -> bool:
        """Nothing to complain about."""
        return not (self.lost or self.phantom or self.dangling) and self.integrity == "ok"


def judge(data_dir: Path, testimony: Testimony) -> Verdict:
    """Compare the testimony with the ledger in `data_dir` and the spool beside it."""
    rows, integrity = read_ledger(data_dir / "ledger.db")
    spool = data_dir / "spool"
    files = {path: digest_of(spool / path) for path in rows.values()}
    present = {key for key, path in rows.items() if files[path] == key[1]}
    known = {(sent.instance, sent.digest) for sent in testimony.sent}
    digests = {digest for _, digest in known}
    stored = [path for path in spool.rglob("*.dcm") if "incoming" not in path.relative_to(spool).parts]
    strange = [str(path.relative_to(spool)) for path in stored if digest_of(path) not in digests]
    return Verdict(
        lost=[_because(key, rows, files) for key in sorted(testimony.acknowledged - present)],
        phantom=[*(f"row {instance}" for instance, _ in sorted(rows.keys() - known)), *strange],
        dangling=[f"row {key[0]}" for key in sorted(rows.keys() - present)],
        integrity=integrity,
    )


def _because(
    key: tuple[str, str], rows: Mapping[tuple[str, str], str], files: Mapping[str, str | None]
) -> str:
    if key not in rows:
        return f"{key[0]} has no row"
    return f"{key[0]} has no file" if files[rows[key]] is None else f"{key[0]} has other bytes"


def read_ledger(path: Path) -> tuple[dict[tuple[str, str], str], str]:
    """Spool paths by UID and digest, and what SQLite says of the file's integrity."""
    if not path.exists():
        return {}, "ok"
    connection = sqlite3.connect(path, timeout=30)
    try:
        integrity = str(connection.execute("PRAGMA integrity_check").fetchone()[0])
        found = connection.execute("SELECT sop_instance_uid, digest, path FROM arrivals").fetchall()
    except sqlite3.DatabaseError as exc:
        return {}, "ok" if "no such table" in str(exc) else str(exc)
    finally:
        connection.close()
    return {(instance, digest): place for instance, digest, place in found}, integrity


def digest_of(path: Path) -> str | None:
    """BLAKE3 digest of the dataset in a DICOM file, or None when it is not there or no such file (PS3.10 section 7.1)."""
    try:
        raw = path.read_bytes()
        if raw[128:PREAMBLE_BYTES] != b"DICM":
            return None
        (length,) = struct.unpack_from("<I", raw, PREAMBLE_BYTES + 8)
    except (OSError, struct.error):
        return None
    return blake3(raw[PREAMBLE_BYTES + 12 + length :]).hexdigest()
