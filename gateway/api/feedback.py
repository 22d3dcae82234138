"""What radiologists say of results: judgements of a case, and edited cores that a viewer saves here."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from http import HTTPStatus
from mmap import mmap
from threading import BoundedSemaphore
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from dicom_scp.spool import Spool
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.feedback.bringing import Shelf, stored_in
from gateway.feedback.expectation import Expectation, expectation
from gateway.feedback.judgement import Judgement, Reason, Verdict
from gateway.feedback.judging import LARGEST_CORE_ML, LONGEST_NAME, LONGEST_TEXT, Opinion, judge
from gateway.ledger.judgements import standing
from gateway.ledger.records import Case
from gateway.sharing.protocol import FAILED_SEQUENCE
from gateway.team.people import Actor
from triage.errors import InputError
from triage.results import TriageResult
from viewer_bridge.report.wording.language import Language

SAVING = BoundedSemaphore(2)
"""Segmentations that are being saved at once: each is held in memory."""
ARCHIVED_WITHIN_S, LOOK_S = 3.0, 0.1
"""A viewer reads what it has saved at once, so the answer waits for the archive; what it waits for is safe already."""
DICOM_JSON = "application/dicom+json"


class JudgementBody(BaseModel):
    """What somebody says of a revision."""

    model_config = ConfigDict(extra="forbid")

    revision: int = Field(ge=1, description="The revision that was read")
    verdict: Verdict
    reason: Reason | None = Field(default=None, description="Of an edit or a rejection")
    text: str = Field(default="", max_length=LONGEST_TEXT)
    core_ml: float | None = Field(
        default=None, ge=0, le=LARGEST_CORE_ML, description="The core as edited, in ml"
    )
    name: str = Field(
        default="",
        max_length=LONGEST_NAME,
        description="Who judges; only for the site's access token, which names nobody",
    )


def give(reception: Reception, case: Case, actor: Actor, said: Opinion) -> Judgement:
    """Keep a judgement.

    Raises
    ------
    Problem
        409: there is no such result, or something is missing.
    """
    try:
        return judge(reception.ledger, case, actor, said, reception.now())
    except InputError as exc:
        raise Problem(HTTPStatus.CONFLICT, str(exc)) from exc


def expected(reception: Reception, case: Case) -> Expectation | None:
    """What became of alerts such as the case's present one; None where it has none, or too few were judged."""
    result = TriageResult.from_json(case.result) if case.result else None
    return expectation(reception.ledger, result, reception.now()) if result else None


def judgements_json(reception: Reception, case: Case) -> dict[str, Any]:
    """Everything that was said of a case, and what came back from workstations."""
    known = reception.ledger.judgements.of_case(case.id)
    stands = standing(known, case.revision)
    return {
        "revision": case.revision,
        "standing": asdict(stands) if stands else None,
        "judgements": [asdict(each) for each in known],
        "segmentations": [asdict(each) for each in reception.ledger.judgements.edits.of_case(case.id)],
        "expectation": _expectation_json(expected(reception, case)),
    }


def _expectation_json(found: Expectation | None) -> dict[str, Any] | None:
    if found is None:
        return None
    words = {language.value: found.words(language) for language in Language}
    return {**asdict(found), "share": found.share, "words": words}


@contextmanager
def _turn() -> Iterator[None]:
    if not SAVING.acquire(timeout=0):
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "others are saving: try again", {"Retry-After": "2"})
    try:
        yield
    finally:
        SAVING.release()


async def _received(request: Request, content: mmap, length: int) -> None:
    """Write the body into `content`, as it comes.

    Raises
    ------
    ClientDisconnect
        It ended early.
    """
    async for chunk in request.stream():
        if content.tell() + len(chunk) > length:
            raise ClientDisconnect
        content.write(chunk)
    if content.tell() != length:
        raise ClientDisconnect


async def _archived(shelf: Shelf, sop_instance_uids: Sequence[str]) -> None:
    """Wait a little for the archive to have these."""
    until = time.monotonic() + ARCHIVED_WITHIN_S
    while sop_instance_uids and time.monotonic() < until:
        if not await run_in_threadpool(shelf.waits, sop_instance_uids):
            return
        await asyncio.sleep(LOOK_S)


def routes(reception: Reception) -> APIRouter:
    """Judgements below ``/api/v1/cases``, and the Store transaction of ``/dicom-web``."""
    router = APIRouter()

    @router.get(
        "/api/v1/cases/{case_id}/judgements",
        tags=["cases"],
        summary="What radiologists say of a case's results",
    )
    def get_judgements(case_id: str) -> dict[str, Any]:
        return judgements_json(reception, reception.case(case_id))

    @router.post(
        "/api/v1/cases/{case_id}/judgements",
        tags=["cases"],
        status_code=HTTPStatus.CREATED,
        summary="Agree with a revision, edit or reject it; a later word takes the place of an earlier one",
    )
    def post_judgement(request: Request, case_id: str, body: JudgementBody) -> dict[str, Any]:
        case = reception.case(case_id)
        give(reception, case, actor_of(request), Opinion(**body.model_dump()))
        return judgements_json(reception, case)

    _add_store(router, reception)
    return router


def _add_store(router: APIRouter, reception: Reception) -> None:
    @cache
    def shelf() -> Shelf:
        return Shelf(reception.ledger, Spool(reception.config.spool_dir))

    async def store(request: Request, study_uid: str | None) -> Response:
        length = int(request.headers["content-length"])
        if not length:
            raise Problem(HTTPStatus.BAD_REQUEST, "the request has no content")
        if shelf().spool.free_bytes < reception.config.dicom.free_bytes_floor + length:
            raise Problem(HTTPStatus.INSUFFICIENT_STORAGE, "the disk is full: free some space")
        with _turn(), mmap(-1, length) as content:
            try:
                await _received(request, content, length)
            except ClientDisconnect:
                return Response(status_code=HTTPStatus.BAD_REQUEST)
            kind = request.headers.get("content-type", "")
            found = await run_in_threadpool(
                shelf().take, content, kind, study_uid, actor_of(request), reception.now()
            )
        await _archived(shelf(), stored_in(found))
        status = HTTPStatus.CONFLICT if FAILED_SEQUENCE in found else HTTPStatus.OK
        return JSONResponse(found, status, media_type=DICOM_JSON)

    @router.post(
        "/dicom-web/studies",
        tags=["archive"],
        summary="STOW-RS of segmentations of known studies, and of nothing else",
        response_class=JSONResponse,
    )
    async def post_studies(request: Request) -> Response:
        return await store(request, None)

    @router.post("/dicom-web/studies/{study_uid}", include_in_schema=False)
    async def post_study(request: Request, study_uid: str) -> Response:
        return await store(request, study_uid)
