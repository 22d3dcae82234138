"""A file system in memory whose power can be cut: it then forgets what was not synced, as POSIX allows every disk to do.

A file's bytes are durable after ``fsync`` of the file, a name after ``fsync`` of its directory, nothing else is. A cut
forgets everything that is not durable, or, with a seed, a random part of it: single pages of 4 KiB and single names. While
the power is off every call fails. The disk is told what to do by extended attributes of its root, see `Disk`.

Run as a program this mounts one: ``python -m benchmarks.faults.forgetful_disk FOLDER``; it needs FUSE (``/dev/fuse``, the
Debian package fuse3 and the Python package mfusepy).
"""

import errno
import itertools
import os
import random
import stat
import sys
import time
from typing import Any

import mfusepy

from benchmarks.faults.nodes import PAGE_BYTES, File, Folder, everything_below

CONTROL = "user.power"


class ForgetfulDisk(mfusepy.Operations):  # type: ignore[misc]
    """The calls of the kernel; one thread makes them."""

    use_ns = False

    def __init__(self) -> None:
        self.root = Folder(0o755, number=1)
        self.open_files: dict[int, File] = {}
        self.handles = itertools.count(1)
        self.is_on = True
        self.quota_bytes = 1 << 34
        self.used_bytes = 0
        self.syncs = 0
        self.failing_sync = 0

    # Control: the harness writes and reads one extended attribute of the root.

    def setxattr(self, _path: str, name: str, value: bytes, _options: int, _position: int = 0) -> int:
        """Obey: "cut", "cut SEED", "on", "quota BYTES", "fail N" (the N-th sync from now)."""
        if name != CONTROL:
            raise mfusepy.FuseOSError(errno.ENOTSUP)
        word, *number = value.decode().split()
        getattr(self, f"_{word}")(*map(int, number))
        return 0

    def getxattr(self, _path: str, name: str, _position: int = 0) -> bytes:
        """How many syncs there were so far, and whether the failing one came."""
        if name != CONTROL:
            raise mfusepy.FuseOSError(errno.ENODATA)
        return f"{self.syncs} {int(self.failing_sync <= self.syncs)}".encode()

    def _cut(self, seed: int | None = None) -> None:
        chance = None if seed is None else random.Random(seed)
        self.is_on = False
        for node in everything_below(self.root):
            node.cut(chance)

    def _on(self) -> None:
        self.is_on = True

    def _quota(self, size_bytes: int) -> None:
        self.quota_bytes = size_bytes

    def _fail(self, number: int) -> None:
        self.failing_sync = self.syncs + number

    # Names

    def _node(self, path: str) -> File | Folder:
        if not self.is_on:
            raise mfusepy.FuseOSError(errno.EIO)
        node: File | Folder | None = self.root
        for name in filter(None, path.split("/")):
            node = node.names.get(name) if isinstance(node, Folder) else None
        if node is None:
            raise mfusepy.FuseOSError(errno.ENOENT)
        return node

    def _parent(self, path: str) -> tuple[Folder, str]:
        above, _, name = path.rpartition("/")
        folder = self._node(above)
        assert isinstance(folder, Folder)
        folder.changed_at = time.time()
        return folder, name

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        """Attributes; an open file may have lost its name."""
        node = self.open_files[fh] if fh in self.open_files and self.is_on else self._node(path)
        is_file = isinstance(node, File)
        times = dict.fromkeys(("st_mtime", "st_atime", "st_ctime"), node.changed_at)
        kind, size = (stat.S_IFREG, len(node.data)) if is_file else (stat.S_IFDIR, 0)
        names = node.names if isinstance(node, File) else 1
        return {
            "st_mode": kind | node.mode,
            "st_nlink": names,
            "st_size": size,
            "st_ino": node.number,
            **times,
        }

    def readdir(self, path: str, _fh: int) -> list[tuple[str, dict[str, int], int]]:
        """Names in a folder, each with its number: what has none is not listed."""
        folder = self._node(path)
        assert isinstance(folder, Folder)
        listed = {".": folder, "..": folder, **folder.names}
        return [(name, {"st_ino": node.number, "st_mode": _kind(node)}, 0) for name, node in listed.items()]

    def mkdir(self, path: str, mode: int) -> None:
        """Make a folder."""
        folder, name = self._parent(path)
        folder.names[name] = Folder(mode & 0o777)

    def rmdir(self, path: str) -> None:
        """Remove an empty folder."""
        folder, name = self._parent(path)
        victim = self._node(path)
        if isinstance(victim, Folder) and victim.names:
            raise mfusepy.FuseOSError(errno.ENOTEMPTY)
        del folder.names[name]

    def unlink(self, path: str) -> None:
        """Remove a name."""
        folder, name = self._parent(path)
        self._drop(folder.names.pop(name))

    def _drop(self, node: File | Folder | None) -> None:
        if isinstance(node, File):
            node.names -= 1
            self.used_bytes -= 0 if node.names else len(node.data)

    def rename(self, old: str, new: str) -> None:
        """Give another name, replacing what has it."""
        folder, name = self._parent(old)
        target, new_name = self._parent(new)
        self._drop(target.names.get(new_name))
        target.names[new_name] = folder.names.pop(name)

    def link(self, target: str, source: str) -> None:
        """Give a second name."""
        folder, name = self._parent(target)
        file = self._node(source)
        assert isinstance(file, File)
        file.names += 1
        folder.names[name] = file

    def chmod(self, path: str, mode: int) -> None:
        """Set the permissions."""
        self._node(path).mode = mode & 0o777

    def chown(self, path: str, _uid: int, _gid: int) -> None:
        """There is one owner."""
        self._node(path)

    def utimens(self, path: str, _times: object = None) -> None:
        """Times are not kept."""
        self._node(path)

    # Contents

    def _handle(self, file: File) -> int:
        handle = next(self.handles)
        self.open_files[handle] = file
        return handle

    def create(self, path: str, mode: int, _fi: object = None) -> int:
        """Make and open a file."""
        folder, name = self._parent(path)
        file = File(mode & 0o777)
        folder.names[name] = file
        return self._handle(file)

    def open(self, path: str, flags: int) -> int:
        """Open a file."""
        file = self._node(path)
        assert isinstance(file, File)
        if flags & os.O_TRUNC:
            file.resize(0)
        return self._handle(file)

    def release(self, _path: str, fh: int) -> int:
        """Close a file."""
        self.open_files.pop(fh, None)
        return 0

    def _file(self, fh: int) -> File:
        if not self.is_on:
            raise mfusepy.FuseOSError(errno.EIO)
        return self.open_files[fh]

    def read(self, _path: str, size: int, offset: int, fh: int) -> bytes:
        """Bytes of an open file."""
        return bytes(self._file(fh).data[offset : offset + size])

    def write(self, _path: str, data: bytes, offset: int, fh: int) -> int:
        """Change bytes of an open file, while there is room."""
        file = self._file(fh)
        growth = max(offset + len(data) - len(file.data), 0)
        if growth and self.used_bytes + growth > self.quota_bytes:
            raise mfusepy.FuseOSError(errno.ENOSPC)
        self.used_bytes += growth
        file.write(data, offset)
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        """Change the length of a file."""
        file = self._file(fh) if fh in self.open_files else self._node(path)
        assert isinstance(file, File)
        self.used_bytes += length - len(file.data)
        file.resize(length)

    def fsync(self, _path: str, _datasync: int, fh: int) -> int:
        """Make the bytes of a file durable, unless this sync is to fail."""
        file = self._file(fh)
        self.syncs += 1
        if self.syncs == self.failing_sync:
            file.lose_dirty_pages()
            raise mfusepy.FuseOSError(errno.EIO)
        file.sync()
        return 0

    def fsyncdir(self, path: str, _datasync: int, _fh: int) -> int:
        """Make the names in a folder durable, unless this sync is to fail."""
        folder = self._node(path)
        assert isinstance(folder, Folder)
        self.syncs += 1
        if self.syncs == self.failing_sync:
            raise mfusepy.FuseOSError(errno.EIO)
        folder.sync()
        return 0

    def statfs(self, _path: str) -> dict[str, int]:
        """The quota as blocks."""
        free = max(self.quota_bytes - self.used_bytes, 0) // PAGE_BYTES
        blocks = {"f_blocks": self.quota_bytes // PAGE_BYTES, "f_bfree": free, "f_bavail": free}
        return {"f_bsize": PAGE_BYTES, "f_frsize": PAGE_BYTES, "f_namemax": 255, **blocks}


def _kind(node: File | Folder) -> int:
    return stat.S_IFREG if isinstance(node, File) else stat.S_IFDIR


def main() -> None:
    """Mount the disk until it is unmounted."""
    fresh = {"attr_timeout": 0, "entry_timeout": 0, "negative_timeout": 0, "ac_attr_timeout": 0}
    mfusepy.FUSE(ForgetfulDisk(), sys.argv[1], foreground=True, nothreads=True, use_ino=True, **fresh)


if __name__ == "__main__":
    main()
