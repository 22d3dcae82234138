"""Every received object to the archive, as it arrives, byte for byte."""

from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

import structlog

from gateway.desk import Desk
from gateway.ledger.arrivals import Unforwarded
from triage.errors import ConfigError, InputError, TemporaryError

log = structlog.get_logger()

BATCH = 64
"""Objects per step: a kill repeats at most this many uploads."""
CONNECTIONS = 2
"""Uploads in flight: one client cannot use both cores of a small Orthanc, more would starve the analysis."""


class Forwarded(StrEnum):
    """How a batch ended."""

    SOME = "some"
    ALL = "all"
    AWAY = "away"


def forward_images(desk: Desk, case_id: str) -> str:
    """Upload the next batch of a case; repeating an upload changes nothing in the archive."""
    batch = desk.ledger.arrivals.unforwarded(desk.case(case_id).study_uid, BATCH)
    if not batch:
        return Forwarded.ALL
    taken: list[int] = []
    try:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for item, refusal in zip(batch, pool.map(lambda item: _upload(desk, item), batch), strict=True):
                if refusal is None:
                    taken.append(item.arrival_id)
                else:
                    desk.ledger.arrivals.mark_refused(item.arrival_id, refusal)
                    log.warning("the archive refused an object", case_id=case_id, arrival=item.arrival_id)
    except (TemporaryError, ConfigError) as exc:  # wrong credentials are mended by a person while images wait
        log.warning("the archive is away", case_id=case_id, reason=str(exc))
        return Forwarded.AWAY
    finally:
        if taken:
            desk.ledger.arrivals.mark_forwarded(taken, desk.now())
    return Forwarded.SOME


def _upload(desk: Desk, item: Unforwarded) -> str | None:
    """Upload one object; returns the reason when the archive will never take it."""
    try:
        desk.orthanc.upload(desk.spooled(item.path).read_bytes())
    except InputError as exc:
        return str(exc)
    except OSError as exc:
        return f"the stored file cannot be read ({exc.strerror}); check the spool's disk"
    return None


def end_run(desk: Desk, case_id: str, run: int) -> None:
    """Give the next run its number."""
    desk.ledger.cases.forward_run_ended(case_id, run)
