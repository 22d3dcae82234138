"""A-ASSOCIATE: what a peer proposes, what is accepted (PS3.8 sections 9.3.2 and 9.3.3, PS3.7 annex D.3)."""

import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from dicom_scp.wire import HEADER, AbortReason, PduType, ProtocolError

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
"""The DICOM application context (PS3.7 annex A.2.1)."""

MOST_CONTEXTS = 128
"""Presentation contexts of one association: odd numbers from 1 to 255 (PS3.8 table 9-13)."""

_FIXED = struct.Struct(">HH16s16s32s")
_ITEM = struct.Struct(">BxH")
_CONTEXT = struct.Struct(">BxBx")


class Item(IntEnum):
    """Types of items and sub-items (PS3.8 section 9.3, PS3.7 annex D.3.3)."""

    APPLICATION_CONTEXT = 0x10
    CONTEXT_PROPOSED = 0x20
    CONTEXT_ANSWERED = 0x21
    ABSTRACT_SYNTAX = 0x30
    TRANSFER_SYNTAX = 0x40
    USER_INFORMATION = 0x50
    MAXIMUM_LENGTH = 0x51
    IMPLEMENTATION_CLASS = 0x52
    ROLES = 0x54
    IMPLEMENTATION_VERSION = 0x55


class Result(IntEnum):
    """Answer to one presentation context (PS3.8 table 9-18)."""

    ACCEPTANCE = 0
    USER_REJECTION = 1
    NO_REASON = 2
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
    TRANSFER_SYNTAXES_NOT_SUPPORTED = 4


class Permission(StrEnum):
    """What a peer may do beyond verification."""

    STORE = "store"
    QUERY = "query"
    COMMIT = "commit"
    WORKLIST = "worklist"
    """See who is scheduled."""
    PERFORM = "perform"
    """Say what is being scanned."""


@dataclass(frozen=True, slots=True)
class Offer:
    """How we serve one abstract syntax.

    Attributes
    ----------
    transfer_syntaxes
        In our order of preference.
    permission
        What the peer must be allowed; None for verification.
    may_send
        Whether we also act as the user of the service: C-GET sends storage requests back.
    """

    transfer_syntaxes: tuple[str, ...]
    permission: Permission | None = None
    may_send: bool = False


@dataclass(frozen=True, slots=True)
class Proposed:
    """One presentation context as the peer proposes it."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """One presentation context as it was answered."""

    context_id: int
    abstract_syntax: str
    transfer_syntax: str
    result: Result = Result.ACCEPTANCE


@dataclass(frozen=True, slots=True)
class AssociationRequest:
    """An A-ASSOCIATE-RQ; `titles` are its three fixed fields, which an answer repeats; `roles` the proposed roles."""

    called_ae: str
    calling_ae: str
    titles: bytes
    protocol_version: int
    application_context: str = ""
    contexts: tuple[Proposed, ...] = ()
    maximum_length: int = 0
    roles: Mapping[str, tuple[bool, bool]] = field(default_factory=dict)


def parse_request(body: bytes) -> AssociationRequest:
    """Read an A-ASSOCIATE-RQ without its six byte header.

    Raises
    ------
    ProtocolError
        It is malformed.
    """
    if len(body) < _FIXED.size:
        raise _invalid("an association request is cut short")
    version, _, called, calling, _ = _FIXED.unpack_from(body)
    application, contexts, user = "", [], b""
    for kind, value in items_of(body[_FIXED.size :]):
        if kind == Item.APPLICATION_CONTEXT:
            application = _text(value)
        elif kind == Item.CONTEXT_PROPOSED:
            contexts.append(_proposed(value))
        elif kind == Item.USER_INFORMATION:
            user = value
    if len({context.context_id for context in contexts}) != len(contexts) or len(contexts) > MOST_CONTEXTS:
        raise _invalid("presentation contexts are numbered twice or too many")
    length, roles = _user_information(user)
    return AssociationRequest(
        _title(called),
        _title(calling),
        body[4 : _FIXED.size],
        version,
        application,
        tuple(contexts),
        length,
        roles,
    )


def items_of(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Items by type, one after another."""
    offset = 0
    while offset < len(raw):
        if len(raw) - offset < _ITEM.size:
            raise _invalid("an item is cut short")
        kind, length = _ITEM.unpack_from(raw, offset)
        offset += _ITEM.size + length
        if offset > len(raw):
            raise _invalid("an item is cut short")
        yield kind, raw[offset - length : offset]


