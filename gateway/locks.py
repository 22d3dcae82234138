"""Exclusive locks by name, freed by the operating system or the server when their holder dies."""

import fcntl
import threading
import zlib
from pathlib import Path
from typing import Any, LiteralString, Protocol, TextIO

import psycopg

_PG_LOCK_SPACE = 0x5712
"""First key of our advisory locks, so that they meet nobody else's."""


class Locks(Protocol):
    """Exclusive locks by name, freed by the operating system or the server when their holder dies."""

    def take(self, name: str) -> bool:
        """Take the lock; False when somebody else holds it."""

    def release(self, name: str) -> None:
        """Give a taken lock back."""

    def alive(self) -> bool:
        """Whether the taken locks are still ours."""


class _FileLocks:
    """`flock` beside the SQLite file: one machine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._held: dict[str, TextIO] = {}

    def take(self, name: str) -> bool:
        handle = (self._folder / f"{zlib.crc32(name.encode()):08x}.lock").open("a")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            return False
        self._held[name] = handle
        return True

    def release(self, name: str) -> None:
        self._held.pop(name).close()

    def alive(self) -> bool:
        return True


class _PostgresLocks:
    """Session advisory locks: many machines."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(
            url, autocommit=True, keepalives=1, keepalives_idle=5, keepalives_interval=2, keepalives_count=3
        )
        self._mutex = threading.Lock()

    def _ask(self, query: LiteralString, *values: int) -> Any:
        with self._mutex:
            row = self._connection.execute(query, values).fetchone()
        return row[0] if row else None

    def take(self, name: str) -> bool:
        return bool(self._ask("SELECT pg_try_advisory_lock(%s, %s)", _PG_LOCK_SPACE, _lock_number(name)))

    def release(self, name: str) -> None:
        self._ask("SELECT pg_advisory_unlock(%s, %s)", _PG_LOCK_SPACE, _lock_number(name))

    def alive(self) -> bool:
        try:
            return bool(self._ask("SELECT 1") == 1)
        except psycopg.Error:
            return False


def _lock_number(name: str) -> int:
    """Lock names as the 31-bit integers that PostgreSQL wants."""
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


def sqlite_path(url: str) -> Path | None:
    """File of a SQLite address; None for a server."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def locks_of(url: str) -> Locks:
    """Locks that reach as far as the database does."""
    path = sqlite_path(url)
    return _FileLocks(path.with_suffix(".slots")) if path else _PostgresLocks(url)
