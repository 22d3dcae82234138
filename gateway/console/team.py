"""What a case's page says of the team: who has it, what was said, who was called and how far each call came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from gateway.api.acting import acting
from gateway.api.cases import give, say
from gateway.api.reception import Reception
from gateway.console.wording import duration, seconds_between
from gateway.ledger.call import TIME_OF, Call, CallState
from gateway.ledger.records import Case
from gateway.ledger.thread import Post, PostKind
from gateway.team.answering import LONGEST_NAME, LONGEST_TEXT, AnswerKind, holder_of
from gateway.team.contacts import ChannelKind
from gateway.team.people import Actor, ActorKind, Person, Right

SAID: Mapping[PostKind, str] = {
    PostKind.TOOK: "has the case",
    PostKind.DECLINED: "cannot take it",
    PostKind.NOT_STROKE: "says: no stroke",
    PostKind.HANDED_OVER: "handed it over",
    PostKind.CALLED: "telephoned",
    PostKind.COMMENT: "",
    PostKind.SYSTEM: "",
}
"""What a post says beside its own words."""

CHANNELS: Mapping[ChannelKind, str] = {
    ChannelKind.PUSH: "phone",
    ChannelKind.EMAIL: "e-mail",
    ChannelKind.ZALO: "Zalo",
    ChannelKind.MQTT: "MQTT",
    ChannelKind.WEBHOOK: "webhook",
    ChannelKind.APPRISE: "messenger",
}
STATES: Mapping[CallState, str] = {
    CallState.QUEUED: "being sent",
    CallState.FAILED: "not reached this way",
    CallState.SENT: "sent",
    CallState.DELIVERED: "on the device",
    CallState.OPENED: "opened",
    CallState.ESCALATED: "no answer",
    CallState.ACKNOWLEDGED: "answered",
    CallState.CLOSED: "settled",
}
SHOWN_TIMES: Mapping[str, str] = {
    TIME_OF[CallState.SENT]: "sent",
    TIME_OF[CallState.DELIVERED]: "on the device",
    TIME_OF[CallState.OPENED]: "opened",
    "declined_at": "declined",
    TIME_OF[CallState.ACKNOWLEDGED]: "answered",
    TIME_OF[CallState.ESCALATED]: "given to the next level",
}
"""Times of a call as they are told, in the order in which they happen."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """One person on one channel."""

    name: str
    channel: str
    state: str
    level: str
    at: str
    steps: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class Team:
    """The team and one case."""

    posts: Sequence[Post]
    holder: Post | None
    calls: Sequence[CallRow]
    by_name: bool
    """Whether whoever answers types a name, because the site's token has none."""
    may_answer: bool
    mine: bool
    """Whether whoever looks has the case."""

    @property
    def said(self) -> Mapping[PostKind, str]:
        """Words for the kinds of posts."""
        return SAID


def team_of(reception: Reception, case: Case, actor: Actor) -> Team:
    """What the page shows to `actor`."""
    posts = reception.ledger.thread.of_case(case.id)
    calls = reception.ledger.calls.of_case(case.id)
    people = reception.ledger.people.named(call.person_id for call in calls if call.person_id)
    holder = holder_of(posts, reception.ledger.announcements.standing(case))
    return Team(
        posts=posts,
        holder=holder,
        calls=[_row(call, people) for call in calls],
        by_name=actor.kind is ActorKind.SITE,
        may_answer=actor.may(Right.ANSWER) and case.times["alert_sent_at"] is not None,
        mine=holder is not None and actor.person_id is not None and holder.person_id == actor.person_id,
    )


def _row(call: Call, people: Mapping[str, Person]) -> CallRow:
    person = people.get(call.person_id or "")
    known = {name: at for name in SHOWN_TIMES if (at := call.times.get(name))}
    level = "ESCALATED" if known.get(TIME_OF[CallState.ESCALATED]) else call.state.value
    queued = call.times.get("queued_at")
    steps = (
        f"{SHOWN_TIMES[name]} {duration(seconds_between(queued, at) or 0)}" for name, at in known.items()
    )
    return CallRow(
        name=person.name if person else call.target,
        channel=CHANNELS[call.kind],
        state=STATES[call.state] + (f", repeat {call.turn}" if call.turn else ""),
        level=level.lower(),
        at=max([queued or "", *known.values()]),
        steps=", ".join(steps),
        detail=call.detail,
    )


def routes(reception: Reception) -> APIRouter:
    """The buttons of a case's page."""
    router = APIRouter()
    name = Annotated[str, Form(max_length=LONGEST_NAME)]
    words = Annotated[str, Form(max_length=LONGEST_TEXT)]

    @router.post("/cases/{case_id}/answers")
    def post_answer(
        request: Request, case_id: str, kind: Annotated[AnswerKind, Form()], text: words = "", by: name = ""
    ) -> Response:
        give(reception, reception.case(case_id), acting(request, by), kind, text)
        return RedirectResponse(f"/cases/{case_id}", HTTPStatus.SEE_OTHER)

    @router.post("/cases/{case_id}/comments")
    def post_comment(request: Request, case_id: str, text: words = "", by: name = "") -> Response:
        say(reception, reception.case(case_id), acting(request, by), text)
        return RedirectResponse(f"/cases/{case_id}#thread", HTTPStatus.SEE_OTHER)

    return router
