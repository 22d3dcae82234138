"""Durability of the spool: the order of the system calls, faults, left-overs."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest
from blake3 import blake3

from dicom_scp.file_meta import FileMeta
from dicom_scp.spool import Spool
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
    assert stored.digest in stored.path
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


@pytest.fixture
def failing(monkeypatch):
    """Make a call to the disk fail with an error."""

    @contextmanager
    def fail(call: str, number: int):
        def refuse(*_args, **_kwargs):
            raise OSError(number, "failed")

        with monkeypatch.context() as patched:
            patched.setattr(Path if call == "rename" else os, call, refuse)
            yield

    return fail


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_failing_disk_is_temporary_and_keeps_no_byte(spool, failing, call, number):
    if call == "rename":
        spool.store(DATASET, META)  # only a name that is taken is renamed onto
    spool.shelf(
        META.transfer_syntax_uid, blake3(DATASET).hexdigest()
    )  # its own syncs shall not be the ones that fail
    with failing(call, number), pytest.raises(TemporaryError, match=errno.errorcode[number]):
        spool.store(DATASET, META)
    left = files_below(spool.root)
    assert len(left) == {"write": 0, "fsync": 1, "rename": 1}[call]
    assert all((path.stat().st_size == 0) == (call == "fsync") for path in left)
    stored = spool.store(DATASET, META)
    assert pydicom.dcmread(spool.path_of(stored.path)).SOPInstanceUID == "1.2.3"
    assert files_below(spool.root) == [spool.path_of(stored.path)]


def test_a_disk_that_fails_at_the_same_bytes_again_spares_those_that_were_acknowledged(spool, failing):
    stored = spool.store(DATASET, META)
    before = spool.path_of(stored.path).read_bytes()
    for call in ("write", "fsync", "rename"):
        with failing(call, errno.EIO), pytest.raises(TemporaryError):
            spool.store(DATASET, META)
        assert spool.path_of(stored.path).read_bytes() == before


def test_file_systems_without_second_names_are_served_too(spool, failing):
    with failing("link", errno.EPERM):
        stored = spool.store(DATASET, META)
    assert files_below(spool.root) == [spool.path_of(stored.path)]


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
    import os, stat, sys
    from pathlib import Path
    from dicom_scp.file_meta import FileMeta
    from dicom_scp.spool import Spool
    sync = os.fsync
    if "forget" in sys.argv:
        os.fsync = lambda number: stat.S_ISDIR(os.fstat(number).st_mode) or sync(number)
    spool = Spool(Path(sys.argv[1]))
    for _ in range(1 + ("again" in sys.argv)):
        print("BEGIN", file=sys.stderr, flush=True)
        spool.store(b"x" * 1000, FileMeta("1.2.3", "1.2.4", "1.2.840.10008.1.2.1"))
    print("END", file=sys.stderr, flush=True)
"""


def traced_calls(root: Path, *options: str) -> list[str]:
    """What the last store did to the disk: "sync file", "name", "sync PATH"."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    log = root.parent / "trace"
    watched = "trace=fsync,fdatasync,link,linkat,rename,renameat,renameat2,write"
    program = [sys.executable, "-c", textwrap.dedent(STORE), str(root), *options]
    subprocess.run(
        ["strace", "-f", "-y", "-o", str(log), "-e", watched, *program], check=True, capture_output=True
    )
    lines = log.read_text().splitlines()
    begin, end = (max(k for k, line in enumerate(lines) if word in line) for word in ("BEGIN", "END"))
    return [call for line in lines[begin:end] if (call := _call(line, root))]


def _call(line: str, root: Path) -> str:
    if "fsync(" in line:
        synced = Path(line.split("<")[1].split(">", maxsplit=1)[0])
        is_content = synced.suffix in {".part", ".dcm"}
        return "sync file" if is_content else f"sync {synced.relative_to(root.parent)}"
    named = ("link(" in line or "linkat(" in line or "rename" in line) and "EEXIST" not in line
    return "name" if named else ""


def is_durable(calls: list[str]) -> bool:
    """The file is synced, and after it has its name the directory with the name."""
    named = calls.index("name")
    return "sync file" in calls and any(call.startswith("sync spool/datasets/") for call in calls[named:])


def test_the_name_comes_first_and_one_journal_commit_takes_it_with_the_content(tmp_path):
    calls = traced_calls(tmp_path / "spool")
    assert is_durable(calls)
    named = calls.index("name")
    assert calls[named + 1] == "sync file"
    assert {"sync spool", "sync spool/datasets"} <= set(calls[:named]), (
        "new parent directories need durable names too"
    )


def test_a_name_that_may_be_acknowledged_passes_only_to_durable_content(tmp_path):
    calls = traced_calls(tmp_path / "spool", "again")
    assert is_durable(calls)
    assert calls.index("sync file") < calls.index("name")


def test_the_check_of_durability_fails_without_directory_syncs(tmp_path):
    assert not is_durable(traced_calls(tmp_path / "spool", "forget"))


def test_many_directories_do_not_take_all_the_files_a_process_may_open(tmp_path, monkeypatch):
    monkeypatch.setattr("dicom_scp.spool.MOST_OPEN_SHELVES", 3)
    spool = Spool(tmp_path / "spool")
    before = len(list(Path("/proc/self/fd").iterdir()))
    stored = [spool.store(bytes([number]), META) for number in range(40)]
    assert len({item.path.split("/")[-2] for item in stored}) > 20
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 3
    assert all(spool.path_of(item.path).exists() for item in stored)
    spool.close()
