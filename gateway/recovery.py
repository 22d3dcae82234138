"""After the power went: what the spool holds and the ledger does not is recorded again, before anybody is let in.

An arrival is acknowledged once its dataset is durable under the name of its digest; its row in the ledger is committed,
but not synced (see `gateway.recording`). So a power cut may take the last rows, never a dataset. Here they are made
again from the files, which tell everything but who sent them: a scanner whose association broke sends again anyway.

Rows are lost from the end, as a log is, so only files are looked at that are about as young as the youngest row. A file
counts when its content is what its name says: others were never acknowledged.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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

MARGIN = timedelta(hours=1)
"""A file may be so much older than the youngest row: senders are slow, and clocks are set."""

SENDER = "RECOVERED"
"""Title under which the rows are made: who sent the images went with the rows."""


def recover(ledger: Ledger, spool: Path, recorder: ArrivalRecorder) -> int:
    """Record what has no row; returns how many there were.

    Raises
    ------
    TemporaryError
        The ledger is away.
    """
    youngest = ledger.arrivals.youngest()
    since = youngest - MARGIN if youngest else None
    known = set(ledger.arrivals.digests_since(since)) if since else set()
    association, found = uuid4().hex, 0
    for path in _files(spool / "datasets", since):
        if path.stem not in known and (arrival := _arrival(spool, path, association)):
            if not found:
                _note(ledger, association, AssociationKind.OPENED)
            recorder.record(arrival)
            found += 1
    if found:
        _note(ledger, association, AssociationKind.ABORTED)
        log.warning("arrivals recorded again after a power cut", arrivals=found)
    return found


def _files(datasets: Path, since: datetime | None) -> Iterator[Path]:
    for path in datasets.glob("*/*/*.dcm"):
        if since is None or path.stat().st_mtime >= since.timestamp():
            yield path


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
