"""The door for other hospitals' gateways: signed requests, each admitted once, bounded, durable before they are answered."""

import hashlib
import os
import time
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from http import HTTPStatus
from threading import Lock
from typing import Annotated, Any, TypeVar

import structlog
from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from dicom_scp.spool import Spool
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.ledger.sharing_received import received_id_of
from gateway.sharing import protocol, receiving
from gateway.sharing.settings import Partner
from gateway.sharing.signature import TOLERANCE_S, Claim, NotAdmittedError, check
from gateway.sharing.storing import Storing
from gateway.sharing.uploads import Extent, Uploads, write_at

log = structlog.get_logger()

BURST_S = 3.0
"""So many seconds' requests may come at once."""
WRITTEN_TOGETHER_BYTES = 1 << 18
"""Of a content on its way in; a broken line loses no more than that here."""
FOLDER = "exchange"
"""Below the data directory: unfinished contents, by partner."""

REMEMBERED = timedelta(seconds=2 * TOLERANCE_S)
"""Nonces, as long as a time stamp may be off in both directions."""

M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True)
class Pace:
    """How often each partner may ask."""

    per_s: float
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)
    _gate: Lock = field(default_factory=Lock)

    def require(self, name: str, now_s: float) -> None:
        """Count a request.

        Raises
        ------
        Problem
            429: too many.
        """
        with self._gate:
            most = max(1.0, self.per_s * BURST_S)
            left, at = self._left.get(name, (most, now_s))
            left = min(most, left + (now_s - at) * self.per_s)
            self._left[name] = (max(0.0, left - 1.0), now_s)
        if left < 1.0:
            text = "too many requests of this partner: slow down"
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, text, {"Retry-After": "1"})


@dataclass
class Door:
    """Who may come in, and where what they bring goes."""

    reception: Reception
    pace: Pace

    @cached_property
    def spool(self) -> Spool:
        """The listener's spool, opened with the first object that comes."""
        return Spool(self.reception.config.spool_dir)

    def admit(self, request: Request) -> Claim:
        """Who asks; a request is admitted once.

        Raises
        ------
        Problem
            401: nobody known, or a repeat. 429: too often.
        """
        reception, now = self.reception, self.reception.now()
        header, extent = request.headers.get("authorization", ""), request.headers.get("content-range", "")
        settings = reception.config.sharing
        try:
            claim = check(header, request.method, request.url.path, extent, settings, now.timestamp())
        except NotAdmittedError as exc:
            log.warning("request of a partner refused", reason=str(exc))
            raise Problem(HTTPStatus.UNAUTHORIZED, str(exc)) from exc
        self.pace.require(claim.partner.name, time.monotonic())
        used = reception.ledger.sharing.answers
        if not used.is_first_use(claim.partner.name, claim.nonce, now, REMEMBERED):
            log.warning("request of a partner made twice", partner=claim.partner.name)
            raise Problem(HTTPStatus.UNAUTHORIZED, "this request was made before: sign each one anew")
        return claim

    async def message(self, request: Request) -> tuple[Partner, bytes]:
        """Who asks, and the whole body, which is what was signed; bounded by the guard.

        Raises
        ------
        Problem
            401: as `admit`, or the body is another.
        """
        claim = await run_in_threadpool(self.admit, request)
        body = await request.body()
        if _sha256(body) != claim.content:
            raise Problem(HTTPStatus.UNAUTHORIZED, "the body is not the one that was signed")
        return claim.partner, body

    def uploads(self, partner: Partner) -> Uploads:
        """Unfinished contents of a partner."""
        config = self.reception.config
        return Uploads(
            config.site.data_dir / FOLDER,
            partner.name,
            config.sharing.largest_object_bytes,
            config.dicom.free_bytes_floor,
        )

    def storing(self, partner: Partner) -> Storing:
        """The way of a partner's objects into the spool."""
        ledger = self.reception.ledger
        known: dict[str, bool] = {}

        def knows(study_uid: str) -> bool:
            if study_uid not in known:
                known[study_uid] = ledger.sharing.received.knows(partner.name, study_uid)
            return known[study_uid]

        def association(study_uid: str) -> str:
            return received_id_of(partner.name, study_uid, 0)

        return Storing(self.spool, ledger.arrivals, partner.name, association, knows)


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


