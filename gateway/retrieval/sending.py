"""C-MOVE and C-GET: objects from the archive to whoever asked, or to a configured destination (PS3.4 section C.4.2).

Files pass through in pieces: an object of gigabytes costs no more memory than a slice. An object goes out as it is
stored wherever the receiver takes that, else transcoded by the archive into an encoding that the receiver took.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import structlog

from dicom_scp.dimse import Command, Element, Field, Pieces, ui, us
from dicom_scp.identifiers import parse
from dicom_scp.negotiation import MOST_CONTEXTS, Context
from dicom_scp.queries import Outcome, Status, Tally, comment, outcome_of, read_query, wanted_uids
from dicom_scp.requestor import Callee, Proposal, associated, context_for
from dicom_scp.services import DimseRequest, DimseResponse
from dicom_scp.uids import EXPLICIT_VR, IMPLICIT_VR, TRANSFER_SYNTAXES
from gateway.retrieval.archive import Archive, Instance
from triage.errors import GatewayError, InputError

log = structlog.get_logger()

META_AT = 132
"""Where the file meta information begins; its group length takes twelve bytes (PS3.10 section 7.1)."""
GROUP_LENGTH_BYTES = 12
LARGEST_META_BYTES = 1 << 16
SYNTAX_TAG = 0x00020010


class Outlet(Protocol):
    """Where objects can be sent: the association of a C-GET, or one of ours to a destination."""

    @property
    def contexts(self) -> Mapping[int, Context]:
        """Accepted presentation contexts by number."""

    def request(self, context_id: int, values: Mapping[int, bytes], dataset: Pieces) -> Command:
        """Send a request and wait for its response."""


@dataclass(slots=True)
class Sender:
    """Answers C-MOVE and C-GET; `destinations` are those a C-MOVE may name."""

    archive: Archive
    destinations: Mapping[str, Callee]

    def get(self, request: DimseRequest) -> Iterator[DimseResponse]:
        """Send what is asked for on the same association."""
        try:
            instances = self._wanted(request)
        except GatewayError as exc:
            yield _refusal(exc, request)
            return
        yield from self._send_all(request, request.channel, instances, Tally(len(instances)), {})

    def move(self, request: DimseRequest) -> Iterator[DimseResponse]:
        """Send what is asked for to a destination of the configuration."""
        destination = self.destinations.get(request.command.text(Element.MOVE_DESTINATION))
        if destination is None:
            said = comment("the destination is not configured (dicom.peers)")
            yield DimseResponse(Status.DESTINATION_UNKNOWN, extra=said)
            return
        try:
            instances = self._wanted(request)
        except GatewayError as exc:
            yield _refusal(exc, request)
            return
        tally = Tally(len(instances))
        try:
            if instances:
                with associated(destination, proposals_for(instances)) as outlet:
                    yield from self._send_all(request, outlet, instances, tally, _originator(request))
                return
            yield _last(request, tally)
        except GatewayError as exc:
            log.warning("a destination failed", destination=destination.ae_title, reason=str(exc))
            _give_up(tally, instances)
            yield _last(request, tally, str(exc))

    def _wanted(self, request: DimseRequest) -> list[Instance]:
        context = request.context
        query = read_query(request.dataset, context.transfer_syntax, context.abstract_syntax)
        return self.archive.instances(wanted_uids(query))

    def _send_all(
        self,
        request: DimseRequest,
        outlet: Outlet,
        instances: Sequence[Instance],
        tally: Tally,
        originator: Mapping[int, bytes],
    ) -> Iterator[DimseResponse]:
        for instance in instances:
            if request.channel.is_cancelled():
                numbers = tally.numbers(with_remaining=True)
                syntax = request.context.transfer_syntax
                yield DimseResponse(Status.CANCELLED, tally.failures(syntax), numbers)
                return
            try:
                opened = self._open(instance, outlet)
            except GatewayError as exc:
                log.warning("an object cannot be sent", archive_id=instance.archive_id, reason=str(exc))
                if not isinstance(exc, InputError):
                    _give_up(tally, instances)
                    yield _last(request, tally, str(exc))
                    return
                outcome = Outcome.FAILED
            else:
                outcome = _send(instance, outlet, originator, *opened)
            tally.count(instance.sop_instance_uid, outcome)
            if tally.remaining:
                yield DimseResponse(Status.PENDING, extra=tally.numbers(with_remaining=True))
        yield _last(request, tally)

    def _open(self, instance: Instance, outlet: Outlet) -> tuple[Context, Iterator[bytes]]:
        """A context that takes the object, and its dataset in that context's encoding."""
        stored = [instance.transfer_syntax_uid]
        context = context_for(outlet.contexts, instance.sop_class_uid, stored)
        transcoded = None
        if context is None:
            context = context_for(outlet.contexts, instance.sop_class_uid, TRANSFER_SYNTAXES)
            if context is None:
                raise InputError("the receiver takes no encoding of this kind of object")
            transcoded = context.transfer_syntax
        return context, dataset_of(self.archive.file(instance, transcoded), context.transfer_syntax)


