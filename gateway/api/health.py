"""Whether this process lives, and whether the gateway can do its work."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse

from gateway.api.reception import Reception
from gateway.engine import Queue
from triage.errors import TemporaryError
from viewer_bridge.orthanc import Orthanc

log = structlog.get_logger()

LONGEST_WAIT_S = 30.0
"""An alert that waits longer in its queue has no worker."""
JOBS_LOOKED_AT = 100
MS_PER_S = 1000.0


@dataclass(frozen=True, slots=True)
class Part:
    """One thing the gateway needs; `reason` says what to do when it is not ready."""

    ready: bool
    reason: str


def ledger_part(reception: Reception) -> Part:
    """Cases can be read."""
    try:
        reception.ledger.check()
    except TemporaryError as exc:
        return Part(ready=False, reason=f"{exc}; check database.url and the server behind it")
    return Part(ready=True, reason="answers")


def engine_part(reception: Reception) -> Part:
    """The workflow engine's journal can be read, and somebody works on urgent runs."""
    try:
        jobs = reception.client.jobs(JOBS_LOOKED_AT)
    except (TemporaryError, SQLAlchemyError) as exc:
        log.warning("the engine's journal cannot be read", kind=type(exc).__name__)
        return Part(ready=False, reason="no workflow journal yet: start a worker")
    latest_ms = (time.time() - LONGEST_WAIT_S) * MS_PER_S
    urgent = {Queue.ALERT.value, Queue.URGENT.value}
    stuck = [
        job
        for job in jobs
        if job.status == "ENQUEUED" and job.queue in urgent and (job.created_at_ms or latest_ms) < latest_ms
    ]
    if stuck:
        return Part(ready=False, reason=f"{len(stuck)} urgent runs wait for a worker: start one")
    return Part(ready=True, reason="answers, and no urgent run waits")


def disk_part(reception: Reception) -> Part:
    """There is room for more images."""
    floor = reception.config.dicom.free_bytes_floor
    try:
        free = shutil.disk_usage(reception.config.site.data_dir).free
    except OSError as exc:
        return Part(ready=False, reason=f"site.data_dir cannot be read: {exc.strerror}")
    if free < floor:
        return Part(
            ready=False,
            reason=f"{free} bytes free, below the floor of {floor}: images are refused, make room",
        )
    return Part(ready=True, reason=f"{free} bytes free")


def archive_part(reception: Reception) -> Part:
    """Orthanc answers, when this process knows one."""
    settings = reception.config.orthanc
    if not settings.url:
        return Part(ready=True, reason="not configured here")
    orthanc = Orthanc(settings.url, settings.username, settings.password)
    try:
        alive = orthanc.is_alive()
    finally:
        orthanc.close()
    return Part(ready=alive, reason="answers" if alive else "Orthanc does not answer: is it running?")


PARTS: dict[str, Callable[[Reception], Part]] = {
    "ledger": ledger_part,
    "archive": archive_part,
    "disk": disk_part,
    "engine": engine_part,
}


def routes(reception: Reception) -> APIRouter:
    """``/healthz`` and ``/readyz``."""
    router = APIRouter(tags=["operation"])

    @router.get("/healthz", summary="This process lives")
    def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz", summary="Every part can do its work, or 503 with the reason for each that cannot")
    def readyz() -> JSONResponse:
        parts = {name: look(reception) for name, look in PARTS.items()}
        ready = all(part.ready for part in parts.values())
        plain = {name: {"ready": part.ready, "reason": part.reason} for name, part in parts.items()}
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse({"ready": ready, "parts": plain}, status)

    return router
