"""Received objects as they came: which digests an analysis used, and every image behind a disputed UID."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.responses import FileResponse

from gateway import casefolder
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.ledger.records import ObjectState


def routes(reception: Reception) -> APIRouter:
    """Objects of a case by their digest."""
    router = APIRouter(tags=["cases"])

    @router.get(
        "/api/v1/cases/{case_id}/inputs",
        summary="What the present analysis was made of: SHA-256 of every dataset by SOP instance UID",
    )
    def get_inputs(case_id: str) -> dict[str, Any]:
        case = reception.case(case_id)
        return {"revision": case.revision, "sha256": casefolder.load_inputs(reception.folder(case))}

    @router.get(
        "/api/v1/cases/{case_id}/objects/{sha256}",
        summary="A received object by the SHA-256 of its dataset, as it came",
        response_class=FileResponse,
    )
    def get_object(case_id: str, sha256: str) -> FileResponse:
        case = reception.case(case_id)
        stored = reception.ledger.holdings.by_digest(case.study_uid, sha256)
        if stored is None:
            raise Problem(HTTPStatus.NOT_FOUND, "this case has no object with such a digest")
        path = reception.config.spool_dir / stored.path
        if stored.state is ObjectState.ARCHIVED or not path.exists():
            raise Problem(HTTPStatus.GONE, "these bytes have left the spool; the archive has them")
        return FileResponse(path, media_type="application/dicom", filename=f"{sha256}.dcm")

    return router
