"""Routes of the console."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Header, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dicom_scp.patient import Patient, read_patient
from gateway.api import tiles
from gateway.api.objects import retry
from gateway.api.problems import Problem
from gateway.api.reception import Reception, digest
from gateway.api.rights import actor_of
from gateway.console import (
    audit,
    destinations,
    feedback,
    me,
    orders,
    people,
    reports,
    rota,
    runs,
    sharing,
    sources,
    statistics,
    storage,
    team,
    times,
    wording,
)
from gateway.console.places import places_for
from gateway.console.rendering import environment, render
from gateway.console.slices import Slices
from gateway.console.view import CaseView
from gateway.ledger.records import Case
from gateway.ledger.views import Mark
from gateway.team.people import Actor, Right
from triage.errors import InputError, TemporaryError

log = structlog.get_logger()

LISTED_CASES = 100
PICTURE_ORDER = ("summary", "overlay", "cbf", "cbv", "mtt", "tmax", "ttp")
"""The answer first; other pictures follow by name."""

environment().globals |= {"wording": wording, "size": storage.size}


def views_of(reception: Reception, cases: Sequence[Case]) -> list[CaseView]:
    """Cases as the list shows them."""
    marks = reception.marks(LISTED_CASES)
    return [_view(plain, marks) for plain in reception.describe(cases)]


def view_of(reception: Reception, case_id: str) -> CaseView:
    """One case; its mark is taken first, so that a change in between is seen as one."""
    marks = reception.marks(1, case_id)
    return _view(reception.describe([reception.case(case_id)])[0], marks)


def _view(plain: Mapping[str, Any], marks: Mapping[str, Mark]) -> CaseView:
    return CaseView(plain, digest(marks.get(plain["id"], ())))


def picture_names(reception: Reception, case: Case) -> list[str]:
    """Pictures of a case, the most telling first."""
    names = [path.stem for path in reception.pictures(case)]
    rank = {name: place for place, name in enumerate(PICTURE_ORDER)}
    return sorted(names, key=lambda name: (rank.get(name, len(rank)), name))


def slices_of(reception: Reception, case: Case) -> Slices | None:
    """What can be scrolled through; None until it is drawn."""
    manifest = tiles.manifest_of(reception, case)
    return Slices(manifest, tiles.address(case)) if manifest else None


def patient_of(reception: Reception, case: Case) -> Patient | None:
    """The person of a case, for this page only; None when it cannot be read."""
    path = reception.patient_file(case)
    if path is None:
        return None
    try:
        return read_patient(path)
    except (InputError, TemporaryError):
        log.warning("the person of a case cannot be read", case_id=case.id)
        return None


def note_opening(reception: Reception, case: Case) -> None:
    """An authenticated person sees the alert's case."""
    if case.times["alert_sent_at"] is not None and case.times["alert_opened_at"] is None:
        announcements = reception.ledger.announcements
        announcements.stamp(case.id, announcements.standing(case), "alert_opened_at", reception.now())


def draw_case(reception: Reception, case: Case, actor: Actor, template: str, *, seen: bool) -> HTMLResponse:
    """The page of a case, or its changing part, as `actor` may see it."""
    if seen:
        note_opening(reception, case)
    view = view_of(reception, case.id)
    page = render(
        template,
        case=view,
        pictures=picture_names(reception, case),
        slices=slices_of(reception, case),
        patient=patient_of(reception, case) if template == "case.html" and actor.may(Right.NAMES) else None,
        may=actor.rights,
        now=reception.now(),
        troubles=runs.of_case(reception, case.id),
        banner=runs.banner(reception),
        account=reception.ledger.performed.account(case.study_uid, case.perfusion_series_uid or ""),
        order=orders.of_case(reception, case),
        report=reports.of_case(reception, case) if case.result else None,
        exchange=sharing.exchange_of(reception, case, view),
        team=team.team_of(reception, case, actor),
        feedback=feedback.feedback_of(reception, case, actor),
    )
    return HTMLResponse(page)


def routes(reception: Reception) -> APIRouter:
    """The list, the case page, their changing parts, and the pages of the operation."""
    router = APIRouter(include_in_schema=False)
    router.include_router(times.routes(reception))
    router.include_router(statistics.routes(reception))
    router.include_router(runs.routes(reception))
    router.include_router(orders.routes(reception))
    router.include_router(sharing.routes(reception))
    router.include_router(destinations.routes(reception))
    router.include_router(sources.routes(reception))
    router.include_router(team.routes(reception))
    router.include_router(feedback.routes(reception))
    router.include_router(rota.routes(reception))
    router.include_router(people.routes(reception))
    router.include_router(me.routes(reception))
    router.include_router(audit.routes(reception))

    @router.get("/")
    def show_list(request: Request) -> HTMLResponse:
        page = render(
            "list.html",
            cases=views_of(reception, reception.ledger.cases.latest(LISTED_CASES)),
            now=reception.now(),
            banner=runs.banner(reception),
            places=places_for(actor_of(request).rights),
        )
        return HTMLResponse(page)

    @router.get("/cases/{case_id}")
    def show_case(request: Request, case_id: str, sec_purpose: Annotated[str, Header()] = "") -> HTMLResponse:
        case, fetched_ahead = reception.case(case_id), "prefetch" in sec_purpose
        return draw_case(reception, case, actor_of(request), "case.html", seen=not fetched_ahead)

    @router.get("/parts/rows/{case_id}")
    def part_row(case_id: str) -> HTMLResponse:
        return HTMLResponse(render("row.html", case=view_of(reception, case_id), now=reception.now()))

    @router.get("/parts/cases/{case_id}")
    def part_case(request: Request, case_id: str, *, seen: bool = False) -> HTMLResponse:
        return draw_case(reception, reception.case(case_id), actor_of(request), "live.html", seen=seen)

    @router.post("/cases/{case_id}/objects/{digest}/retry")
    def post_retry(case_id: str, digest: str) -> Response:
        retry(reception, case_id, digest)
        return RedirectResponse("/storage", HTTPStatus.SEE_OTHER)

    @router.get("/storage")
    def show_storage() -> HTMLResponse:
        view, banner = storage.view_of(reception), runs.banner(reception)
        return HTMLResponse(render("storage.html", storage=view, now=reception.now(), banner=banner))

    @router.get("/favicon.ico")
    def favicon() -> Response:
        raise Problem(HTTPStatus.NOT_FOUND, "the icon is at /static/icon.svg")

    return router
