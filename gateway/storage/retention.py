"""What may leave the spool, and when: never anything that the archive was not seen to hold, byte for byte, twice."""

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from gateway.desk import Desk
from gateway.ledger.records import Stored
from gateway.storage.evidence import Held
from gateway.storage.sightings import sight

log = structlog.get_logger()

BATCH = 64
"""Objects removed between two looks at the free space."""


def make_room(desk: Desk) -> int:
    """Remove the oldest safe objects while space is short, and all that are too old; returns how many went."""
    removed = 0
    while before := _received_before(desk):
        gone = _remove(desk, desk.ledger.holdings.removable(before, BATCH))
        removed += gone
        if not gone:
            break
    return removed


def finish(desk: Desk) -> None:
    """Remove the files that a crash left behind between the record and the removal."""
    while left := desk.ledger.holdings.unremoved(BATCH):
        _unlink(desk, left)


def free_bytes(desk: Desk) -> int:
    """Bytes that may still be written to the volume of the data."""
    return shutil.disk_usage(desk.config.site.data_dir).free


def _received_before(desk: Desk) -> datetime | None:
    """Objects received before may go now; None when nothing needs to."""
    settings, now = desk.config.storage, desk.now()
    moments = []
    if free_bytes(desk) < settings.comfort_free_bytes:
        moments.append(now - timedelta(hours=settings.keep_hours))
    if settings.longest_keep_hours is not None:
        moments.append(now - timedelta(hours=max(settings.longest_keep_hours, settings.keep_hours)))
    return max(moments, default=None)


def _remove(desk: Desk, items: Sequence[Stored]) -> int:
    """Look a last time, record, unlink, in this order: a crash leaves a file too many, never one too few."""
    looks = [(item, sight(desk, item, thoroughly=True)) for item in items]
    safe = [item for item, held in looks if held is Held.SAME]
    if doubtful := [item.arrival_id for item, held in looks if held not in {Held.SAME, None}]:
        desk.ledger.holdings.back(doubtful)  # sightings start over, and find out what is wrong
    if safe:
        desk.ledger.holdings.archived([item.arrival_id for item in safe])
        _unlink(desk, safe)
        log.info("objects left the spool", count=len(safe), bytes=sum(item.size_bytes for item in safe))
    return len(safe)


def _unlink(desk: Desk, items: Sequence[Stored]) -> None:
    for item in items:
        desk.spooled(item.path).unlink(missing_ok=True)
    if items:
        desk.ledger.holdings.removed([item.arrival_id for item in items], desk.now())
