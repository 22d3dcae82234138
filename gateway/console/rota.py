"""Pages of the rota: the week, one role's plan, and the buttons that change them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse

from gateway.api.problems import Problem
from gateway.api.reader import reader
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.api.rota import arranger_of, desk_of
from gateway.console import runs
from gateway.console.rendering import render
from gateway.console.rota_week import DAYS_SHOWN, Desk, between, holes_ahead, monday_of, now_of, week_of
from gateway.console.speaking import spoken
from gateway.console.words.plan import PLANS, Plan
from gateway.team.arranging import (
    HANDED_OVER,
    LONGEST_NOTE,
    ON_CALL,
    day_of,
    moment_on_the_wall,
    without_past,
)
from gateway.team.people import Person, Right, Role
from gateway.team.rota import Swap

NOBODY = ""
WEEK = timedelta(days=DAYS_SHOWN)

Id = Annotated[str, Form(min_length=1, max_length=36)]
Clock = Annotated[str, Form(min_length=1, max_length=5)]
Moment = Annotated[str, Form(min_length=1, max_length=32)]
Day = Annotated[str, Form(max_length=10)]


@dataclass(frozen=True, slots=True)
class Warned:
    """Holes of a role in the next two weeks; `is_called` where alerts go to whoever is on duty for it."""

    title: str
    is_called: bool
    has_plan: bool
    holes: Sequence[str]


def show_week(reception: Reception, request: Request, first: date | None) -> HTMLResponse:
    """The week of a day, or the present one."""
    desk, actor = desk_of(reception, reader(request)), actor_of(request)
    monday = monday_of(first or desk.today)
    values: dict[str, Any] = {
        "rows": week_of(desk, ON_CALL, monday),
        "now_on": now_of(desk, ON_CALL),
        "warnings": warnings_of(desk, called(reception)),
        "week": desk.times.week(monday, monday + WEEK - timedelta(days=1)),
        "this_week": monday == monday_of(desk.today),
        "before": monday - WEEK,
        "after": monday + WEEK,
    }
    may = {"arranges": actor.may(Right.ARRANGE), "me": actor.person_id, "zone": desk.zone}
    words = {"say": desk.say, **spoken(desk.language)}
    page = render("rota.html", **words, **values, **may, now=reception.now(), banner=runs.banner(reception))
    return HTMLResponse(page)


def show_role(reception: Reception, request: Request, role: Role) -> HTMLResponse:
    """One role's weekly pattern and exceptions, with the forms that change them."""
    desk = desk_of(reception, reader(request))
    say = PLANS[desk.language]
    plan = without_past(reception.ledger.rota.written().of(role), reception.now())
    able = people_with(desk.people.values(), role)
    named = zip(desk.times.weekdays, desk.times.short_weekdays, strict=True)
    days = [
        (name, short, [shift for shift in plan.shifts if shift.weekday == n])
        for n, (name, short) in enumerate(named)
    ]
    page = render(
        "rota-role.html",
        role=role,
        say=say,
        title=desk.title(role).all,
        days=days,
        swaps=[(swap, between(swap.starts, swap.ends, desk), _note(swap, say)) for swap in plan.swaps],
        able=able,
        desk=desk,
        holes=holes_ahead(desk, role),
        has_plan=desk.plans(role),
        longest_note=LONGEST_NOTE,
        counting={person.id for person in able},
        soon=desk.now.astimezone(desk.zone).strftime("%Y-%m-%dT%H:%M"),
        now=reception.now(),
        banner=runs.banner(reception),
        **spoken(desk.language),
    )
    return HTMLResponse(page)


def called(reception: Reception) -> frozenset[Role]:
    """Roles whose people on duty some level of the alerts calls."""
    levels = reception.config.alerts.every_level
    return frozenset(level.role for level in levels if level.role and level.who == "on_duty")


def warnings_of(desk: Desk, wanted: frozenset[Role]) -> list[Warned]:
    """Holes ahead, first those that an alert would fall into; a role without a plan only where one is called."""
    planned = [role for role in ON_CALL if desk.plans(role) or role in wanted]
    found = [
        Warned(desk.title(role).all, role in wanted, desk.plans(role), holes_ahead(desk, role))
        for role in planned
    ]
    return sorted((warned for warned in found if warned.holes), key=lambda warned: not warned.is_called)


def _note(swap: Swap, say: Plan) -> str:
    """Why, in the words of whoever wrote it down; what the program wrote is in the reader's."""
    return say.handed_over if swap.note == HANDED_OVER else swap.note


def role_of(text: str) -> Role:
    """The role of an address.

    Raises
    ------
    Problem
        404: there is none, or nobody is on call for it.
    """
    if text not in ON_CALL:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such role on the rota; its page is /rota")
    return Role(text)


def people_with(people: Iterable[Person], role: Role) -> list[Person]:
    """Active people of a role."""
    return [person for person in people if person.active and role in person.roles]


def routes(reception: Reception) -> APIRouter:
    """``/rota`` and below."""
    router = APIRouter()

    @router.get("/rota")
    def get_week(request: Request, day: str = "") -> HTMLResponse:
        return show_week(reception, request, day_of(day))

    @router.post("/rota/hand-over")
    def post_hand_over(
        request: Request, role: Annotated[str, Form()], giver: Id, taker: Id
    ) -> RedirectResponse:
        arranger_of(reception, request).hand_over(role_of(role), giver, taker)
        return _back("/rota")

    @router.get("/rota/{role}")
    def get_role(request: Request, role: str) -> HTMLResponse:
        return show_role(reception, request, role_of(role))

    _add_changes(router, reception)
    return router


def _add_changes(router: APIRouter, reception: Reception) -> None:
    @router.post("/rota/{role}/shifts")
    def post_shift(
        request: Request,
        role: str,
        person: Id,
        starts: Clock,
        ends: Clock,
        weekdays: Annotated[list[int], Form()] = [],  # noqa: B006 - FastAPI copies it
        from_day: Day = "",
        until_day: Day = "",
    ) -> RedirectResponse:
        days = day_of(from_day), day_of(until_day)
        arranger_of(reception, request).add_shifts(role_of(role), person, weekdays, (starts, ends), days)
        return _back(f"/rota/{role}")

    @router.post("/rota/{role}/shifts/remove")
    def post_remove_shift(request: Request, role: str, shift: Id) -> RedirectResponse:
        arranger_of(reception, request).drop_shift(role_of(role), shift)
        return _back(f"/rota/{role}")

    @router.post("/rota/{role}/swaps")
    def post_swap(
        request: Request,
        role: str,
        starts: Moment,
        ends: Moment,
        absent: Annotated[str, Form(max_length=36)] = NOBODY,
        instead: Annotated[str, Form(max_length=36)] = NOBODY,
        note: Annotated[str, Form(max_length=LONGEST_NOTE)] = "",
    ) -> RedirectResponse:
        arranger = arranger_of(reception, request)
        first, last = (moment_on_the_wall(text, arranger.zone) for text in (starts, ends))
        arranger.add_swap(role_of(role), first, last, (absent or None, instead or None), note)
        return _back(f"/rota/{role}")

    @router.post("/rota/{role}/swaps/remove")
    def post_remove_swap(request: Request, role: str, swap: Id) -> RedirectResponse:
        arranger_of(reception, request).drop_swap(role_of(role), swap)
        return _back(f"/rota/{role}")


def _back(address: str) -> RedirectResponse:
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)
