"""A poor line: a TCP proxy that lets so many bytes a second through and breaks after so many, told by whoever tests it."""

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

PIECE_BYTES = 4096
TICK_S = 0.005


@dataclass
class PoorLine:
    """Stands before a port of loopback; counts what goes up. `rate` is in bytes a second, 0 for any."""

    target: int
    rate: float = 0.0
    cut_every: int = 0
    """Bytes upwards after which a connection is reset; 0 for never."""
    up_bytes: int = 0
    cuts: int = 0
    _doors: list[socket.socket] = field(default_factory=list)
    _free_at: float = 0.0

    def __post_init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        self._doors.append(self._door)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where the line begins."""
        return f"http://127.0.0.1:{self._door.getsockname()[1]}"

    def close(self) -> None:
        """Take the line away."""
        for door in self._doors:
            with contextlib.suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            door.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                if self._door.fileno() < 0:
                    return
                near.close()
                continue
            near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)  # so much is lost when it breaks
            self._doors += [near, far]
            threading.Thread(target=self._up, args=(near, far), daemon=True).start()
            threading.Thread(target=self._down, args=(far, near), daemon=True).start()

    def _up(self, near: socket.socket, far: socket.socket) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while piece := near.recv(PIECE_BYTES):
                self._wait(len(piece))
                self.up_bytes += len(piece)
                passed += len(piece)
                if self.cut_every and passed > self.cut_every:
                    self.cuts += 1
                    break
                far.sendall(piece)
        self._hang_up(near, far)

    def _down(self, far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := far.recv(PIECE_BYTES):
                near.sendall(piece)
        self._hang_up(near, far)
        far.close()

    def _wait(self, count: int) -> None:
        """All connections share the line."""
        if self.rate:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + count / self.rate
            if (pause_s := self._free_at - now) > TICK_S:
                time.sleep(pause_s)

    def _hang_up(self, near: socket.socket, far: socket.socket) -> None:
        """Break: what was on its way is lost to the sender's end, what had arrived stays with the receiver."""
        with contextlib.suppress(OSError):
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            near.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            far.shutdown(socket.SHUT_RDWR)
        near.close()
