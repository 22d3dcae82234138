"""What the listener serves: kinds of objects, how their bytes may be encoded, and the seam for further services."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dicom_scp.dimse import Command, Field, Pieces
from dicom_scp.negotiation import Context, Offer, Permission
from dicom_scp.uids import STORAGE_CLASSES, TRANSFER_SYNTAXES, VERIFICATION

UNCOMPRESSED = TRANSFER_SYNTAXES[:2]
"""For everything without pixels."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of an open association."""

    association_id: str
    calling_ae: str
    called_ae: str
    address: str


class Channel(Protocol):
    """What a service may do with its association while it answers."""

    @property
    def contexts(self) -> Mapping[int, Context]:
        """Accepted presentation contexts by number."""

    @property
    def has_news(self) -> bool:
        """Whether the peer said something that was not read yet: the end of the association, or its next request."""

    def is_cancelled(self) -> bool:
        """Whether the peer sent C-CANCEL for the request being answered (PS3.7 section 9.3.2.3)."""

    def request(self, context_id: int, values: Mapping[int, bytes], dataset: Pieces) -> Command:
        """Send a request of our own on this association, such as the C-STORE of a C-GET; returns the response.

        The message's number and dataset type are filled in.
        """


@dataclass(frozen=True, slots=True)
class DimseRequest:
    """One request with its dataset, exactly as received."""

    context: Context
    command: Command
    peer: Peer
    channel: Channel
    dataset: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class DimseResponse:
    """One response; `extra` are further elements of its command set, raw and by number."""

    status: int
    dataset: bytes | None = field(default=None, repr=False)
    extra: Mapping[int, bytes] = field(default_factory=dict)


Handler = Callable[[DimseRequest], Iterable[DimseResponse]]
"""Answers a request with any number of pending responses and one final one (PS3.7 annex C)."""


@dataclass(frozen=True, slots=True)
class Service:
    """One operation on some SOP classes, to be handed to `dicom_scp.listener.serve`."""

    operation: Field
    sop_classes: tuple[str, ...]
    handler: Handler
    permission: Permission | None
    transfer_syntaxes: tuple[str, ...] = UNCOMPRESSED


def _echo(_request: DimseRequest) -> tuple[DimseResponse]:
    return (DimseResponse(0),)


ECHO = Service(Field.C_ECHO, (VERIFICATION,), _echo, None)


def offers_of(services: Sequence[Service]) -> dict[str, Offer]:
    """Abstract syntaxes we accept: verification, every storage class in every transfer syntax, further services."""
    sends = any(service.operation is Field.C_GET for service in services)
    storage = Offer(TRANSFER_SYNTAXES, Permission.STORE, may_send=sends)
    offers = dict.fromkeys(STORAGE_CLASSES, storage)
    for service in (ECHO, *services):
        offers |= dict.fromkeys(service.sop_classes, Offer(service.transfer_syntaxes, service.permission))
    return offers


def handlers_of(services: Sequence[Service]) -> dict[tuple[int, str], Handler]:
    """Who answers which operation on which SOP class; storage has a path of its own."""
    return {
        (service.operation, sop_class): service.handler
        for service in (ECHO, *services)
        for sop_class in service.sop_classes
    }
