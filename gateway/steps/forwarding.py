"""Every received object to the archive, as it arrives, byte for byte; what would kill the archive stays here.

An archive takes three processor seconds for a thousand images: while a patient's numbers are awaited, images wait.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event, Lock

import structlog

from gateway.desk import Desk
from gateway.ledger.records import Cause, Stored
from gateway.storage.evidence import DAMAGED, FRESH, dataset_in, dataset_of
from gateway.storage.structure import reason_to_withhold
from triage.errors import ConfigError, InputError, TemporaryError

log = structlog.get_logger()

BATCH = 64
"""Objects per step: a kill repeats at most this many uploads."""
CONNECTIONS = 2
"""Uploads in flight: one client cannot use both cores of a small Orthanc, more would starve the analysis."""
MOST_DEATHS = 2
"""An archive that died so often while it was given one object shall not meet it again."""
_ALONE = Lock()
"""Held while an object that an archive may have died of is sent, so that another death can only be its doing."""


class Forwarded(StrEnum):
    """How a batch ended."""

    SOME = "some"
    ALL = "all"
    AWAY = "away"


@dataclass(slots=True)
class _Batch:
    """What became of the objects of one step."""

    taken: dict[int, str] = field(default_factory=dict)
    """Names in the archive by arrival."""
    interrupted: list[int] = field(default_factory=list)
    """What was being sent when the archive stopped answering."""
    fault: str = ""
    """Why it ended early. Not the error itself, which would keep the bytes of what was being sent."""
    over: Event = field(default_factory=Event)


class _DamagedError(InputError):
    """The spool's bytes are not those that were received."""


def forward_images(desk: Desk, case_id: str) -> str:
    """Upload the next batch of a case; repeating an upload changes nothing in the archive."""
    waiting = desk.ledger.holdings.to_forward(desk.case(case_id).study_uid, BATCH)
    if not waiting:
        return Forwarded.ALL
    if not desk.orthanc.is_alive():
        log.warning("the archive is away", case_id=case_id, reason="it does not answer")
        return Forwarded.AWAY
    unsuspected = [item for item in waiting if not item.archive_deaths]
    if unsuspected:
        batch = _send(desk, unsuspected, CONNECTIONS)
    else:
        with _ALONE:
            batch = _send(desk, waiting[:1], 1)
    return _conclude(desk, case_id, batch)


def _send(desk: Desk, items: Sequence[Stored], connections: int) -> _Batch:
    batch = _Batch()
    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(lambda item: _send_one(desk, item, batch), items))
    return batch


def _send_one(desk: Desk, item: Stored, batch: _Batch) -> None:
    """Upload one object, unless another upload has just failed; every end is noted."""
    desk.analysts.let_pass()
    if batch.over.is_set():
        return
    try:
        batch.taken[item.arrival_id] = desk.orthanc.upload(_readable(desk, item)).orthanc_id
    except _DamagedError as exc:
        _quarantine(desk, item, Cause.DAMAGED, str(exc))
    except InputError as exc:
        _refuse(desk, item, str(exc))
    except OSError as exc:
        _refuse(desk, item, f"the stored file cannot be read ({exc.strerror}); check the spool's disk")
    except _WithheldError as exc:
        _quarantine(desk, item, Cause.STRUCTURE, str(exc))
    except (TemporaryError, ConfigError) as exc:  # wrong credentials are mended by a person while images wait
        batch.over.set()
        batch.fault = str(exc)
        if isinstance(exc, TemporaryError):
            batch.interrupted.append(item.arrival_id)


class _WithheldError(Exception):
    """No archive should be given this object."""


def _readable(desk: Desk, item: Stored) -> bytes:
    """Read an object's file, and see whether an archive may have it."""
    file = desk.spooled(item.path).read_bytes()
    looked_at_before = item.reason is not None or desk.now() - item.received_at > FRESH
    if looked_at_before and dataset_in(file, item) is None:
        raise _DamagedError(DAMAGED)
    if reason := reason_to_withhold(dataset_of(file), item.transfer_syntax_uid):
        raise _WithheldError(f"not given to the archive: {reason}")
    return file


def _conclude(desk: Desk, case_id: str, batch: _Batch) -> str:
    """Record what became of a batch."""
    if batch.taken:
        desk.ledger.holdings.forwarded(batch.taken, desk.now())
    if not batch.over.is_set():
        return Forwarded.SOME
    log.warning("the archive is away", case_id=case_id, reason=batch.fault)
    if batch.interrupted and not desk.orthanc.is_alive():
        _suspect(desk, batch.interrupted)
    return Forwarded.AWAY


def _suspect(desk: Desk, arrival_ids: Sequence[int]) -> None:
    """The archive died, or fell silent, while it was given these."""
    desk.ledger.holdings.died_of(arrival_ids)
    for arrival_id in arrival_ids:
        item = desk.ledger.holdings.get(arrival_id)
        if item and item.archive_deaths >= MOST_DEATHS:
            reason = f"not given to the archive any more: it died {item.archive_deaths} times while it was given this"
            _quarantine(desk, item, Cause.DEADLY, reason)


def _quarantine(desk: Desk, item: Stored, cause: Cause, reason: str) -> None:
    desk.ledger.holdings.quarantine(item.arrival_id, cause, reason)
    log.error("object quarantined", arrival=item.arrival_id, cause=cause, reason=reason)


def _refuse(desk: Desk, item: Stored, reason: str) -> None:
    desk.ledger.arrivals.mark_refused(item.arrival_id, reason)
    log.warning("the archive refused an object", arrival=item.arrival_id)


def end_run(desk: Desk, case_id: str, run: int) -> None:
    """Give the next run its number."""
    desk.ledger.cases.forward_run_ended(case_id, run)
