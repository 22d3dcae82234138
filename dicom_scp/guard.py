"""The porch: where connections wait until they have asked for an association, without costing a thread.

Peers that say nothing, too little or too much are kept out here by one thread that watches them all. When the porch is
full, the address with most visitors loses its oldest: a crowd of silent peers cannot keep a sender out.
"""

import selectors
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog

from dicom_scp.audit import Audit
from dicom_scp.wire import HEADER, LARGEST_REQUEST_BYTES, STALL_S, AbortReason, PduType, abort_pdu

LOG = structlog.get_logger()

BACKLOG = 1_024
"""Connections the kernel keeps waiting; with five, bursts wait seconds for SYN retries. With 128, a burst of 500 left
147 peers that thought they were connected while the kernel had dropped them (measured)."""

MOST_VISITORS = 600
"""Connections on the porch; a process may open 1,024 files by default, and associations need some of them."""

MOST_HELD_BYTES = 16 << 20
"""Of unfinished requests, all visitors together."""

SWEEP_S = 0.5
"""While somebody is on the porch, deadlines are looked at this often."""

LINGER_S = 5.0
"""ARTIM: how long a peer may take to close after a rejection, release or abort (PS3.8 section 9.1.5)."""

DISCARD_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Door:
    """A listening socket, and what secures it."""

    sock: socket.socket
    tls: ssl.SSLContext | None = None


@dataclass(slots=True, eq=False)
class Visitor:
    """A connection without an association: on its way in, or on its way out."""

    sock: socket.socket
    address: str
    deadline: float
    must_shake_hands: bool = False
    is_leaving: bool = False
    held: bytearray = field(default_factory=bytearray)

    @property
    def missing(self) -> int:
        """Bytes until the next thing is known: the header, then the whole request."""
        if len(self.held) < HEADER.size:
            return HEADER.size - len(self.held)
        return HEADER.size + int(HEADER.unpack_from(self.held)[1]) - len(self.held)


Admit = Callable[[socket.socket, str, bytes], bytes]
"""Takes a connection with its request over, or returns what to answer instead."""


