"""A DICOM sender by hand: it can be timed image by image, and it can misbehave."""

import socket
import struct
from collections.abc import Sequence
from typing import Self

from dicom_scp import dimse
from dicom_scp.dimse import Command, Element, Field, ui, us
from dicom_scp.negotiation import APPLICATION_CONTEXT
from dicom_scp.wire import HEADER, PduType

CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"
PEER_MAXIMUM = 131_072


def item(kind: int, value: bytes) -> bytes:
    """One item of an association request (PS3.8 section 9.3.2)."""
    return struct.pack(">BxH", kind, len(value)) + value


def association_request(
    called: str = "STROKEGW",
    calling: str = "RAW",
    contexts: Sequence[tuple[int, str, Sequence[str]]] = ((1, CT, (EXPLICIT,)),),
    extra: bytes = b"",
) -> bytes:
    """An A-ASSOCIATE-RQ; `extra` goes into the user information."""
    proposed = b"".join(
        item(
            0x20,
            bytes([number, 0, 0, 0])
            + item(0x30, abstract.encode())
            + b"".join(item(0x40, syntax.encode()) for syntax in syntaxes),
        )
        for number, abstract, syntaxes in contexts
    )
    user = item(0x51, PEER_MAXIMUM.to_bytes(4, "big")) + item(0x52, b"1.2.3.4") + extra
    body = (
        struct.pack(">HH16s16s32x", 1, 0, called.encode().ljust(16), calling.encode().ljust(16))
        + item(0x10, APPLICATION_CONTEXT.encode())
        + proposed
        + item(0x50, user)
    )
    return HEADER.pack(PduType.ASSOCIATE_RQ, len(body)) + body


def store_command(instance: str, sop_class: str = CT, number: int = 1) -> bytes:
    """The command set of a C-STORE request."""
    return dimse.encode(
        {
            Element.AFFECTED_SOP_CLASS_UID: ui(sop_class),
            Element.COMMAND_FIELD: us(Field.C_STORE),
            Element.MESSAGE_ID: us(number),
            Element.PRIORITY: us(0),
            Element.DATASET_TYPE: us(dimse.HAS_DATASET),
            Element.AFFECTED_SOP_INSTANCE_UID: ui(instance),
        }
    )


class RawSender:
    """One connection; nothing happens that is not asked for."""

    def __init__(self, port: int, sock: socket.socket | None = None, timeout_s: float = 30.0) -> None:
        self.sock = sock or socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def receive(self) -> tuple[int, bytes]:
        """Type and body of the next unit; (0, b"") when the peer closed."""
        head = self._exactly(HEADER.size)
        if not head:
            return 0, b""
        kind, length = HEADER.unpack(head)
        return kind, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        received = b""
        while len(received) < count:
            part = self.sock.recv(count - len(received))
            if not part:
                return b""
            received += part
        return received

    def associate(self, **request: object) -> int:
        """Ask for an association; returns the type of the answer."""
        self.sock.sendall(association_request(**request))  # type: ignore[arg-type]
        return self.receive()[0]

    def store(self, dataset: bytes, instance: str, sop_class: str = CT, context_id: int = 1) -> int:
        """Send one instance; returns the status, or -1 when something else came."""
        self.send_message(store_command(instance, sop_class), dataset, context_id)
        return self.status()

    def send_message(self, command: bytes, dataset: bytes | None = None, context_id: int = 1) -> None:
        """Send a command set and a dataset."""
        units = list(dimse.pdus(context_id, command, dimse.COMMAND, PEER_MAXIMUM))
        units += dimse.pdus(context_id, dataset, 0, PEER_MAXIMUM) if dataset is not None else ()
        self.sock.sendall(b"".join(units))

    def response(self) -> Command | None:
        """The next command set, or None when something else came."""
        kind, body = self.receive()
        return Command.parse(body[dimse.PDV.size :]) if kind == PduType.P_DATA_TF else None

    def status(self) -> int:
        """Status of the next response, or -1 when something else came."""
        response = self.response()
        return -1 if response is None else response.number(Element.STATUS)

    def release(self) -> int:
        """Release; returns the type of the answer."""
        self.sock.sendall(HEADER.pack(PduType.RELEASE_RQ, 4) + bytes(4))
        return self.receive()[0]
