"""Routes of the cases."""

from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import FileResponse

from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.ledger.records import Case
from triage.errors import TemporaryError

log = structlog.get_logger()

MOST_CASES = 200
LONGEST_NAME = 64
"""Characters of `acknowledged_by`, as the ledger keeps it."""
UNNAMED = "somebody at the console"


class Acknowledgement(BaseModel):
    """Who takes the case; a role will do."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field(default="", max_length=LONGEST_NAME)


def acknowledge(reception: Reception, case: Case, by: str) -> None:
    """Record who answered the alert, the first one wins, and stop the escalation; a repeat changes nothing.

    Raises
    ------
    Problem
        409: no alert was sent yet. 503: recorded, but the escalation could not be told.
    """
    if case.times["alert_sent_at"] is None:
        raise Problem(
            HTTPStatus.CONFLICT, "no alert was sent for this case yet: there is nothing to acknowledge"
        )
    who = "".join(letter for letter in by if letter.isprintable()).strip()[:LONGEST_NAME] or UNNAMED
    announcements, alert = reception.ledger.announcements, reception.ledger.announcements.standing(case)
    if announcements.stamp(case.id, alert, "acknowledged_at", reception.now(), acknowledged_by=who):
        log.info("alert acknowledged", case_id=case.id, revision=alert)
    try:
        reception.client.signal(f"alert:{case.id}:r{alert}", "answered", "acknowledged")
    except (TemporaryError, SQLAlchemyError) as exc:
        log.warning("escalation not told", case_id=case.id, kind=type(exc).__name__)
        detail = "the acknowledgement is recorded, but the escalation could not be told: acknowledge again"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "2"}) from exc


def routes(reception: Reception) -> APIRouter:
    """Everything below ``/api/v1`` except events, and the pictures."""
    router = APIRouter()

    @router.get("/api/v1/cases", tags=["cases"], summary="Latest cases, youngest first")
    def list_cases(limit: Annotated[int, Query(ge=1, le=MOST_CASES)] = 50) -> list[dict[str, Any]]:
        return reception.describe(reception.ledger.cases.latest(limit))

    @router.get(
        "/api/v1/cases/{case_id}", tags=["cases"], summary="One case: result, times, deliveries, links"
    )
    def get_case(case_id: str) -> dict[str, Any]:
        return reception.describe([reception.case(case_id)])[0]

    @router.post(
        "/api/v1/cases/{case_id}/acknowledge",
        tags=["cases"],
        summary="Answer the alert and stop its escalation; the first answer stands",
    )
    def post_acknowledge(
        case_id: str, body: Annotated[Acknowledgement | None, Body()] = None
    ) -> dict[str, Any]:
        acknowledge(reception, reception.case(case_id), body.by if body else "")
        return reception.describe([reception.case(case_id)])[0]

    @router.get("/cases/{case_id}/pictures/{name}.png", tags=["cases"], summary="A picture of the result")
    def get_picture(case_id: str, name: str) -> FileResponse:
        found = {path.stem: path for path in reception.pictures(reception.case(case_id))}
        if name not in found:
            raise Problem(HTTPStatus.NOT_FOUND, "this case has no such picture; its page lists those it has")
        return FileResponse(found[name], headers={"Cache-Control": "private, no-cache"})

    return router