class Porch:
    """Accepts, waits, admits, and sees off; one thread in `run`."""

    def __init__(self, doors: Sequence[Door], admit: Admit, audit: Audit, patience_s: float) -> None:
        self._admit = admit
        self._audit = audit
        self._patience_s = patience_s
        self._visitors: dict[Visitor, None] = {}
        self._leaving: deque[tuple[socket.socket, str]] = deque()
        self._doors = doors
        self._is_open = self._welcomes = True
        self._selector = selectors.DefaultSelector()
        self._bell, self._rung = socket.socketpair()
        self._selector.register(self._rung, selectors.EVENT_READ, self._answer_bell)
        for door in doors:
            door.sock.setblocking(False)  # noqa: FBT003 - the socket library's own signature
            self._selector.register(door.sock, selectors.EVENT_READ, partial(self._welcome, door))

    def run(self) -> None:
        """Watch until `close`."""
        sweep = time.monotonic()
        while self._is_open:
            for key, _ in self._selector.select(SWEEP_S if self._visitors else None):
                self._tend(key)
            if time.monotonic() >= sweep:
                sweep = time.monotonic() + SWEEP_S
                self._sweep(time.monotonic())
        for visitor in list(self._visitors):
            self._drop(visitor)
        for sock, _ in self._leaving:
            sock.close()
        self._selector.close()
        self._rung.close()
        self._bell.close()

    def _tend(self, key: selectors.SelectorKey) -> None:
        if isinstance(key.fileobj, socket.socket) and key.fileobj.fileno() < 0:
            return  # dropped while its news waited
        try:
            key.data()
        except Exception as exc:  # noqa: BLE001 - one connection must not close the door for all
            LOG.error("porch_failed", error=type(exc).__name__)  # noqa: TRY400 - no values
            for visitor in [visitor for visitor in self._visitors if visitor.sock is key.fileobj]:
                self._drop(visitor)

    def shut_doors(self) -> None:
        """Welcome nobody any more; from any thread."""
        self._welcomes = False
        self._ring()

    def close(self) -> None:
        """End `run`; from any thread."""
        self._is_open = False
        self._ring()

    def see_off(self, sock: socket.socket, address: str) -> None:
        """Take a finished connection: what we sent last must arrive, so the peer closes first; from any thread."""
        with suppress(OSError):
            plain = socket.socket(fileno=sock.detach())  # what remains of TLS is not worth a dialogue
            if not self._is_open:
                plain.close()
                return
            self._leaving.append((plain, address))
            plain.shutdown(socket.SHUT_WR)
        self._ring()

    def _ring(self) -> None:
        with suppress(OSError):
            self._bell.send(b"\0")

    def _answer_bell(self) -> None:
        self._rung.recv(DISCARD_BYTES)
        if not self._welcomes:
            for door in self._doors:
                self._selector.unregister(door.sock)
            self._doors = ()
        while self._leaving:
            sock, address = self._leaving.popleft()
            sock.setblocking(False)  # noqa: FBT003 - the socket library's own signature
            self._enter(Visitor(sock, address, time.monotonic() + LINGER_S, is_leaving=True))

    def _welcome(self, door: Door) -> None:
        try:
            sock, address = door.sock.accept()
        except BlockingIOError:
            return
        except OSError as exc:
            self._make_room(f"no connection can be accepted: {exc.strerror}")
            return
        try:
            sock.setblocking(False)  # noqa: FBT003 - the socket library's own signature
            settle(sock)
            if door.tls is not None:
                sock = door.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except OSError:
            sock.close()  # gone again already
            return
        deadline = time.monotonic() + self._patience_s
        self._enter(Visitor(sock, address[0], deadline, must_shake_hands=door.tls is not None))

    def _enter(self, visitor: Visitor) -> None:
        if len(self._visitors) >= MOST_VISITORS:
            self._make_room("too many connections without an association")
        self._visitors[visitor] = None
        step = self._discard if visitor.is_leaving else self._listen
        self._selector.register(visitor.sock, selectors.EVENT_READ, partial(step, visitor))

    def _make_room(self, reason: str) -> None:
        """Drop the oldest visitor from the address that has most."""
        if not self._visitors:
            time.sleep(SWEEP_S)  # nothing of ours to give up: the system itself is short of something
            return
        busiest = Counter(visitor.address for visitor in self._visitors).most_common(1)[0][0]
        self._drop(next(visitor for visitor in self._visitors if visitor.address == busiest), reason)

    def _sweep(self, now: float) -> None:
        for visitor in [visitor for visitor in self._visitors if visitor.deadline <= now]:
            self._drop(visitor, "" if visitor.is_leaving else "no association was asked for in time")

    def _drop(self, visitor: Visitor, reason: str = "", last_word: bytes = b"") -> None:
        if reason:
            self._audit(visitor.address, "", reason)
        self._forget(visitor)
        if last_word:
            self._send_away(visitor, last_word)
        else:
            visitor.sock.close()

    def _send_away(self, visitor: Visitor, last_word: bytes) -> None:
        with suppress(OSError):
            visitor.sock.send(last_word)
        self.see_off(visitor.sock, visitor.address)

    def _forget(self, visitor: Visitor) -> None:
        del self._visitors[visitor]
        self._selector.unregister(visitor.sock)

    def _discard(self, visitor: Visitor) -> None:
        try:
            gone = not visitor.sock.recv(DISCARD_BYTES)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        if gone:
            self._drop(visitor)

    def _listen(self, visitor: Visitor) -> None:
        try:
            self._hear(visitor)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError as exc:
            reason = "the TLS handshake failed" if visitor.must_shake_hands else "the connection broke"
            self._drop(visitor, f"{reason}: {getattr(exc, 'reason', None) or type(exc).__name__}")

    def _hear(self, visitor: Visitor) -> None:
        """Take what has come; raises when there is nothing more for now."""
        if visitor.must_shake_hands:
            assert_tls(visitor.sock).do_handshake()
            visitor.must_shake_hands = False
        while visitor.missing:
            part = visitor.sock.recv(visitor.missing)
            if not part:
                self._drop(visitor)
                return
            visitor.held += part
            if len(visitor.held) == HEADER.size and not self._may_go_on(visitor):
                return
        self._hand_over(visitor)

    def _may_go_on(self, visitor: Visitor) -> bool:
        kind, length = HEADER.unpack(visitor.held)
        known = kind in set(PduType)
        if kind != PduType.ASSOCIATE_RQ:
            word = AbortReason.UNEXPECTED_PDU if known else AbortReason.UNRECOGNISED_PDU
            self._drop(visitor, "no association request", abort_pdu(word))
            return False
        if length > LARGEST_REQUEST_BYTES:
            self._drop(
                visitor, "an association request is too long", abort_pdu(AbortReason.INVALID_PARAMETER)
            )
            return False
        if sum(len(other.held) for other in self._visitors) > MOST_HELD_BYTES:
            self._make_room("association requests without an end")
        return visitor in self._visitors

    def _hand_over(self, visitor: Visitor) -> None:
        self._forget(visitor)
        answer = self._admit(visitor.sock, visitor.address, bytes(visitor.held[HEADER.size :]))
        if answer:
            self._send_away(visitor, answer)


def assert_tls(sock: socket.socket) -> ssl.SSLSocket:
    """A socket that must shake hands is one of TLS."""
    if not isinstance(sock, ssl.SSLSocket):
        raise TypeError("not a TLS socket")
    return sock


def settle(sock: socket.socket) -> None:
    """Answer at once, and notice dead peers."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALL_S * 1000))
