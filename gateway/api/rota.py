"""The rota for programs: who is on duty, the plan, and changing it."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.console.rota_week import Desk
from gateway.ledger.records import utc_text
from gateway.team.arranging import LONGEST_NOTE, ON_CALL, Arranger
from gateway.team.people import Role
from gateway.team.rota import Shift, Stretch, Swap, gaps, next_change, on_duty, stretches, until
from triage.errors import InputError
from viewer_bridge.report.wording.language import Language

LONGEST_LOOK_DAYS = 62

Clock = Annotated[str, Field(pattern=r"^\d\d:\d\d$")]
PersonId = Annotated[str, Field(min_length=1, max_length=36)]


class Wanted(BaseModel):
    """What a program sends; a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid")


class NewShifts(Wanted):
    """Somebody's hours on one or several days of every week."""

    role: Role
    person_id: PersonId
    weekdays: Annotated[list[Annotated[int, Field(ge=0, le=6)]], Field(min_length=1, max_length=7)]
    starts: Clock
    ends: Clock
    from_day: date | None = None
    until_day: date | None = None


class NewSwap(Wanted):
    """An exception; both times with their zone."""

    role: Role
    starts_at: datetime
    ends_at: datetime
    absent: PersonId | None = None
    instead: PersonId | None = None
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] = ""


class HandOver(Wanted):
    """Somebody takes a duty over until its end."""

    role: Role
    giver: PersonId
    taker: PersonId


def zone_of(reception: Reception) -> ZoneInfo:
    """The site's clock."""
    return ZoneInfo(reception.config.site.time_zone)


def desk_of(reception: Reception, language: Language = Language.ENGLISH) -> Desk:
    """Plan, people and clock, read once for one page, and whoever reads it."""
    people = {person.id: person for person in reception.ledger.people.all()}
    plan = reception.ledger.rota.written().counting(people.values())
    return Desk(plan, people, reception.now(), zone_of(reception), language)


def arranger_of(reception: Reception, request: Request) -> Arranger:
    """Whoever asks, as somebody who changes the plan."""
    return Arranger(reception.ledger, actor_of(request), reception.now(), zone_of(reception))


def duty_json(desk: Desk, role: Role) -> dict[str, Any]:
    """A role at this moment."""
    people = [
        {
            "person_id": person_id,
            "name": desk.name(person_id),
            "until": utc_text(until(desk.rota, role, person_id, desk.now, desk.zone) or desk.now),
        }
        for person_id in on_duty(desk.rota, role, desk.now, desk.zone)
    ]
    following = next_change(desk.rota, role, desk.now, desk.zone)
    return {"role": role, "on_duty": people, "next": _stretch(following) if following else None}


def _stretch(stretch: Stretch) -> dict[str, Any]:
    return {
        "starts_at": utc_text(stretch.starts),
        "ends_at": utc_text(stretch.ends),
        "people": stretch.people,
    }


def _shift(shift: Shift) -> dict[str, Any]:
    return {name: getattr(shift, name) for name in Shift.__slots__}


def _swap(swap: Swap) -> dict[str, Any]:
    return {name: getattr(swap, name) for name in Swap.__slots__}


def routes(reception: Reception) -> APIRouter:
    """``/api/v1/rota`` and below."""
    router = APIRouter(tags=["rota"])

    @router.get("/api/v1/rota", summary="The plan as it was written, and its clock")
    def get_plan() -> dict[str, Any]:
        plan = reception.ledger.rota.written()
        zone = str(zone_of(reception))
        shifts, swaps = [_shift(each) for each in plan.shifts], [_swap(each) for each in plan.swaps]
        return {"time_zone": zone, "shifts": shifts, "swaps": swaps}

    @router.get("/api/v1/rota/duty", summary="Who is on duty now, until when, and who follows")
    def get_duty() -> list[dict[str, Any]]:
        desk = desk_of(reception)
        return [duty_json(desk, role) for role in ON_CALL]

    @router.get("/api/v1/rota/{role}/stretches", summary="Who is on duty when; holes are empty")
    def get_stretches(
        role: Role,
        days: Annotated[int, Query(ge=1, le=LONGEST_LOOK_DAYS)] = 7,
        *,
        holes_only: bool = False,
    ) -> list[dict[str, Any]]:
        desk = desk_of(reception)
        look = gaps if holes_only else stretches
        found = look(desk.rota, role, desk.now, desk.now + timedelta(days=days), desk.zone)
        return [_stretch(each) for each in found]

    _add_changes(router, reception)
    return router


def _add_changes(router: APIRouter, reception: Reception) -> None:
    @router.post("/api/v1/rota/shifts", summary="Put hours into the week")
    def post_shifts(request: Request, wanted: NewShifts) -> list[dict[str, Any]]:
        hours, days = (wanted.starts, wanted.ends), (wanted.from_day, wanted.until_day)
        arranger = arranger_of(reception, request)
        made = arranger.add_shifts(wanted.role, wanted.person_id, wanted.weekdays, hours, days)
        return [_shift(shift) for shift in made]

    @router.delete("/api/v1/rota/{role}/shifts/{shift_id}", summary="Take hours out of the week")
    def delete_shift(request: Request, role: Role, shift_id: str) -> None:
        arranger_of(reception, request).drop_shift(role, shift_id)

    @router.post("/api/v1/rota/swaps", summary="Write down an exception")
    def post_swap(request: Request, wanted: NewSwap) -> dict[str, Any]:
        if wanted.starts_at.tzinfo is None or wanted.ends_at.tzinfo is None:
            raise InputError("starts_at and ends_at need their zone, such as 2026-01-31T07:30:00+07:00")
        arranger, people = arranger_of(reception, request), (wanted.absent, wanted.instead)
        return _swap(arranger.add_swap(wanted.role, wanted.starts_at, wanted.ends_at, people, wanted.note))

    @router.delete("/api/v1/rota/{role}/swaps/{swap_id}", summary="Take an exception back")
    def delete_swap(request: Request, role: Role, swap_id: str) -> None:
        arranger_of(reception, request).drop_swap(role, swap_id)

    @router.post("/api/v1/rota/hand-over", summary="From now until the end of the shift somebody else has it")
    def post_hand_over(request: Request, wanted: HandOver) -> dict[str, Any]:
        return _swap(arranger_of(reception, request).hand_over(wanted.role, wanted.giver, wanted.taker))
