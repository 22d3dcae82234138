"""What happens between a sender's request and the answer to it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import structlog
from pynetdicom import evt
from pynetdicom.association import Association

from dicom_scp.arrival import Arrival, AssociationEvent, AssociationKind, Refusal, StoreStatus
from dicom_scp.headers import ImageHeader, read_dataset_header
from dicom_scp.spool import FileMeta, Spool
from triage.errors import InputError, TemporaryError

LOG = structlog.get_logger()

REJECTED_TRANSIENT, BY_PRESENTATION, TEMPORARY_CONGESTION = 0x02, 0x03, 0x01
"""A-ASSOCIATE-RJ, "try again later" (PS3.8 table 9-21)."""

ABORTING = frozenset({StoreStatus.OUT_OF_RESOURCES, StoreStatus.PROCESSING_FAILURE})
"""After these the association is aborted: common senders go on after a failure status and then report success."""


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


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of an open association."""

    association_id: str
    calling_ae: str
    called_ae: str


class Reception:
    """Answers the library's events, and knows who is connected."""

    def __init__(self, spool: Spool, callbacks: Callbacks, free_floor_bytes: int) -> None:
        self._spool = spool
        self._tell = callbacks
        self._free_floor_bytes = free_floor_bytes
        self._peers: dict[Association, Peer] = {}

    def handlers(self) -> list[tuple[Any, ...]]:
        """Return which method answers which event."""
        return [
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_REJECTED, self._rejected),
            (evt.EVT_ESTABLISHED, self._established),
            (evt.EVT_RELEASED, self._released),
            (evt.EVT_C_ECHO, self._echo),
            (evt.EVT_C_STORE, self._store),
        ]

    def _echo(self, _event: evt.Event) -> int:
        return int(StoreStatus.SUCCESS)

    def _requested(self, event: evt.Event) -> None:
        """Refuse early while there is no room: a rejected sender knows that it has to come again."""
        reason = self._reason_to_reject()
        if reason:
            LOG.warning("association_rejected", reason=reason)
            event.assoc.acse.send_reject(REJECTED_TRANSIENT, BY_PRESENTATION, TEMPORARY_CONGESTION)
            event.assoc.kill()

    def _reason_to_reject(self) -> str:
        try:
            self._require_room()
            return "" if self._tell.is_accepting() else "not accepting"
        except Exception as exc:  # noqa: BLE001 - whatever is wrong, the sender must come again
            return f"{type(exc).__name__}"

    def _require_room(self) -> None:
        if self._spool.free_bytes < self._free_floor_bytes:
            raise TemporaryError("free space is below the floor")

    def _rejected(self, event: evt.Event) -> None:
        requestor = event.assoc.requestor.primitive
        LOG.warning(
            "association_rejected",
            reason="negotiation",
            calling_ae=requestor.calling_ae_title,
            called_ae=requestor.called_ae_title,
        )

    def _established(self, event: evt.Event) -> None:
        requestor = event.assoc.requestor.primitive
        peer = Peer(uuid4().hex, requestor.calling_ae_title.strip(), requestor.called_ae_title.strip())
        self._peers[event.assoc] = peer
        threading.Thread(target=self._see_off, args=(event.assoc,), daemon=True).start()
        if not self._report(peer, AssociationKind.OPENED):
            event.assoc.abort(block=False)

    def _released(self, event: evt.Event) -> None:
        self._closed(event.assoc, AssociationKind.RELEASED)

    def _see_off(self, association: Association) -> None:
        """Wait for the association's thread: however it ends without a release, it was aborted."""
        association.join()
        self._closed(association, AssociationKind.ABORTED)

    def _closed(self, association: Association, change: AssociationKind) -> None:
        peer = self._peers.pop(association, None)
        if peer is not None:
            self._report(peer, change)

    def _report(self, peer: Peer, change: AssociationKind) -> bool:
        LOG.info(
            "association_changed", change=change, association=peer.association_id, calling_ae=peer.calling_ae
        )
        try:
            self._tell.on_association(AssociationEvent(peer.association_id, peer.calling_ae, change, _now()))
        except Exception as exc:  # noqa: BLE001 - the association's thread must survive its observer
            LOG.error("association_not_recorded", change=change, error=type(exc).__name__)  # noqa: TRY400 - no values
            return False
        return True

    def _store(self, event: evt.Event) -> int:
        peer = self._peers[event.assoc]
        try:
            self._tell.on_arrival(self._receive(event, peer))
        except Exception as exc:  # noqa: BLE001 - the sender must get an answer
            return self._refuse(event, peer, exc)
        return int(StoreStatus.SUCCESS)

    def _receive(self, event: evt.Event, peer: Peer) -> Arrival:
        """Make the dataset of a C-STORE request durable, exactly as received."""
        self._require_room()
        dataset, syntax = event.request.DataSet, str(event.context.transfer_syntax)
        dataset.seek(0)
        header = read_dataset_header(dataset, syntax)
        _require_match(event, header)
        meta = FileMeta(header.sop_class_uid, header.sop_instance_uid, syntax)
        stored = self._spool.store(dataset.getbuffer(), meta)
        return Arrival(
            header=header,
            path=stored.path,
            sha256=stored.sha256,
            size_bytes=stored.size_bytes,
            transfer_syntax_uid=syntax,
            received_at=_now(),
            calling_ae=peer.calling_ae,
            called_ae=peer.called_ae,
            association_id=peer.association_id,
        )

    def _refuse(self, event: evt.Event, peer: Peer, fault: Exception) -> int:
        status = next(status for error, status in STATUS_BY_ERROR if isinstance(fault, error))
        ours = isinstance(fault, InputError | TemporaryError)
        reason = str(fault) if ours else f"internal error: {type(fault).__name__}"
        LOG.warning(
            "instance_refused", association=peer.association_id, status=f"{status:04X}", reason=reason
        )
        if status in ABORTING:
            event.assoc.bind(evt.EVT_PDU_SENT, _abort)
        try:
            self._tell.on_refusal(Refusal(peer.association_id, peer.calling_ae, status, reason, _now()))
        except Exception as exc:  # noqa: BLE001 - the sender must get an answer
            LOG.error("refusal_not_recorded", error=type(exc).__name__)  # noqa: TRY400 - no values
        return int(status)


def _require_match(event: evt.Event, header: ImageHeader) -> None:
    """Check that context, command and dataset speak of the same object (PS3.4 table B.2-1, A9xx)."""
    request = event.request
    named = (event.context.abstract_syntax, request.AffectedSOPClassUID, request.AffectedSOPInstanceUID)
    if named != (header.sop_class_uid, header.sop_class_uid, header.sop_instance_uid):
        raise MismatchError("the command and the dataset name different objects")


def _abort(event: evt.Event) -> None:
    """End the association once the answer has left."""
    event.assoc.abort(block=False)


def _now() -> datetime:
    return datetime.now(UTC)