def _send(
    instance: Instance,
    outlet: Outlet,
    originator: Mapping[int, bytes],
    context: Context,
    dataset: Iterator[bytes],
) -> Outcome:
    """One C-STORE (PS3.7 section 9.1.1)."""
    values: dict[int, bytes] = {
        Element.COMMAND_FIELD: us(Field.C_STORE),
        Element.PRIORITY: us(0),
        Element.AFFECTED_SOP_CLASS_UID: ui(instance.sop_class_uid),
        Element.AFFECTED_SOP_INSTANCE_UID: ui(instance.sop_instance_uid),
        **originator,
    }
    answer = outlet.request(context.context_id, values, dataset)
    return outcome_of(answer.number(Element.STATUS))


def dataset_of(file: Iterator[bytes], transfer_syntax_uid: str) -> Iterator[bytes]:
    """What follows the file meta information, piece by piece.

    Raises
    ------
    InputError
        It is no DICOM file, or not in this transfer syntax.
    """
    head = bytearray()
    for piece in file:
        head += piece
        end = META_AT + GROUP_LENGTH_BYTES + int.from_bytes(head[META_AT + 8 : META_AT + 12], "little")
        if len(head) >= min(end, LARGEST_META_BYTES) and len(head) >= META_AT + GROUP_LENGTH_BYTES:
            break
    else:
        end = 0
    meta = parse(bytes(head[META_AT:end]), EXPLICIT_VR) if bytes(head[128:META_AT]) == b"DICM" else {}
    if SYNTAX_TAG not in meta or meta[SYNTAX_TAG].text() != transfer_syntax_uid:
        raise InputError("the archive's file is not in the encoding that was expected")
    return chain((bytes(head[end:]),), file)


def proposals_for(instances: Sequence[Instance]) -> list[Proposal]:
    """Contexts for every kind of object as it is stored, and without compression for those that take only that."""
    kinds = dict.fromkeys((each.sop_class_uid, each.transfer_syntax_uid) for each in instances)
    stored = [Proposal(sop_class, (syntax,)) for sop_class, syntax in kinds]
    plain = [Proposal(sop_class, (EXPLICIT_VR, IMPLICIT_VR)) for sop_class in dict(kinds.keys())]
    return (stored + plain)[:MOST_CONTEXTS]


def _originator(request: DimseRequest) -> dict[int, bytes]:
    """Who asked for the move, and in which message (PS3.7 section 9.1.1.1)."""
    raw = request.peer.calling_ae.encode("ascii")
    identifier = us(request.command.number(Element.MESSAGE_ID))
    return {
        Element.MOVE_ORIGINATOR_AE: raw + b" " * (len(raw) % 2),
        Element.MOVE_ORIGINATOR_ID: identifier,
    }


def _give_up(tally: Tally, instances: Sequence[Instance]) -> None:
    for instance in instances[len(instances) - tally.remaining :]:
        tally.count(instance.sop_instance_uid, Outcome.FAILED)


def _last(request: DimseRequest, tally: Tally, reason: str = "") -> DimseResponse:
    extra = tally.numbers(with_remaining=False) | (comment(reason) if reason else {})
    return DimseResponse(tally.status, tally.failures(request.context.transfer_syntax), extra)


def _refusal(fault: GatewayError, request: DimseRequest) -> DimseResponse:
    log.warning("a retrieval is refused", calling_ae=request.peer.calling_ae, reason=str(fault))
    ours = not isinstance(fault, InputError)
    status = Status.OUT_OF_RESOURCES if ours else Status.IDENTIFIER_DOES_NOT_MATCH
    return DimseResponse(status, extra=comment(str(fault)))
