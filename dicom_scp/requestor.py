"""Associations that we ask for ourselves: to send instances, or to report a commitment (PS3.8 section 7.1).

The same bytes as for associations we accept, read and written by the same parts; datasets are sent as they come.
"""

import socket
import ssl
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from dicom_scp import dimse
from dicom_scp.dimse import Command, Element, Pieces, us
from dicom_scp.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_scp.messages import MessageReader, send_message
from dicom_scp.negotiation import APPLICATION_CONTEXT, Context, Item, Result, item, items_of
from dicom_scp.wire import HEADER, PduType, ProtocolError, Wire, abort_pdu
from triage.errors import TemporaryError

CONNECT_S = 5.0
"""Peers are in the same building."""
ACCEPT_S = 8.0
"""Somebody waits at a modality while we ask on its behalf."""
ANSWER_S = 30.0
"""Longest wait for an answer: a workstation may write to a slow disk before it answers."""
MAXIMUM_PDU_BYTES = 16_384
"""What a peer may send us at once; answers are short."""

RELEASE_RQ_PDU = HEADER.pack(PduType.RELEASE_RQ, 4) + bytes(4)
_ANSWERED_HEAD_BYTES = 68
"""Of an A-ASSOCIATE-AC before its items (PS3.8 table 9-17)."""


class RefusedError(TemporaryError):
    """The peer does not accept the association, or nothing of what we propose."""


class NothingAcceptedError(RefusedError):
    """The association would stand, and none of the presentation contexts is accepted."""


