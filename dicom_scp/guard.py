"""Bounds on what a peer may make the listener wait for or hold in memory."""

import socket
import time
from dataclasses import dataclass
from socketserver import BaseServer
from typing import Any

from pynetdicom import evt
from pynetdicom.transport import ThreadedAssociationServer

LARGEST_PDU_BYTES = 1 << 20
"""Protocol data units above one mebibyte are refused; common senders stay at or below 128 KiB."""

STALL_S = 30.0
"""A protocol data unit that has begun must be complete within this time."""

RECEIVE_BYTES = 1 << 16
"""Bytes taken from the socket at once."""

BACKLOG = 128
"""Connections the kernel keeps waiting; with the library's five, bursts wait seconds for SYN retries."""


@dataclass(slots=True)
class BoundedReceive:
    """Reads exactly what is asked, within a deadline and below the limits; stands in for the library's endless read.

    `held_bytes` counts what has come in since the last complete message.
    """

    sock: socket.socket
    largest_message_bytes: int
    held_bytes: int = 0

    def __call__(self, nr_bytes: int) -> bytearray:
        """Read `nr_bytes`, or fewer when the peer closed the connection; a peer out of bounds is cut off."""
        try:
            return self._read(nr_bytes)
        except OSError:
            self.sock.close()
            raise

    def _read(self, nr_bytes: int) -> bytearray:
        self.held_bytes += nr_bytes
        if nr_bytes > LARGEST_PDU_BYTES or self.held_bytes > self.largest_message_bytes:
            raise OSError("a peer sent more than the listener may hold")
        deadline, received = time.monotonic() + STALL_S, bytearray()
        while len(received) < nr_bytes:
            self.sock.settimeout(max(deadline - time.monotonic(), 0.001))
            part = self.sock.recv(min(RECEIVE_BYTES, nr_bytes - len(received)))
            if not part:
                break
            received += part
        return received

    def message_complete(self, _event: Any) -> None:
        """Start counting anew."""
        self.held_bytes = 0

    def connection_closed(self, _event: Any) -> None:
        """Give the descriptor back; the library forgets to when the peer was faster."""
        self.sock.close()


def bound_connection(event: evt.Event, largest_message_bytes: int) -> None:
    """Bound a new connection; dead peers are noticed by keep-alive."""
    connection = event.assoc.dul.socket
    sock: socket.socket = connection.socket
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALL_S * 1000))
    bounded = BoundedReceive(sock, largest_message_bytes)
    connection.recv = bounded
    event.assoc.bind(evt.EVT_DIMSE_RECV, bounded.message_complete)
    event.assoc.bind(evt.EVT_CONN_CLOSE, bounded.connection_closed)


class Server(ThreadedAssociationServer):  # type: ignore[misc]  # the library is untyped here
    """The library's server with a longer queue, stoppable without its application entity."""

    request_queue_size = BACKLOG

    def shutdown(self) -> None:
        """Stop accepting and close the listening socket."""
        BaseServer.shutdown(self)
        self.server_close()
