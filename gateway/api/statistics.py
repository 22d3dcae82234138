"""Figures of months and rows of cases, for whoever holds the access token."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.api.reception import Reception
from gateway.statistics.edition import USE, Edition
from gateway.statistics.figures import Month
from gateway.statistics.measure_report import bundle
from gateway.statistics.months import CalendarMonth, days
from gateway.statistics.predictive import predictive_of
from gateway.statistics.reading import counted, records_of
from gateway.statistics.registry import registry_table
from gateway.statistics.suppression import suppressed
from gateway.statistics.table import month_table

MOST_MONTHS = 24
CSV_TYPE = "text/csv; charset=utf-8"
FHIR_TYPE = "application/fhir+json"

Below = Annotated[int | None, Query(ge=0, le=100, description="leave out counts from 1 to one less")]
Bom = Annotated[bool, Query(description="begin with a byte order mark, for spreadsheets that want one")]


def latest(now: datetime, edition: Edition, count: int) -> list[CalendarMonth]:
    """The present month and those before it, youngest first."""
    present = CalendarMonth.of(now, edition.zone)
    return [present.earlier(back) for back in range(count)]


def month_json(month: Month, edition: Edition) -> dict[str, Any]:
    """A month as the API shows it; null where a count is suppressed, or nothing happened."""
    return {
        "month": str(month.month),
        "time_zone": edition.zone_name,
        "written_at": edition.local(edition.written_at),
        "use": USE,
        "suppressed_below": month.suppressed_below,
        "cases": month.cases,
        "groups": [asdict(group) for group in month.groups],
        "predictive": [asdict(each) for each in predictive_of(month)],
        "times": [
            {
                "code": each.interval.code,
                "text": each.interval.text,
                "count": each.count,
                "median_s": each.median_s,
                "p90_s": each.long_s,
                "within": [asdict(share) for share in each.within],
            }
            for each in month.durations
        ],
    }


def shown(reception: Reception, month: CalendarMonth, edition: Edition, below: int | None) -> Month:
    """A month with what may be shown; without a limit of the asker's, by the site's."""
    limit = reception.config.statistics.suppress_below if below is None else below
    return suppressed(counted(reception.ledger.engine, month, edition.zone), limit)


def _file(text: str, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.encode(), media_type=media_type, headers=headers)


def routes(reception: Reception) -> APIRouter:
    """``/api/v1/statistics`` and below; order and accession numbers are for the command line alone."""
    router = APIRouter(tags=["statistics"])

    def edition() -> Edition:
        return Edition.of(reception.config, reception.now())

    @router.get("/api/v1/statistics/months", summary="Figures of the latest months, youngest first")
    def list_months(
        count: Annotated[int, Query(ge=1, le=MOST_MONTHS)] = 12, suppress_below: Below = None
    ) -> list[dict[str, Any]]:
        now = edition()
        months: Sequence[CalendarMonth] = latest(reception.now(), now, count)
        return [month_json(shown(reception, month, now, suppress_below), now) for month in months]

    @router.get(
        "/api/v1/statistics/months/{month}", summary="Figures of a month, YYYY-MM by the site's clock"
    )
    def get_month(month: str, suppress_below: Below = None) -> dict[str, Any]:
        now = edition()
        return month_json(shown(reception, CalendarMonth.parse(month), now, suppress_below), now)

    @router.get("/api/v1/statistics/months/{month}/csv", summary="The same as CSV")
    def get_month_csv(month: str, suppress_below: Below = None, *, bom: Bom = False) -> Response:
        now, chosen = edition(), CalendarMonth.parse(month)
        text = month_table([shown(reception, chosen, now, suppress_below)], now, bom=bom)
        return _file(text, CSV_TYPE, f"stroke-statistics-{chosen}.csv")

    @router.get("/api/v1/statistics/months/{month}/fhir", summary="The same as FHIR R4 MeasureReports")
    def get_month_fhir(month: str, suppress_below: Below = None) -> Response:
        now, chosen = edition(), CalendarMonth.parse(month)
        found = bundle(shown(reception, chosen, now, suppress_below), now)
        return _file(
            json.dumps(found, ensure_ascii=False), FHIR_TYPE, f"stroke-statistics-{chosen}.fhir.json"
        )

    _add_registry(router, reception)
    return router


def _add_registry(router: APIRouter, reception: Reception) -> None:
    @router.get(
        "/api/v1/statistics/registry", summary="A row a case as CSV, from one day to another; nobody is named"
    )
    def get_registry(
        first: Annotated[str, Query(alias="from")],
        last: Annotated[str, Query(alias="to")],
        *,
        bom: Bom = False,
    ) -> Response:
        now = Edition.of(reception.config, reception.now())
        records = records_of(reception.ledger.engine, days(first, last, now.zone))
        return _file(registry_table(records, reception.access, now, bom=bom), CSV_TYPE, "stroke-registry.csv")
