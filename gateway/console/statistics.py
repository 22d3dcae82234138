"""What the page of statistics shows: the figures of each month, and where to get all of them."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from gateway.api.reception import Reception
from gateway.console.rendering import render
from gateway.console.timeline import short
from gateway.console.wording import NOTHING
from gateway.statistics.channels import CHANNELS, STEPS
from gateway.statistics.edition import Edition
from gateway.statistics.figures import Duration, Group, Month, month_of
from gateway.statistics.months import CalendarMonth, Period
from gateway.statistics.predictive import Predictive, predictive_of
from gateway.statistics.reading import records_of
from gateway.statistics.records import CaseRecord
from gateway.team.contacts import ChannelKind

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

TEAM_NAMES = (
    "Registration to scan, median",
    "Alert to opening, median",
    "Opening to answer, median",
    "Answered within 1 min",
    "Answered within 5 min",
    "Called beyond the first level",
    "Judged by a radiologist",
    "Target mismatch confirmed",
)

CHANNEL_NAMES = ("Calls", "Failed", "Alert to the first device, median", "to opening", "to answer")


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

    @property
    def team(self) -> list[tuple[str, str]]:
        """The same of the team's table."""
        month, alerts = self.month, self.month.group("alerts")
        answered = month.group("answer_times")
        quick = answered.count("within_1_min") or 0
        asked = (alerts.count("acknowledged") or 0) + (alerts.count("unanswered") or 0)
        mismatch = next(iter(predictive_of(month)))
        values = (
            *(_time(month.duration(code).median_s) for code in TEAM_TIMES),
            _part(quick, asked),
            _part(quick + (answered.count("within_5_min") or 0), asked),
            str(sum(cell.count or 0 for cell in month.group("levels").cells if cell.code not in ONE_LEVEL)),
            _part(month.group("judged").count("judged") or 0, month.cases or 0),
            turned_out(mismatch),
        )
        return list(zip(TEAM_NAMES, values, strict=True))


TEAM_TIMES = ("door_to_ct", "alert_to_opened", "opened_to_acknowledged")
ONE_LEVEL = frozenset({"none", "1"})


def turned_out(each: Predictive) -> str:
    """Share of confirmed alerts with its interval.

    >>> from gateway.feedback.classes import AlertClass
    >>> turned_out(Predictive.of(AlertClass.LESION, 34, 27)), turned_out(Predictive.of(AlertClass.LESION, 0, 0))
    ('79 % (66–88), 27 of 34', '–')
    """
    if each.share is None or each.low is None or each.high is None:
        return NOTHING
    share, low, high = (f"{PERCENT * end:.0f}" for end in (each.share, each.low, each.high))
    return f"{share} % ({low}–{high}), {each.confirmed} of {each.judged}"


def _part(count: int, whole: int) -> str:
    return f"{PERCENT * count / whole:.0f} %" if whole else NOTHING


@dataclass(frozen=True, slots=True)
class Whole:
    """The latest months together: how alerts turned out, what failed, and how channels did."""

    month: Month

    @property
    def predictive(self) -> list[tuple[str, str]]:
        """Every class of alert that was judged, and its share."""
        return [(each.text, turned_out(each)) for each in predictive_of(self.month) if each.judged]

    @property
    def failures(self) -> list[tuple[str, list[tuple[str, int]]]]:
        """Why something failed, the most frequent first."""
        groups = (self.month.group(code) for code in FAILURES)
        return [(group.text, found) for group in groups if (found := _happened(group))]

    @property
    def channels(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Channels on which somebody was called, with their figures."""
        return [
            (name, list(zip(CHANNEL_NAMES, self._of(kind), strict=True)))
            for kind, name in CHANNELS.items()
            if self.month.group(f"calls_{kind.value}").whole
        ]

    def _of(self, kind: ChannelKind) -> tuple[str, ...]:
        group = self.month.group(f"calls_{kind.value}")
        times = (self.month.duration(f"alert_to_{kind.value}_{code}").median_s for code, _ in STEPS.values())
        return (str(group.whole), str(group.count("failed")), *map(_time, times))


FAILURES = ("not_analysed", "severe_quality", "rejected", "edited")


def _happened(group: Group) -> list[tuple[str, int]]:
    found = [(cell.text, cell.count) for cell in group.cells if cell.count]
    return sorted(found, key=lambda each: -each[1])


def _time(seconds: float | None) -> str:
    return NOTHING if seconds is None else short(seconds)


def _share(duration: Duration) -> str:
    found = next(share.share for share in duration.within if share.limit_s == MINUTE_S)
    return NOTHING if found is None else f"{PERCENT * found:.0f} %"


def rows_of(reception: Reception, edition: Edition) -> tuple[list[Row], Whole]:
    """The latest months, youngest first, and all of them together; the ledger is read once."""
    months = [CalendarMonth.of(reception.now(), edition.zone).earlier(back) for back in range(MONTHS_SHOWN)]
    whole = Period(months[-1].period(edition.zone).start, months[0].period(edition.zone).end)
    found: dict[CalendarMonth, list[CaseRecord]] = {month: [] for month in months}
    records = records_of(reception.ledger.engine, whole)
    for record in records:
        found[CalendarMonth.of(record.came_at, edition.zone)].append(record)
    rows = [Row(month_of(month, mine)) for month, mine in found.items()]
    return rows, Whole(month_of(months[0], records))


def routes(reception: Reception) -> APIRouter:
    """The page of statistics."""
    router = APIRouter(include_in_schema=False)

    @router.get("/statistics")
    def show_statistics() -> HTMLResponse:
        edition = Edition.of(reception.config, reception.now())
        rows, whole = rows_of(reception, edition)
        page = render(
            "statistics.html",
            names=NAMES,
            team_names=TEAM_NAMES,
            channel_names=CHANNEL_NAMES,
            rows=rows,
            whole=whole,
            zone=edition.zone_name,
            below=reception.config.statistics.suppress_below,
        )
        return HTMLResponse(page)

    return router
