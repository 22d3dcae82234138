"""What somebody of this hospital asks of the exchange: hand a case over, answer one that came."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.acting import who
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.ledger.sharing_answers import Word
from gateway.sharing import asking
from gateway.sharing.receiving import LONGEST_NAME, LONGEST_REMARK
from triage.errors import InputError


class Handing(BaseModel):
    """To whom, and by whom."""

    model_config = ConfigDict(extra="forbid")

    partner: str = Field(max_length=LONGEST_NAME)
    by: str = Field(default="", max_length=LONGEST_NAME)


class Answering(BaseModel):
    """What is said to whom."""

    model_config = ConfigDict(extra="forbid")

    partner: str = Field(max_length=LONGEST_NAME)
    answer: Word
    remark: str = Field(default="", max_length=LONGEST_REMARK)
    by: str = Field(default="", max_length=LONGEST_NAME)


def hand_over(reception: Reception, case_id: str, asked: Handing) -> None:
    """Hand a case to a partner.

    Raises
    ------
    Problem
        404: there is no such case. 409: it cannot go there, or not yet.
    """
    case = reception.case(case_id)
    settings = reception.config.sharing
    try:
        asking.share(reception.ledger, settings, case, asked.partner, asked.by, reception.now())
    except InputError as exc:
        raise Problem(HTTPStatus.CONFLICT, str(exc)) from exc


def give_answer(reception: Reception, case_id: str, given: Answering) -> None:
    """Answer a partner.

    Raises
    ------
    Problem
        404: there is no such case. 409: that partner has handed nothing over.
    """
    case = reception.case(case_id)
    said = (given.answer, given.remark, given.by)
    try:
        asking.answer(reception.ledger, case, given.partner, *said, reception.now())
    except InputError as exc:
        raise Problem(HTTPStatus.CONFLICT, str(exc)) from exc


def routes(reception: Reception) -> APIRouter:
    """``share`` and ``answer`` of a case."""
    router = APIRouter(tags=["cases"])

    @router.post(
        "/api/v1/cases/{case_id}/share",
        summary="Hand this case to another hospital's gateway; again: whatever is new of it",
    )
    def post_share(request: Request, case_id: str, body: Handing) -> dict[str, Any]:
        hand_over(reception, case_id, body.model_copy(update={"by": who(request, body.by, "")}))
        return reception.describe([reception.case(case_id)])[0]

    @router.post(
        "/api/v1/cases/{case_id}/answer",
        summary="Answer the hospital that handed this case over; a further answer replaces the former",
    )
    def post_answer(request: Request, case_id: str, body: Answering) -> dict[str, Any]:
        give_answer(reception, case_id, body.model_copy(update={"by": who(request, body.by, "")}))
        return reception.describe([reception.case(case_id)])[0]

    return router
