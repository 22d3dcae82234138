"""Bytes that left the spool, or rotted there, back from the archive."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

from dicom_scp.spool import Spool
from gateway.desk import Desk
from gateway.ledger.records import Cause, ObjectState, Stored
from gateway.storage.evidence import DAMAGED, FRESH, dataset_in, fetch, meta_of
from triage.errors import GatewayError

log = structlog.get_logger()


def missing_from(desk: Desk, items: Sequence[Stored]) -> str:
    """Why these objects cannot all be read, or an empty string; what can be fetched is here afterwards."""
    absent = [item for item in items if not _is_ready(desk, item)]
    if not absent:
        return ""
    try:
        with writing(desk) as spool:
            lost = sum(not restore(desk, item, spool) for item in absent)
    except GatewayError as exc:
        log.warning("images cannot be fetched", count=len(absent), reason=str(exc))
        return f"{len(absent)} of {len(items)} images are no longer in the spool, and the archive does not answer"
    if lost:
        return f"{lost} of {len(items)} images are neither in the spool nor in the archive: send them again"
    return ""


def _is_ready(desk: Desk, item: Stored) -> bool:
    """Whether the spool has the object's bytes; fresh ones were counted when they were written."""
    path = desk.spooled(item.path)
    if desk.now() - item.received_at <= FRESH:
        return path.exists()
    return path.exists() and dataset_in(path.read_bytes(), item) is not None


def restore(desk: Desk, item: Stored, spool: Spool) -> bool:
    """Fetch an object's bytes from the archive into the spool; returns whether the archive had them.

    Raises
    ------
    TemporaryError
        The archive or the disk is away.
    """
    dataset = fetch(desk.orthanc, item)
    if dataset is None:
        if item.state is not ObjectState.QUARANTINED:
            desk.ledger.holdings.quarantine(item.arrival_id, Cause.DAMAGED, DAMAGED)
        return False
    spool.store(dataset, meta_of(item))
    desk.ledger.holdings.back([item.arrival_id])
    return True


@contextmanager
def writing(desk: Desk) -> Iterator[Spool]:
    """The spool, for as long as something is written back.

    Raises
    ------
    TemporaryError
        The disk is full or fails.
    """
    spool = Spool(desk.config.spool_dir)
    try:
        yield spool
    finally:
        spool.close()
