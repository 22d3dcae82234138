"""What happens between a storage request and the answer to it: the dataset goes to disk as it comes."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from dicom_scp.arrival import Arrival, AssociationEvent, AssociationKind, Refusal, StoreStatus
from dicom_scp.dimse import Command, Element
from dicom_scp.elements import is_uid, walk_dataset
from dicom_scp.ending import require_whole
from dicom_scp.file_meta import FileMeta
from dicom_scp.headers import TAGS, ImageHeader
from dicom_scp.negotiation import Context
from dicom_scp.prefix import Beginning, early_beginning
from dicom_scp.services import Peer
from dicom_scp.spool import Incoming, Spool
from dicom_scp.wire import ConnectionLostError, ProtocolError
from triage.errors import InputError, TemporaryError

LOG = structlog.get_logger()

PREFIX_BYTES = 1 << 16
"""Kept in memory until the header is known; CT headers take 2 to 20 KiB, longer ones are read back from the file."""

ROOM_CHECK_BYTES = 64 << 20
"""Within an instance, free space is looked at again after so many bytes."""

ABORTING = frozenset({StoreStatus.OUT_OF_RESOURCES, StoreStatus.PROCESSING_FAILURE})
"""After these the association is aborted: common senders go on after a failure status and then report success."""

_WANTED = frozenset(TAGS.values())


class MismatchError(InputError):
    """The C-STORE command and its dataset name different objects."""


STATUS_BY_ERROR: tuple[tuple[type[Exception], StoreStatus], ...] = (
    (MismatchError, StoreStatus.DATASET_MISMATCH),
    (InputError, StoreStatus.CANNOT_UNDERSTAND),
    (TemporaryError, StoreStatus.OUT_OF_RESOURCES),
    (Exception, StoreStatus.PROCESSING_FAILURE),
)
"""The first class that fits decides the answer."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Whom the reception tells, and whom it asks; see `dicom_scp.listener.serve`."""

    on_arrival: Callable[[Arrival], None]
    on_association: Callable[[AssociationEvent], None]
    is_accepting: Callable[[], bool]
    on_refusal: Callable[[Refusal], None]


