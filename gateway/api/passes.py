"""Links that leave the hospital: made by somebody who is logged in, good for one study and one day."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.guard import ENTRANCE, VISITOR_COOKIE
from gateway.api.problems import Problem
from gateway.api.reader import reader
from gateway.api.reception import Reception
from gateway.api.summary import links
from gateway.console.rendering import render
from gateway.console.speaking import spoken
from gateway.console.words.passing import PASSING
from gateway.ledger.records import Case, case_id_of
from gateway.passes import LINK_S, VISIT_S, Pass, is_revoked, issue, opened, revoke, visit
from viewer_bridge.viewers.links import weasis_link

log = structlog.get_logger()

NO_LONGER = "this link has expired or is damaged, or was taken back: ask whoever sent it for a new one, or log in with the access token"


class Given(BaseModel):
    """A link as it was given out."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=512)


def link_for(reception: Reception, case: Case) -> tuple[str, Pass]:
    """A link that opens the case's study to whoever has it, and what it grants."""
    granted = issue(case.study_uid, LINK_S)
    log.info("link for one study made", case_id=case.id, hours=LINK_S // 3600)
    return f"{reception.config.http.base_url}{ENTRANCE}{granted.signed(reception.access)}", granted


def _moment(granted: Pass) -> str:
    return (
        datetime.fromtimestamp(granted.expires_s, UTC)
        .isoformat(timespec="microseconds")
        .replace("+00:00", "Z")
    )


def come_in(reception: Reception, word: str, *, secure: bool) -> Response:
    """Lead whoever has a link to its case, with a cookie for the length of a visit.

    Raises
    ------
    Problem
        403: the link opens nothing any more.
    """
    granted = opened(word, reception.access)
    if granted is None or is_revoked(reception.ledger, granted):
        log.warning("link for one study refused")
        raise Problem(HTTPStatus.FORBIDDEN, NO_LONGER)
    answer = RedirectResponse(f"/cases/{case_id_of(granted.study_uid)}", HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        VISITOR_COOKIE,
        visit(granted).signed(reception.access),
        max_age=VISIT_S,
        httponly=True,
        samesite="lax",
        secure=secure,
        path="/",
    )
    return answer


def take_back(reception: Reception, case: Case, url: str) -> None:
    """End one link, with the visits that came of it.

    Raises
    ------
    Problem
        404: it is no link of this case, or has expired anyway.
    """
    granted = opened(url.rpartition(ENTRANCE)[2], reception.access)
    if granted is None or granted.study_uid != case.study_uid:
        raise Problem(HTTPStatus.NOT_FOUND, "this is no link of this case, or it has expired already")
    revoke(reception.ledger, granted, reception.now())


def start_weasis(reception: Reception, case: Case) -> Response:
    """Lead a browser to the desktop viewer, which knows no cookie: it gets this one study, for the length of a visit.

    Raises
    ------
    Problem
        404: the site does not offer it.
    """
    if not links(case, reception.config)["weasis"]:
        raise Problem(HTTPStatus.NOT_FOUND, "Weasis is not offered here: set viewer.weasis and orthanc.url")
    word = issue(case.study_uid, VISIT_S).signed(reception.access)
    location = weasis_link(f"{reception.config.http.base_url}/dicom-web", case.study_uid, word)
    return Response(status_code=HTTPStatus.SEE_OTHER, headers={"Location": location})


def routes(reception: Reception, *, secure: bool) -> APIRouter:
    """Making such links, and coming in by one; `secure` keeps the cookie on https."""
    router = APIRouter()

    @router.post(
        "/api/v1/cases/{case_id}/pass",
        tags=["cases"],
        summary="A link that opens this one study, to read, for a day, without the access token",
    )
    def post_pass(case_id: str) -> dict[str, Any]:
        address, granted = link_for(reception, reception.case(case_id))
        return {"url": address, "expires_at": _moment(granted)}

    @router.post(
        "/api/v1/cases/{case_id}/pass/revoke", tags=["cases"], summary="Take back a link that was given out"
    )
    def post_revoke(case_id: str, body: Given) -> dict[str, str]:
        take_back(reception, reception.case(case_id), body.url)
        return {"case_id": case_id}

    @router.post("/cases/{case_id}/pass", include_in_schema=False)
    def show_pass(request: Request, case_id: str) -> HTMLResponse:
        case, language = reception.case(case_id), reader(request)
        address, granted = link_for(reception, case)
        words = {"say": PASSING[language], **spoken(language)}
        page = render("pass.html", **words, case_id=case.id, address=address, until=_moment(granted))
        return HTMLResponse(page)

    @router.get(f"{ENTRANCE}{{word}}", include_in_schema=False)
    def enter(word: str) -> Response:
        return come_in(reception, word, secure=secure)

    @router.get("/cases/{case_id}/weasis", include_in_schema=False)
    def to_weasis(case_id: str) -> Response:
        return start_weasis(reception, reception.case(case_id))

    return router
