"""What rings a second time, as a table; and what does not."""

from dataclasses import replace

import pytest

from gateway.revision import changes
from triage.types import Criterion, Interval, QualityFlag, Severity, Side, Status, TriageResult

FORMER = TriageResult(
    Status.ANALYSED,
    None,
    "1.2",
    "1.2.3",
    side=Side.LEFT,
    core_ml=34.0,
    hypoperfused_ml=112.0,
    criteria={
        "defuse_3": Criterion(met=True, missing=(), text=""),
        "extend": Criterion(met=False, missing=(), text=""),
    },
    intervals={"core_ml": Interval(28.4, 38.7), "hypoperfused_ml": Interval(101.0, None)},
)
REFUSED = TriageResult(Status.NOT_ANALYSED, "the scan ends too early", "1.2", "1.2.3")


def but(**other):
    return replace(FORMER, **other)


def flagged(severity):
    return but(quality=(QualityFlag("motion", severity, "head moved"),))


def judged(**met):
    return but(criteria={name: Criterion(met=value, missing=(), text="") for name, value in met.items()})


@pytest.mark.parametrize(
    ("former", "present", "words"),
    [
        (FORMER, REFUSED, "not analysed, before analysed"),
        (REFUSED, FORMER, "analysed, before not analysed"),
        (FORMER, but(side=Side.RIGHT), "RIGHT, before LEFT"),
        (FORMER, but(side=Side.NONE), "no lesion, before LEFT"),
        (FORMER, judged(defuse_3=False), "DEFUSE 3 imaging not met, before met"),
        (FORMER, judged(defuse_3=True, extend=True), "EXTEND imaging met, before not met"),
        (FORMER, but(criteria={}), "DEFUSE 3 imaging not met, before met"),
        (FORMER, flagged(Severity.SEVERE), "numbers not reliable, before numbers reliable"),
        (flagged(Severity.SEVERE), FORMER, "numbers reliable, before numbers not reliable"),
        (FORMER, but(core_ml=38.8), "core 38.8 ml, before 34.0 ml (28-39)"),
        (FORMER, but(core_ml=28.3), "core 28.3 ml, before 34.0 ml (28-39)"),
        (FORMER, but(hypoperfused_ml=100.9), "hypoperfused 100.9 ml, before 112.0 ml (101 or more)"),
        (but(intervals={}), but(core_ml=34.6), "core 34.6 ml, before 34.0 ml"),
        (FORMER, but(core_ml=float("nan")), "core not known, before 34.0 ml (28-39)"),
    ],
)
def test_what_the_team_must_hear(former, present, words):
    assert changes(former, present) == (words,)


@pytest.mark.parametrize(
    ("former", "present"),
    [
        (FORMER, FORMER),
        (FORMER, but(core_ml=38.7, hypoperfused_ml=900.0)),
        (FORMER, but(core_ml=28.4, intervals={})),
        (but(intervals={}), but(core_ml=34.4)),
        (FORMER, flagged(Severity.WARNING)),
        (FORMER, judged(defuse_3=True, epithet=False)),
        (REFUSED, replace(REFUSED, reason="another reason")),
        (flagged(Severity.SEVERE), replace(flagged(Severity.SEVERE), core_ml=90.0, side=Side.RIGHT)),
        (but(core_ml=float("inf")), but(core_ml=float("inf"))),
    ],
)
def test_what_the_team_knows_already(former, present):
    assert changes(former, present) == ()


def test_every_change_is_told():
    present = but(side=Side.RIGHT, core_ml=90.0, criteria={})
    assert len(changes(FORMER, present)) == 3
