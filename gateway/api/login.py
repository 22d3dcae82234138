"""From a proof to a session: login and password, a second factor, or the access token.

The page reads the access token from the fragment of its address, which no server ever sees.
"""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

import structlog
from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from gateway.api.callers import COOKIE, cookies_of
from gateway.api.entry import NEXT_STEP, Entry, own_path, refuse_foreign
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.identity.attempts import TooFastError
from gateway.identity.sessions import PASSWORD_ONLY, Stage
from gateway.ledger.accesses import Action
from gateway.team.people import Person
from triage.errors import InputError, TemporaryError

log = structlog.get_logger()

__all__ = ["own_path", "routes"]

LONGEST_LOGIN = 64
Text = Annotated[str, Form()]


def show_login(entry: Entry, wanted: str, said: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    """The login page, with what was wrong."""
    settings = entry.reception.config.identity
    return entry.page(
        "login.html",
        status,
        next=own_path(wanted),
        said=said,
        has_people=bool(entry.reception.ledger.people.all()),
        token=settings.console_token,
        passkeys=entry.accounts.offers_passkeys,
        oidc=settings.oidc.label if settings.oidc else "",
    )


def by_password(entry: Entry, request: Request, login: str, password: str, wanted: str) -> Response:
    """In, or on to the second factor."""
    person = entry.proving.password(login[:LONGEST_LOGIN], password, entry.browser(request), entry.now())
    return admit(entry, request, person, wanted)


def admit(entry: Entry, request: Request, person: Person, wanted: str) -> Response:
    """Let somebody in whose password is right, unless more has to be proven first."""
    stage = entry.proving.next_stage(person)
    if stage is Stage.WHOLE:
        answer = entry.go(own_path(wanted))
        entry.let_in(request, person, PASSWORD_ONLY, answer)
        return answer
    answer = entry.go(f"{NEXT_STEP[stage]}?next={quote(own_path(wanted), safe='/')}")
    entry.step(request, person, stage, answer)
    return answer


def by_token(entry: Entry, request: Request, token: str, wanted: str) -> Response:
    """In, by the access token."""
    entry.proving.token(token, entry.browser(request), entry.now())
    answer = entry.go(own_path(wanted))
    entry.let_in(request, None, "access token", answer)
    return answer


def refused(entry: Entry, exc: InputError | TemporaryError, wanted: str) -> Response:
    """The login page again, saying what was wrong; of a login nobody learns whether it exists."""
    if isinstance(exc, InputError):
        log.warning("login refused")
        entry.note(None, Action.LOGIN_FAILED, "")
        return show_login(entry, wanted, str(exc), HTTPStatus.UNAUTHORIZED)
    too_fast = isinstance(exc, TooFastError)
    status = HTTPStatus.TOO_MANY_REQUESTS if too_fast else HTTPStatus.SERVICE_UNAVAILABLE
    answer = show_login(entry, wanted, str(exc), status)
    answer.headers["Retry-After"] = str(int(exc.wait_s) + 1 if isinstance(exc, TooFastError) else 2)
    return answer


def second_page(entry: Entry, wanted: str, said: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    """The page that asks for the second factor."""
    return entry.page(
        "login_second.html", status, next=own_path(wanted), said=said, passkeys=entry.accounts.offers_passkeys
    )


def by_code(entry: Entry, request: Request, code: str, wanted: str) -> Response:
    """In, by a one-time code or a recovery code after the password."""
    session, person = entry.proven(request)
    if session.stage is not Stage.SECOND:
        raise Problem(HTTPStatus.CONFLICT, "there is no second factor yet: set one up at /login/enrol")
    try:
        means = entry.proving.second(person, code, entry.now())
    except TooFastError as exc:
        return second_page(entry, wanted, str(exc), HTTPStatus.TOO_MANY_REQUESTS)
    except InputError as exc:
        log.warning("second factor refused")
        entry.note(None, Action.LOGIN_FAILED, "second factor")
        return second_page(entry, wanted, str(exc), HTTPStatus.UNAUTHORIZED)
    answer = entry.go(own_path(wanted))
    entry.let_in(request, person, means, answer)
    return answer


def routes(reception: Reception, *, secure: bool) -> APIRouter:
    """``/login``, its second step, and ``/logout``; `secure` keeps cookies on https."""
    router = APIRouter(include_in_schema=False)
    entry = Entry(reception, secure)
    public_url = reception.config.http.public_url

    @router.get("/login")
    def show(next: str = "/") -> Response:  # noqa: A002 - the parameter's public name
        return show_login(entry, next)

    @router.post("/login")
    def enter(
        request: Request,
        token: Text = "",
        login: Text = "",
        password: Text = "",
        next: Text = "/",  # noqa: A002 - the same
    ) -> Response:
        refuse_foreign(request.headers, public_url)
        try:
            if login:
                return by_password(entry, request, login, password, next)
            return by_token(entry, request, token, next)
        except (InputError, TemporaryError) as exc:
            return refused(entry, exc, next)

    @router.get("/login/second")
    def ask_second(request: Request, next: str = "/") -> Response:  # noqa: A002 - the same
        entry.proven(request)
        return second_page(entry, next)

    @router.post("/login/second")
    def prove_second(request: Request, code: Text = "", next: Text = "/") -> Response:  # noqa: A002 - the same
        refuse_foreign(request.headers, public_url)
        return by_code(entry, request, code, next)

    @router.post("/logout")
    def leave(request: Request) -> Response:
        refuse_foreign(request.headers, public_url)
        actor = entry.sessions.actor(cookies_of(request.headers).get(COOKIE, ""), entry.now())
        answer = entry.go("/login")
        entry.leave(request, answer)
        if actor is not None:
            entry.note(actor, Action.LOGGED_OUT, "")
        return answer

    return router
