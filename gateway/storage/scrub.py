"""Reading every kept object again, slowly and for ever, and comparing it with its digest: disks forget silently."""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine, func, select

from gateway.config import Storage
from gateway.desk import Desk
from gateway.ledger.records import Cause, ObjectState, Round, Stored, moment_of, utc_text
from gateway.ledger.schema import arrivals
from gateway.ledger.statements import rows
from gateway.storage.evidence import DAMAGED, dataset_in, head_of, meta_of
from gateway.storage.restoration import restore, writing
from triage.errors import GatewayError

log = structlog.get_logger()

NAME = "scrub"
"""Of its round in the ledger."""
BATCH = 32
HEADROOM = 0.8
"""A cycle is planned to take so much of its time: what arrives meanwhile is read as well."""
SECONDS_PER_DAY = 86_400.0


def spooled_bytes(engine: Engine) -> int:
    """Bytes of all datasets in the spool."""
    query = select(func.sum(arrivals.c.size_bytes).label("n")).where(
        arrivals.c.forward_state != ObjectState.ARCHIVED.value
    )
    return int(rows(engine, query)[0]["n"] or 0)


def allowance_bytes(settings: Storage, spooled: int, elapsed_s: float) -> int:
    """How much may be read now: enough for a cycle in time, and never faster than configured.

    >>> allowance_bytes(Storage(), 604_800 * 8_000, 10.0), allowance_bytes(Storage(), 10**18, 1.0)
    (100001, 20971521)
    """
    cycle_s = settings.scrub_cycle_days * SECONDS_PER_DAY * HEADROOM
    return int(min(spooled / cycle_s, settings.scrub_bytes_per_s) * elapsed_s) + 1


def scrub(desk: Desk, most_bytes: int) -> Round:
    """Go on where the last turn ended, and read at least one object; between two cycles do nothing."""
    state = _begin(desk.ledger.holdings.round(NAME), desk.config.storage.scrub_cycle_days, desk.now())
    if state is None:
        return desk.ledger.holdings.round(NAME)
    left = most_bytes
    while left > 0:
        batch = desk.ledger.holdings.after(state.position, BATCH)
        if not batch:
            state = replace(state, position=0, finished_at=utc_text(desk.now()))
            break
        for item in batch:
            state, left = _count(state, item, mended=_check(desk, item)), left - item.size_bytes
            if left <= 0:
                break
    desk.ledger.holdings.save_round(NAME, state)
    return state


def _begin(state: Round, cycle_days: float, now: datetime) -> Round | None:
    """The round to go on with; None while the last one is young enough."""
    running = state.position > 0 or state.finished_at is None
    if running and state.started_at:
        return state
    if state.started_at and now - moment_of(state.started_at) < timedelta(days=cycle_days):
        return None
    return Round(started_at=utc_text(now), finished_at=state.finished_at)


def _count(state: Round, item: Stored, *, mended: bool | None) -> Round:
    """A round that has one more object behind it; `mended` is None for one that was as it should be."""
    return replace(
        state,
        position=item.arrival_id,
        checked_bytes=state.checked_bytes + item.size_bytes,
        damaged=state.damaged + (mended is not None),
        mended=state.mended + (mended is True),
    )


def _check(desk: Desk, item: Stored) -> bool | None:
    """Compare one object with its digest; None when it is right, else whether it could be mended."""
    try:
        file = desk.spooled(item.path).read_bytes()
    except OSError:
        file = b""
    if item.state is ObjectState.ARCHIVED:
        if file and dataset_in(file, item) is not None:
            desk.ledger.holdings.back([item.arrival_id])  # it was sent again
        return None
    dataset = dataset_in(file, item)
    if dataset is None:
        return _mend(desk, item)
    if item.cause is Cause.DAMAGED and item.state is ObjectState.QUARANTINED:
        desk.ledger.holdings.forward_again([item.arrival_id])  # somebody sent it again
    head = head_of(item)
    if file.startswith(head) and len(file) == len(head) + len(dataset):
        return None
    with writing(desk) as spool:
        spool.store(dataset, meta_of(item))
    log.warning("the head of a stored file was mended", arrival=item.arrival_id)
    return True


def _mend(desk: Desk, item: Stored) -> bool:
    """Quarantine a damaged object, and end that at once where the archive has the right bytes."""
    if item.state is not ObjectState.QUARANTINED:
        desk.ledger.holdings.quarantine(item.arrival_id, Cause.DAMAGED, DAMAGED)
        log.error("a stored object is damaged", arrival=item.arrival_id)
    if item.cause in {Cause.STRUCTURE, Cause.DEADLY}:
        return False
    try:
        with writing(desk) as spool:
            restored = restore(desk, desk.ledger.holdings.get(item.arrival_id) or item, spool)
    except GatewayError as exc:
        log.warning("a damaged object cannot be fetched now", arrival=item.arrival_id, reason=str(exc))
        return False
    if restored:
        log.warning("a damaged object was fetched from the archive", arrival=item.arrival_id)
    return restored