def _proposed(raw: bytes) -> Proposed:
    if len(raw) < _CONTEXT.size:
        raise _invalid("a presentation context is cut short")
    abstract, transfers = "", []
    for kind, value in items_of(raw[_CONTEXT.size :]):
        if kind == Item.ABSTRACT_SYNTAX:
            abstract = _text(value)
        elif kind == Item.TRANSFER_SYNTAX:
            transfers.append(_text(value))
    if not raw[0] % 2 or not transfers:
        raise _invalid("a presentation context has an even number or no transfer syntax")
    return Proposed(raw[0], abstract, tuple(transfers))


def _user_information(raw: bytes) -> tuple[int, dict[str, tuple[bool, bool]]]:
    length, roles = 0, {}
    for kind, value in items_of(raw):
        if kind == Item.MAXIMUM_LENGTH:
            length = int.from_bytes(value[:4], "big")
        elif kind == Item.ROLES and len(value) > 4:
            roles[_text(value[2:-2])] = (bool(value[-2]), bool(value[-1]))
    return length, roles


def _text(raw: bytes) -> str:
    return raw.strip(b"\0 ").decode("ascii", "replace")


def _title(raw: bytes) -> str:
    """An AE title of a stranger, fit for a log: unprintable characters become question marks."""
    text = _text(raw)
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in text)


def _invalid(message: str) -> ProtocolError:
    return ProtocolError(message, AbortReason.INVALID_PARAMETER)


def negotiate(
    proposed: Collection[Proposed], offers: Mapping[str, Offer], permissions: Collection[Permission]
) -> list[Context]:
    """Answer every proposed context; our order of transfer syntaxes decides (PS3.8 section 7.1.1.14)."""
    return [_answer(context, offers.get(context.abstract_syntax), permissions) for context in proposed]


def _answer(context: Proposed, offer: Offer | None, permissions: Collection[Permission]) -> Context:
    refused = (context.context_id, context.abstract_syntax, context.transfer_syntaxes[0])
    if offer is None:
        return Context(*refused, Result.ABSTRACT_SYNTAX_NOT_SUPPORTED)
    if offer.permission is not None and offer.permission not in permissions:
        return Context(*refused, Result.USER_REJECTION)
    for syntax in offer.transfer_syntaxes:
        if syntax in context.transfer_syntaxes:
            return Context(context.context_id, context.abstract_syntax, syntax)
    return Context(*refused, Result.TRANSFER_SYNTAXES_NOT_SUPPORTED)


def accept_pdu(
    request: AssociationRequest,
    contexts: Collection[Context],
    offers: Mapping[str, Offer],
    maximum_length: int,
    implementation: tuple[str, str],
) -> bytes:
    """A-ASSOCIATE-AC; `implementation` is our class UID and version name."""
    user = [
        item(Item.MAXIMUM_LENGTH, maximum_length.to_bytes(4, "big")),
        item(Item.IMPLEMENTATION_CLASS, implementation[0].encode()),
        *_roles(request, contexts, offers),
        item(Item.IMPLEMENTATION_VERSION, implementation[1].encode()),
    ]
    body = (
        struct.pack(">HH", 1, 0)
        + request.titles
        + item(Item.APPLICATION_CONTEXT, APPLICATION_CONTEXT.encode())
        + b"".join(map(_answered, contexts))
        + item(Item.USER_INFORMATION, b"".join(user))
    )
    return HEADER.pack(PduType.ASSOCIATE_AC, len(body)) + body


def _answered(context: Context) -> bytes:
    syntax = item(Item.TRANSFER_SYNTAX, context.transfer_syntax.encode("ascii", "replace"))
    return item(Item.CONTEXT_ANSWERED, _CONTEXT.pack(context.context_id, context.result) + syntax)


def _roles(
    request: AssociationRequest, contexts: Collection[Context], offers: Mapping[str, Offer]
) -> Iterator[bytes]:
    """Answers to role proposals of accepted classes; never more than was proposed (PS3.7 annex D.3.3.4)."""
    accepted = {context.abstract_syntax for context in contexts if not context.result}
    for syntax in accepted & set(request.roles):
        user, provider = request.roles[syntax]
        raw = syntax.encode("ascii")
        granted = bytes([user, provider and offers[syntax].may_send])
        yield item(Item.ROLES, len(raw).to_bytes(2, "big") + raw + granted)


def item(kind: Item, value: bytes) -> bytes:
    """One item with its head (PS3.8 section 9.3.2)."""
    return _ITEM.pack(kind, len(value)) + value
