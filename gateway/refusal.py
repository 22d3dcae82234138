"""The result of a series that cannot be analysed: refusing is a result."""

from gateway.release import versions
from triage.results import QualityFlag, Severity, Status, TriageResult


def refused(reason: str, study_uid: str, series_uid: str) -> TriageResult:
    """What everybody is told instead of numbers."""
    flag = QualityFlag("not_analysed", Severity.SEVERE, reason)
    return TriageResult(
        Status.NOT_ANALYSED, reason, study_uid, series_uid, quality=(flag,), versions=versions()
    )
