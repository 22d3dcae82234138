"""Protocol data units on a socket: read within bounds and deadlines, written in one piece (PS3.8 section 9.3)."""

import socket
import ssl
import struct
import time
from collections.abc import Iterator
from enum import IntEnum

from triage.errors import InputError, TemporaryError

LARGEST_PDU_BYTES = 1 << 20
"""Longer protocol data units are refused before they are read; common senders stay at or below 128 KiB."""

LARGEST_REQUEST_BYTES = 1 << 18
"""A-ASSOCIATE-RQ beyond this is refused: 128 contexts of 40 transfer syntaxes each take 150 KB."""

STALL_S = 30.0
"""A protocol data unit that has begun must be complete within this time, however it drips."""

BUFFER_BYTES = 1 << 18
"""Bytes taken from the socket at once; measured: below 64 KiB costs processor time, beyond 256 KiB nothing is won."""

HEADER = struct.Struct(">BxI")
_SHORT = struct.Struct(">BxIxBBB")


class PduType(IntEnum):
    """Types of protocol data units (PS3.8 tables 9-11 to 9-26)."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    P_DATA_TF = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


class AbortReason(IntEnum):
    """Why the service provider aborts (PS3.8 table 9-26)."""

    NOT_SPECIFIED = 0
    UNRECOGNISED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNISED_PARAMETER = 4
    UNEXPECTED_PARAMETER = 5
    INVALID_PARAMETER = 6


class ConnectionLostError(TemporaryError):
    """The peer closed, aborted, stalled or vanished; `is_answerable` when an A-ABORT may still reach it."""

    def __init__(self, message: str, *, is_answerable: bool = False) -> None:
        super().__init__(message)
        self.is_answerable = is_answerable


class ProtocolError(InputError):
    """The peer broke the upper layer protocol; the association ends with this reason (PS3.8 section 9.2)."""

    def __init__(self, message: str, reason: AbortReason) -> None:
        super().__init__(message)
        self.reason = reason


def abort_pdu(reason: AbortReason | None = None) -> bytes:
    """A-ABORT by the service provider for a reason, or by us as its user.

    >>> abort_pdu(AbortReason.UNEXPECTED_PDU).hex()
    '07000000000400000202'
    """
    source = 0 if reason is None else 2
    return _SHORT.pack(PduType.ABORT, 4, 0, source, reason or 0)


def reject_pdu(result: int, source: int, reason: int) -> bytes:
    """A-ASSOCIATE-RJ (PS3.8 table 9-21)."""
    return _SHORT.pack(PduType.ASSOCIATE_RJ, 4, result, source, reason)


RELEASE_RP_PDU = _SHORT.pack(PduType.RELEASE_RP, 4, 0, 0, 0)


class Wire:
    """One connection: bytes come through a buffer that is reused, so that nothing grows with what a peer sends."""

    def __init__(self, sock: socket.socket, stall_s: float = STALL_S) -> None:
        self.sock = sock
        self._stall_s = stall_s
        self._view = memoryview(bytearray(BUFFER_BYTES))
        self._start = self._end = 0
        self._deadline = 0.0

    @property
    def is_readable(self) -> bool:
        """Whether something has come in that was not read yet."""
        if self._start < self._end:
            return True
        self.sock.settimeout(0.0)
        try:
            return self._receive()
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError as exc:
            raise ConnectionLostError("the connection broke") from exc

    def next_pdu(self, patience_s: float) -> tuple[int, int]:
        """Type and length of the next protocol data unit; the clock for the whole of it starts with its first byte.

        Raises
        ------
        ConnectionLostError
            The peer is gone, or sent nothing for `patience_s`.
        ProtocolError
            The unit is longer than anybody needs.
        """
        self._deadline = time.monotonic() + patience_s
        if self._start == self._end:
            self._fill()
        self._deadline = time.monotonic() + self._stall_s
        kind, length = HEADER.unpack(self.exactly(HEADER.size))
        if length > LARGEST_PDU_BYTES:
            raise ProtocolError("a protocol data unit is too long", AbortReason.INVALID_PARAMETER)
        return kind, length

    def exactly(self, count: int) -> bytes:
        """A few bytes; raises like `next_pdu`."""
        end = self._start + count
        if end <= self._end:
            self._start, start = end, self._start
            return bytes(self._view[start:end])
        return b"".join(map(bytes, self.pieces(count)))

    def pieces(self, count: int) -> Iterator[memoryview]:
        """Many bytes as they come; each piece is valid until the next is asked for. Raises like `next_pdu`."""
        while count:
            if self._start == self._end:
                self._fill()
            piece = self._view[self._start : min(self._end, self._start + count)]
            self._start += len(piece)
            count -= len(piece)
            yield piece

    def send(self, data: bytes) -> None:
        """Send everything in one go.

        Raises
        ------
        ConnectionLostError
            The peer is gone or does not read.
        """
        try:
            self.sock.settimeout(self._stall_s)
            self.sock.sendall(data)
        except OSError as exc:
            raise ConnectionLostError("the peer does not read") from exc

    def _fill(self) -> None:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise ConnectionLostError("the peer stalled", is_answerable=True)
        self.sock.settimeout(left_s)
        try:
            self._receive()
        except TimeoutError as exc:
            raise ConnectionLostError("the peer stalled", is_answerable=True) from exc
        except OSError as exc:
            raise ConnectionLostError("the connection broke") from exc

    def _receive(self) -> bool:
        count = self.sock.recv_into(self._view)
        if not count:
            raise ConnectionLostError("the peer closed the connection")
        self._start, self._end = 0, count
        return True
