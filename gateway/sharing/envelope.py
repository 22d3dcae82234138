"""The content of a STOW-RS request, put together without being held: the same objects give the same bytes, always.

So whatever a killed sender had sent of it is still the beginning of what it sends next.
"""

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from triage.errors import TemporaryError

READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Envelope:
    """A multipart/related content (RFC 2387) of DICOM files; `digest` is the SHA-256 of all of it."""

    parts: tuple[bytes | Path, ...]
    lengths: tuple[int, ...]
    boundary: str
    digest: str

    @classmethod
    def of(cls, files: Sequence[Path]) -> Self:
        """Put files into an envelope.

        Raises
        ------
        TemporaryError
            One cannot be read.
        """
        boundary = hashlib.sha256("|".join(path.name for path in files).encode()).hexdigest()[:32]
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        parts: list[bytes | Path] = []
        for path in files:
            parts += [head, path, b"\r\n"]
        parts.append(f"--{boundary}--\r\n".encode())
        whole, lengths = hashlib.sha256(), []
        for part in parts:
            length = 0
            for piece in _pieces(part, 0):
                whole.update(piece)
                length += len(piece)
            lengths.append(length)
        return cls(tuple(parts), tuple(lengths), boundary, whole.hexdigest())

    @property
    def size(self) -> int:
        """Bytes of all of it."""
        return sum(self.lengths)

    @property
    def content_type(self) -> str:
        """Its media type."""
        return f'multipart/related; type="application/dicom"; boundary={self.boundary}'

    def read(self, offset: int, count: int) -> bytes:
        """A piece of it, shorter only at its end; raises like `of`."""
        found, begin = bytearray(), 0
        for part, length in zip(self.parts, self.lengths, strict=True):
            if begin + length > offset + len(found) and len(found) < count:
                for piece in _pieces(part, offset + len(found) - begin):
                    found += piece[: count - len(found)]
                    if len(found) == count:
                        break
            begin += length
        return bytes(found)


def _pieces(part: bytes | Path, start: int) -> Iterator[bytes]:
    try:
        with part.open("rb") if isinstance(part, Path) else io.BytesIO(part) as stream:
            stream.seek(start)
            while piece := stream.read(READ_BYTES):
                yield piece
    except OSError as exc:
        raise TemporaryError(f"an object to be sent cannot be read: {exc.strerror}") from exc