@dataclass(frozen=True, slots=True)
class Callee:
    """Whom to call, and as whom; without `tls` nothing is encrypted."""

    ae_title: str
    host: str
    port: int
    calling_ae: str
    tls: ssl.SSLContext | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One presentation context; `as_provider` reverses the roles (PS3.7 annex D.3.3.4)."""

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]
    as_provider: bool = False


class Requestor:
    """An open association of ours; made by `associated`."""

    def __init__(self, wire: Wire, contexts: Mapping[int, Context], peer_maximum: int) -> None:
        self.contexts = contexts
        self._wire = wire
        self._peer_maximum = peer_maximum
        self._message_id = 0
        self._messages = MessageReader(wire, contexts, ANSWER_S)

    def context_for(self, abstract_syntax: str, transfer_syntaxes: Sequence[str]) -> Context | None:
        """The accepted context that takes one of these encodings, the first that does."""
        return context_for(self.contexts, abstract_syntax, transfer_syntaxes)

    def request(self, context_id: int, values: Mapping[int, bytes], dataset: Pieces) -> Command:
        """Send a request and wait for its response.

        Raises
        ------
        ConnectionLostError, ProtocolError
            The peer is gone, silent, or says something else.
        """
        self._message_id = self._message_id % 0xFFFF + 1
        numbered: dict[int, bytes] = {
            Element.MESSAGE_ID: us(self._message_id),
            Element.DATASET_TYPE: us(dimse.HAS_DATASET),
        }
        command = dimse.encode({**values, **numbered})
        send_message(self._wire, context_id, command, dataset, self._peer_maximum)
        message = self._messages.next_command(ANSWER_S)
        if message is None or message[1].number(Element.RESPONDED_TO) != self._message_id:
            raise RefusedError("the peer answers something else")
        return message[1]

    def release(self) -> None:
        """Say goodbye and wait for the answer (PS3.8 section 7.2)."""
        with suppress(TemporaryError, ProtocolError):
            self._wire.send(RELEASE_RQ_PDU)
            self._wire.next_pdu(CONNECT_S)


def context_for(
    contexts: Mapping[int, Context], abstract_syntax: str, transfer_syntaxes: Sequence[str]
) -> Context | None:
    """Of accepted contexts the first that takes one of these encodings, in their order."""
    fitting = [c for c in contexts.values() if c.abstract_syntax == abstract_syntax]
    return next((c for syntax in transfer_syntaxes for c in fitting if c.transfer_syntax == syntax), None)


@contextmanager
def associated(callee: Callee, proposals: Sequence[Proposal]) -> Iterator[Requestor]:
    """Open an association, release it at the end, abort it when something went wrong.

    Raises
    ------
    TemporaryError
        The peer cannot be reached, or does not accept.
    """
    with _connected(callee) as sock, ExitStack() as undo:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = Wire(sock)
        undo.callback(_abort, wire)
        requestor = _associate(wire, callee, proposals)
        yield requestor
        undo.pop_all()
        requestor.release()


def _connected(callee: Callee) -> socket.socket:
    """Call, and agree on TLS where that is wanted."""
    try:
        sock = socket.create_connection((callee.host, callee.port), CONNECT_S)
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        raise TemporaryError(f"{callee.ae_title} cannot be reached: {reason}") from exc
    if callee.tls is None:
        return sock
    try:
        return callee.tls.wrap_socket(sock, server_hostname=callee.host)
    except OSError as exc:
        sock.close()
        reason = getattr(exc, "verify_message", "") or getattr(exc, "reason", "") or type(exc).__name__
        raise TemporaryError(f"{callee.ae_title} and we cannot agree on TLS: {reason}") from exc


def _abort(wire: Wire) -> None:
    with suppress(TemporaryError):
        wire.send(abort_pdu())


def _associate(wire: Wire, callee: Callee, proposals: Sequence[Proposal]) -> Requestor:
    wire.send(request_pdu(callee, proposals))
    kind, length = wire.next_pdu(ACCEPT_S)
    body = wire.exactly(length)
    if kind != PduType.ASSOCIATE_AC or length < _ANSWERED_HEAD_BYTES:
        detail = f" ({', '.join(map(str, body[1:4]))})" if kind == PduType.ASSOCIATE_RJ else ""
        raise RefusedError(f"{callee.ae_title} rejects the association{detail}")
    contexts, maximum = _answered(body[_ANSWERED_HEAD_BYTES:], proposals)
    if not contexts:
        raise NothingAcceptedError(f"{callee.ae_title} accepts nothing of what is proposed")
    return Requestor(wire, contexts, maximum)


def request_pdu(callee: Callee, proposals: Sequence[Proposal]) -> bytes:
    """A-ASSOCIATE-RQ (PS3.8 table 9-11)."""
    reversed_roles = dict.fromkeys(p.abstract_syntax for p in proposals if p.as_provider)
    user = [
        item(Item.MAXIMUM_LENGTH, MAXIMUM_PDU_BYTES.to_bytes(4, "big")),
        item(Item.IMPLEMENTATION_CLASS, IMPLEMENTATION_CLASS_UID.encode()),
        *(item(Item.ROLES, struct.pack(">H", len(uid)) + uid.encode() + b"\0\1") for uid in reversed_roles),
        item(Item.IMPLEMENTATION_VERSION, IMPLEMENTATION_VERSION_NAME.encode()),
    ]
    titles = b"".join(title.encode("ascii").ljust(16) for title in (callee.ae_title, callee.calling_ae))
    body = (
        struct.pack(">HH", 1, 0)
        + titles
        + bytes(32)
        + item(Item.APPLICATION_CONTEXT, APPLICATION_CONTEXT.encode())
        + b"".join(_proposed(2 * index + 1, proposal) for index, proposal in enumerate(proposals))
        + item(Item.USER_INFORMATION, b"".join(user))
    )
    return HEADER.pack(PduType.ASSOCIATE_RQ, len(body)) + body


def _proposed(context_id: int, proposal: Proposal) -> bytes:
    syntaxes = b"".join(item(Item.TRANSFER_SYNTAX, uid.encode()) for uid in proposal.transfer_syntaxes)
    abstract = item(Item.ABSTRACT_SYNTAX, proposal.abstract_syntax.encode())
    return item(Item.CONTEXT_PROPOSED, bytes([context_id, 0, 0, 0]) + abstract + syntaxes)


def _answered(raw: bytes, proposals: Sequence[Proposal]) -> tuple[dict[int, Context], int]:
    """Accepted contexts, and how much the peer takes at once."""
    contexts, maximum = {}, 0
    for kind, value in items_of(raw):
        if kind == Item.CONTEXT_ANSWERED and len(value) > 4 and value[2] == Result.ACCEPTANCE:
            syntax = next((raw for kind, raw in items_of(value[4:]) if kind == Item.TRANSFER_SYNTAX), b"")
            proposal = proposals[value[0] // 2] if value[0] // 2 < len(proposals) else None
            if proposal:
                name = syntax.strip(b"\0 ").decode("ascii", "replace")
                contexts[value[0]] = Context(value[0], proposal.abstract_syntax, name)
        elif kind == Item.USER_INFORMATION:
            lengths = (raw for kind, raw in items_of(value) if kind == Item.MAXIMUM_LENGTH)
            maximum = int.from_bytes(next(lengths, b"")[:4], "big")
    return contexts, maximum
