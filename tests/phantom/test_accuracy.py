"""The accuracy table counts what it says; patients who fail are counted too."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from benchmarks import population, scoring
from benchmarks.accuracy import cases, flag_rows, interval_rows, population_rows, rows, schedule_rows
from benchmarks.accuracy_page import Report, Row, page
from benchmarks.phantom import Patient
from benchmarks.scoring import Case, Score, dice, on_grid, score
from triage.errors import InputError
from triage.types import Geometry

GOOD = Score(
    name="stroke, 10 HU, number 100",
    group="stroke",
    number=100,
    noise_hu=10.0,
    truth_ml={"core_ml": 20.0, "hypoperfused_ml": 60.0},
    truth_side="left",
    seconds=1.0,
    found_ml={"core_ml": 23.0, "hypoperfused_ml": 54.0},
    dice={"core_ml": 0.9, "hypoperfused_ml": 0.95},
    intervals={"core_ml": (15.0, 25.0), "hypoperfused_ml": (50.0, None)},
    side="left",
    flags={"coverage": "info", "noise": "warning"},
)
REFUSED = replace(
    GOOD,
    name="stroke, 10 HU, number 101",
    number=101,
    failure="no bolus",
    found_ml={"core_ml": None, "hypoperfused_ml": None},
    dice={},
    intervals={},
    side="none",
)
HEALTHY = replace(
    GOOD,
    group="no lesion",
    truth_ml={"core_ml": 0.0, "hypoperfused_ml": 0.0},
    truth_side="none",
    found_ml={"core_ml": 0.4, "hypoperfused_ml": 3.5},
    side="none",
)


def met(table):
    return {row.what: row.met for row in table}


def found(table):
    return {row.what: row.found for row in table}


def test_volumes_overlap_and_side_of_one_good_patient():
    table = list(population_rows([GOOD, HEALTHY]))
    assert found(table)["core, mean absolute error, 10 HU"] == "3.00 ml"
    assert met(table)["core, mean absolute error, 10 HU"]
    assert met(table)["hypoperfused, mean absolute error, 10 HU"]
    assert met(table)["hypoperfused, mean Dice, 10 HU"]
    assert met(table)["side of the lesion right"]
    assert met(table)["no lesion: largest core, 1 scans"]
    assert not met(table)["no lesion: largest hypoperfused, 1 scans"]


def test_a_refused_patient_counts_with_the_whole_lesion_missed_and_is_listed():
    table = rows([GOOD, REFUSED])
    assert found(table)["core, mean absolute error, 10 HU"] == "11.50 ml"
    assert found(table)["core, mean Dice, 10 HU (true core above 10 ml)"] == "0.450 (n = 2)"
    assert found(table)["side of the lesion right"] == "1 of 2"
    assert found(table)["good scans flagged severe, 10 HU"] == "1 of 2"
    assert found(table)["90 % interval of core contains the truth"] == "50% (1 of 2)"
    text = page(Report(table, [GOOD, REFUSED], 0, date(2026, 1, 1)))
    assert "number 101: no bolus" in text


def test_a_healthy_patient_who_is_refused_misses_the_bound():
    refused = replace(HEALTHY, failure="raised")
    assert not met(population_rows([refused]))["no lesion: largest core, 1 scans"]


def test_a_small_core_has_no_say_in_the_overlap():
    small = replace(GOOD, truth_ml={"core_ml": 9.0, "hypoperfused_ml": 60.0}, dice={"hypoperfused_ml": 0.95})
    row = next(row for row in population_rows([small]) if "true core above" in row.what)
    assert (row.found, row.met) == ("nan (n = 0)", None)


def test_a_schedule_is_compared_with_the_same_patients():
    name = next(iter(population.SCHEDULES))
    worse = replace(GOOD, group=f"schedule: {name}", found_ml={"core_ml": 23.2, "hypoperfused_ml": 53.0})
    other = replace(GOOD, number=102, found_ml={"core_ml": 90.0, "hypoperfused_ml": 90.0})
    core, late = list(schedule_rows([GOOD, other, worse]))[:2]
    assert (core.found, core.met) == ("1.07 (3.2 / 3.0 ml)", True)
    assert (late.found, late.met) == ("1.17 (7.0 / 6.0 ml)", False)


def test_refusal_and_a_severe_flag_are_both_distrust_and_a_warning_is_not():
    weak = replace(GOOD, group="weak bolus", flags={"weak_bolus": "severe"})
    table = met(flag_rows([weak, replace(weak, flags={"weak_bolus": "warning"})]))
    assert not table["weak bolus: severe flag or refusal (0 refused)"]
    assert met(flag_rows([weak]))["weak bolus: severe flag or refusal (0 refused)"]
    assert met(flag_rows([replace(REFUSED, group="moving")]))["moving: severe flag or refusal (1 refused)"]


def test_intervals_may_be_too_wide_as_well_and_absent_ones_are_told():
    assert not any(met(interval_rows([GOOD] * 10)).values()), "all of them is more than 97 %"
    assert all(met(interval_rows([GOOD] * 9 + [REFUSED])).values())
    absent = list(interval_rows([replace(GOOD, intervals={})]))
    assert {row.found for row in absent} == {"no result has an interval"}
    assert not any(row.met for row in absent)


def test_held_out_and_tuning_numbers_do_not_meet():
    held_out, tuning = cases(0, None), cases(population.TUNING, None)
    assert max(case.number for case in held_out) < population.TUNING <= min(case.number for case in tuning)
    assert sum(case.group == "stroke" for case in held_out) == 80
    assert sum(case.group == "no lesion" for case in held_out) == 16
    assert sum(case.group in population.RUINED for case in held_out) == 20
    assert len({case.name for case in held_out}) == len(held_out)


def test_tuning_patients_are_called_so_on_the_page():
    assert "not a score" in page(Report([Row("a", "b", "c", met=True)], [], 100, date(2026, 1, 1)))
    assert "not a score" not in page(Report([], [], 0, date(2026, 1, 1)))


def test_masks_are_compared_on_the_truths_grid():
    fine = Geometry.axial((4, 8, 8), (5.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    coarse = fine.reduced(2)
    mask = np.zeros(coarse.shape, bool)
    mask[1, 2, 3] = True
    seen = on_grid(mask, coarse, fine)
    assert np.argwhere(seen).tolist() == [[1, 4, 6], [1, 4, 7], [1, 5, 6], [1, 5, 7]]
    assert dice(seen, seen) == dice(~seen & seen, ~seen & seen) == 1
    assert dice(seen, ~seen) == 0


def test_what_lies_outside_the_other_grid_is_not_seen():
    grid = Geometry.axial((2, 4, 4), (5.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    shifted = Geometry.axial((2, 4, 4), (5.0, 1.0, 1.0), (0.0, 0.0, 5.0))
    assert on_grid(np.ones(grid.shape, bool), shifted, grid)[:, 0, 0].tolist() == [False, True]


def test_a_patient_who_breaks_the_analysis_is_scored_as_a_failure(monkeypatch):
    def broken(series, *, clock):
        raise InputError("planted")

    monkeypatch.setattr(scoring, "analyse", broken)
    patient = Patient(matrix=64, slices=4, frames=4, core_ml=5, hypoperfused_ml=20)
    broken_score = score(Case("stroke", 7, patient))
    assert broken_score.failure == "raised InputError: planted"
    assert broken_score.distrusted
    assert broken_score.error_ml("hypoperfused_ml") == pytest.approx(-20, abs=0.2)
    assert not broken_score.holds("core_ml")
