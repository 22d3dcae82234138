"""Files of keys and tokens: for the owner alone, whole or not there, and durable before anybody relies on them."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OWNER_ONLY = 0o600
OWNER_ONLY_FOLDER = 0o700


def private_folder(folder: Path) -> Path:
    """Make a folder that nobody else may enter."""
    folder.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
    return folder


def replaced(path: Path, content: bytes) -> None:
    """Put new content in place of the old one."""
    _written(path, content).replace(path)
    _sync(path.parent)


def made_once(path: Path, content: bytes) -> bytes:
    """Content of a file that is made once: ours, or that of whoever was faster."""
    scratch = _written(path, content)
    try:
        os.link(scratch, path)
        _sync(path.parent)
    except FileExistsError:
        return path.read_bytes()
    finally:
        scratch.unlink()
    return content


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Be the only one of all processes of this machine inside the block."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _written(path: Path, content: bytes) -> Path:
    private_folder(path.parent)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
    return scratch


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
