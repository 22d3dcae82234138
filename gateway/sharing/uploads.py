"""Contents on their way in: kept under their digest as far as they came, and read as DICOM once they are whole.

Pieces of the same content are the same bytes, so two requests that overlap do no harm: a line may have broken without
anybody here having noticed. What was done with a whole content is remembered for a while, for a sender that did not hear.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from dicom_scp.directories import make_directory
from dicom_scp.spool import translated
from gateway.private_files import OWNER_ONLY
from gateway.sharing.protocol import FAILED_SEQUENCE
from triage.errors import InputError, TemporaryError

KEPT_S = 48 * 3600
"""What is not finished by then begins anew."""
MOST_AT_ONCE = 16
"""Unfinished contents of one partner; its oldest goes when there are more."""
READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Extent:
    """Which bytes of a content a request brings (RFC 9110 section 14.4)."""

    start: int
    end: int
    total: int

    @classmethod
    def of(cls, header: str, length: int) -> "Extent":
        """Read a Content-Range header; without one the request brings all.

        Raises
        ------
        InputError
            It does not say what the length says.

        Examples
        --------
        >>> Extent.of("bytes 5-9/20", 5), Extent.of("", 7)
        (Extent(start=5, end=10, total=20), Extent(start=0, end=7, total=7))
        """
        if not header:
            return cls(0, length, length)
        first, _, rest = header.removeprefix("bytes ").partition("-")
        last, _, total = rest.partition("/")
        if not all(word.isdecimal() and len(word) < 16 for word in (first, last, total)):
            raise InputError("Content-Range is not `bytes first-last/all`")
        found = cls(int(first), int(last) + 1, int(total))
        if found.end - found.start != length or found.end > found.total:
            raise InputError("Content-Range and Content-Length do not agree")
        return found


class Uploads:
    """Unfinished contents of one partner, below a folder of its own."""

    def __init__(self, root: Path, partner: str, most_bytes: int, free_floor_bytes: int) -> None:
        self._folder = root / partner
        self._most_bytes, self._floor_bytes = most_bytes, free_floor_bytes

    def offset(self, digest: str) -> int:
        """How many bytes of a content are here."""
        try:
            return self._part(digest).stat().st_size
        except FileNotFoundError:
            return 0

    def answer(self, digest: str) -> dict[str, Any] | None:
        """What was answered to a whole content; None while there is none."""
        try:
            return dict(json.loads(self._done(digest).read_text("ascii")))
        except (FileNotFoundError, ValueError):
            return None

    def begin(self, digest: str, extent: Extent) -> int:
        """Make room for a piece; returns the file to write it to, at its own offset.

        Raises
        ------
        InputError
            The content is too large.
        TemporaryError
            There is no room, or what comes before the piece is not here.
        """
        if extent.total > self._most_bytes:
            raise InputError(f"the content has {extent.total} bytes; at most {self._most_bytes} are taken")
        with translated("keep what a partner sends"):
            make_directory(self._folder)
            state = os.statvfs(self._folder)
            known = self.offset(digest)
            if state.f_bavail * state.f_frsize - 2 * (extent.total - known) < self._floor_bytes:
                raise TemporaryError("free space is below the floor")
            if extent.start > known:
                raise TemporaryError(f"{known} bytes of this content are here: go on from there")
            if not known:
                self._tidy()
            return os.open(self._part(digest), os.O_CREAT | os.O_RDWR, OWNER_ONLY)

    def finish(self, digest: str, read: Callable[[mmap], dict[str, Any]]) -> dict[str, Any]:
        """Have a whole content read and remember what is answered.

        Raises
        ------
        InputError
            Its bytes are not those that were signed, or it cannot be read; it is dropped.
        """
        part = self._part(digest)
        try:
            with translated("read what a partner sent"), part.open("rb") as file:
                _require_digest(part, digest)
                with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
                    found = read(content)
        except InputError:
            part.unlink(missing_ok=True)
            raise
        with translated("keep an answer"):
            if FAILED_SEQUENCE not in found:  # what was refused may be offered again
                scratch = part.with_suffix(f".{os.getpid()}")
                scratch.write_text(json.dumps(found), "ascii")
                scratch.rename(self._done(digest))
            part.unlink(missing_ok=True)
        return found

    def _part(self, digest: str) -> Path:
        return self._folder / f"{digest}.part"

    def _done(self, digest: str) -> Path:
        return self._folder / f"{digest}.json"

    def _tidy(self) -> None:
        """Drop what is old, and the oldest of too much; the new content is not there yet."""
        ages = sorted((path.stat().st_mtime, path) for path in self._folder.iterdir())
        parts = [path for _, path in ages if path.suffix == ".part"]
        old = [path for at, path in ages if at < time.time() - KEPT_S]
        for path in {*old, *parts[: max(0, len(parts) - MOST_AT_ONCE + 1)]}:
            path.unlink(missing_ok=True)


def write_at(descriptor: int, offset: int, piece: bytes) -> None:
    """Write all of a piece at its place.

    Raises
    ------
    TemporaryError
        The disk is full or fails.
    """
    with translated("keep what a partner sends"):
        left = memoryview(piece)
        while left:
            written = os.pwrite(descriptor, left, offset)
            left, offset = left[written:], offset + written


def _require_digest(path: Path, digest: str) -> None:
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            whole.update(piece)
    if whole.hexdigest() != digest:
        raise InputError("the content is not the one that was signed: send it again")
