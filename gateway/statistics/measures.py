"""What the reports count, as FHIR R4 Measure resources: one for each kind of score.

R4 gives a Measure one scoring, so there are three: numbers of cases (cohort), shares within a time (proportion), and times
(continuous variable). They are made from the same tables as the figures, so that definition and report cannot part.

References
----------
FHIR R4 (4.0.1): Measure, MeasureReport; code systems measure-scoring, measure-population, measure-improvement-notation,
measure-type.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.emr.mapping import LOCAL, SYSTEMS
from gateway.release import SOFTWARE_VERSION
from gateway.statistics.edition import USE
from gateway.statistics.figures import Duration, Month, Share, counted_as
from gateway.statistics.intervals import EVERY, Interval
from viewer_bridge.objects.uids import derived_uid

Resource = dict[str, Any]

TERMS = "http://terminology.hl7.org/CodeSystem"
UCUM = SYSTEMS["UCUM"]
VERSION = "1"
"""Of the definitions: raised whenever a group changes its meaning."""

DEFINITION = (
    "CT perfusion studies that a stroke gateway received. A case belongs to the month of its first image, by the site's "
    "clock; state and result are those at the time of writing. A time counts once a case, in the first revision in which "
    "both of its ends are known."
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the three measures."""

    name: str
    title: str
    scoring: str
    notation: str = ""
    """Whether more is better; empty where neither is."""

    @property
    def url(self) -> str:
        """Canonical address: the same at every site."""
        return f"urn:oid:{derived_uid('measure', self.name)}"


CASES = Kind("StrokeGatewayCases", "Stroke CT perfusion: cases", "cohort")
TIMELY = Kind(
    "StrokeGatewayTimeliness", "Stroke CT perfusion: shares within a time", "proportion", "increase"
)
TIMES = Kind("StrokeGatewayTimes", "Stroke CT perfusion: times", "continuous-variable", "decrease")
KINDS = (CASES, TIMELY, TIMES)


def concept(code: str, text: str) -> Resource:
    """One of our own codes."""
    return {"coding": [{"system": SYSTEMS[LOCAL], "code": code, "display": text}], "text": text}


def term(system: str, code: str) -> Resource:
    """A code of HL7."""
    return {"coding": [{"system": f"{TERMS}/{system}", "code": code}]}


def timely(interval: Interval, limit_s: float) -> Resource:
    """Code of a share within a time."""
    return concept(
        f"{interval.code}-within-{limit_s:g}-s".replace("_", "-"), f"{interval.text} within {limit_s:g} s"
    )


@dataclass(frozen=True, slots=True)
class Statistic:
    """What is told of the times of an interval."""

    code: str
    text: str

    def of(self, duration: Duration) -> float | None:
        """Its value in seconds."""
        return duration.median_s if self is MEDIAN else duration.long_s

    def named(self, interval: Interval) -> Resource:
        """Code of this statistic of an interval."""
        return concept(f"{interval.code}-{self.code}".replace("_", "-"), f"{interval.text}, {self.text}")


MEDIAN = Statistic("median", "median")
LONG = Statistic("p90", "90th percentile (nearest rank)")
STATISTICS = (MEDIAN, LONG)


def group_code(code: str, text: str) -> Resource:
    """Code of a group of counts."""
    return concept(code.replace("_", "-"), text)


def _population(code: str, description: str) -> Resource:
    criteria = {"description": description, "language": "text/plain", "expression": description}
    return {"code": term("measure-population", code), "description": description, "criteria": criteria}


def measures(month: Month) -> Iterator[Resource]:
    """The definitions; `month` lends the names of its groups and none of its counts."""
    yield _measure(CASES, [_counted(group.code, group.text) for group in month.groups])
    yield _measure(TIMELY, [_share(interval, limit_s) for interval in EVERY for limit_s in interval.limits_s])
    yield _measure(TIMES, [_time(interval, each) for interval in EVERY for each in STATISTICS])


def _measure(kind: Kind, groups: list[Resource]) -> Resource:
    better = (
        {"improvementNotation": term("measure-improvement-notation", kind.notation)} if kind.notation else {}
    )
    return {
        "resourceType": "Measure",
        "id": kind.name,
        "url": kind.url,
        "version": VERSION,
        "name": kind.name,
        "title": kind.title,
        "status": "active",
        "experimental": False,
        "publisher": f"stroke-gateway {SOFTWARE_VERSION}",
        "description": DEFINITION,
        "disclaimer": USE,
        "scoring": term("measure-scoring", kind.scoring),
        "type": [term("measure-type", "process")],
        **better,
        "group": groups,
    }


def _counted(code: str, text: str) -> Resource:
    who = counted_as(code).capitalize()
    return {
        "code": group_code(code, text),
        "population": [_population("initial-population", f"{who} of the month that this group divides")],
        "stratifier": [
            {
                "code": group_code(code, text),
                "criteria": {"language": "text/plain", "expression": f"{who} by: {text}"},
            }
        ],
    }


def _share(interval: Interval, limit_s: float) -> Resource:
    asked = f"Cases in which both ends are known: {interval.text}"
    return {
        "code": timely(interval, limit_s),
        "population": [
            _population("initial-population", asked),
            _population("denominator", asked),
            _population("numerator", f"Those of them within {limit_s:g} s"),
        ],
    }


def _time(interval: Interval, statistic: Statistic) -> Resource:
    asked = f"Cases in which both ends are known: {interval.text}"
    return {
        "code": statistic.named(interval),
        "population": [
            _population("initial-population", asked),
            _population("measure-population", asked),
            _population("measure-observation", f"{statistic.text} of the seconds in between"),
        ],
    }


def populations_of(share: Share, count: int | None) -> tuple[tuple[str, int | None], ...]:
    """Populations of a share with their counts, in the order of the definition."""
    return (("initial-population", count), ("denominator", count), ("numerator", share.count))
