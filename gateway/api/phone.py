"""What a case's page on the phone asks of us beside itself: pictures and live events."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response, StreamingResponse

from gateway.api import events, tiles
from gateway.api.files import send
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.console.phone_words import language_of
from gateway.jobs.orders import ALERT_PICTURE, PICTURES
from gateway.ledger.call import CallState
from gateway.ledger.records import Case
from gateway.team.people import Actor
from viewer_bridge.report.wording.language import Language


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at a case, and the language that they read."""

    reception: Reception
    actor: Actor
    case: Case
    language: Language

    def note_opening(self) -> None:
        """Whoever was called has opened the alert."""
        ledger, now = self.reception.ledger, self.reception.now()
        alert = ledger.announcements.standing(self.case)
        if self.case.times["alert_sent_at"] is not None and self.case.times["alert_opened_at"] is None:
            ledger.announcements.stamp(self.case.id, alert, "alert_opened_at", now)
        for call_id in self._calls(alert):
            ledger.calls.stamp(call_id, CallState.OPENED, now)

    def _calls(self, alert: int) -> list[str]:
        """Calls that this visit opens: those of this person that the alert made and nobody has opened."""
        if self.actor.person_id is None:
            return [self.actor.call_id] if self.actor.call_id else []
        mine = self.reception.ledger.calls.of_case(self.case.id)
        return [
            call.id
            for call in mine
            if call.person_id == self.actor.person_id
            and call.revision == alert
            and call.times.get("opened_at") is None
            and call.state is not CallState.FAILED
        ]


Draw = Callable[[Visit, events.Change], str]
"""The changing part of a case's page, as this person sees it."""


def reads(reception: Reception, request: Request, actor: Actor) -> Language:
    """The language of whoever asks: the person's own, else the browser's, else the site's."""
    person = reception.ledger.people.get(actor.person_id) if actor.person_id else None
    if person is not None:
        return person.language
    return language_of(request.headers.get("accept-language", ""), reception.config.publish.language)


def visit(reception: Reception, request: Request, case_id: str) -> Visit:
    """Let somebody at a case who may see it.

    Raises
    ------
    Problem
        403: the link that was opened is another case's. 404: there is none of that id.
    """
    actor = actor_of(request)
    if actor.case_id not in {None, case_id}:
        raise Problem(HTTPStatus.FORBIDDEN, "this link opens another case: open that of the alert you got")
    return Visit(reception, actor, reception.case(case_id), reads(reception, request, actor))


def early_picture(reception: Reception, request: Request, case: Case, revision: int) -> Response:
    """The picture of the alert.

    Raises
    ------
    Problem
        404: it is not drawn.
    """
    path = reception.config.cases_dir / case.id / f"r{revision}" / PICTURES / ALERT_PICTURE
    if not path.is_file():
        raise Problem(
            HTTPStatus.NOT_FOUND, "the picture of this alert is not drawn yet; its page shows it then"
        )
    return send(request, path, "image/png", {"Cache-Control": tiles.KEPT})


def tile(reception: Reception, request: Request, case: Case, revision: int, name: str) -> Response:
    """One slice of one layer.

    Raises
    ------
    Problem
        404: there is none of that name.
    """
    path = tiles.folder_of(reception, case, revision) / name
    if not tiles.NAME.fullmatch(name) or not path.is_file() or path.suffix == tiles.PACKED:
        raise Problem(
            HTTPStatus.NOT_FOUND, "this revision has no such picture; the case's page shows its own"
        )
    return send(request, path, tiles.MEDIA_TYPES[path.suffix], {"Cache-Control": tiles.KEPT})


async def stream(feed: events.Feed, at: Visit, draw: Draw) -> AsyncIterator[bytes]:
    """The changing part of a case's page, now and after each change; heartbeats in between."""
    async for change in feed.changes(at.case.id):
        if change is None:
            yield events.HEARTBEAT
        else:
            part = await asyncio.to_thread(draw, at, change)
            yield events.event("part", {"mark": change.mark, "html": part})


def routes(reception: Reception, feed: events.Feed, draw: Draw) -> APIRouter:
    """Pictures and events below ``/phone/cases/{id}``."""
    router = APIRouter(tags=["phone"])

    @router.get(
        "/phone/cases/{case_id}/r{revision}/alert", summary="The alert's picture", response_class=FileResponse
    )
    def get_early(request: Request, case_id: str, revision: int) -> Response:
        return early_picture(reception, request, visit(reception, request, case_id).case, revision)

    @router.get(
        "/phone/cases/{case_id}/r{revision}/tiles/{name}",
        summary="A slice of a layer",
        response_class=FileResponse,
    )
    def get_tile(request: Request, case_id: str, revision: int, name: str) -> Response:
        return tile(reception, request, visit(reception, request, case_id).case, revision, name)

    @router.get("/phone/cases/{case_id}/events", summary="Server-sent events: the page's changing part")
    async def get_events(request: Request, case_id: str) -> StreamingResponse:
        at = await asyncio.to_thread(visit, reception, request, case_id)
        return StreamingResponse(
            stream(feed, at, draw), media_type="text/event-stream", headers=events.HEADERS
        )

    return router
