"""The engine's journal: how its file is opened, what may be written into it, what is read from it.

Values are JSON, and of an error nothing is kept that could quote a dataset.
"""

import json
import sqlite3
import traceback
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from dicom_scp.directories import make_directory
from gateway.locks import sqlite_path
from gateway.processes import last_words
from triage.errors import GatewayError

ACTIVE = ("ENQUEUED", "PENDING", "DELAYED")
DEAD = ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
"""Ends that want a person."""
ENDED_WELL = ("SUCCESS", "CANCELLED")
LONGEST_MESSAGE = 2000

TRANSIENT = frozenset({"DBOSMaxStepRetriesExceeded", "OperationalError"})
"""Kinds of a run's end that pass by themselves: a peer was away for too long, a disk was full."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run as the console shows it; `error` is read only where it is asked for."""

    key: str
    workflow: str
    status: str
    queue: str | None
    created_at_ms: int | None
    attempts: int | None
    updated_at_ms: int | None = None
    begun_at_ms: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One journalled step; a wait is journalled when it begins, with its end."""

    number: int
    name: str
    failed: bool
    until_ms: float


def prepare(url: str) -> None:
    """Switch a SQLite journal to write-ahead logging before its first use; the engine leaves the slow default."""
    if path := sqlite_path(url):
        make_directory(path.parent)
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


class UnforeseenError(Exception):
    """A mistake of ours in a step; says where it happened and never what it was about."""


def unforeseen(error: Exception) -> UnforeseenError:
    """The error without its message, which may quote a dataset, and so a person.

    >>> unforeseen(KeyError("NGUYEN"))
    UnforeseenError('KeyError')
    """
    frames = traceback.format_tb(error.__traceback__)[1:]  # the first is the step's own
    where = last_words("".join(frames).encode())
    return UnforeseenError(", ".join(filter(None, [where, type(error).__name__])))


def dumped(data: Any) -> str:
    """A value, or an error as its kind and, if it is one of ours, its message.

    >>> dumped(ValueError("name is NGUYEN"))
    '{"__error__": "ValueError", "message": ""}'
    """
    if isinstance(data, BaseException):
        ours = isinstance(data, (GatewayError, UnforeseenError))
        data = {"__error__": type(data).__name__, "message": str(data)[:LONGEST_MESSAGE] if ours else ""}
    return json.dumps(data)


def loaded(text: str) -> Any:
    """Inverse of `dumped`; an error comes back as its description.

    >>> loaded(dumped(ValueError("name is NGUYEN")))
    RuntimeError('ValueError: ')
    """
    data = json.loads(text)
    if isinstance(data, dict) and "__error__" in data:
        return RuntimeError(f"{data['__error__']}: {data['message']}")
    return data