async def take_in(door: Door, request: Request) -> Response:
    """Take a piece of a content, and read all of it when it was the last one.

    Raises
    ------
    Problem
        401, 429: as `Door.admit`. 403: this partner sends nothing here.
    """
    claim = await run_in_threadpool(door.admit, request)
    if not claim.partner.may_send:
        raise Problem(HTTPStatus.FORBIDDEN, "this gateway takes no studies from you: see may_send")
    extent = Extent.of(request.headers.get("content-range", ""), int(request.headers["content-length"]))
    uploads = door.uploads(claim.partner)
    if (known := await run_in_threadpool(uploads.answer, claim.content)) is not None:
        return _stored(known)
    descriptor = await run_in_threadpool(uploads.begin, claim.content, extent)
    try:
        await _write(request, descriptor, extent)
    except ClientDisconnect:  # nobody hears this answer; what came is kept
        return Response(status_code=HTTPStatus.BAD_REQUEST)
    finally:
        os.close(descriptor)
    if extent.end < extent.total:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={protocol.OFFSET_HEADER: str(extent.end)})
    content_type, storing = request.headers.get("content-type", ""), door.storing(claim.partner)
    found = await run_in_threadpool(
        uploads.finish, claim.content, lambda content: storing.read(content, content_type)
    )
    return _stored(found)


async def _write(request: Request, descriptor: int, extent: Extent) -> None:
    """Write what comes, as it comes; a broken line leaves what it brought."""
    gathered, offset = bytearray(), extent.start
    try:
        async for chunk in request.stream():
            gathered += chunk
            if len(gathered) >= WRITTEN_TOGETHER_BYTES:
                await run_in_threadpool(write_at, descriptor, offset, bytes(gathered))
                offset += len(gathered)
                gathered.clear()
    finally:
        write_at(descriptor, offset, bytes(gathered))
        offset += len(gathered)
    if offset != extent.end:
        raise ClientDisconnect


def _stored(found: dict[str, Any]) -> Response:
    """200: all is stored. 202: some. 409: nothing (PS3.18 section 10.5.3.1)."""
    stored, failed = protocol.STORED_SEQUENCE in found, protocol.FAILED_SEQUENCE in found
    status = HTTPStatus.OK if not failed else HTTPStatus.ACCEPTED if stored else HTTPStatus.CONFLICT
    return JSONResponse(found, status, media_type="application/dicom+json")


def _read(kind: type[M], body: bytes) -> M:
    try:
        return kind.model_validate_json(body)
    except ValidationError as exc:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in exc.errors(include_input=False)
        )
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, faults) from exc


def routes(reception: Reception) -> APIRouter:
    """What other gateways may ask; nothing where no partner is configured."""
    router = APIRouter(tags=["exchange"])
    if not reception.config.sharing.partners:
        return router
    door = Door(reception, Pace(reception.config.sharing.requests_per_s))

    @router.post(
        protocol.ANNOUNCEMENTS, summary="A partner hands a study over: its result, and what has followed"
    )
    async def post_announcement(request: Request) -> dict[str, bool]:
        partner, body = await door.message(request)
        told = _read(receiving.Announcement, body)
        return {
            "new": await run_in_threadpool(
                receiving.announce, reception.ledger, partner, told, reception.now()
            )
        }

    @router.post(protocol.ANSWERS, summary="A partner answers a study that was handed to it")
    async def post_answer(request: Request) -> dict[str, bool]:
        partner, body = await door.message(request)
        given = _read(receiving.GivenAnswer, body)
        return {
            "new": await run_in_threadpool(
                receiving.take_answer, reception.ledger, partner, given, reception.now()
            )
        }

    @router.post(protocol.STUDIES, summary="STOW-RS of announced studies, in pieces by Content-Range")
    async def post_studies(request: Request) -> Response:
        return await take_in(door, request)

    @router.get(f"{protocol.UPLOADS}/{{digest}}", summary="How much of a content is here")
    def get_upload(
        request: Request, digest: Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
    ) -> dict[str, Any]:
        uploads = door.uploads(door.admit(request).partner)
        return {"offset": uploads.offset(digest), "answer": uploads.answer(digest)}

    return router
