"""The disk forgets exactly what was not synced."""

import pytest

from benchmarks.faults.disks import why_no_fuse
from benchmarks.faults.nodes import PAGE_BYTES

if why_no_fuse():
    pytest.skip(why_no_fuse(), allow_module_level=True)

from benchmarks.faults.forgetful_disk import ForgetfulDisk


@pytest.fixture
def disk():
    return ForgetfulDisk()


def make(disk: ForgetfulDisk, path: str, content: bytes = b"") -> int:
    handle = disk.create(path, 0o600)
    disk.write(path, content, 0, handle)
    return handle


def restart(disk: ForgetfulDisk, seed: str = "") -> set[str]:
    disk.setxattr("/", "user.power", f"cut {seed}".encode(), 0)
    disk.setxattr("/", "user.power", b"on", 0)
    return {name for name, _, _ in disk.readdir("/", 0)} - {".", ".."}


def test_a_cut_forgets_bytes_and_names_that_were_not_synced(disk):
    both = make(disk, "/both", b"kept")
    name_only, bytes_only = make(disk, "/name only", b"lost"), make(disk, "/bytes only", b"lost")
    disk.fsync("/both", 0, both)
    disk.fsync("/bytes only", 0, bytes_only)
    disk.fsyncdir("/", 0, 0)
    late = make(disk, "/late", b"lost")
    disk.fsync("/late", 0, late)
    disk.write("/both", b"more", 4, both)
    assert restart(disk) == {"both", "name only", "bytes only"}
    assert disk.read("/both", 10, 0, both) == b"kept"
    assert disk.read("/name only", 10, 0, name_only) == b""


def test_a_rename_that_was_not_synced_is_undone(disk):
    handle = make(disk, "/old", b"kept")
    disk.fsync("/old", 0, handle)
    disk.fsyncdir("/", 0, 0)
    disk.rename("/old", "/new")
    assert restart(disk) == {"old"}


def test_a_seed_keeps_some_pages_and_not_others(disk):
    handle = make(disk, "/file", b"x" * PAGE_BYTES * 64)
    disk.fsyncdir("/", 0, 0)
    restart(disk, "7")
    kept = disk.read("/file", PAGE_BYTES * 64, 0, handle).count(b"x" * PAGE_BYTES)
    assert 10 < kept < 54


def test_what_a_failed_sync_dropped_is_not_kept_by_the_next(disk):
    handle = make(disk, "/file", b"dropped")
    disk.fsyncdir("/", 0, 0)
    disk.setxattr("/", "user.power", b"fail 1", 0)
    with pytest.raises(OSError, match="5"):
        disk.fsync("/file", 0, handle)
    disk.fsync("/file", 0, handle)
    assert restart(disk) == {"file"}
    assert disk.read("/file", 10, 0, handle) == b""


def test_without_power_nothing_works(disk):
    handle = make(disk, "/file", b"x")
    disk.setxattr("/", "user.power", b"cut", 0)
    for call in (
        lambda: disk.read("/file", 1, 0, handle),
        lambda: disk.getattr("/file"),
        lambda: disk.fsync("/", 0, handle),
    ):
        with pytest.raises(OSError, match="5"):
            call()
