"""What the page of statistics shows: the figures of each month, and where to get all of them."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from gateway.api.reception import Reception
from gateway.console.rendering import render
from gateway.console.timeline import short
from gateway.console.wording import NOTHING
from gateway.statistics.edition import Edition
from gateway.statistics.figures import Duration, Month, month_of
from gateway.statistics.months import CalendarMonth, Period
from gateway.statistics.reading import records_of
from gateway.statistics.records import CaseRecord

MONTHS_SHOWN = 12
PERCENT = 100
MINUTE_S = 60.0

NAMES = (
    "Cases",
    "Analysed",
    "Not analysed",
    "Severe quality problem",
    "Last image to alert, median",
    "Last image to alert, 90 % within",
    "Alert within 60 s",
    "Acknowledged after, median",
    "In the EMR after, median",
)
"""Of the columns; on a phone each stands beside its figure."""


@dataclass(frozen=True, slots=True)
class Row:
    """A month as the table shows it, without suppression: whoever is here sees the cases themselves."""

    month: Month

    @property
    def name(self) -> str:
        """Year and month."""
        return str(self.month.month)

    @property
    def is_void(self) -> bool:
        """Whether no case came."""
        return not self.month.cases

    @property
    def figures(self) -> list[tuple[str, str]]:
        """Name and value of each column."""
        cases, alert = self.month.group("cases"), self.month.duration("last_image_to_alert")
        values = (
            str(cases.whole),
            str(cases.count("analysed")),
            str(cases.count("not_analysed")),
            str(self.month.group("reliability").count("severe")),
            _time(alert.median_s),
            _time(alert.long_s),
            _share(alert),
            _time(self.month.duration("alert_to_acknowledged").median_s),
            _time(self.month.duration("last_image_to_emr").median_s),
        )
        return list(zip(NAMES, values, strict=True))


def _time(seconds: float | None) -> str:
    return NOTHING if seconds is None else short(seconds)


def _share(duration: Duration) -> str:
    found = next(share.share for share in duration.within if share.limit_s == MINUTE_S)
    return NOTHING if found is None else f"{PERCENT * found:.0f} %"


def rows_of(reception: Reception, edition: Edition) -> list[Row]:
    """The latest months, youngest first; the ledger is read once for all of them."""
    months = [CalendarMonth.of(reception.now(), edition.zone).earlier(back) for back in range(MONTHS_SHOWN)]
    whole = Period(months[-1].period(edition.zone).start, months[0].period(edition.zone).end)
    found: dict[CalendarMonth, list[CaseRecord]] = {month: [] for month in months}
    for record in records_of(reception.ledger.engine, whole):
        found[CalendarMonth.of(record.came_at, edition.zone)].append(record)
    return [Row(month_of(month, records)) for month, records in found.items()]


def routes(reception: Reception) -> APIRouter:
    """The page of statistics."""
    router = APIRouter(include_in_schema=False)

    @router.get("/statistics")
    def show_statistics() -> HTMLResponse:
        edition = Edition.of(reception.config, reception.now())
        page = render(
            "statistics.html",
            names=NAMES,
            rows=rows_of(reception, edition),
            zone=edition.zone_name,
            below=reception.config.statistics.suppress_below,
        )
        return HTMLResponse(page)

    return router
