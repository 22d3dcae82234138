"""Pages of the stroke team's phone: one case on one screen, and what is mine."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form, Header, Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from gateway.api import events
from gateway.api.acting import acting
from gateway.api.cases import give
from gateway.api.cases import say as add_comment
from gateway.api.phone import Visit, reads, visit
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.console import pages, phone_home, wording
from gateway.console.phone_scene import Scenes, address, scene_of
from gateway.console.phone_view import view_of
from gateway.console.phone_words import HOME_SCRIPTED, SCRIPTED, Say
from gateway.console.rendering import STATIC, render
from gateway.ledger.accesses import Action
from gateway.team import answering
from gateway.team.answering import LONGEST_TEXT, AnswerKind, note_call
from gateway.team.people import ActorKind, Right
from triage.errors import InputError
from viewer_bridge.report.wording.language import Language

Words = Annotated[str, Form(max_length=LONGEST_TEXT)]
Id = Annotated[str, Form(max_length=36)]

WORKER_HEADERS = {"Service-Worker-Allowed": "/", "Cache-Control": "no-cache"}
"""The worker stands in the root, so that it may look after every page, and is asked for anew at each start."""


def change_of(at: Visit) -> events.Change:
    """The case as it is now; its mark is taken first, so that a change in between is seen as one."""
    mark = at.reception.marks(1, at.case.id).get(at.case.id, ())
    return events.Change.of(at.reception.describe([at.case])[0], mark)


def draw_page(at: Visit, **also: Any) -> HTMLResponse:
    """The whole page of a case."""
    say, now = change_of(at), at.reception.now()
    view = view_of(
        scene_of(at.reception, say.plain, say.mark),
        at.actor,
        Say(at.language),
        now,
        at.reception.config.site.time_zone,
    )
    page = render("phone-case.html", say=view.say, case=view, words=view.say.some(SCRIPTED), **also)
    return HTMLResponse(page)


def drawer(reception: Reception) -> Any:
    """What draws the changing part for whoever is told of a change."""
    scenes = Scenes(reception)

    def draw(at: Visit, change: events.Change) -> str:
        say = Say(at.language)
        scene = scenes.of(change.plain, change.mark)
        view = view_of(scene, at.actor, say, reception.now(), reception.config.site.time_zone)
        return render("phone-live.html", say=say, case=view)

    return draw


def back(at: Visit, place: str = "") -> Response:
    """To the case's page, where a browser without script asked."""
    return RedirectResponse(f"{address(at.case)}{place}", HTTPStatus.SEE_OTHER)


def hand_over(at: Visit, to: str) -> None:
    """Ask a colleague to take the case.

    Raises
    ------
    Problem
        404: nobody who could take it has that account.
    """
    reception = at.reception
    person = reception.ledger.people.get(to)
    if person is None:
        raise Problem(HTTPStatus.NOT_FOUND, "choose a colleague who may take a case")
    try:
        answering.hand_over(reception.ledger, reception.client, at.case, at.actor, person, reception.now())
    except InputError as exc:
        raise Problem(HTTPStatus.NOT_FOUND, str(exc)) from exc


def show_patient(at: Visit) -> HTMLResponse:
    """The page with whose case it is, which is noted.

    Raises
    ------
    Problem
        403: an alert's link never says it.
    """
    if at.actor.kind is ActorKind.LINK or not at.actor.may(Right.NAMES):
        raise Problem(HTTPStatus.FORBIDDEN, "a link never says whose case it is: log in with your account")
    ledger, now = at.reception.ledger, at.reception.now()
    ledger.accesses.note(at.actor, Action.OPENED, at.case.id, "patient shown on a phone", now)
    return draw_page(
        at, patient=pages.patient_of(at.reception, at.case), address=address(at.case), wording=wording
    )


def routes(reception: Reception) -> APIRouter:
    """``/phone`` and everything below it that a person looks at or taps."""
    router = APIRouter(include_in_schema=False)

    @router.get("/sw.js")
    def get_worker() -> FileResponse:
        return FileResponse(STATIC / "sw.js", headers=WORKER_HEADERS, media_type="text/javascript")

    @router.get("/phone")
    def show_home(request: Request) -> HTMLResponse:
        actor = actor_of(request)
        say = Say(reads(reception, request, actor))
        home = phone_home.home_of(reception, actor, say)
        return HTMLResponse(render("phone-home.html", say=say, home=home, words=say.some(HOME_SCRIPTED)))

    @router.get("/phone/cases/{case_id}")
    def show_case(request: Request, case_id: str, sec_purpose: Annotated[str, Header()] = "") -> HTMLResponse:
        at = visit(reception, request, case_id)
        if "prefetch" not in sec_purpose:
            at.note_opening()
        return draw_page(at)

    @router.get("/phone/cases/{case_id}/part")
    def show_part(request: Request, case_id: str) -> HTMLResponse:
        at = visit(reception, request, case_id)
        return HTMLResponse(drawer(reception)(at, change_of(at)))

    return router


def taps(reception: Reception) -> APIRouter:
    """What the page's buttons do; a browser without script is led back to the page."""
    router = APIRouter(include_in_schema=False)

    @router.post("/phone/language")
    def post_language(request: Request, language: Annotated[Language, Form()]) -> Response:
        phone_home.choose_language(reception, actor_of(request), language)
        return RedirectResponse("/phone", HTTPStatus.SEE_OTHER)

    @router.post("/phone/cases/{case_id}/seen")
    def post_seen(request: Request, case_id: str) -> Response:
        visit(reception, request, case_id).note_opening()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @router.post("/phone/cases/{case_id}/answer")
    def post_answer(
        request: Request,
        case_id: str,
        kind: Annotated[AnswerKind, Form()],
        reason: Words = "",
        text: Words = "",
    ) -> Response:
        at = visit(reception, request, case_id)
        words = ". ".join(part for part in (reason.strip(), text.strip()) if part)
        give(reception, at.case, acting(request, ""), kind, words)
        return back(at)

    @router.post("/phone/cases/{case_id}/hand-over")
    def post_hand_over(request: Request, case_id: str, to: Id) -> Response:
        at = visit(reception, request, case_id)
        hand_over(at, to)
        return back(at)

    @router.post("/phone/cases/{case_id}/comment")
    def post_comment(request: Request, case_id: str, text: Words = "") -> Response:
        at = visit(reception, request, case_id)
        add_comment(reception, at.case, acting(request, ""), text)
        return back(at, "#thread")

    @router.post("/phone/cases/{case_id}/called")
    def post_called(request: Request, case_id: str, to: Id) -> Response:
        at = visit(reception, request, case_id)
        person = reception.ledger.people.get(to)
        if person is None:
            raise Problem(HTTPStatus.NOT_FOUND, "whoever was called has no account here")
        note_call(reception.ledger, at.case, acting(request, ""), person.name, reception.now())
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @router.post("/phone/cases/{case_id}/patient")
    def post_patient(request: Request, case_id: str) -> HTMLResponse:
        return show_patient(visit(reception, request, case_id))

    return router
