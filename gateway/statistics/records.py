"""A case as statistics see it: the ledger's rows of one study, together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.feedback.judgement import Judgement
from gateway.ledger.call import Call
from gateway.ledger.judgements import standing
from gateway.ledger.records import Case, CaseState, Delivery, moment_of
from gateway.statistics.channels import firsts
from gateway.statistics.intervals import Interval
from triage.results import Status, TriageResult

CONCLUDED = frozenset({CaseState.ANALYSED, CaseState.NOT_ANALYSED})

Moments = Mapping[int, Mapping[str, str]]
"""Times by revision and name, as they were noted for good; see `gateway.ledger.schema.TIMES`."""


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """One case with everything that is counted.

    Attributes
    ----------
    result
        Of the present revision; None while there is none.
    calls
        Of people, about this case.
    judgements
        Of every revision, oldest first.
    """

    case: Case
    moments: Moments = field(default_factory=dict)
    deliveries: tuple[Delivery, ...] = ()
    result: TriageResult | None = None
    calls: tuple[Call, ...] = ()
    judgements: tuple[Judgement, ...] = ()

    @classmethod
    def of(
        cls,
        case: Case,
        moments: Moments,
        deliveries: tuple[Delivery, ...],
        calls: tuple[Call, ...] = (),
        judgements: tuple[Judgement, ...] = (),
        told: Mapping[str, str] | None = None,
    ) -> "CaseRecord":
        """Put together; the result of an earlier revision is left out. `told` are times that others tell of the scan."""
        known = case.state in CONCLUDED and case.result is not None
        result = TriageResult.from_json(case.result or {}) if known else None
        extra = [{1: told}] if told else []
        return cls(case, _joined([moments, firsts(calls), *extra]), deliveries, result, calls, judgements)

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

    @property
    def judged(self) -> Judgement | None:
        """What stands on the latest revision that was judged."""
        return standing(self.judgements)

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


def _joined(many: Sequence[Moments]) -> Moments:
    revisions = sorted({revision for each in many for revision in each})
    return {
        revision: {name: at for each in many for name, at in each.get(revision, {}).items()}
        for revision in revisions
    }
