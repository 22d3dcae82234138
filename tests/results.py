"""One made-up result, and the alert of it: what a test adds is what it is about."""

from datetime import UTC, datetime, timedelta

from gateway.alerts.message import alert_for
from triage.results import QualityFlag, Side, Status, TriageResult
from viewer_bridge.report.wording.language import Language

NOW = datetime(2026, 3, 1, 10, 7, 20, tzinfo=UTC)
SITE = "https://stroke.example"
STUDY = "1.2.826.0.1.99"
SERIES = f"{STUDY}.4"


def a_result(**changes) -> TriageResult:
    """Left, analysed, with the volumes alone."""
    plain = {
        "status": Status.ANALYSED,
        "reason": None,
        "study_uid": STUDY,
        "series_uid": SERIES,
        "side": Side.LEFT,
        "core_ml": 34.2,
        "hypoperfused_ml": 112.4,
        "mismatch_ml": 78.2,
        "mismatch_ratio": 3.29,
    }
    return TriageResult(**{**plain, **changes})


def a_refusal(reason: str, *quality: QualityFlag) -> TriageResult:
    """Not analysed."""
    return TriageResult(Status.NOT_ANALYSED, reason, STUDY, SERIES, quality=quality)


def an_alert(result: TriageResult, **changes):
    """What is told of a result, in English, four minutes after the last image."""
    plain = {
        "case_id": "5f2c",
        "revision": 1,
        "link": f"{SITE}/c/5f2c",
        "last_image_at": NOW - timedelta(minutes=4, seconds=20),
        "now": NOW,
        "language": Language.ENGLISH,
    }
    return alert_for(result, **{**plain, **changes})
