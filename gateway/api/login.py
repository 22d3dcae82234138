"""From token to session: the page reads the token from the fragment of its address, which no server ever sees."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Form
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.access import SESSION_S, Access
from gateway.api.guard import COOKIE
from gateway.console.rendering import render

log = structlog.get_logger()


def own_path(wanted: str) -> str:
    r"""Where to go after the login: a path of ours, else the list of cases.

    >>> own_path("/cases/1?x=2"), own_path("//evil.example/"), own_path("/\\evil.example"), own_path("javascript:1")
    ('/cases/1?x=2', '/', '/', '/')
    """
    parts = urlsplit(wanted)
    ours = wanted.startswith("/") and not parts.scheme and not parts.netloc
    return wanted if ours and wanted.isprintable() and "\\" not in wanted else "/"


def routes(access: Access, *, secure: bool) -> APIRouter:
    """``/login`` and ``/logout``; `secure` keeps the cookie on https."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    def show(next: str = "/") -> HTMLResponse:  # noqa: A002 - the parameter's public name
        return HTMLResponse(render("login.html", next=own_path(next), wrong=False))

    @router.post("/login")
    def enter(token: Annotated[str, Form()], next: Annotated[str, Form()] = "/") -> Response:  # noqa: A002
        if not access.accepts(token.strip()):
            log.warning("login refused")
            page = render("login.html", next=own_path(next), wrong=True)
            return HTMLResponse(page, HTTPStatus.UNAUTHORIZED)
        answer = RedirectResponse(own_path(next), HTTPStatus.SEE_OTHER)
        answer.set_cookie(
            COOKIE,
            access.session(),
            max_age=SESSION_S,
            httponly=True,
            samesite="lax",
            secure=secure,
            path="/",
        )
        return answer

    @router.post("/logout")
    def leave() -> RedirectResponse:
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    return router
