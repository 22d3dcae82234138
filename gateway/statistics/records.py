"""A case as statistics see it: the ledger's rows of one study, together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.ledger.records import Case, CaseState, Delivery, moment_of
from triage.results import Status, TriageResult

CONCLUDED = frozenset({CaseState.ANALYSED, CaseState.NOT_ANALYSED})

Moments = Mapping[int, Mapping[str, str]]
"""Times by revision and name, as they were noted for good; see `gateway.ledger.schema.TIMES`."""


@dataclass(frozen=True, slots=True)
class Interval:
    """What lies between two times of a case."""

    code: str
    text: str
    start: str
    end: str


INTERVALS = (
    Interval("first_to_last_image", "First image to last image", "first_image_at", "last_image_at"),
    Interval("last_image_to_alert", "Last image to alert", "last_image_at", "alert_sent_at"),
    Interval("alert_to_acknowledged", "Alert to acknowledgement", "alert_sent_at", "acknowledged_at"),
    Interval("last_image_to_emr", "Last image to acceptance by the EMR", "last_image_at", "emr_accepted_at"),
)
"""Each counts once a case: in the first revision in which both of its times are known.

The last image is that of the study as it was when its completeness was proven. Later revisions are told apart by their own
figure: a case that was answered in seconds and revised an hour later was answered in seconds.
"""


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """One case with everything that is counted.

    Attributes
    ----------
    result
        Of the present revision; None while there is none.
    """

    case: Case
    moments: Moments = field(default_factory=dict)
    deliveries: tuple[Delivery, ...] = ()
    result: TriageResult | None = None

    @classmethod
    def of(cls, case: Case, moments: Moments, deliveries: tuple[Delivery, ...]) -> "CaseRecord":
        """Put together; the result of an earlier revision is left out."""
        known = case.state in CONCLUDED and case.result is not None
        return cls(case, moments, deliveries, TriageResult.from_json(case.result or {}) if known else None)

    @property
    def came_at(self) -> datetime:
        """When the first image came; every case has one."""
        return moment_of(self.case.times["first_image_at"] or "")

    @property
    def analysed(self) -> TriageResult | None:
        """The result, where it is an analysis."""
        return self.result if self.result and self.result.status is Status.ANALYSED else None

    @property
    def trusted(self) -> TriageResult | None:
        """The result, where its numbers may be shown."""
        return self.result if self.result and self.result.trusted else None

    def first(self, name: str) -> datetime | None:
        """When something happened for the first time, of all revisions; None where it never did."""
        found = (self.moments[revision].get(name) for revision in sorted(self.moments))
        return next((moment_of(at) for at in found if at), None)

    def seconds(self, interval: Interval) -> float | None:
        """How long an interval took; None where it did not happen."""
        for revision in sorted(self.moments):
            start, end = (self.moments[revision].get(name) for name in (interval.start, interval.end))
            if start and end:
                return max(0.0, (moment_of(end) - moment_of(start)).total_seconds())
        return None
