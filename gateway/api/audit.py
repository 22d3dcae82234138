"""The access log for programs: who did what, whether the log is whole, and a table to keep."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.api.reception import Reception
from gateway.api.rota import zone_of
from gateway.ledger.accesses import Accesses, Entry, Verdict
from gateway.ledger.records import utc_text
from gateway.statistics.table import written
from gateway.team.arranging import day_of
from triage.errors import InputError

CSV_TYPE = "text/csv; charset=utf-8"
COLUMNS = ("number", "at", "kind", "person_id", "name", "action", "case_id", "detail", "digest")
MOST_EXPORTED = 100_000
"""Rows of one file; a longer time is asked for in parts."""
AT_ONCE = 1000
PAGE = 100
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which rows: of a person, of a case, from a first day to a last one, and older than a number."""

    person: str = field(default="", repr=False)
    case: str = ""
    first: date | None = None
    last: date | None = None
    before: int | None = None

    def rows(self, accesses: Accesses, zone: tzinfo, limit: int, before: int | None = None) -> list[Entry]:
        """Rows of it, youngest first."""
        return accesses.latest(
            case_id=self.case or None,
            person_id=self.person or None,
            first=_midnight(self.first, zone) if self.first else None,
            end=_midnight(self.last + DAY, zone) if self.last else None,
            before=before if before is not None else self.before,
            limit=limit,
        )

    def every(self, accesses: Accesses, zone: tzinfo) -> Iterator[Entry]:
        """All rows of it, youngest first, up to `MOST_EXPORTED`."""
        position, left = self.before, MOST_EXPORTED
        while left > 0 and (found := self.rows(accesses, zone, min(AT_ONCE, left), position)):
            yield from found
            position, left = found[-1].number, left - len(found)


def _midnight(day: date, zone: tzinfo) -> str:
    return utc_text(datetime.combine(day, time(), zone))


def wish_of(person: str, case: str, first: str, last: str, before: int | None) -> Wish:
    """Rows as a form asks for them.

    Raises
    ------
    InputError
        A day is none.
    """
    days = day_of(first.strip()), day_of(last.strip())
    if days[0] and days[1] and days[1] < days[0]:
        raise InputError("the last day is before the first one")
    return Wish(person.strip(), case.strip(), *days, before)


def as_csv(found: Iterator[Entry]) -> Response:
    """Rows as a table whose cells no spreadsheet takes for formulas."""
    lines = ([getattr(row, name) for name in COLUMNS] for row in found)
    headers = {"Content-Disposition": 'attachment; filename="access-log.csv"'}
    return Response(written(COLUMNS, lines, bom=True).encode(), media_type=CSV_TYPE, headers=headers)


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Whether the log is whole."""
    return {**asdict(verdict), "is_whole": verdict.is_whole}


def routes(reception: Reception) -> APIRouter:
    """``/api/v1/audit`` and below."""
    router = APIRouter(tags=["audit"])
    accesses = reception.ledger.accesses

    @router.get("/api/v1/audit", summary="Who did what, youngest first")
    def list_accesses(
        person: str = "",
        case: str = "",
        first: Annotated[str, Query(alias="from")] = "",
        last: Annotated[str, Query(alias="to")] = "",
        before: Annotated[int | None, Query(ge=1)] = None,
        limit: Annotated[int, Query(ge=1, le=AT_ONCE)] = PAGE,
    ) -> list[dict[str, Any]]:
        wish = wish_of(person, case, first, last, before)
        return [asdict(row) for row in wish.rows(accesses, zone_of(reception), limit)]

    @router.get("/api/v1/audit/verdict", summary="Whether a row was changed, taken out or cut off")
    def get_verdict(
        number: Annotated[int | None, Query(ge=1)] = None,
        digest: Annotated[str, Query(max_length=64)] = "",
    ) -> dict[str, Any]:
        known = (number, digest) if number is not None and digest else None
        return verdict_json(accesses.verify(known))

    return router
