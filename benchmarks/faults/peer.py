"""A DICOM sender by hand, made from the standard alone: it shares no code with the front door and can put anything on the wire."""

import socket
import struct
from typing import Self

CT = "1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
STORE_RQ, ECHO_RQ = 0x0001, 0x0030
HAS_DATASET, NO_DATASET = 0x0001, 0x0101
LARGEST_PDU_BYTES = 131_072
SUCCESS = 0x0000
GONE = -1
"""Instead of a status: the peer aborted or closed."""


class Lost(Exception):  # noqa: N818 - it reads as what happened
    """The connection ended instead of an answer."""


def pdu(kind: int, body: bytes) -> bytes:
    """A protocol data unit (PS3.8 section 9.3)."""
    return struct.pack(">BxI", kind, len(body)) + body


def item(kind: int, value: bytes) -> bytes:
    """One item of an association request (PS3.8 section 9.3.2)."""
    return struct.pack(">BxH", kind, len(value)) + value


def association_request(
    calling: str = "FAULTS",
    called: str = "STROKEGW",
    sop_class: str = CT,
    syntax: str = EXPLICIT,
) -> bytes:
    """An A-ASSOCIATE-RQ with context 1 for `sop_class` and context 3 for verification."""
    contexts = ((1, sop_class, syntax), (3, VERIFICATION, IMPLICIT))
    proposed = b"".join(
        item(0x20, bytes([number, 0, 0, 0]) + item(0x30, name.encode()) + item(0x40, coding.encode()))
        for number, name, coding in contexts
    )
    user = item(0x51, LARGEST_PDU_BYTES.to_bytes(4, "big")) + item(0x52, b"1.2.3.4")
    titles = called.encode().ljust(16) + calling.encode().ljust(16)
    fixed = struct.pack(">HH", 1, 0) + titles + bytes(32)
    return pdu(ASSOCIATE_RQ, fixed + item(0x10, APPLICATION_CONTEXT.encode()) + proposed + item(0x50, user))


def element(number: int, value: bytes) -> bytes:
    """An element of a command set: implicit VR, group 0000 (PS3.7 section 6.3)."""
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HHI", 0, number, len(value)) + value


def command(kind: int, sop_class: str, instance: bytes | None) -> bytes:
    """The command set of a C-STORE or, without an instance, of a C-ECHO request."""
    dataset_type = NO_DATASET if instance is None else HAS_DATASET
    body = element(0x0002, sop_class.encode()) + element(0x0100, struct.pack("<H", kind))
    body += element(0x0110, struct.pack("<H", 1))
    body += element(0x0700, bytes(2)) if instance is not None else b""
    body += element(0x0800, struct.pack("<H", dataset_type))
    body += element(0x1000, instance) if instance is not None else b""
    return element(0x0000, struct.pack("<I", len(body))) + body


def fragments(context: int, raw: bytes, *, is_command: bool, step: int = LARGEST_PDU_BYTES - 6) -> bytes:
    """P-DATA-TF units of one command set or dataset (PS3.8 annex E)."""
    units = []
    for start in range(0, max(len(raw), 1), step):
        control = is_command | (2 if start + step >= len(raw) else 0)
        part = raw[start : start + step]
        units.append(pdu(P_DATA, struct.pack(">IBB", len(part) + 2, context, control) + part))
    return b"".join(units)


def store_message(instance: bytes, dataset: bytes, sop_class: str = CT) -> bytes:
    """A whole C-STORE request as it goes over the wire."""
    asked = command(STORE_RQ, sop_class, instance)
    return fragments(1, asked, is_command=True) + fragments(1, dataset, is_command=False)


class Peer:
    """One connection to the front door; nothing happens that is not asked for."""

    def __init__(self, port: int, timeout_s: float = 10.0) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def receive(self) -> tuple[int, bytes]:
        """Type and body of the next unit.

        Raises
        ------
        Lost
            There is none: the peer closed, reset or said nothing in time.
        """
        kind, length = struct.unpack(">BxI", self._exactly(6))
        return kind, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        received = bytearray()
        while len(received) < count:
            try:
                part = self.sock.recv(count - len(received))
            except TimeoutError as exc:
                raise Lost("silent") from exc
            except OSError as exc:
                raise Lost("reset") from exc
            if not part:
                raise Lost("closed")
            received += part
        return bytes(received)

    def send(self, raw: bytes) -> None:
        """Send everything; raises Lost."""
        try:
            self.sock.sendall(raw)
        except OSError as exc:
            raise Lost("reset") from exc

    def associate(self, request: bytes = b"") -> tuple[int, bytes]:
        """Ask for an association; returns the answer."""
        self.send(request or association_request())
        return self.receive()

    def status(self) -> int:
        """Status of the next response; raises Lost when the association ended instead."""
        kind, body = self.receive()
        if kind != P_DATA:
            raise Lost(f"unit of type {kind}")
        at = body.index(struct.pack("<HHI", 0, 0x0900, 2)) + 8
        return int(struct.unpack_from("<H", body, at)[0])

    def store(self, instance: str, dataset: bytes) -> int:
        """Send one CT instance; returns its status."""
        self.send(store_message(instance.encode(), dataset))
        return self.status()

    def echo(self) -> int:
        """C-ECHO; returns its status."""
        self.send(fragments(3, command(ECHO_RQ, VERIFICATION, None), is_command=True))
        return self.status()

    def release(self) -> int:
        """Release; returns the type of the answer."""
        self.send(pdu(RELEASE_RQ, bytes(4)))
        return self.receive()[0]


def echoes(port: int) -> bool:
    """Whether an association and a C-ECHO work now."""
    try:
        with Peer(port, timeout_s=5) as peer:
            return peer.associate()[0] == ASSOCIATE_AC and peer.echo() == SUCCESS
    except (Lost, OSError, ValueError):
        return False
