"""The page of the access log: who did what, narrowed down, with the proof that nothing is missing."""

from datetime import tzinfo
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse, Response

from gateway.api.audit import PAGE, Wish, as_csv, wish_of
from gateway.api.reception import Reception
from gateway.api.rota import zone_of
from gateway.console import runs
from gateway.console.rendering import render
from gateway.ledger.accesses import Entry
from gateway.ledger.records import moment_of

VERIFIED_AT_ONCE = 20_000
"""Rows that are verified whenever the page is drawn, in a fraction of a second; a longer log when somebody asks."""

First = Annotated[str, Query(alias="from", max_length=10)]
Last = Annotated[str, Query(alias="to", max_length=10)]
Person = Annotated[str, Query(max_length=36)]
CaseId = Annotated[str, Query(max_length=36)]
Before = Annotated[str, Query(max_length=20)]


def show(reception: Reception, wish: Wish, *, check: bool) -> HTMLResponse:
    """The page."""
    accesses, zone = reception.ledger.accesses, zone_of(reception)
    found = wish.rows(accesses, zone, PAGE + 1)
    number, _ = accesses.head()
    page = render(
        "audit.html",
        rows=[(row, _local(row, zone)) for row in found[:PAGE]],
        older=_address("/audit", wish, found[PAGE - 1].number) if len(found) > PAGE else "",
        csv=_address("/audit.csv", wish, None),
        check_address=_address("/audit", wish, wish.before, check="1"),
        wish=wish,
        people=reception.ledger.people.all(),
        verdict=accesses.verify() if check or number <= VERIFIED_AT_ONCE else None,
        count=number,
        zone=zone,
        now=reception.now(),
        banner=runs.banner(reception),
    )
    return HTMLResponse(page)


def _local(row: Entry, zone: tzinfo) -> tuple[str, str]:
    """Day and time of a row by the site's clock."""
    local = moment_of(row.at).astimezone(zone)
    return local.strftime("%Y-%m-%d"), local.strftime("%H:%M:%S")


def _address(path: str, wish: Wish, before: int | None, **more: str) -> str:
    plain = {
        "person": wish.person,
        "case": wish.case,
        "from": wish.first,
        "to": wish.last,
        "before": before,
        **more,
    }
    asked = urlencode({name: str(value) for name, value in plain.items() if value})
    return f"{path}?{asked}" if asked else path


def routes(reception: Reception) -> APIRouter:
    """``/audit`` and its table."""
    router = APIRouter()

    @router.get("/audit")
    def get_audit(
        person: Person = "",
        case: CaseId = "",
        first: First = "",
        last: Last = "",
        before: Before = "",
        check: str = "",
    ) -> HTMLResponse:
        number = int(before) if before.isdecimal() else None
        return show(reception, wish_of(person, case, first, last, number), check=bool(check))

    @router.get("/audit.csv")
    def get_csv(person: Person = "", case: CaseId = "", first: First = "", last: Last = "") -> Response:
        wish = wish_of(person, case, first, last, None)
        return as_csv(wish.every(reception.ledger.accesses, zone_of(reception)))

    return router
