"""Disks for the tests: one that forgets at a power cut, one that is small. Neither is there on every machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from benchmarks.faults.report import wait_until

CONTROL = "user.power"
MOUNT_S = 10.0


def why_no_fuse() -> str:
    """The reason for which no FUSE file system can be mounted here, or an empty string."""
    if find_spec("mfusepy") is None:
        return "the Python package mfusepy is not installed"
    if which("fusermount3") is None:
        return "fusermount3 is not installed (Debian package fuse3)"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return (
            "/dev/fuse may not be used here (in a container it takes --device /dev/fuse --cap-add SYS_ADMIN)"
        )
    return ""


@dataclass(frozen=True)
class Disk:
    """A mounted forgetful disk."""

    folder: Path

    def _obey(self, words: str) -> None:
        os.setxattr(self.folder, CONTROL, words.encode())

    def cut_power(self, seed: int | None = None) -> None:
        """Forget what was not synced; with a seed, a random part of it. Everything fails until `restore_power`."""
        self._obey("cut" if seed is None else f"cut {seed}")

    def restore_power(self) -> None:
        """Work again."""
        self._obey("on")

    def limit(self, size_bytes: int) -> None:
        """From now on, be so small."""
        self._obey(f"quota {size_bytes}")

    def fail_sync(self, number: int) -> None:
        """Let the `number`-th sync from now fail, and what it was to keep be forgotten."""
        self._obey(f"fail {number}")

    @property
    def has_failed(self) -> bool:
        """Whether that sync came."""
        return os.getxattr(self.folder, CONTROL).split()[1] == b"1"


@contextmanager
def a_forgetful_disk(folder: Path) -> Iterator[Disk]:
    """Mount a forgetful disk on `folder`.

    Raises
    ------
    RuntimeError
        It did not come up in 10 s.
    """
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "benchmarks.faults.forgetful_disk", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: folder.is_mount() or process.poll() is not None, MOUNT_S)
        if not folder.is_mount():
            process.kill()
            raise RuntimeError(f"no FUSE file system: {process.communicate()[1].decode()[-1000:]}")
        yield Disk(folder)
    finally:
        subprocess.run(["fusermount3", "-u", "-z", str(folder)], check=False, capture_output=True)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stderr:
            process.stderr.close()


@contextmanager
def a_small_disk(folder: Path, size_bytes: int) -> Iterator[bool]:
    """A tmpfs of a given size on `folder`; yields whether it could be mounted."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    is_mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)
