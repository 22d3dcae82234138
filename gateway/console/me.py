"""One's own page: duties, channels, devices, and how one logs in."""

from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.me import calendar_of, duties_of, me, ring_myself, tests_of
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.api.rota import desk_of
from gateway.console import crew, me_account, runs
from gateway.console.people import add_contact, change_contacts
from gateway.console.rendering import render
from gateway.console.rota_week import TITLES, Desk, clock, day_title, when
from gateway.console.team import STATES
from gateway.identity.accounts import Accounts
from gateway.ledger.accesses import Action
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
    if actor_of(request).kind is ActorKind.SITE:
        return HTMLResponse(render("me-nobody.html", banner=runs.banner(reception)))
    person, desk = me(reception, request), desk_of(reception)
    people = reception.ledger.people
    contacts, devices = (
        people.contacts_of([person.id])[person.id],
        people.devices_of([person.id]).get(person.id, []),
    )
    page = render(
        "me.html",
        person=person,
        duties=_duties(desk, person),
        contacts=crew.contact_rows(contacts, devices),
        devices=devices,
        tests=[
            (crew.SHORT_KINDS[call.kind], STATES[call.state], call) for call in tests_of(reception, person)
        ],
        kinds=crew.KINDS,
        languages=crew.LANGUAGES,
        roles=crew.roles_of(person),
        longest_address=LONGEST_ADDRESS,
        now=reception.now(),
        banner=runs.banner(reception),
        **_account(reception, request, person),
    )
    return HTMLResponse(page)


def _account(reception: Reception, request: Request, person: Person) -> dict[str, Any]:
    """What the page says of the login."""
    accounts = Accounts.of(reception.config, reception.ledger, reception.access)
    return {
        "factors": accounts.factors(person.id),
        "offers_passkeys": accounts.offers_passkeys,
        "sessions": accounts.sessions.of(person.id, reception.now()),
        "this_session": actor_of(request).session_id,
    }


def _duties(desk: Desk, person: Person) -> list[tuple[str, str, bool]]:
    """The next duties: role, hours, and whether it is now."""
    found = duties_of(desk, person.id, desk.now, desk.now + DUTIES_AHEAD)
    return [
        (TITLES[turn.role][0], _said(desk, turn), turn.starts <= desk.now) for turn in found[:DUTIES_SHOWN]
    ]


def _said(desk: Desk, turn: Turn) -> str:
    if turn.starts <= desk.now:
        return f"now, until {when(turn.ends, desk)}"
    day = day_title(turn.starts.astimezone(desk.zone).date())
    return f"{day}, {clock(turn.starts, desk.zone)} to {clock(turn.ends, desk.zone)}"


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
