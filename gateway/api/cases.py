"""Routes of the cases."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import FileResponse

from gateway.api.acting import acting
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.ledger.records import Case
from gateway.team.answering import LONGEST_NAME, LONGEST_TEXT, AnswerKind, answer, comment
from gateway.team.people import Actor
from triage.errors import InputError, TemporaryError

MOST_CASES = 200


class Acknowledgement(BaseModel):
    """Who takes the case; a role will do. Whoever is logged in goes by the name of the account."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field(default="", max_length=LONGEST_NAME)


class Answer(Acknowledgement):
    """An answer to an alert, with the reason where one is asked for."""

    kind: AnswerKind
    text: str = Field(default="", max_length=LONGEST_TEXT)


class Comment(Acknowledgement):
    """A word to everybody who sees the case."""

    text: str = Field(max_length=LONGEST_TEXT)


def give(reception: Reception, case: Case, actor: Actor, kind: AnswerKind, text: str = "") -> None:
    """Record an answer to the alert and tell the escalation; a repeat changes nothing.

    Raises
    ------
    Problem
        409: no alert was sent yet, or the answer is not this person's to give. 503: recorded, but the escalation could
        not be told.
    """
    try:
        answer(reception.ledger, reception.client, case, actor, kind, text, reception.now())
    except InputError as exc:
        raise Problem(HTTPStatus.CONFLICT, str(exc)) from exc
    except TemporaryError as exc:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(exc), {"Retry-After": "2"}) from exc


def say(reception: Reception, case: Case, actor: Actor, text: str) -> None:
    """Add a comment to the case's thread.

    Raises
    ------
    Problem
        422: there are no words in it.
    """
    try:
        comment(reception.ledger, case, actor, text, reception.now())
    except InputError as exc:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(exc)) from exc


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
        request: Request, case_id: str, body: Annotated[Acknowledgement | None, Body()] = None
    ) -> dict[str, Any]:
        actor = acting(request, body.by if body else "")
        give(reception, reception.case(case_id), actor, AnswerKind.TAKE)
        return reception.describe([reception.case(case_id)])[0]

    @router.post(
        "/api/v1/cases/{case_id}/answers",
        tags=["cases"],
        summary="Take the case, decline, or say that it is no stroke",
    )
    def post_answer(request: Request, case_id: str, body: Answer) -> dict[str, Any]:
        give(reception, reception.case(case_id), acting(request, body.by), body.kind, body.text)
        return reception.describe([reception.case(case_id)])[0]

    @router.get("/api/v1/cases/{case_id}/thread", tags=["cases"], summary="What the team said, oldest first")
    def get_thread(case_id: str) -> list[dict[str, Any]]:
        return [asdict(post) for post in reception.ledger.thread.of_case(reception.case(case_id).id)]

    @router.post("/api/v1/cases/{case_id}/comments", tags=["cases"], summary="A word to the team")
    def post_comment(request: Request, case_id: str, body: Comment) -> list[dict[str, Any]]:
        say(reception, reception.case(case_id), acting(request, body.by), body.text)
        return get_thread(case_id)

    @router.get("/cases/{case_id}/pictures/{name}.png", tags=["cases"], summary="A picture of the result")
    def get_picture(case_id: str, name: str) -> FileResponse:
        found = {path.stem: path for path in reception.pictures(reception.case(case_id))}
        if name not in found:
            raise Problem(HTTPStatus.NOT_FOUND, "this case has no such picture; its page lists those it has")
        return FileResponse(found[name], headers={"Cache-Control": "private, no-cache"})

    return router
