"""Results to put into words."""

import pytest

from tests.results import a_refusal, a_result, an_alert
from triage.results import Criterion, QualityFlag, Severity

CRITERIA = {
    "defuse_3": Criterion(met=True, missing=("age", "NIHSS"), text="DEFUSE 3 imaging criteria met"),
    "dawn": Criterion(met=False, missing=("age",), text="DAWN not met"),
}


def _result(**changes):
    return a_result(**{"hypoperfusion_intensity_ratio": 0.41, "criteria": CRITERIA, **changes})


def _flag(severity, text="head moved 12 mm", code="motion"):
    return QualityFlag(code, severity, text)


def _refused(reason="the scan ends before the contrast has left (truncated)"):
    return a_refusal(reason, _flag(Severity.SEVERE))


@pytest.fixture
def make_result():
    return _result


@pytest.fixture
def make_alert():
    return lambda result=None, **changes: an_alert(result or _result(), **changes)


@pytest.fixture
def refused():
    return _refused


@pytest.fixture
def flag():
    return _flag
