"""Received objects as they came: digests an analysis used, images behind a disputed UID, another try for what was held back."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import APIRouter
from starlette.responses import FileResponse

from gateway import casefolder
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.ledger.records import ObjectState, Stored

log = structlog.get_logger()


def retry(reception: Reception, case_id: str, digest: str) -> Stored:
    """Let a held-back object be tried again; returns it as it is now.

    Raises
    ------
    Problem
        404: there is no such object. 409: it is not held back.
    """
    stored = _object(reception, case_id, digest)
    if not reception.ledger.holdings.retry([stored.arrival_id]):
        raise Problem(HTTPStatus.CONFLICT, "this object is not held back: there is nothing to try again")
    log.info("object tried again", arrival=stored.arrival_id, was=stored.state)
    return _object(reception, case_id, digest)


def _object(reception: Reception, case_id: str, digest: str) -> Stored:
    stored = reception.ledger.holdings.by_digest(reception.case(case_id).study_uid, digest)
    if stored is None:
        raise Problem(HTTPStatus.NOT_FOUND, "this case has no object with such a digest")
    return stored


def routes(reception: Reception) -> APIRouter:
    """Objects of a case by their digest."""
    router = APIRouter(tags=["cases"])

    @router.get(
        "/api/v1/cases/{case_id}/inputs",
        summary="What the present analysis was made of: BLAKE3 digest of every dataset by SOP instance UID",
    )
    def get_inputs(case_id: str) -> dict[str, Any]:
        case = reception.case(case_id)
        return {"revision": case.revision, "digest": casefolder.load_inputs(reception.folder(case))}

    @router.get(
        "/api/v1/cases/{case_id}/objects/{digest}",
        summary="A received object by the BLAKE3 digest of its dataset, as it came",
        response_class=FileResponse,
    )
    def get_object(case_id: str, digest: str) -> FileResponse:
        stored = _object(reception, case_id, digest)
        path = reception.config.spool_dir / stored.path
        if stored.state is ObjectState.ARCHIVED or not path.exists():
            raise Problem(HTTPStatus.GONE, "these bytes have left the spool; the archive has them")
        return FileResponse(path, media_type="application/dicom", filename=f"{digest}.dcm")

    @router.post(
        "/api/v1/cases/{case_id}/objects/{digest}/retry",
        summary="Give the archive an object again that was quarantined, refused or kept aside",
    )
    def post_retry(case_id: str, digest: str) -> dict[str, Any]:
        return {"digest": digest, "state": retry(reception, case_id, digest).state.value}

    return router
