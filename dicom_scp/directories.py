"""Directories whose names survive a power cut."""

import os
from contextlib import suppress
from pathlib import Path


def make_directory(directory: Path) -> None:
    """Make a directory and its parents where they are missing, and durable names for them.

    What is synced inside a directory is lost with the directory's own name: the first start in a new place is when a
    power cut would take everything. The last name is synced also when it was there already, because another process
    may have made it a moment ago and not have come to that.
    """
    for level in [level for level in reversed(directory.absolute().parents) if not level.exists()]:
        level.mkdir(exist_ok=True)
        sync_directory(level.parent)
    directory.mkdir(exist_ok=True)
    with suppress(PermissionError):  # a parent that we may not read is one that we did not make
        sync_directory(directory.absolute().parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
