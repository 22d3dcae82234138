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
from gateway.api.reader import reader, remember
from gateway.api.reception import Reception
from gateway.console.phone_words import NAMES as LANGUAGES
from gateway.identity.attempts import TooFastError
from gateway.identity.proving import WRONG_TOKEN
from gateway.identity.sessions import PASSWORD_ONLY, Stage
from gateway.ledger.accesses import Action
from gateway.team.people import Person
from triage.errors import InputError, TemporaryError
from viewer_bridge.report.wording.language import Language

log = structlog.get_logger()

__all__ = ["own_path", "routes"]

LONGEST_LOGIN = 64
Text = Annotated[str, Form()]


def show_login(
    entry: Entry, language: Language, wanted: str, said: str = "", status: HTTPStatus = HTTPStatus.OK
) -> Response:
    """The login page, with what was wrong."""
    settings = entry.reception.config.identity
    return entry.page(
        "login.html",
        language,
        status,
        said=said,
        next=own_path(wanted),
        wrong_token=said == WRONG_TOKEN,
        languages=LANGUAGES,
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


def show_in(entry: Entry, language: Language, wanted: str) -> Response:
    """The login page in a language that was chosen on it, which this browser keeps."""
    answer = show_login(entry, language, wanted)
    remember(answer, language, secure=entry.secure)
    return answer


def refused(entry: Entry, language: Language, exc: InputError | TemporaryError, wanted: str) -> Response:
    """The login page again, saying what was wrong; of a login nobody learns whether it exists."""
    if isinstance(exc, InputError):
        log.warning("login refused")
        entry.note(None, Action.LOGIN_FAILED, "")
        return show_login(entry, language, wanted, str(exc), HTTPStatus.UNAUTHORIZED)
    too_fast = isinstance(exc, TooFastError)
    status = HTTPStatus.TOO_MANY_REQUESTS if too_fast else HTTPStatus.SERVICE_UNAVAILABLE
    answer = show_login(entry, language, wanted, str(exc), status)
    answer.headers["Retry-After"] = str(int(exc.wait_s) + 1 if isinstance(exc, TooFastError) else 2)
    return answer


def second_page(
    entry: Entry, person: Person, wanted: str, said: str = "", status: HTTPStatus = HTTPStatus.OK
) -> Response:
    """The page that asks for the second factor."""
    return entry.page(
        "login_second.html",
        person.language,
        status,
        said=said,
        next=own_path(wanted),
        passkeys=entry.accounts.offers_passkeys,
    )


def by_code(entry: Entry, request: Request, code: str, wanted: str) -> Response:
    """In, by a one-time code or a recovery code after the password."""
    session, person = entry.proven(request)
    if session.stage is not Stage.SECOND:
        raise Problem(HTTPStatus.CONFLICT, "there is no second factor yet: set one up at /login/enrol")
    try:
        means = entry.proving.second(person, code, entry.now())
    except TooFastError as exc:
        return second_page(entry, person, wanted, str(exc), HTTPStatus.TOO_MANY_REQUESTS)
    except InputError as exc:
        log.warning("second factor refused")
        entry.note(None, Action.LOGIN_FAILED, "second factor")
        return second_page(entry, person, wanted, str(exc), HTTPStatus.UNAUTHORIZED)
    answer = entry.go(own_path(wanted))
    entry.let_in(request, person, means, answer)
    return answer


def routes(reception: Reception, *, secure: bool) -> APIRouter:
    """``/login``, its second step, and ``/logout``; `secure` keeps cookies on https."""
    router = APIRouter(include_in_schema=False)
    entry = Entry(reception, secure)
    public_url = reception.config.http.public_url

    @router.get("/login")
    def show(request: Request, next: str = "/", language: Language | None = None) -> Response:  # noqa: A002 - the parameter's public name
        return show_in(entry, language, next) if language else show_login(entry, reader(request), next)

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
            return refused(entry, reader(request), exc, next)

    _add_second(router, entry, public_url)
    _add_leaving(router, entry, public_url)
    return router


def _add_second(router: APIRouter, entry: Entry, public_url: str) -> None:
    @router.get("/login/second")
    def ask_second(request: Request, next: str = "/") -> Response:  # noqa: A002 - the same
        return second_page(entry, entry.proven(request)[1], next)

    @router.post("/login/second")
    def prove_second(request: Request, code: Text = "", next: Text = "/") -> Response:  # noqa: A002 - the same
        refuse_foreign(request.headers, public_url)
        return by_code(entry, request, code, next)


def _add_leaving(router: APIRouter, entry: Entry, public_url: str) -> None:
    @router.post("/logout")
    def leave(request: Request) -> Response:
        refuse_foreign(request.headers, public_url)
        actor = entry.sessions.actor(cookies_of(request.headers).get(COOKIE, ""), entry.now())
        answer = entry.go("/login")
        entry.leave(request, answer)
        if actor is not None:
            entry.note(actor, Action.LOGGED_OUT, "")
        if actor is not None and actor.language is not None:
            remember(answer, actor.language, secure=entry.secure)
        return answer
