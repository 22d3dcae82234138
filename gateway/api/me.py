"""What somebody may do for themselves: channels, a test alarm, duties as a calendar."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any
from uuid import NAMESPACE_OID, uuid5

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gateway.api.people import WantedContacts, contact_json, contacts_from, person_json, staff_of
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.api.rota import desk_of
from gateway.console.rota_week import Desk
from gateway.console.words.me import ME
from gateway.lanes import Priority, Queue
from gateway.ledger.accesses import Action
from gateway.ledger.call import Call
from gateway.ledger.records import utc_text
from gateway.team.arranging import ON_CALL
from gateway.team.calendar_file import MEDIA_TYPE, Words, calendar
from gateway.team.contact_list import TRIAL
from gateway.team.people import ActorKind, Person
from gateway.team.rota import Turn, turns

CALENDAR_AHEAD = timedelta(days=90)
CALENDAR_BACK = timedelta(days=7)
TESTS_LOOKED_AT = 40
TEST_PAUSE = timedelta(seconds=20)
"""Between two test alarms of one person: a button that is pressed twice must not ring twice, even where the worker is slow."""


def me(reception: Reception, request: Request) -> Person:
    """Return whoever asks.

    Raises
    ------
    Problem
        403: that is nobody with an account.
    """
    actor = actor_of(request)
    person = reception.ledger.people.get(actor.person_id) if actor.person_id else None
    if person is None or actor.kind is not ActorKind.PERSON:
        raise Problem(HTTPStatus.FORBIDDEN, "this is for people: log in with an account of your own")
    return person


def duties_of(desk: Desk, person_id: str, starts: datetime, ends: datetime) -> list[Turn]:
    """When somebody is on duty, by the beginning."""
    found = [turn for role in ON_CALL for turn in turns(desk.rota, role, starts, ends, desk.zone)]
    mine = (turn for turn in found if turn.person_id == person_id)
    return sorted(mine, key=lambda turn: (turn.starts, turn.ends))


def calendar_of(reception: Reception, person: Person) -> Response:
    """Somebody's duties as a calendar file, in their language."""
    desk, say = desk_of(reception, person.language), ME[person.language]
    words = Words(
        say.calendar_title, {role: say.on_duty.format(role=desk.title(role).one) for role in ON_CALL}
    )
    found = duties_of(desk, person.id, desk.now - CALENDAR_BACK, desk.now + CALENDAR_AHEAD)
    text = calendar(found, reception.config.site.name, desk.now, words)
    headers = {"Content-Disposition": 'attachment; filename="duties.ics"'}
    return Response(text.encode(), media_type=MEDIA_TYPE, headers=headers)


def tests_of(reception: Reception, person: Person) -> list[Call]:
    """Calls of somebody's latest test alarm, in the order in which the channels were tried."""
    calls = reception.ledger.calls.of_person(person.id, TESTS_LOOKED_AT)
    tests = [call for call in calls if call.subject.startswith(TRIAL)]
    latest = [call for call in tests if call.subject == tests[0].subject]
    return sorted(latest, key=lambda call: call.place)


def ring_myself(reception: Reception, request: Request) -> str:
    """Start a test alarm; returns what its calls are about.

    Raises
    ------
    Problem
        409: the last one was a moment ago, or there is no channel.
    """
    person = me(reception, request)
    now = reception.now()
    if not reception.ledger.people.contacts_of([person.id])[person.id]:
        raise Problem(HTTPStatus.CONFLICT, "you have no channel yet: add one first")
    since = utc_text(now - TEST_PAUSE)
    if any((call.times.get("queued_at") or "") > since for call in tests_of(reception, person)):
        raise Problem(
            HTTPStatus.CONFLICT, "a test was sent a moment ago: wait half a minute for the next one"
        )
    slot = int(now.timestamp() / TEST_PAUSE.total_seconds())
    subject = f"{TRIAL}{uuid5(NAMESPACE_OID, f'stroke-gateway trial|{person.id}|{slot}')}"
    reception.ledger.accesses.note(actor_of(request), Action.CHANGED_SELF, None, "test alarm", now)
    reception.client.submit(
        "trial", f"trial:{subject}", subject, person.id, queue=Queue.URGENT, priority=Priority.URGENT
    )
    return subject


def routes(reception: Reception) -> APIRouter:
    """``/api/v1/me`` and below, but for sessions, which are with the logins."""
    router = APIRouter(tags=["me"])
    people = reception.ledger.people

    @router.get("/api/v1/me", summary="Who I am, what I may do, and by which channels I am reached")
    def get_me(request: Request) -> dict[str, Any]:
        person = me(reception, request)
        contacts = people.contacts_of([person.id])[person.id]
        return {**person_json(person), "contacts": [contact_json(contact) for contact in contacts]}

    @router.put("/api/v1/me/contacts", summary="My channels, in my order")
    def put_contacts(request: Request, wanted: WantedContacts) -> list[dict[str, Any]]:
        person = me(reception, request)
        staff_of(reception, request).set_contacts(person, contacts_from(person, wanted))
        return [contact_json(contact) for contact in people.contacts_of([person.id])[person.id]]

    @router.post("/api/v1/me/test", status_code=HTTPStatus.ACCEPTED, summary="A test alarm to myself")
    def post_test(request: Request) -> dict[str, Any]:
        return {"subject": ring_myself(reception, request)}

    @router.get("/api/v1/me/duties", summary="When I am on duty")
    def get_duties(
        request: Request, days: Annotated[int, Query(ge=1, le=CALENDAR_AHEAD.days)] = 14
    ) -> list[dict[str, Any]]:
        desk, person = desk_of(reception), me(reception, request)
        found = duties_of(desk, person.id, desk.now, desk.now + timedelta(days=days))
        return [
            {"role": turn.role, "starts_at": utc_text(turn.starts), "ends_at": utc_text(turn.ends)}
            for turn in found
        ]

    @router.get("/api/v1/me/duties.ics", summary="The same as a calendar (RFC 5545)")
    def get_calendar(request: Request) -> Response:
        return calendar_of(reception, me(reception, request))

    return router
