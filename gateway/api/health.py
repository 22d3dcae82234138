"""Whether this process lives, and whether the gateway can do its work."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse

from gateway.api.reception import Reception
from gateway.certificates import certificates_of
from triage.errors import TemporaryError
from viewer_bridge.archive.orthanc import Orthanc

log = structlog.get_logger()


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
    """The workflow engine's journal can be read, and no run stands still; a dead letter stops nobody else's work."""
    try:
        found = reception.watch.look()
    except (TemporaryError, SQLAlchemyError) as exc:
        log.warning("the engine's journal cannot be read", kind=type(exc).__name__)
        return Part(ready=False, reason="no workflow journal yet: start a worker")
    if waiting := [trouble for trouble in found.stuck if trouble.waits]:
        urgent = sum(trouble.urgent for trouble in waiting)
        return Part(
            ready=False,
            reason=f"runs that wait for a worker: {len(waiting)}, {urgent} of them urgent; start one",
        )
    if found.stuck:
        return Part(
            ready=False, reason=f"runs that stand still: {len(found.stuck)}; see /jobs, restart the worker"
        )
    if found.dead:
        return Part(
            ready=True, reason=f"answers; dead letters that want a person: {len(found.dead)}, see /jobs"
        )
    return Part(ready=True, reason="answers, and no run waits")


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


def certificates_part(reception: Reception) -> Part:
    """Peers that speak TLS can still be answered; a warning comes before that changes."""
    now = reception.now()
    found = certificates_of(reception.config)
    expired = [item for item in found if item.expires_at and item.expires_at <= now]
    told = [item.sentence(now) for item in expired or found]
    return Part(ready=not expired, reason="; ".join(told) or "TLS is not configured")


PARTS: dict[str, Callable[[Reception], Part]] = {
    "ledger": ledger_part,
    "archive": archive_part,
    "disk": disk_part,
    "engine": engine_part,
    "certificates": certificates_part,
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
