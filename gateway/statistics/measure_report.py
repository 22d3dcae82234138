"""Figures of a month as FHIR R4: a collection of three Measures and the MeasureReport of each, of type ``summary``.

A suppressed count carries ``dataAbsentReason`` with the code ``masked``; a true 0 is written as 0. There is no subject: a
summary is about nobody.
"""

from collections.abc import Iterator
from datetime import timedelta
from html import escape
from uuid import NAMESPACE_OID, uuid5

from gateway.statistics.edition import USE, Edition
from gateway.statistics.figures import Duration, Group, Month, Share
from gateway.statistics.measures import (
    CASES,
    STATISTICS,
    TIMELY,
    TIMES,
    UCUM,
    VERSION,
    Kind,
    Resource,
    Statistic,
    group_code,
    measures,
    populations_of,
    term,
    timely,
)

ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
MASKED = {"extension": [{"url": ABSENT, "valueCode": "masked"}]}
"""What stands in place of a suppressed count."""
SECOND = timedelta(seconds=1)


def bundle(month: Month, edition: Edition) -> Resource:
    """Definitions and reports of one month, as one resource."""
    found = [*measures(month), *reports(month, edition)]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": edition.local(edition.written_at),
        "entry": [{"fullUrl": _address(each), "resource": each} for each in found],
    }


def reports(month: Month, edition: Edition) -> Iterator[Resource]:
    """The report of each measure."""
    yield _report(CASES, month, edition, [_counted(group) for group in month.groups])
    shares = [_share(duration, share) for duration in month.durations for share in duration.within]
    yield _report(TIMELY, month, edition, shares)
    times = [_time(duration, statistic) for duration in month.durations for statistic in STATISTICS]
    yield _report(TIMES, month, edition, times)


def _address(resource: Resource) -> str:
    if resource["resourceType"] == "Measure":
        return str(resource["url"])
    return f"urn:uuid:{resource['id']}"


def _report(kind: Kind, month: Month, edition: Edition, groups: list[Resource]) -> Resource:
    period = month.month.period(edition.zone)
    name = uuid5(NAMESPACE_OID, "|".join([kind.url, edition.site, str(month.month)]))
    return {
        "resourceType": "MeasureReport",
        "id": str(name),
        "text": _narrative(kind, month, edition),
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{name}"}],
        "status": "complete",
        "type": "summary",
        "measure": f"{kind.url}|{VERSION}",
        "date": edition.local(edition.written_at),
        "reporter": {"display": edition.site},
        # Its end belongs to a period of FHIR.
        "period": {"start": edition.local(period.start), "end": edition.local(period.end - SECOND)},
        **(
            {"improvementNotation": term("measure-improvement-notation", kind.notation)}
            if kind.notation
            else {}
        ),
        "group": groups,
    }


def _narrative(kind: Kind, month: Month, edition: Edition) -> Resource:
    rule = f" Counts below {month.suppressed_below} are not shown." if month.suppressed_below else ""
    said = f"{kind.title}, {month.month}, {edition.site}, time zone {edition.zone_name}.{rule} {USE}"
    return {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{escape(said)}</p></div>',
    }


def _population(code: str, count: int | None) -> Resource:
    shown = {"count": count} if count is not None else {"_count": MASKED}
    return {"code": term("measure-population", code), **shown}


def _counted(group: Group) -> Resource:
    strata = [
        {
            "value": group_code(cell.code, cell.text),
            "population": [_population("initial-population", cell.count)],
        }
        for cell in group.cells
    ]
    divided = [{"code": [group_code(group.code, group.text)], "stratum": strata}] if strata else []
    return {
        "code": group_code(group.code, group.text),
        "population": [_population("initial-population", group.whole)],
        **({"stratifier": divided} if divided else {}),
    }


def _share(duration: Duration, share: Share) -> Resource:
    found = populations_of(share, duration.count)
    score = {"measureScore": _quantity(share.share, "1", "1")} if share.share is not None else {}
    return {
        "code": timely(duration.interval, share.limit_s),
        "population": [_population(code, count) for code, count in found],
        **score,
    }


def _time(duration: Duration, statistic: Statistic) -> Resource:
    asked = ("initial-population", "measure-population")
    seconds = statistic.of(duration)
    score = {"measureScore": _quantity(seconds, "s", "s")} if seconds is not None else {}
    return {
        "code": statistic.named(duration.interval),
        "population": [_population(code, duration.count) for code in asked],
        **score,
    }


def _quantity(value: float, unit: str, code: str) -> Resource:
    return {"value": round(value, 4), "unit": unit, "system": UCUM, "code": code}
