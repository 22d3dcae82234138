"""How one logs in: password, one-time codes, passkeys, sessions; changed by whoever they belong to."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.me import me
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.console.rendering import render
from gateway.console.speaking import spoken
from gateway.console.words.factors import FACTORS
from gateway.console.words.me import ME
from gateway.console.words.refusals import refusal
from gateway.identity.accounts import Accounts
from gateway.identity.passkeys import LONGEST_LABEL
from gateway.identity.passwords import LONGEST, SHORTEST
from gateway.ledger.accesses import Action
from gateway.team.people import Person
from triage.errors import InputError

ACCOUNT = "/me#account"
LOG_IN_AGAIN = "log in again first: how one logs in is changed within a quarter of an hour after it"

Secret = Annotated[str, Form(min_length=1, max_length=LONGEST)]
Id = Annotated[str, Form(min_length=1, max_length=64)]


class MadePasskey(BaseModel):
    """What a browser says of a passkey that it made."""

    model_config = ConfigDict(extra="forbid")

    credential: dict[str, Any]
    proof: Annotated[str, Field(max_length=512)]
    label: Annotated[str, Field(max_length=LONGEST_LABEL)] = ""
    next: Annotated[str, Field(max_length=200)] = ""


def accounts_of(reception: Reception) -> Accounts:
    """The site's accounts."""
    return Accounts.of(reception.config, reception.ledger, reception.access)


def owner(reception: Reception, request: Request) -> Person:
    """Whoever asks, and has logged in a moment ago.

    Raises
    ------
    Problem
        403: that is nobody with an account, or the login is too long ago.
    """
    person = me(reception, request)
    if not is_recent(reception, request, person):
        raise Problem(HTTPStatus.FORBIDDEN, LOG_IN_AGAIN)
    return person


def is_recent(reception: Reception, request: Request, person: Person) -> bool:
    """Whether whoever asks may change how they log in."""
    session_id = actor_of(request).session_id
    return accounts_of(reception).sessions.is_recent(person.id, session_id, reception.now())


def note(reception: Reception, request: Request, detail: str) -> None:
    """Write down what somebody changes of their own."""
    reception.ledger.accesses.note(actor_of(request), Action.CHANGED_SELF, None, detail, reception.now())


def page(template: str, person: Person, said: str = "", **values: Any) -> HTMLResponse:
    """A page below one's own, in one's language; `said` is what was wrong, in English."""
    language = person.language
    words = {"say": ME[language], "factor": FACTORS[language], **spoken(language)}
    shown = refusal(said, language) if said else None
    status = HTTPStatus.BAD_REQUEST if said else HTTPStatus.OK
    return HTMLResponse(render(template, **words, person=person, said=shown, **values), status)


def show_password(person: Person, said: str = "") -> HTMLResponse:
    """The form that changes the password."""
    return page("me-password.html", person, said, shortest=SHORTEST)


def show_codes(reception: Reception, person: Person, said: str = "") -> HTMLResponse:
    """The picture to set an authenticator app up with."""
    enrolment = accounts_of(reception).begin_totp(person)
    picture = Markup(enrolment.picture)  # noqa: S704 - drawn here, of our own address
    return page("me-codes.html", person, said, picture=picture, key=enrolment.spoken, codes=())


def show_recovery(person: Person, codes: list[str]) -> HTMLResponse:
    """Recovery codes, the only time they can be read."""
    return page("me-codes.html", person, picture="", key="", codes=codes)


def routes(reception: Reception) -> APIRouter:
    """Below ``/me``."""
    router = APIRouter()
    _add_password(router, reception)
    _add_codes(router, reception)
    _add_passkeys(router, reception)
    return router


def _add_password(router: APIRouter, reception: Reception) -> None:
    @router.get("/me/password")
    def get_password(request: Request) -> HTMLResponse:
        return show_password(me(reception, request))

    @router.post("/me/password")
    def post_password(request: Request, old: Secret, new: Secret) -> Response:
        person, session = me(reception, request), actor_of(request).session_id
        note(reception, request, "password")
        try:
            accounts_of(reception).change_password(person, old, new, reception.now(), session)
        except InputError as exc:
            return show_password(person, str(exc))
        return _account()

    @router.post("/me/sessions/end")
    def post_end(request: Request, session: Annotated[str, Form(max_length=36)] = "") -> RedirectResponse:
        person, actor = me(reception, request), actor_of(request)
        reception.ledger.accesses.note(actor, Action.REVOKED, None, "own sessions", reception.now())
        if session:
            reception.ledger.sessions.revoke(session, person.id)
        else:
            accounts_of(reception).revoke(person.id, reception.now(), actor.session_id)
        return _account()


def _add_codes(router: APIRouter, reception: Reception) -> None:
    @router.get("/me/codes")
    def get_codes(request: Request) -> HTMLResponse:
        return show_codes(reception, owner(reception, request))

    @router.post("/me/codes")
    def post_codes(request: Request, code: Annotated[str, Form(max_length=20)]) -> HTMLResponse:
        person = owner(reception, request)
        try:
            fresh = accounts_of(reception).confirm_totp(person, code, reception.now())
        except InputError as exc:
            return show_codes(reception, person, str(exc))
        note(reception, request, "one-time codes set up")
        return show_recovery(person, fresh)

    @router.post("/me/codes/recovery")
    def post_recovery(request: Request) -> HTMLResponse:
        person = owner(reception, request)
        note(reception, request, "new recovery codes")
        return show_recovery(person, accounts_of(reception).new_recovery_codes(person))

    @router.post("/me/codes/remove")
    def post_remove(request: Request) -> RedirectResponse:
        person = owner(reception, request)
        accounts_of(reception).drop_totp(person)
        note(reception, request, "one-time codes removed")
        return _account()


def _add_passkeys(router: APIRouter, reception: Reception) -> None:
    @router.post("/me/passkeys/begin")
    def post_begin(request: Request) -> dict[str, Any]:
        return accounts_of(reception).begin_passkey(owner(reception, request), reception.now())

    @router.post("/me/passkeys")
    def post_passkey(request: Request, made: MadePasskey) -> dict[str, str]:
        person = owner(reception, request)
        accounts_of(reception).finish_passkey(
            person, made.credential, made.proof, made.label, reception.now()
        )
        note(reception, request, "passkey added")
        return {"next": "/me"}

    @router.post("/me/passkeys/remove")
    def post_remove_passkey(request: Request, passkey: Id) -> RedirectResponse:
        person = owner(reception, request)
        accounts_of(reception).drop_passkey(person, passkey)
        note(reception, request, "passkey removed")
        return _account()


def _account() -> RedirectResponse:
    return RedirectResponse(ACCOUNT, HTTPStatus.SEE_OTHER)
