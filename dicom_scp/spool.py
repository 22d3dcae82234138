"""Instances on disk, durable before they are acknowledged.

Durable means: the file is synced, and so is the directory that names it. Only then may a sender be told of success.

Places are named after the BLAKE3 digest of the dataset, never after anything the sender wrote: the same bytes again fall
onto the same file, and other bytes under the same UID get a file of their own. BLAKE3 takes a third of the time of
SHA-256, even where the processor helps with that.
"""

import errno
import fcntl
import itertools
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import uuid4

from blake3 import blake3

from dicom_scp.directories import make_directory, sync_directory
from dicom_scp.file_meta import FileMeta
from triage.errors import InputError, TemporaryError

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600

MOST_OPEN_SHELVES = 256
"""Directories that are kept open, those of one transfer syntax: a process may open 1,024 files by default."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A durable dataset: `path` relative to the spool's root, digest and size of the dataset alone."""

    path: str
    digest: str
    size_bytes: int


class Shelf(NamedTuple):
    """A directory of datasets, kept open so that its names can be synced, unless there are too many."""

    path: str
    descriptor: int | None

    def sync(self) -> None:
        """Make the names in it durable."""
        if self.descriptor is None:
            sync_directory(Path(self.path))
        else:
            os.fsync(self.descriptor)


class Incoming:
    """A dataset on its way in: `write` its pieces, then `commit`; what is not committed leaves nothing behind."""

    def __init__(self, spool: "Spool", meta: FileMeta) -> None:
        self._spool = spool
        self._syntax = meta.transfer_syntax_uid
        self._head = meta.encode()
        self._digest = blake3()
        self._size_bytes = 0
        self._part = spool.next_part()
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
        with Path(self._part).open("rb") as stream:
            stream.seek(len(self._head))
            yield stream

    def commit(self) -> Stored:
        """Make the dataset durable under its own name."""
        digest = self._digest.hexdigest()
        shelf = self._spool.shelf(self._syntax, digest)
        place = f"{shelf.path}/{digest}.dcm"
        self._settle(place)
        shelf.sync()
        return Stored(place[len(self._spool.prefix) :], digest, self._size_bytes)

    def _settle(self, place: str) -> None:
        """Sync the content, and give it its name.

        The name comes first, so that one commit of the file system's journal takes both: with two of them an instance
        takes a third longer on ext4 and XFS. A name that is already there may stand for something acknowledged, so it
        only ever passes to content that is durable. File systems without second names go the same way.
        """
        try:
            os.link(self._part, place)
        except OSError:
            os.fsync(self._descriptor)
            Path(self._part).rename(place)
            self._is_named = True
            return
        try:
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, 0)  # the name may be another's by now, the content is ours
            raise

    def close(self) -> None:
        """Drop the temporary name unless it became the lasting one."""
        os.close(self._descriptor)
        if not self._is_named:
            with suppress(FileNotFoundError):
                os.unlink(self._part)  # noqa: PTH108 - a path object would cost 8 us an instance


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
        self.prefix = f"{self.root}/"
        self._parts = itertools.count()
        self._synced: set[Path] = set()
        self._shelves: dict[tuple[str, str], Shelf] = {}
        self._opening = threading.Lock()
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
        for descriptor in (self._lock, *(shelf.descriptor for shelf in self._shelves.values())):
            if descriptor is not None:
                os.close(descriptor)
        shutil.rmtree(self.incoming, ignore_errors=True)

    def next_part(self) -> str:
        """A temporary name that nothing has had."""
        return f"{self.incoming}/{next(self._parts)}.part"

    def shelf(self, transfer_syntax_uid: str, digest: str) -> Shelf:
        """Where a dataset belongs; the same bytes in another transfer syntax are another dataset."""
        key = (transfer_syntax_uid, digest[:2])
        known = self._shelves.get(key)
        if known is None:
            with self._opening:
                known = self._shelves.get(key) or self._open_shelf(*key)
                self._shelves[key] = known
        return known

    def _open_shelf(self, transfer_syntax_uid: str, beginning: str) -> Shelf:
        directory = self.root / "datasets" / transfer_syntax_uid / beginning
        self._make_directory(directory)
        is_kept = len(self._shelves) < MOST_OPEN_SHELVES
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY) if is_kept else None
        return Shelf(str(directory), descriptor)

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
