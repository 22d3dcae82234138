"""One's own page: duties, channels, devices, and how one logs in."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.me import calendar_of, duties_of, me, ring_myself, tests_of
from gateway.api.reader import reader
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.api.rota import desk_of
from gateway.console import crew, me_account, runs
from gateway.console.people import add_contact, change_contacts
from gateway.console.rendering import render
from gateway.console.rota_week import Desk, clock, when
from gateway.console.speaking import spoken
from gateway.console.words.channels import CHANNELS
from gateway.console.words.factors import FACTORS
from gateway.console.words.me import ME
from gateway.console.words.roles import ROLES
from gateway.console.words.sessions import session_words
from gateway.identity.accounts import Accounts
from gateway.ledger.accesses import Action
from gateway.ledger.call import Call
from gateway.team.contact_list import LONGEST_ADDRESS
from gateway.team.contacts import ChannelKind
from gateway.team.people import ActorKind, Person
from gateway.team.rota import Turn
from triage.errors import InputError
from viewer_bridge.report.wording.language import Language

DUTIES_SHOWN = 6
DUTIES_AHEAD = timedelta(days=28)


def show_me(reception: Reception, request: Request) -> HTMLResponse:
    """The page; whoever came with the access token is nobody, and is told so."""
    language, banner = reader(request), runs.banner(reception)
    words = {"say": ME[language], "factor": FACTORS[language], **spoken(language)}
    if actor_of(request).kind is ActorKind.SITE:
        return HTMLResponse(render("me-nobody.html", **words, banner=banner))
    person, desk = me(reception, request), desk_of(reception, language)
    people = reception.ledger.people
    contacts, devices = (
        people.contacts_of([person.id])[person.id],
        people.devices_of([person.id]).get(person.id, []),
    )
    page = render(
        "me.html",
        **words,
        person=person,
        duties=_duties(desk, person),
        contacts=crew.contact_rows(contacts, devices, CHANNELS[language]),
        devices=devices,
        tests=_tests(reception, person),
        examples=crew.EXAMPLES,
        languages=crew.LANGUAGES,
        roles=ROLES[language].listed(person.roles),
        longest_address=LONGEST_ADDRESS,
        now=reception.now(),
        banner=banner,
        **_account(reception, request, person),
    )
    return HTMLResponse(page)


def _tests(reception: Reception, person: Person) -> list[tuple[str, str, Call]]:
    """The latest test alarm: channel, how far it came, and the call itself."""
    words = CHANNELS[person.language]
    calls = tests_of(reception, person)
    return [(words.short.of(call.kind), words.states.of(call.state), call) for call in calls]


def _account(reception: Reception, request: Request, person: Person) -> dict[str, Any]:
    """What the page says of the login."""
    accounts = Accounts.of(reception.config, reception.ledger, reception.access)
    sessions = accounts.sessions.of(person.id, reception.now())
    words = partial(session_words, language=person.language)
    return {
        "factors": accounts.factors(person.id),
        "offers_passkeys": accounts.offers_passkeys,
        "is_recent": me_account.is_recent(reception, request, person),
        "sessions": [(session, words(session.device), words(session.means)) for session in sessions],
        "this_session": actor_of(request).session_id,
    }


def _duties(desk: Desk, person: Person) -> list[tuple[str, str, bool]]:
    """The next duties: role, hours, and whether it is now."""
    found = duties_of(desk, person.id, desk.now, desk.now + DUTIES_AHEAD)
    shown = found[:DUTIES_SHOWN]
    return [(desk.title(turn.role).one, _said(desk, turn), turn.starts <= desk.now) for turn in shown]


def _said(desk: Desk, turn: Turn) -> str:
    if turn.starts <= desk.now:
        return desk.times.now_until.format(time=when(turn.ends, desk))
    day = desk.times.day(turn.starts.astimezone(desk.zone).date())
    first, last = clock(turn.starts, desk.zone), clock(turn.ends, desk.zone)
    return desk.times.duty.format(day=day, first=first, last=last)


def routes(reception: Reception) -> APIRouter:
    """``/me`` and below."""
    router = APIRouter()
    router.include_router(me_account.routes(reception))

    @router.get("/me")
    def get_me(request: Request) -> HTMLResponse:
        return show_me(reception, request)

    @router.get("/me/duties.ics")
    def get_calendar(request: Request) -> Response:
        return calendar_of(reception, me(reception, request))

    @router.post("/me/language")
    def post_language(request: Request, language: Annotated[Language, Form()]) -> RedirectResponse:
        person, now = me(reception, request), reception.now()
        reception.ledger.accesses.note(
            actor_of(request), Action.CHANGED_SELF, None, f"language {language}", now
        )
        reception.ledger.people.change(replace(person, language=language))
        return back("channels")

    @router.post("/me/test")
    def post_test(request: Request) -> RedirectResponse:
        ring_myself(reception, request)
        return back("channels")

    _add_channels(router, reception)
    return router


def _add_channels(router: APIRouter, reception: Reception) -> None:
    @router.post("/me/contacts")
    def post_contact(
        request: Request,
        kind: Annotated[ChannelKind, Form()],
        address: Annotated[str, Form(max_length=LONGEST_ADDRESS)] = "",
        secret: Annotated[str, Form(max_length=200)] = "",
    ) -> RedirectResponse:
        add_contact(reception, request, me(reception, request), kind, address, secret)
        return back("channels")

    @router.post("/me/contacts/{move}")
    def post_move(
        request: Request, move: str, contact: Annotated[str, Form(max_length=36)]
    ) -> RedirectResponse:
        change_contacts(reception, request, me(reception, request), move, contact)
        return back("channels")

    @router.post("/me/devices/remove")
    def post_device(request: Request, device: Annotated[str, Form(max_length=36)]) -> RedirectResponse:
        person, people = me(reception, request), reception.ledger.people
        if device not in {known.id for known in people.devices_of([person.id]).get(person.id, [])}:
            raise InputError("this device is not in your list any more: load the page again")
        reception.ledger.accesses.note(
            actor_of(request), Action.CHANGED_SELF, None, "device removed", reception.now()
        )
        people.drop_device(device)
        return back("channels")


def back(part: str) -> RedirectResponse:
    """To a part of one's page."""
    return RedirectResponse(f"/me#{part}", HTTPStatus.SEE_OTHER)
