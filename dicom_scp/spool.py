"""Instances on disk, durable before they are acknowledged.

Durable means: the bytes are in a temporary file of the same file system, the file is synced, renamed to its place, and
the directory that names it is synced too. Only then may a sender be told of success.

Places are named after the SHA-256 of the dataset, never after anything the sender wrote: the same bytes again fall
onto the same file, and other bytes under the same UID get a file of their own.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from dicom_scp.directories import make_directory, sync_directory
from dicom_scp.elements import PREAMBLE_BYTES, is_uid
from triage.errors import InputError, TemporaryError

IMPLEMENTATION_CLASS_UID = "2.25.47510840375724945889257881913489849809"
"""This software's implementation class UID (PS3.7 annex D.3.3.2), derived from a random UUID (PS3.5 annex B.2)."""

IMPLEMENTATION_VERSION_NAME = "STROKEGW_0_1"

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What the file meta information says about a dataset (PS3.10 table 7.1-1).

    Raises
    ------
    InputError
        If one of the UIDs is not a UID.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not is_uid(getattr(self, name)):
                raise InputError(f"{name} is not a valid UID")

    def encode(self) -> bytes:
        """Preamble of zeros, prefix and file meta information, ready to be followed by the dataset."""
        group = b"".join(
            (
                struct.pack("<HH2sHI", 2, 0x01, b"OB", 0, 2) + b"\0\1",
                _element(0x02, b"UI", self.sop_class_uid),
                _element(0x03, b"UI", self.sop_instance_uid),
                _element(0x10, b"UI", self.transfer_syntax_uid),
                _element(0x12, b"UI", IMPLEMENTATION_CLASS_UID),
                _element(0x13, b"SH", IMPLEMENTATION_VERSION_NAME),
            )
        )
        return bytes(PREAMBLE_BYTES) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(group)) + group


def _element(number: int, vr: bytes, text: str) -> bytes:
    padding = b"\0" if vr == b"UI" else b" "
    value = text.encode("ascii") + padding * (len(text) % 2)
    return struct.pack("<HH2sH", 2, number, vr, len(value)) + value


@dataclass(frozen=True, slots=True)
class Stored:
    """A durable dataset: `path` relative to the spool's root, digest and size of the dataset alone."""

    path: str
    sha256: str
    size_bytes: int


class Incoming:
    """A dataset on its way in: `write` its pieces, then `commit`; what is not committed leaves nothing behind."""

    def __init__(self, spool: "Spool", meta: FileMeta) -> None:
        self._spool = spool
        self._meta = meta
        self._head = meta.encode()
        self._digest = hashlib.sha256()
        self._size_bytes = 0
        self._part = spool.incoming / f"{uuid4().hex}.part"
        self._is_named = False
        self._descriptor = os.open(self._part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)

    def begin(self) -> None:
        """Write what stands before the dataset."""
        _write_all(self._descriptor, self._head)

    def write(self, piece: bytes | memoryview) -> None:
        """Append a piece of the dataset, exactly as received."""
        self._digest.update(piece)
        self._size_bytes += len(piece)
        _write_all(self._descriptor, piece)

    @contextmanager
    def reread(self) -> Iterator[BinaryIO]:
        """Read what was written so far; the stream stands at the dataset."""
        with self._part.open("rb") as stream:
            stream.seek(len(self._head))
            yield stream

    def commit(self) -> Stored:
        """Make the dataset durable under its own name."""
        os.fsync(self._descriptor)
        sha256 = self._digest.hexdigest()
        place = self._spool.place(sha256, self._meta.transfer_syntax_uid)
        self._part.rename(place)
        self._is_named = True
        sync_directory(place.parent)
        return Stored(str(place)[len(str(self._spool.root)) + 1 :], sha256, self._size_bytes)

    def close(self) -> None:
        """Drop the temporary file unless it was committed."""
        os.close(self._descriptor)
        if not self._is_named:
            self._part.unlink(missing_ok=True)


class Spool:
    """A directory of durable datasets; several processes may share one.

    Each process writes below a directory of its own and holds a lock on it, so that a starting process can tell
    left-overs of the dead from the work of the living.

    Raises
    ------
    TemporaryError
        If the directory cannot be made or locked.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.incoming = self.root / "incoming" / uuid4().hex
        self._synced: set[Path] = set()
        self._directories: dict[tuple[str, str], Path] = {}
        with translated("prepare the spool"):
            make_directory(self.root.parent)
            self._make_directory(self.incoming.parent)
            self._sweep_and_settle()

    def _sweep_and_settle(self) -> None:
        with _locked(self.incoming.parent):
            for left_over in self.incoming.parent.iterdir():
                _remove_if_abandoned(left_over)
            self._make_directory(self.incoming)
            self._lock = os.open(self.incoming, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    @contextmanager
    def receive(self, meta: FileMeta) -> Iterator[Incoming]:
        """Take in one dataset piece by piece.

        Raises
        ------
        TemporaryError
            If the disk is full or fails; nothing is kept then.
        """
        with translated("store an instance"):
            incoming = Incoming(self, meta)
            try:
                incoming.begin()
                yield incoming
            finally:
                incoming.close()

    def store(self, dataset: bytes | memoryview, meta: FileMeta) -> Stored:
        """Take in one whole dataset; raises like `receive`."""
        with self.receive(meta) as incoming:
            incoming.write(dataset)
            return incoming.commit()

    def path_of(self, relative: str) -> Path:
        """Absolute path of a stored dataset.

        Raises
        ------
        InputError
            If the path leads out of the spool.
        """
        path = Path(os.path.normpath(self.root / relative))
        if not path.is_relative_to(self.root):
            raise InputError("the path leads out of the spool")
        return path

    @property
    def free_bytes(self) -> int:
        """Bytes an unprivileged process may still write."""
        with translated("look at the spool"):
            state = os.statvfs(self.root)
        return state.f_bavail * state.f_frsize

    def close(self) -> None:
        """Give up this process's own directory; the stored datasets stay."""
        os.close(self._lock)
        shutil.rmtree(self.incoming, ignore_errors=True)

    def place(self, sha256: str, transfer_syntax_uid: str) -> Path:
        """Where a dataset belongs; the same bytes in another transfer syntax are another dataset."""
        directory = self._directories.get((transfer_syntax_uid, sha256[:2]))
        if directory is None:
            directory = self.root / "datasets" / transfer_syntax_uid / sha256[:2]
            self._make_directory(directory)
            self._directories[transfer_syntax_uid, sha256[:2]] = directory
        return directory / f"{sha256}.dcm"

    def _make_directory(self, directory: Path) -> None:
        """Make a directory, and durable names for it and all its parents within the spool."""
        for level in (*reversed(directory.parents), directory):
            if level not in self._synced and level.is_relative_to(self.root):
                level.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
                sync_directory(level.parent)
                self._synced.add(level)


def _write_all(descriptor: int, piece: bytes | memoryview) -> None:
    left = memoryview(piece)
    while left:
        left = left[os.write(descriptor, left) :]


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_if_abandoned(directory: Path) -> None:
    """Remove a process's directory when nobody holds its lock any more."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(directory)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Turn the operating system's errors into ours; all of them may pass, once somebody makes room or mends a disk."""
    try:
        yield
    except OSError as exc:
        name = errno.errorcode.get(exc.errno or 0, "unknown error")
        raise TemporaryError(f"cannot {action}: {name}") from exc
