"""After the power went: what the spool holds and the ledger does not is recorded again, before anybody is let in.

An arrival is acknowledged once its dataset is durable under the name of its digest; its row in the ledger is committed,
but not synced (see `gateway.recording`). So a power cut may take the last rows, never a dataset. Here they are made
again from the files, which tell everything but who sent them: a scanner whose association broke sends again anyway.

Every file is compared with every row, whatever their times say: a clock that was set must not hide an image. A million
of them take some ten seconds of a start. A file counts when its content is what its name says: others were never
acknowledged.
"""

from array import array
from bisect import bisect_left
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import structlog

from dicom_scp.arrival import Arrival, AssociationEvent, AssociationKind
from dicom_scp.file_meta import dataset_size_if_whole
from dicom_scp.headers import read_header
from gateway.ledger.ledger import Ledger
from gateway.recording import ArrivalRecorder
from triage.errors import InputError

log = structlog.get_logger()

PREFIX_DIGITS = 16
"""Of a digest, as many as a 64-bit number holds: eight megabytes for a million rows."""

SENDER = "RECOVERED"
"""Title under which the rows are made: who sent the images went with the rows."""


def recover(ledger: Ledger, spool: Path, recorder: ArrivalRecorder) -> int:
    """Record what has no row; returns how many there were.

    Raises
    ------
    TemporaryError
        The ledger is away.
    """
    known = array("Q", sorted(map(_number, ledger.holdings.digests())))
    association, found = uuid4().hex, 0
    for path in (spool / "datasets").glob("*/*/*.dcm"):
        if not _holds(known, path.stem) and (arrival := _arrival(spool, path, association)):
            if not found:
                _note(ledger, association, AssociationKind.OPENED)
            recorder.record(arrival)
            found += 1
    if found:
        _note(ledger, association, AssociationKind.ABORTED)
        log.warning("arrivals recorded again after a power cut", arrivals=found)
    return found


def _number(digest: str) -> int:
    return int(digest[:PREFIX_DIGITS], 16)


def _holds(known: "array[int]", digest: str) -> bool:
    place = bisect_left(known, _number(digest))
    return place < len(known) and known[place] == _number(digest)


def _arrival(spool: Path, path: Path, association: str) -> Arrival | None:
    size_bytes = dataset_size_if_whole(path)
    if size_bytes is None:
        return None
    try:
        header = read_header(path)
    except InputError:
        return None
    return Arrival(
        header=header,
        path=str(path.relative_to(spool)),
        digest=path.stem,
        size_bytes=size_bytes,
        transfer_syntax_uid=path.parent.parent.name,
        received_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        calling_ae=SENDER,
        called_ae="",
        association_id=association,
    )


def _note(ledger: Ledger, association: str, kind: AssociationKind) -> None:
    ledger.arrivals.record_association(AssociationEvent(association, SENDER, kind, datetime.now(UTC)))