class Reception:
    """Takes instances in, and tells its observers; shared by all associations."""

    def __init__(self, spool: Spool, callbacks: Callbacks, free_floor_bytes: int) -> None:
        self._spool = spool
        self._tell = callbacks
        self._free_floor_bytes = free_floor_bytes

    def reason_to_reject(self) -> str:
        """Why no association is welcome now, or an empty string: a rejected sender knows it has to come again."""
        try:
            self._require_room()
            return "" if self._tell.is_accepting() else "not accepting"
        except Exception as exc:  # noqa: BLE001 - whatever is wrong, the sender must come again
            return type(exc).__name__

    def report(self, peer: Peer, change: AssociationKind) -> bool:
        """Tell that an association came or went; returns whether that was recorded."""
        LOG.info(
            "association_changed", change=change, association=peer.association_id, calling_ae=peer.calling_ae
        )
        try:
            self._tell.on_association(AssociationEvent(peer.association_id, peer.calling_ae, change, _now()))
        except Exception as exc:  # noqa: BLE001 - the association's thread must survive its observer
            LOG.error("association_not_recorded", change=change, error=type(exc).__name__)  # noqa: TRY400 - no values
            return False
        return True

    def store(
        self, context: Context, command: Command, peer: Peer, pieces: Iterator[memoryview]
    ) -> StoreStatus:
        """Take in the dataset of a C-STORE request (PS3.4 annex B.2).

        Raises
        ------
        ConnectionLostError, ProtocolError
            The peer did not finish the message; nothing is kept then.
        """
        try:
            self._tell.on_arrival(self._keep(context, command, peer, pieces))
        except (ConnectionLostError, ProtocolError):
            raise
        except Exception as exc:  # noqa: BLE001 - the sender must get an answer
            return self._refuse(peer, exc, pieces)
        return StoreStatus.SUCCESS

    def _keep(self, context: Context, command: Command, peer: Peer, pieces: Iterator[memoryview]) -> Arrival:
        """Make the dataset durable, exactly as received."""
        self._require_room()
        syntax = context.transfer_syntax
        with self._spool.receive(_announced(context, command)) as incoming:
            header = _write(incoming, self._while_there_is_room(pieces), syntax, command)
            stored = incoming.commit()
        return Arrival(
            header=header,
            path=stored.path,
            digest=stored.digest,
            size_bytes=stored.size_bytes,
            transfer_syntax_uid=syntax,
            received_at=_now(),
            calling_ae=peer.calling_ae,
            called_ae=peer.called_ae,
            association_id=peer.association_id,
        )

    def _while_there_is_room(self, pieces: Iterator[memoryview]) -> Iterator[memoryview]:
        """The same pieces; objects of gigabytes must not eat the reserve unseen."""
        unseen = 0
        for piece in pieces:
            unseen += len(piece)
            if unseen > ROOM_CHECK_BYTES:
                self._require_room()
                unseen = 0
            yield piece

    def _require_room(self) -> None:
        if self._spool.free_bytes < self._free_floor_bytes:
            raise TemporaryError("free space is below the floor")

    def _refuse(self, peer: Peer, fault: Exception, pieces: Iterator[memoryview]) -> StoreStatus:
        status = next(status for error, status in STATUS_BY_ERROR if isinstance(fault, error))
        ours = isinstance(fault, InputError | TemporaryError)
        reason = str(fault) if ours else f"internal error: {type(fault).__name__}"
        LOG.warning(
            "instance_refused", association=peer.association_id, status=f"{status:04X}", reason=reason
        )
        try:
            self._tell.on_refusal(Refusal(peer.association_id, peer.calling_ae, status, reason, _now()))
        except Exception as exc:  # noqa: BLE001 - the sender must get an answer
            LOG.error("refusal_not_recorded", error=type(exc).__name__)  # noqa: TRY400 - no values
        for _ in pieces:  # senders read the answer once they have sent everything
            pass
        return status


def _announced(context: Context, command: Command) -> FileMeta:
    """What the command says is coming (PS3.4 table B.2-1, A9xx where it cannot be)."""
    sop_class = command.text(Element.AFFECTED_SOP_CLASS_UID)
    instance = command.text(Element.AFFECTED_SOP_INSTANCE_UID)
    if sop_class != context.abstract_syntax or not is_uid(instance):
        raise MismatchError("the command names another class than its context, or no valid instance")
    return FileMeta(sop_class, instance, context.transfer_syntax)


def _write(incoming: Incoming, pieces: Iterator[memoryview], syntax: str, command: Command) -> ImageHeader:
    """Write the pieces as they come; the header is read while the sender is still busy sending."""
    prefix, beginning, size_bytes = bytearray(), None, 0
    for piece in pieces:
        incoming.write(piece)
        size_bytes += len(piece)
        if len(prefix) < PREFIX_BYTES:
            prefix += piece[: PREFIX_BYTES - len(prefix)]
            beginning = early_beginning(bytes(prefix), syntax) if len(prefix) == PREFIX_BYTES else None
    beginning = beginning or _late_beginning(incoming, prefix, syntax)
    header = beginning.header
    named = (header.sop_class_uid, header.sop_instance_uid)
    announced = (Element.AFFECTED_SOP_CLASS_UID, Element.AFFECTED_SOP_INSTANCE_UID)
    if named != tuple(map(command.text, announced)):
        raise MismatchError("the command and the dataset name different objects")
    require_whole(beginning, syntax, size_bytes, incoming.reread)
    return header


def _late_beginning(incoming: Incoming, prefix: bytearray, syntax: str) -> Beginning:
    if len(prefix) < PREFIX_BYTES:
        return Beginning.of(walk_dataset(io.BytesIO(prefix), syntax, _WANTED))
    with incoming.reread() as stream:
        return Beginning.of(walk_dataset(stream, syntax, _WANTED))


def _now() -> datetime:
    return datetime.now(UTC)
