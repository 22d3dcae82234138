"""The first time: choosing a password by a link, and setting a second factor up where the roles want one."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import JSONResponse, Response

from gateway.api.entry import Entry, own_path, printable_label, refuse_foreign
from gateway.api.identity import Answer
from gateway.api.login import admit
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.identity.passwords import LONGEST, SHORTEST
from gateway.ledger.accesses import Action
from gateway.ledger.sessions import Stage
from gateway.team.people import Person, actor_of_person
from triage.errors import InputError

Text = Annotated[str, Form()]

OVER = "this link was used or has expired: ask an administrator for a new one"
DIFFERENT = "the two passwords differ: type the same one twice"


def welcome_page(entry: Entry, word: str, said: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    """The page on which somebody chooses a password.

    Raises
    ------
    Problem
        410: the link is over.
    """
    person = entry.accounts.welcomed(word, entry.now())
    if person is None:
        raise Problem(HTTPStatus.GONE, OVER)
    return entry.page(
        "welcome.html",
        person.language,
        status,
        said=said,
        word=word,
        login=person.login,
        name=person.name,
        shortest=SHORTEST,
        longest=LONGEST,
    )


def choose(entry: Entry, request: Request, word: str, password: str, again: str) -> Response:
    """Take the password, and go on as after a login with it."""
    if password != again:
        return welcome_page(entry, word, DIFFERENT, HTTPStatus.BAD_REQUEST)
    try:
        person = entry.accounts.accept_welcome(word, password, entry.now())
    except InputError as exc:
        return welcome_page(entry, word, str(exc), HTTPStatus.BAD_REQUEST)
    entry.note(actor_of_person(person), Action.CHANGED_SELF, "password chosen by a welcome link")
    return admit(entry, request, person, "/")


def enrol_page(entry: Entry, person: Person, wanted: str, said: str = "") -> Response:
    """The page on which somebody sets a second factor up."""
    return entry.page(
        "login_enrol.html",
        person.language,
        HTTPStatus.BAD_REQUEST if said else HTTPStatus.OK,
        said=said,
        enrolment=entry.accounts.begin_totp(person),
        next=own_path(wanted),
        passkeys=entry.accounts.offers_passkeys,
    )


def enrolling(entry: Entry, request: Request) -> Person:
    """Who has to set a second factor up in this browser.

    Raises
    ------
    Problem
        401: nobody. 409: there is one already, which has to be used.
    """
    session, person = entry.proven(request)
    if session.stage is not Stage.ENROL or not entry.accounts.must_enrol(person):
        raise Problem(HTTPStatus.CONFLICT, "a second factor is set up already: use it at /login")
    return person


def by_first_code(entry: Entry, request: Request, code: str, wanted: str) -> Response:
    """Confirm the app, and show the recovery codes, once."""
    person = enrolling(entry, request)
    try:
        codes = entry.accounts.confirm_totp(person, code, entry.now())
    except InputError as exc:
        return enrol_page(entry, person, wanted, str(exc))
    answer = entry.page("login_codes.html", person.language, codes=codes, next=own_path(wanted))
    entry.note(actor_of_person(person), Action.CHANGED_SELF, "one-time codes set up")
    entry.let_in(request, person, "password and one-time code", answer)
    return answer


def by_first_passkey(entry: Entry, request: Request, given: Answer) -> Response:
    """Keep the first passkey, and go on."""
    person, label = enrolling(entry, request), printable_label(given.label)
    entry.accounts.finish_passkey(person, given.credential, given.proof, label, entry.now())
    answer = JSONResponse({"next": own_path(given.next)})
    entry.note(actor_of_person(person), Action.CHANGED_SELF, "passkey added")
    entry.let_in(request, person, "password and passkey", answer)
    return answer


def routes(reception: Reception, *, secure: bool) -> APIRouter:
    """``/welcome/...`` and ``/login/enrol``."""
    router = APIRouter(include_in_schema=False)
    entry = Entry(reception, secure)
    public_url = reception.config.http.public_url

    @router.get("/welcome/{word}")
    def show_welcome(word: str) -> Response:
        return welcome_page(entry, word)

    @router.post("/welcome/{word}")
    def post_welcome(request: Request, word: str, password: Text = "", again: Text = "") -> Response:
        refuse_foreign(request.headers, public_url)
        return choose(entry, request, word, password, again)

    @router.get("/login/enrol")
    def show_enrol(request: Request, next: str = "/") -> Response:  # noqa: A002 - the parameter's public name
        return enrol_page(entry, enrolling(entry, request), next)

    @router.post("/login/enrol")
    def post_enrol(request: Request, code: Text = "", next: Text = "/") -> Response:  # noqa: A002 - the same
        refuse_foreign(request.headers, public_url)
        return by_first_code(entry, request, code, next)

    @router.post("/login/enrol/passkey/begin")
    def begin_passkey(request: Request) -> dict[str, Any]:
        refuse_foreign(request.headers, public_url)
        return entry.accounts.begin_passkey(enrolling(entry, request), entry.now())

    @router.post("/login/enrol/passkey")
    def finish_passkey(request: Request, answer: Answer) -> Response:
        refuse_foreign(request.headers, public_url)
        return by_first_passkey(entry, request, answer)

    return router
