"""People for programs: who there is, with which roles, and by which channels they are reached."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.channels.target import Target, redacted
from gateway.identity.accounts import Accounts
from gateway.team.contact_list import LONGEST_ADDRESS, MOST_CONTACTS, a_contact, added
from gateway.team.contacts import ChannelKind, Contact
from gateway.team.people import Person, Role
from gateway.team.staffing import LONGEST_LOGIN, LONGEST_NAME, Particulars, Staff
from viewer_bridge.report.wording.language import Language


class Wanted(BaseModel):
    """What a program sends; a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid")


class WantedPerson(Wanted):
    """Somebody, or what is now true of them."""

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    login: Annotated[str, Field(min_length=2, max_length=LONGEST_LOGIN)]
    roles: frozenset[Role]
    language: Language = Language.VIETNAMESE
    phone: Annotated[str, Field(max_length=32)] = ""

    @property
    def particulars(self) -> Particulars:
        """As they are checked."""
        return Particulars(self.name, self.login, self.roles, self.language, self.phone)


class WantedContact(Wanted):
    """A channel; a push has no address."""

    kind: ChannelKind
    address: Annotated[str, Field(max_length=LONGEST_ADDRESS)] = ""
    secret: Annotated[str, Field(max_length=200)] = ""


class WantedContacts(Wanted):
    """Channels in their order."""

    contacts: Annotated[list[WantedContact], Field(max_length=MOST_CONTACTS)]


def person_json(person: Person) -> dict[str, Any]:
    """Somebody as the interface shows them."""
    plain = {name: getattr(person, name) for name in ("id", "login", "name", "language", "phone", "active")}
    return {**plain, "roles": sorted(person.roles), "rights": sorted(person.rights)}


def contact_json(contact: Contact) -> dict[str, Any]:
    """A channel without its address, which may be a secret."""
    target = redacted(Target.of(contact))
    return {"id": contact.id, "place": contact.place, "kind": contact.kind, "target": target}


def staff_of(reception: Reception, request: Request) -> Staff:
    """Whoever asks, as somebody who looks after people."""
    accounts = Accounts.of(reception.config, reception.ledger, reception.access)
    return Staff(accounts, actor_of(request), reception.now())


def somebody(reception: Reception, person_id: str) -> Person:
    """Return the person of an address.

    Raises
    ------
    Problem
        404: there is nobody of that id.
    """
    person = reception.ledger.people.get(person_id)
    if person is None:
        raise Problem(HTTPStatus.NOT_FOUND, "there is nobody of this id; the list of people is at /people")
    return person


def contacts_from(person: Person, wanted: WantedContacts) -> list[Contact]:
    """Channels as they are kept.

    Raises
    ------
    InputError
        An address is none of its kind, or stands there twice.
    """
    found: list[Contact] = []
    for each in wanted.contacts:
        found = added(found, a_contact(person.id, each.kind, each.address, each.secret))
    return found


def routes(reception: Reception) -> APIRouter:
    """``/api/v1/people`` and below."""
    router = APIRouter(tags=["people"])
    people = reception.ledger.people

    @router.get("/api/v1/people", summary="Everybody with an account, by name")
    def list_people() -> list[dict[str, Any]]:
        return [person_json(person) for person in people.all()]

    @router.post("/api/v1/people", status_code=HTTPStatus.CREATED, summary="Somebody new")
    def post_person(request: Request, wanted: WantedPerson) -> dict[str, Any]:
        staff = staff_of(reception, request)
        person = staff.add(wanted.particulars)
        return {**person_json(person), "welcome": staff.welcome(person)}

    @router.get("/api/v1/people/{person_id}", summary="Somebody, and by which channels they are reached")
    def get_person(person_id: str) -> dict[str, Any]:
        person = somebody(reception, person_id)
        contacts = people.contacts_of([person.id])[person.id]
        return {**person_json(person), "contacts": [contact_json(contact) for contact in contacts]}

    @router.put("/api/v1/people/{person_id}", summary="What is now true of somebody")
    def put_person(request: Request, person_id: str, wanted: WantedPerson) -> dict[str, Any]:
        former = somebody(reception, person_id)
        return person_json(staff_of(reception, request).change(former, wanted.particulars))

    @router.put("/api/v1/people/{person_id}/contacts", summary="Channels in place of those before")
    def put_contacts(request: Request, person_id: str, wanted: WantedContacts) -> list[dict[str, Any]]:
        person = somebody(reception, person_id)
        staff_of(reception, request).set_contacts(person, contacts_from(person, wanted))
        return [contact_json(contact) for contact in people.contacts_of([person.id])[person.id]]

    @router.post("/api/v1/people/{person_id}/disable", summary="Close an account and end what is open")
    def post_disable(request: Request, person_id: str) -> None:
        staff_of(reception, request).disable(somebody(reception, person_id))

    @router.post("/api/v1/people/{person_id}/enable", summary="Open a closed account again")
    def post_enable(request: Request, person_id: str) -> None:
        staff_of(reception, request).enable(somebody(reception, person_id))

    @router.post("/api/v1/people/{person_id}/reset", summary="Take away all that somebody logs in with")
    def post_reset(request: Request, person_id: str) -> dict[str, Any]:
        return {"welcome": staff_of(reception, request).reset(somebody(reception, person_id))}

    return router
