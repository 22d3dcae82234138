"""Routes of the calls: who was told on which channel and how far it came, and the phone's own word that it has it."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.identity.invitations import opened
from gateway.ledger.call import Call, CallState
from gateway.team.people import Person

MOST_CALLS = 500
LONGEST_WORD = 200
"""Characters of the word in a link."""


class Receipt(BaseModel):
    """The word of the link that came with the call: whoever has it was called."""

    model_config = ConfigDict(extra="forbid")

    word: str = Field(max_length=LONGEST_WORD, repr=False)


def described(reception: Reception, calls: Sequence[Call]) -> list[dict[str, Any]]:
    """Calls as the API shows them; of a channel no more than kind and digest."""
    people = reception.ledger.people.named(call.person_id for call in calls if call.person_id)
    return [_plain(call, people) for call in calls]


def _plain(call: Call, people: Mapping[str, Person]) -> dict[str, Any]:
    person = people.get(call.person_id or "")
    return {
        "id": call.id,
        "case_id": call.case_id,
        "revision": call.revision,
        "level": call.step,
        "repeat": call.turn,
        "notice": call.notice,
        "person_id": call.person_id,
        "person": person.name if person else None,
        "kind": call.kind.value,
        "target": call.target,
        "state": call.state.value,
        "attempts": call.attempts,
        "detail": call.detail,
        "times": dict(call.times),
    }


def routes(reception: Reception) -> APIRouter:
    """``/api/v1/calls`` and the calls of a case."""
    router = APIRouter(tags=["cases"])

    @router.get("/api/v1/calls", summary="Latest calls of everybody, youngest first")
    def list_calls(limit: Annotated[int, Query(ge=1, le=MOST_CALLS)] = 100) -> list[dict[str, Any]]:
        return described(reception, reception.ledger.calls.latest(limit))

    @router.get("/api/v1/cases/{case_id}/calls", summary="Who was called about a case, oldest first")
    def list_calls_of_case(case_id: str) -> list[dict[str, Any]]:
        return described(reception, reception.ledger.calls.of_case(reception.case(case_id).id))

    @router.post(
        "/api/v1/calls/{call_id}/received",
        summary="The device has it; asked for by the word of the call's link, without a session",
        status_code=HTTPStatus.NO_CONTENT,
    )
    def post_received(call_id: str, body: Receipt) -> Response:
        if opened(body.word, reception.access) != call_id:
            raise Problem(HTTPStatus.FORBIDDEN, "this is not the word of this call")
        reception.ledger.calls.stamp(call_id, CallState.DELIVERED, reception.now())
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return router
