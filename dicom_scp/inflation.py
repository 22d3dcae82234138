"""A deflated dataset as a stream that can be read without trusting it."""

import io
import zlib
from typing import BinaryIO

from triage.errors import InputError

MOST_INFLATED_BYTES = 512 << 20
"""Where a deflated dataset ends for certain: a thousand uncompressed CT slices."""

MOST_GROWTH = 200
"""Times a dataset may grow by inflating: CT pixels grow two- to fivefold, a bomb a thousandfold."""

GROWTH_ALLOWED_BYTES = 4 << 20
"""Growth is not judged below this: the blank border of a small image inflates as steeply as a bomb."""

_PIECE_BYTES = 65_536


class Inflated(io.RawIOBase):
    """Inflates a raw deflate stream as it is read (PS3.5 section A.5), from where the stream stands now.

    Memory stays at one piece whatever the stream claims; going back starts again from the beginning.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._start = stream.tell()
        self._rewind()

    def _rewind(self) -> None:
        self._stream.seek(self._start)
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._here = 0
        self._taken = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always, although going back is slow."""
        return True

    def tell(self) -> int:
        """Bytes inflated so far."""
        return self._here

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to an offset of the inflated dataset, or to its end."""
        if offset < self._here and whence == io.SEEK_SET:
            self._rewind()
        goal = offset if whence == io.SEEK_SET else MOST_INFLATED_BYTES
        while self._here < goal and self._piece(min(goal - self._here, _PIECE_BYTES)):
            pass
        return self._here

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes, all there is if negative.

        Raises
        ------
        InputError
            If the bytes are no deflate stream, or grow more than any image does.
        """
        pieces, left = [], MOST_INFLATED_BYTES if size < 0 else size
        while left and (piece := self._piece(min(left, _PIECE_BYTES))):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def _piece(self, most: int) -> bytes:
        """Some bytes, none at the end."""
        piece = b""
        while not piece and not self._inflater.eof:
            packed = self._inflater.unconsumed_tail or self._stream.read(_PIECE_BYTES)
            self._taken += 0 if self._inflater.unconsumed_tail else len(packed)
            try:
                piece = self._inflater.decompress(packed, most)
            except zlib.error as exc:
                raise InputError("the deflated dataset cannot be inflated") from exc
            if not packed and not piece:
                break
        self._here += len(piece)
        self._require_sane()
        return piece

    def _require_sane(self) -> None:
        steep = self._here > max(GROWTH_ALLOWED_BYTES, MOST_GROWTH * self._taken)
        if steep or self._here >= MOST_INFLATED_BYTES:
            raise InputError(f"the deflated dataset grows from {self._taken} to more than {self._here} bytes")
