"""The trials' imaging rules: every limit on both sides of its value, and what the texts say."""

import pytest

from triage.criteria import RULES, judged
from triage.types import Interval

CITATIONS = {
    "defuse_3": "Albers 2018",
    "extend": "Ma 2019",
    "dawn_a": "Nogueira 2018",
    "dawn_b": "Nogueira 2018",
    "dawn_c": "Nogueira 2018",
    "angel_aspect": "Huo 2023",
    "select2": "Sarraj 2023",
}


@pytest.mark.parametrize(
    ("name", "core_ml", "late_ml", "met"),
    [
        ("defuse_3", 69.9, 150.0, True),
        ("defuse_3", 70.0, 150.0, False),
        ("defuse_3", 20.0, 36.0, True),
        ("defuse_3", 20.0, 35.9, False),
        ("defuse_3", 10.0, 25.0, True),
        ("defuse_3", 10.0, 24.9, False),
        ("defuse_3", 0.0, 15.0, True),
        ("extend", 69.9, 150.0, True),
        ("extend", 70.0, 150.0, False),
        ("extend", 60.0, 72.0, False),
        ("extend", 60.0, 72.1, True),
        ("extend", 10.0, 20.0, False),
        ("extend", 10.0, 20.1, True),
        ("extend", 0.0, 10.0, False),
        ("dawn_a", 20.9, 60.0, True),
        ("dawn_a", 21.0, 60.0, False),
        ("dawn_b", 30.9, 60.0, True),
        ("dawn_b", 31.0, 60.0, False),
        ("dawn_c", 30.9, 60.0, False),
        ("dawn_c", 31.0, 60.0, True),
        ("dawn_c", 50.9, 60.0, True),
        ("dawn_c", 51.0, 60.0, False),
        ("angel_aspect", 69.9, 150.0, False),
        ("angel_aspect", 70.0, 150.0, True),
        ("angel_aspect", 100.0, 150.0, True),
        ("angel_aspect", 100.1, 150.0, False),
        ("select2", 49.9, 150.0, False),
        ("select2", 50.0, 150.0, True),
    ],
)
def test_limits_are_strict_where_the_trials_were(name, core_ml, late_ml, met):
    assert judged(core_ml, late_ml, {})[name].met is met


def test_every_rule_cites_its_trial_and_names_what_is_missing():
    for name, criterion in judged(10.0, 60.0, {}).items():
        assert CITATIONS[name] in criterion.text
        assert {"age", "NIHSS", "time since last known well"} <= set(criterion.missing)
        assert "imaging criteria" in criterion.text
    assert set(CITATIONS) == set(RULES)


def test_no_rule_is_met_without_a_lesion():
    criteria = judged(0.0, 0.0, {})
    assert not any(criterion.met for criterion in criteria.values())
    assert "no hypoperfused tissue" in criteria["dawn_a"].text


@pytest.mark.parametrize(
    ("core_ml", "late_ml", "told"),
    [
        (20.0, 35.2, "mismatch ratio 1.76 is below 1.8"),
        (20.0, 30.0, "mismatch ratio 1.5 is below 1.8"),
        (10.0, 24.96, "mismatch 14.96 ml is below 15 ml"),
        (80.4, 160.0, "core 80.4 ml is not below 70 ml"),
    ],
)
def test_a_value_never_looks_as_if_it_reached_its_limit(core_ml, late_ml, told):
    assert told in judged(core_ml, late_ml, {})["defuse_3"].text


@pytest.mark.parametrize(
    ("name", "core_ml", "late_ml", "turn"),
    [
        ("defuse_3", 20.0, 80.0, "core is more than 44.4 ml"),
        ("defuse_3", 60.0, 200.0, "core is 70.0 ml or more"),
        ("defuse_3", 75.0, 300.0, "core is less than 70.0 ml"),
        ("defuse_3", 20.0, 35.0, "core is 19.4 ml or less"),
        ("defuse_3", 0.0, 12.0, "hypoperfused volume is 15.0 ml or more"),
        ("defuse_3", 10.0, 26.0, "core is more than 11.0 ml"),
        ("defuse_3", 80.0, 100.0, "core is 55.6 ml or less"),
        ("extend", 10.0, 20.0, "core is less than 10.0 ml"),
        ("dawn_a", 5.0, 9.0, "core is 21.0 ml or more"),
        ("dawn_c", 45.0, 90.0, "core is 51.0 ml or more"),
        ("angel_aspect", 96.0, 190.0, "core is more than 100.0 ml"),
        ("angel_aspect", 120.0, 190.0, "core is 100.0 ml or less"),
        ("select2", 60.0, 190.0, "core is less than 50.0 ml"),
    ],
)
def test_the_nearest_turning_volume_is_named(name, core_ml, late_ml, turn):
    assert judged(core_ml, late_ml, {})[name].changes_if == f"{turn}"


def test_the_answer_does_turn_at_the_volume_that_is_named():
    met = judged(20.0, 80.0, {})["defuse_3"].met
    assert judged(44.3, 80.0, {})["defuse_3"].met is met
    assert judged(44.5, 80.0, {})["defuse_3"].met is not met


@pytest.mark.parametrize(
    ("intervals", "certain"),
    [
        ({}, True),
        ({"core_ml": Interval(55.0, 69.0)}, True),
        ({"core_ml": Interval(55.0, 71.0)}, False),
        ({"hypoperfused_ml": Interval(105.0, 220.0)}, False),
        ({"hypoperfused_ml": Interval(180.0, 220.0)}, True),
        ({"mismatch_ratio": Interval(1.7, None)}, False),
        ({"mismatch_ml": Interval(12.0, 160.0)}, False),
    ],
)
def test_an_answer_is_certain_when_no_turn_lies_in_an_interval(intervals, certain):
    assert judged(60.0, 200.0, intervals)["defuse_3"].certain is certain
