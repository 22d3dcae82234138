"""Errors as problem details (RFC 9457): each names the thing and the next step."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from gateway.api.reader import reader
from gateway.console.rendering import render
from gateway.console.speaking import spoken
from gateway.console.words.refusals import refusal
from gateway.team.people import Role
from triage.errors import GatewayError, InputError, TemporaryError

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
_MACHINES = ("/api/", "/dicom-web/")
"""Below these nobody reads a page."""
_PAGES = (*(f"/rota/{role.value}" for role in Role), "/rota", "/me")
"""Pages with forms that everybody fills in."""


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """An answer other than the wanted one; `detail` says what to do next."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def wants_page(path: str, accept: str) -> bool:
    """Whether a person in a browser is asking.

    >>> wants_page("/cases/1", "text/html,*/*"), wants_page("/api/v1/cases", "text/html")
    (True, False)
    """
    return "text/html" in accept and not path.startswith(_MACHINES)


def answer(request: Request, problem: Problem) -> Response:
    """The problem as a page in a person's language, as JSON for a program.

    `said` in the JSON is for our own pages' scripts, which show it: the sentence as this person reads it.
    """
    path, status, language = request.url.path, problem.status.value, reader(request)
    said = refusal(problem.detail, language)
    if wants_page(path, request.headers.get("accept", "")):
        page = render("problem.html", status=problem.status, said=said, back=_back(path), **spoken(language))
        return Response(page, status, problem.headers, "text/html")
    plain = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": status,
        "detail": problem.detail,
        **({} if path.startswith(_MACHINES) else {"said": said.text}),
    }
    return JSONResponse(plain, status, problem.headers, MEDIA_TYPE)


def _back(path: str) -> str:
    """The page whose form was refused; the list of cases where it is none of one's own."""
    return next((page for page in _PAGES if path.startswith(f"{page}/")), "/")


def _of_http(error: HTTPException) -> Problem:
    said = {
        404: "there is nothing at this address; the list of cases is at /, the interface is described at /docs",
        405: "this address does not take that method; the interface is described at /docs",
    }
    detail = said.get(error.status_code, str(error.detail))
    return Problem(HTTPStatus(error.status_code), detail, error.headers)


def _of_validation(error: RequestValidationError) -> Problem:
    faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{faults}; the interface is described at /docs")


def _of_gateway(error: GatewayError) -> Problem:
    if isinstance(error, TemporaryError):
        return Problem(
            HTTPStatus.SERVICE_UNAVAILABLE, f"{error}; try again", {"Retry-After": str(RETRY_AFTER_S)}
        )
    status = HTTPStatus.BAD_REQUEST if isinstance(error, InputError) else HTTPStatus.INTERNAL_SERVER_ERROR
    return Problem(status, str(error))


def _of_database(error: SQLAlchemyError) -> Problem:
    log.warning("the database refused", kind=type(error).__name__)
    detail = "the database does not answer; look at /readyz and try again"
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(RETRY_AFTER_S)})


def _of_anything(_error: Exception) -> Problem:
    """A mistake of ours: the server's log has it, the asker only learns that it is there."""
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error; the log of the api process says what it was"
    )


TRANSLATIONS: Mapping[type[Exception], Callable[[Any], Problem]] = {
    Problem: lambda problem: problem,
    HTTPException: _of_http,
    RequestValidationError: _of_validation,
    GatewayError: _of_gateway,
    SQLAlchemyError: _of_database,
    Exception: _of_anything,
}


def _handler(problem_of: Callable[[Any], Problem]) -> Callable[[Request, Exception], Response]:
    return lambda request, error: answer(request, problem_of(error))


def install(app: FastAPI) -> None:
    """Answer every error of the application with problem details."""
    for kind, problem_of in TRANSLATIONS.items():
        app.add_exception_handler(kind, _handler(problem_of))
