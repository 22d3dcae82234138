"""Pages of the people: everybody, and one of them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse

from gateway.api.people import somebody, staff_of
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.api.rota import desk_of
from gateway.console import crew, runs
from gateway.console.rendering import render
from gateway.identity.accounts import Accounts
from gateway.team.arranging import ON_CALL
from gateway.team.contact_list import LONGEST_ADDRESS, a_contact, added, lowered, raised, removed
from gateway.team.contacts import ChannelKind
from gateway.team.people import ActorKind, Person, Role
from gateway.team.rota import on_duty
from gateway.team.staffing import Particulars
from triage.errors import InputError
from viewer_bridge.report.wording.language import Language

MOVES = {"up": raised, "down": lowered, "remove": removed}
"""What a button of a channel does to the list."""

Name = Annotated[str, Form(max_length=200)]
Short = Annotated[str, Form(max_length=80)]


def show_people(reception: Reception, request: Request) -> HTMLResponse:
    """Everybody; without anybody, how to begin."""
    desk, people = desk_of(reception), reception.ledger.people
    ids = list(desk.people)
    contacts, devices = people.contacts_of(ids), people.devices_of(ids)
    on = {who for role in ON_CALL for who in on_duty(desk.rota, role, desk.now, desk.zone)}
    rows = [
        (person, crew.roles_of(person), crew.is_reachable(contacts[person.id], devices.get(person.id, [])))
        for person in desk.people.values()
    ]
    page = render(
        "people.html",
        rows=sorted(rows, key=lambda row: not row[0].active),
        on_duty=on,
        first=not rows and actor_of(request).kind is ActorKind.SITE,
        roles=crew.role_choices(),
        languages=crew.LANGUAGES,
        language=reception.config.publish.language,
        banner=runs.banner(reception),
    )
    return HTMLResponse(page)


def show_person(reception: Reception, request: Request, person: Person, welcome: str = "") -> HTMLResponse:
    """One of them; `welcome` is an address to hand over, shown this once."""
    accounts = Accounts.of(reception.config, reception.ledger, reception.access)
    contacts = reception.ledger.people.contacts_of([person.id])[person.id]
    devices = reception.ledger.people.devices_of([person.id]).get(person.id, [])
    page = render(
        "people-person.html",
        person=person,
        welcome=welcome,
        welcome_hours=reception.config.identity.welcome_hours,
        is_me=actor_of(request).person_id == person.id,
        contacts=crew.contact_rows(contacts, devices),
        examples=crew.EXAMPLES,
        factors=accounts.factors(person.id),
        sessions=accounts.sessions.of(person.id, reception.now()),
        roles=crew.role_choices(),
        languages=crew.LANGUAGES,
        longest_address=LONGEST_ADDRESS,
        now=reception.now(),
        banner=runs.banner(reception),
    )
    return HTMLResponse(page)


def change_contacts(reception: Reception, request: Request, person: Person, move: str, contact: str) -> None:
    """Move a channel up or down in a person's list, or take it out.

    Raises
    ------
    InputError
        There is no such channel or button.
    """
    if move not in MOVES:
        raise InputError("a channel goes up, down, or out of the list")
    contacts = reception.ledger.people.contacts_of([person.id])[person.id]
    staff_of(reception, request).set_contacts(person, MOVES[move](contacts, contact))


def add_contact(
    reception: Reception, request: Request, person: Person, kind: ChannelKind, address: str, secret: str
) -> None:
    """Put one more channel at the end of a person's list; raises as `a_contact` does."""
    contacts = reception.ledger.people.contacts_of([person.id])[person.id]
    fresh = a_contact(person.id, kind, address, secret)
    staff_of(reception, request).set_contacts(person, added(contacts, fresh))


def routes(reception: Reception) -> APIRouter:
    """``/people`` and below."""
    router = APIRouter()

    @router.get("/people")
    def get_people(request: Request) -> HTMLResponse:
        return show_people(reception, request)

    @router.post("/people")
    def post_person(
        request: Request,
        name: Name,
        login: Name,
        roles: Annotated[list[Role], Form()] = [],  # noqa: B006 - FastAPI copies it
        language: Annotated[Language, Form()] = Language.VIETNAMESE,
        phone: Short = "",
    ) -> HTMLResponse:
        staff = staff_of(reception, request)
        person = staff.add(Particulars(name, login, frozenset(roles), language, phone))
        return show_person(reception, request, person, staff.welcome(person))

    @router.get("/people/{person_id}")
    def get_person(request: Request, person_id: str) -> HTMLResponse:
        return show_person(reception, request, somebody(reception, person_id))

    @router.post("/people/{person_id}")
    def put_person(
        request: Request,
        person_id: str,
        name: Name,
        login: Name,
        roles: Annotated[list[Role], Form()] = [],  # noqa: B006 - as above
        language: Annotated[Language, Form()] = Language.VIETNAMESE,
        phone: Short = "",
    ) -> RedirectResponse:
        wanted = Particulars(name, login, frozenset(roles), language, phone)
        staff_of(reception, request).change(somebody(reception, person_id), wanted)
        return _back(person_id)

    _add_contacts(router, reception)
    _add_account(router, reception)
    return router


def _add_contacts(router: APIRouter, reception: Reception) -> None:
    @router.post("/people/{person_id}/contacts")
    def post_contact(
        request: Request,
        person_id: str,
        kind: Annotated[ChannelKind, Form()],
        address: Annotated[str, Form(max_length=LONGEST_ADDRESS)] = "",
        secret: Name = "",
    ) -> RedirectResponse:
        add_contact(reception, request, somebody(reception, person_id), kind, address, secret)
        return _back(person_id)

    @router.post("/people/{person_id}/contacts/{move}")
    def post_move(request: Request, person_id: str, move: str, contact: Short) -> RedirectResponse:
        change_contacts(reception, request, somebody(reception, person_id), move, contact)
        return _back(person_id)


def _add_account(router: APIRouter, reception: Reception) -> None:
    @router.post("/people/{person_id}/disable")
    def post_disable(request: Request, person_id: str) -> RedirectResponse:
        staff_of(reception, request).disable(somebody(reception, person_id))
        return _back(person_id)

    @router.post("/people/{person_id}/enable")
    def post_enable(request: Request, person_id: str) -> RedirectResponse:
        staff_of(reception, request).enable(somebody(reception, person_id))
        return _back(person_id)

    @router.post("/people/{person_id}/welcome")
    def post_welcome(request: Request, person_id: str) -> HTMLResponse:
        person = somebody(reception, person_id)
        return show_person(reception, request, person, staff_of(reception, request).welcome(person))

    @router.post("/people/{person_id}/reset")
    def post_reset(request: Request, person_id: str) -> HTMLResponse:
        person = somebody(reception, person_id)
        return show_person(reception, request, person, staff_of(reception, request).reset(person))

    @router.post("/people/{person_id}/revoke")
    def post_revoke(request: Request, person_id: str) -> RedirectResponse:
        staff_of(reception, request).revoke(somebody(reception, person_id))
        return _back(person_id)


def _back(person_id: str) -> RedirectResponse:
    return RedirectResponse(f"/people/{person_id}", HTTPStatus.SEE_OTHER)
