"""The judges must be able to find something."""

import sqlite3
import struct

import pytest
from blake3 import blake3

from benchmarks.faults import fuzz
from benchmarks.faults import testimony as sworn
from benchmarks.faults.peer import SUCCESS
from benchmarks.faults.testimony import Sent, digest_of, judge


def file_of(dataset: bytes) -> bytes:
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", 2) + b"1\0"
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta + dataset


@pytest.fixture
def kept(tmp_path):
    """Two acknowledged instances, kept as they should be."""
    (tmp_path / "spool").mkdir()
    ledger = sqlite3.connect(tmp_path / "ledger.db")
    ledger.execute("CREATE TABLE arrivals (sop_instance_uid, digest, path)")
    testimony = sworn.Testimony()
    for name in ("1.1", "1.2"):
        digest = blake3(name.encode()).hexdigest()
        (tmp_path / "spool" / f"{digest}.dcm").write_bytes(file_of(name.encode()))
        ledger.execute("INSERT INTO arrivals VALUES (?, ?, ?)", (name, digest, f"{digest}.dcm"))
        testimony.sent.append(Sent(name, digest, SUCCESS, 0.0))
    ledger.commit()
    yield tmp_path, testimony, ledger
    ledger.close()


def first_file(folder):
    return folder / "spool" / f"{blake3(b'1.1').hexdigest()}.dcm"


def test_what_is_kept_is_judged_clean(kept):
    folder, testimony, _ = kept
    assert judge(folder, testimony).is_clean
    assert digest_of(first_file(folder)) == blake3(b"1.1").hexdigest()


def test_a_missing_row_is_a_loss(kept):
    folder, testimony, ledger = kept
    ledger.execute("DELETE FROM arrivals WHERE sop_instance_uid = '1.1'")
    ledger.commit()
    assert judge(folder, testimony).lost == ["1.1 has no row"]


def test_a_missing_file_is_a_loss(kept):
    folder, testimony, _ = kept
    first_file(folder).unlink()
    verdict = judge(folder, testimony)
    assert verdict.lost == ["1.1 has no file"]
    assert verdict.dangling == ["row 1.1"]


def test_one_flipped_bit_is_a_loss_and_a_phantom(kept):
    folder, testimony, _ = kept
    raw = first_file(folder).read_bytes()
    first_file(folder).write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    verdict = judge(folder, testimony)
    assert verdict.lost == ["1.1 has other bytes"]
    assert len(verdict.phantom) == 1


def test_what_nobody_sent_is_a_phantom(kept):
    folder, testimony, _ = kept
    testimony.sent.pop()
    assert len(judge(folder, testimony).phantom) == 2, "the row and the file"


def test_a_broken_ledger_is_noticed(kept):
    folder, testimony, ledger = kept
    ledger.close()
    path = folder / "ledger.db"
    raw = bytearray(path.read_bytes())
    raw[4096:] = bytes(len(raw) - 4096)
    path.write_bytes(raw)
    assert judge(folder, testimony).integrity != "ok"


def test_bent_messages_are_the_same_every_time():
    assert fuzz.bent(1, 5) == fuzz.bent(1, 5)
    assert len({fuzz.bent(1, number) for number in range(200)}) == 200
