"""Durability of the spool: the order of the system calls, faults, left-overs."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pydicom
import pytest

from dicom_scp.spool import FileMeta, Spool
from triage.errors import InputError, TemporaryError

META = FileMeta("1.2.840.10008.5.1.4.1.1.2", "1.2.3", "1.2.840.10008.1.2.1")
DATASET = bytes.fromhex("08001800 5549 0600 312e322e3300")


@pytest.fixture
def spool(tmp_path):
    opened = Spool(tmp_path / "spool")
    yield opened
    opened.close()


def files_below(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_a_stored_dataset_is_a_dicom_file_named_after_its_bytes(spool):
    stored = spool.store(DATASET, META)
    data = pydicom.dcmread(spool.path_of(stored.path))
    assert data.SOPInstanceUID == "1.2.3"
    assert data.file_meta.TransferSyntaxUID == META.transfer_syntax_uid
    assert stored.sha256 in stored.path
    assert "1.2.3" not in Path(stored.path).name
    assert stored.size_bytes == len(DATASET)
    assert stat.S_IMODE(spool.path_of(stored.path).stat().st_mode) == 0o600
    assert all(stat.S_IMODE(d.stat().st_mode) == 0o700 for d in spool.root.rglob("*") if d.is_dir())


def test_pieces_and_whole_are_the_same_file(spool):
    whole = spool.store(DATASET, META)
    with spool.receive(META) as incoming:
        for byte in DATASET:
            incoming.write(bytes([byte]))
        assert incoming.commit() == whole
    assert len(files_below(spool.root)) == 1


def test_the_same_bytes_in_another_transfer_syntax_are_another_file(spool):
    implicit = FileMeta(META.sop_class_uid, META.sop_instance_uid, "1.2.840.10008.1.2")
    assert spool.store(DATASET, META).path != spool.store(DATASET, implicit).path


def test_what_is_not_committed_leaves_nothing(spool):
    with spool.receive(META) as incoming:
        incoming.write(DATASET)
    assert files_below(spool.root) == []


@pytest.mark.parametrize("bad", ["", "../../etc/passwd", "1.2/3", "1" * 65, "1.2\n"])
def test_identifiers_that_are_no_uids_are_refused(bad):
    with pytest.raises(InputError):
        FileMeta(META.sop_class_uid, bad, META.transfer_syntax_uid)


def test_paths_never_lead_out_of_the_spool(spool):
    for path in ("../x", "/etc/passwd", "datasets/../../x"):
        with pytest.raises(InputError):
            spool.path_of(path)


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_failing_disk_is_temporary_and_leaves_nothing(spool, monkeypatch, call, number):
    def fail(*_args, **_kwargs):
        raise OSError(number, "failed")

    with monkeypatch.context() as patched:
        patched.setattr(Path if call == "rename" else os, call, fail)
        with pytest.raises(TemporaryError, match=errno.errorcode[number]):
            spool.store(DATASET, META)
    assert files_below(spool.root) == []
    assert spool.store(DATASET, META).size_bytes == len(DATASET)


def test_left_overs_of_the_dead_are_swept_and_the_living_are_spared(tmp_path):
    alive = Spool(tmp_path)
    with alive.receive(META) as incoming:
        incoming.write(DATASET)
        dead = tmp_path / "incoming" / "dead"
        dead.mkdir()
        (dead / "left.part").write_bytes(b"half")
        newcomer = Spool(tmp_path)
        assert not dead.exists()
        stored = incoming.commit()
    assert alive.path_of(stored.path).exists()
    newcomer.close()
    alive.close()


def test_free_space_is_that_of_the_file_system(spool):
    assert 0 < spool.free_bytes <= shutil.disk_usage(spool.root).total


STORE = """
    import sys
    from pathlib import Path
    from dicom_scp.spool import FileMeta, Spool, sync_directory
    import dicom_scp.spool as module
    if "forget" in sys.argv:
        module.sync_directory = lambda directory: None
    spool = Spool(Path(sys.argv[1]))
    print("BEGIN", file=sys.stderr, flush=True)
    spool.store(b"x" * 1000, FileMeta("1.2.3", "1.2.4", "1.2.840.10008.1.2.1"))
"""


def traced_calls(root: Path, *options: str) -> list[str]:
    """What one store did to the disk: "sync file", "rename", "sync PATH"."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    log = root.parent / "trace"
    watched = "trace=fsync,fdatasync,rename,renameat,renameat2,write"
    program = [sys.executable, "-c", textwrap.dedent(STORE), str(root), *options]
    subprocess.run(
        ["strace", "-f", "-y", "-o", str(log), "-e", watched, *program], check=True, capture_output=True
    )
    lines = log.read_text().splitlines()
    begin = next(k for k, line in enumerate(lines) if "BEGIN" in line)
    calls = []
    for line in lines[begin:]:
        if "fsync(" in line:
            synced = line.split("<")[1].split(">")[0]
            calls.append(
                "sync file" if synced.endswith(".part") else f"sync {Path(synced).relative_to(root.parent)}"
            )
        elif "rename" in line and "+++" not in line:
            calls.append("rename")
    return calls


def is_durable(calls: list[str]) -> bool:
    """The file before its name, and the directory with the name after it."""
    renamed = calls.index("rename")
    return "sync file" in calls[:renamed] and any(
        call.startswith("sync spool/datasets/") for call in calls[renamed:]
    )


def test_the_file_is_synced_then_named_then_the_name_is_synced(tmp_path):
    calls = traced_calls(tmp_path / "spool")
    assert is_durable(calls)
    before = calls[: calls.index("rename")]
    assert {"sync spool", "sync spool/datasets"} <= set(before), (
        "new parent directories need durable names too"
    )


def test_the_check_of_durability_fails_without_directory_syncs(tmp_path):
    assert not is_durable(traced_calls(tmp_path / "spool", "forget"))
