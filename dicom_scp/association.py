"""One association from its request to its end, on a thread of its own (PS3.8 section 9.2, PS3.7 section 6.3)."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

import structlog

from dicom_scp import dimse
from dicom_scp.arrival import AssociationKind
from dicom_scp.dimse import Command, Element, Field, Pieces, us
from dicom_scp.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_scp.messages import MessageReader, OversizeError, send_message
from dicom_scp.negotiation import (
    AssociationRequest,
    Context,
    Offer,
    Permission,
    accept_pdu,
    negotiate,
    parse_request,
)
from dicom_scp.policy import TEMPORARY_CONGESTION, Policy, Rejection
from dicom_scp.reception import ABORTING, Reception
from dicom_scp.services import DimseRequest, DimseResponse, Handler, Peer
from dicom_scp.wire import (
    RELEASE_RP_PDU,
    AbortReason,
    ConnectionLostError,
    ProtocolError,
    Wire,
    abort_pdu,
    reject_pdu,
)

LOG = structlog.get_logger()

LARGEST_QUERY_BYTES = 1 << 20
"""Datasets of requests other than storage are held in memory up to this; real ones have some kilobytes."""

UNRECOGNISED_OPERATION = 0x0211
RESOURCE_LIMITATION = 0x0213
"""General statuses (PS3.7 annex C.5)."""

IMPLEMENTATION = (IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME)


class AbortedError(ConnectionLostError):
    """We end the association: what went wrong was already told."""


@dataclass(frozen=True, slots=True)
class House:
    """What all associations of a listener share; the times and sizes are those of its settings."""

    policy: Policy
    offers: Mapping[str, Offer]
    handlers: Mapping[tuple[int, str], Handler]
    reception: Reception
    turned_away: Callable[[str, str, str], None]
    maximum_pdu_bytes: int
    largest_instance_bytes: int
    idle_s: float
    message_s: float


class Association:
    """A peer's association; `attend` runs it, `stop` may be called from another thread."""

    def __init__(self, wire: Wire, address: str, house: House) -> None:
        self._wire = wire
        self._address = address
        self._house = house
        self._peer = Peer("", "", "", address)
        self._peer_maximum = 0
        self._message_id = 0
        self._cancelled = False
        self._stopping = False
        self.contexts: dict[int, Context] = {}
        self._messages = MessageReader(wire, self.contexts, house.message_s)

    def attend(self, body: bytes) -> None:
        """From the bytes of an A-ASSOCIATE-RQ to the end of the association."""
        try:
            request = parse_request(body)
            refusal = self._refusal(request)
            if refusal:
                self._wire.send(reject_pdu(*refusal))
                return
        except ProtocolError as exc:
            self._house.turned_away(self._address, "", str(exc))
            self._abort(exc.reason)
            return
        except ConnectionLostError:
            return
        kind = AssociationKind.ABORTED
        try:
            kind = self._converse(request)
        finally:
            self._house.reception.report(self._peer, kind)

    def stop(self) -> None:
        """Make the thread abort the association at its next read."""
        self._stopping = True
        with suppress(OSError):
            socket.socket.shutdown(self._wire.sock, socket.SHUT_RD)  # TLS sockets forget their keys in theirs

    def _refusal(self, request: AssociationRequest) -> Rejection | None:
        """Reject, or open the association's record."""
        house = self._house
        rejection = house.policy.rejection(request, self._address)
        reason = "policy" if rejection else house.reception.reason_to_reject()
        if not reason:
            self._peer = Peer(uuid4().hex, request.calling_ae, request.called_ae, self._address)
            if house.reception.report(self._peer, AssociationKind.OPENED):
                return None
            reason = "not recorded"
        house.turned_away(self._address, request.calling_ae, reason)
        return rejection or TEMPORARY_CONGESTION

    def _converse(self, request: AssociationRequest) -> AssociationKind:
        try:
            self._accept(request)
            while (message := self._messages.next_command(self._house.idle_s)) is not None:
                self._answer(*message)
            with suppress(ConnectionLostError):
                self._wire.send(RELEASE_RP_PDU)
        except ProtocolError as exc:
            LOG.warning("association_broken", association=self._peer.association_id, reason=str(exc))
            self._abort(exc.reason)
        except AbortedError:
            self._abort(None)
        except ConnectionLostError as exc:
            if exc.is_answerable or self._stopping:
                self._abort(None)
        except Exception as exc:  # noqa: BLE001 - a fault of ours must not take the peer's answer with it
            LOG.error("association_failed", error=type(exc).__name__)  # noqa: TRY400 - no values
            self._abort(AbortReason.NOT_SPECIFIED)
        else:
            return AssociationKind.RELEASED
        return AssociationKind.ABORTED

    def _accept(self, request: AssociationRequest) -> None:
        house = self._house
        permissions = house.policy.permissions(request.calling_ae, self._address)
        answers = negotiate(request.contexts, house.offers, permissions)
        self.contexts.update({answer.context_id: answer for answer in answers if not answer.result})
        self._peer_maximum = request.maximum_length
        self._wire.send(accept_pdu(request, answers, house.offers, house.maximum_pdu_bytes, IMPLEMENTATION))

    def _abort(self, reason: AbortReason | None) -> None:
        with suppress(ConnectionLostError):
            self._wire.send(abort_pdu(reason))

    def _answer(self, context: Context, command: Command) -> None:
        operation = command.number(Element.COMMAND_FIELD)
        if operation == Field.C_CANCEL:
            return  # too late: what it cancels was answered already
        if operation & dimse.RESPONSE:
            raise ProtocolError("a response to nothing", AbortReason.UNEXPECTED_PARAMETER)
        storage = self._house.offers[context.abstract_syntax].permission is Permission.STORE
        if operation == Field.C_STORE and storage:
            self._store(context, command)
        else:
            self._serve(context, command, self._house.handlers.get((operation, context.abstract_syntax)))

    def _pieces(self, context: Context, command: Command, largest_bytes: int) -> Iterator[memoryview]:
        return self._messages.dataset(context, largest_bytes) if command.has_dataset else iter(())

    def _store(self, context: Context, command: Command) -> None:
        pieces = self._pieces(context, command, self._house.largest_instance_bytes)
        status = self._house.reception.store(context, command, self._peer, pieces)
        self._respond(context, command, DimseResponse(status))
        if status in ABORTING:
            raise AbortedError("an instance could not be kept")

    def _serve(self, context: Context, command: Command, handler: Handler | None) -> None:
        try:
            pieces = self._pieces(context, command, LARGEST_QUERY_BYTES)
            dataset = b"".join(map(bytes, pieces))
        except OversizeError as exc:
            self._respond(context, command, DimseResponse(RESOURCE_LIMITATION))
            raise AbortedError(str(exc)) from exc
        if handler is None:
            self._respond(context, command, DimseResponse(UNRECOGNISED_OPERATION))
            return
        self._cancelled = False
        for response in handler(DimseRequest(context, command, self._peer, self, dataset)):
            self._respond(context, command, response)

    def _respond(self, context: Context, command: Command, response: DimseResponse) -> None:
        raw = command.answered(response.status, response.extra, has_dataset=response.dataset is not None)
        self._send(context.context_id, raw, response.dataset)

    def _send(self, context_id: int, command: bytes, dataset: Pieces | None) -> None:
        send_message(self._wire, context_id, command, dataset, self._peer_maximum)

    @property
    def has_news(self) -> bool:
        """Whether the peer said something that was not read yet; see `Channel`."""
        return self._messages.has_news

    def is_cancelled(self) -> bool:
        """Whether the peer cancelled the request being answered; see `Channel`."""
        while not self._cancelled and self._messages.has_news:
            self._take_cancel(self._messages.next_command(self._house.message_s))
        return self._cancelled

    def request(self, context_id: int, values: Mapping[int, bytes], dataset: Pieces) -> Command:
        """Send a request of our own and wait for its response; see `Channel`."""
        self._message_id = self._message_id % 0xFFFF + 1
        numbered: dict[int, bytes] = {
            Element.MESSAGE_ID: us(self._message_id),
            Element.DATASET_TYPE: us(dimse.HAS_DATASET),
        }
        self._send(context_id, dimse.encode({**values, **numbered}), dataset)
        while True:
            message = self._messages.next_command(self._house.message_s)
            if message and self._is_answer(message[1]):
                return message[1]
            self._take_cancel(message)

    def _is_answer(self, command: Command) -> bool:
        """Whether this responds to our last request; a cancellation may bear the same number, of the peer's own."""
        is_response = command.number(Element.COMMAND_FIELD) & dimse.RESPONSE
        return bool(is_response) and command.number(Element.RESPONDED_TO) == self._message_id

    def _take_cancel(self, message: tuple[Context, Command] | None) -> None:
        """Nothing but a cancellation may come while a request is being answered."""
        if message is None or message[1].number(Element.COMMAND_FIELD) != Field.C_CANCEL:
            raise ProtocolError("a message out of turn", AbortReason.UNEXPECTED_PDU)
        self._cancelled = True
