"""A plain MLLP sender over a socket, written apart from ours."""

import socket
import ssl
from typing import Self

VT, END = b"\x0b", b"\x1c\r"


class Sender:
    """One connection; sends a message and waits for its answer."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None, timeout_s: float = 10.0) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout_s)
        self._socket = context.wrap_socket(plain, server_hostname="localhost") if context else plain
        self._left = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def put(self, raw: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(raw)

    def send(self, message: bytes) -> str:
        """Send a message and wait for its answer."""
        self.put(VT + message + END)
        return self.answer()

    def answer(self) -> str:
        """Read the next answer; raises `ConnectionResetError` when the peer has gone."""
        while END not in self._left:
            chunk = self._socket.recv(65_536)
            if not chunk:
                raise ConnectionResetError
            self._left += chunk
        found, _, self._left = self._left.partition(END)
        return found.removeprefix(VT).decode("utf-8", "replace")
