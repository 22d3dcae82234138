"""Results to put into words."""

from datetime import UTC, datetime

import pytest

from gateway.alerts.message import alert_for
from triage.results import Criterion, QualityFlag, Severity, Side, Status, TriageResult
from viewer_bridge.report.wording.language import Language

NOW = datetime(2026, 3, 1, 10, 7, 20, tzinfo=UTC)


def _result(**changes):
    plain = {
        "status": Status.ANALYSED,
        "reason": None,
        "study_uid": "1.2.826.0.1.99",
        "series_uid": "1.2.826.0.1.99.4",
        "side": Side.LEFT,
        "core_ml": 34.2,
        "hypoperfused_ml": 112.4,
        "mismatch_ml": 78.2,
        "mismatch_ratio": 3.29,
        "hypoperfusion_intensity_ratio": 0.41,
        "criteria": {
            "defuse_3": Criterion(met=True, missing=("age", "NIHSS"), text="DEFUSE 3 imaging criteria met"),
            "dawn": Criterion(met=False, missing=("age",), text="DAWN not met"),
        },
    }
    return TriageResult(**{**plain, **changes})


def _flag(severity, text="head moved 12 mm", code="motion"):
    return QualityFlag(code, severity, text)


def _refused(reason="the scan ends before the contrast has left (truncated)"):
    return TriageResult(
        Status.NOT_ANALYSED, reason, "1.2.826.0.1.99", "1.2.826.0.1.99.4", quality=(_flag(Severity.SEVERE),)
    )


def _alert(result=None, **changes):
    plain = {
        "case_id": "5f2c",
        "revision": 1,
        "link": "https://stroke.example/c/5f2c",
        "last_image_at": datetime(2026, 3, 1, 10, 3, 0, tzinfo=UTC),
        "now": NOW,
        "language": Language.ENGLISH,
    }
    return alert_for(result or _result(), **{**plain, **changes})


@pytest.fixture
def make_result():
    return _result


@pytest.fixture
def make_alert():
    return _alert


@pytest.fixture
def refused():
    return _refused


@pytest.fixture
def flag():
    return _flag
