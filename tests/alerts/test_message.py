"""What an alert says, and what it never says."""

import dataclasses
import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.alerts.lines import LONGEST_LINE
from tests.results import NOW
from triage.errors import InputError
from triage.results import INFARCT_CORE
from triage.types import (
    Agreement,
    Criterion,
    Estimator,
    Interval,
    ModelFinding,
    SecondOpinion,
    Severity,
    Side,
    Status,
    TriageResult,
)

DISCLAIMER = "Research use, not for primary diagnosis."


def test_a_target_mismatch_is_in_the_title_with_trial_and_side(make_alert):
    alert = make_alert()
    assert alert.headline == "Stroke CT: target mismatch, LEFT (DEFUSE 3)"
    assert alert.lines == (
        "core 34.2 ml, hypoperfused 112.4 ml, mismatch 78.2 ml, ratio 3.29",
        "🟢 quality: no remarks",
        "not known here: NIHSS, age",
        "4 min after the last image",
    )
    assert alert.body.splitlines()[-2:] == ["https://stroke.example/c/5f2c", DISCLAIMER]


def test_core_and_hypoperfused_carry_their_interval_and_the_rest_stays_short(make_alert, make_result):
    ends = {name: Interval(28.4, 120.2) for name in ("core_ml", "hypoperfused_ml", "mismatch_ml")}
    alert = make_alert(make_result(intervals={**ends, "mismatch_ratio": Interval(1.2, None)}))
    assert (
        alert.lines[0]
        == "core 34.2 ml (28-121), hypoperfused 112.4 ml (28-121), mismatch 78.2 ml, ratio 3.29"
    )


def test_a_ratio_below_its_limit_never_reads_as_the_limit(make_alert, make_result):
    assert "ratio 1.79" in make_alert(make_result(mismatch_ratio=1.7999)).lines[0]


def test_an_uncertain_class_and_another_answer_are_told_in_a_line_each(make_alert, make_result):
    unsure = Criterion(met=True, missing=(), text="", changes_if="core > 37 ml", certain=False)
    other = SecondOpinion("fixed threshold", 60.0, 180.0, agrees=False, text="core 60 ml")
    agreeing = SecondOpinion("other artery", 34.0, 112.0, agrees=True, text="core 34 ml")
    alert = make_alert(make_result(criteria={"defuse_3": unsure}, opinions=(agreeing, other)))
    assert alert.lines[2:4] == (
        "🟡 methods differ: fixed threshold",
        "uncertain: DEFUSE 3 changes if core > 37 ml",
    )
    assert alert.lights["agreement"] == "warning"
    vague = Criterion(met=True, missing=(), text="", certain=False)
    alert = make_alert(make_result(criteria={"defuse_3": vague}))
    assert alert.lines[2] == "uncertain: DEFUSE 3 is close to its limits"


def network(core_ml, agreement):
    return ModelFinding(
        "ctp-core",
        "0.1.0",
        "a" * 64,
        core_ml,
        agreement=agreement,
        task=INFARCT_CORE,
        trained_on="simulated patients: 4000 of them",
    )


@pytest.mark.parametrize(
    ("agreement", "words"),
    [
        (Agreement.AGREE, "a network agrees"),
        (Agreement.DIFFER, "two methods differ"),
        (Agreement.CONTRADICT, "two methods contradict"),
    ],
)
def test_both_cores_are_told_and_what_the_network_learned_from(make_alert, make_result, agreement, words):
    alert = make_alert(make_result(models=(network(48.0, agreement),)))
    both = "core 34.2 ml by threshold, 48.0 ml by network ctp-core 0.1.0 (trained on simulated patients)"
    light = {Agreement.AGREE: "🟢", Agreement.DIFFER: "🟡", Agreement.CONTRADICT: "🔴"}[agreement]
    assert alert.lines[2] == f"{light} {words}: {both}"
    assert alert.headline == make_alert().headline
    assert alert.numbers == make_alert().numbers


def test_a_network_without_a_core_or_trust_is_no_line(make_alert, make_result, flag):
    assert make_alert(make_result(models=(network(None, None),))).lines == make_alert().lines
    severe = make_result(models=(network(48.0, Agreement.CONTRADICT),), quality=(flag(Severity.SEVERE),))
    assert "48.0" not in make_alert(severe).body


def test_without_an_arterial_input_the_title_says_that_there_are_no_volumes(make_alert, flag):
    quality = (flag(Severity.SEVERE, "no artery was found", code="no_arterial_input"),)
    result = TriageResult(
        Status.ANALYSED, None, "1.2", "1.2.3", quality=quality, estimator=Estimator.TIME_TO_PEAK
    )
    alert = make_alert(result)
    assert alert.headline == "Stroke CT: NO VOLUMES - look at the images"
    assert alert.lines[:2] == (
        "🔴 do not trust the numbers: no artery was found",
        "time to peak only, no arterial input: no volume is given",
    )
    assert alert.numbers == {}


@pytest.mark.parametrize(
    ("side", "word"), [(Side.LEFT, "LEFT"), (Side.RIGHT, "RIGHT"), (Side.BILATERAL, "BOTH SIDES")]
)
def test_the_side_is_the_patients_own(side, word, make_alert, make_result):
    alert = make_alert(make_result(side=side))
    assert f", {word}" in alert.headline
    assert alert.side is side


def test_a_lesion_that_meets_no_trial_says_so(make_alert, make_result):
    unmet = {"defuse_3": Criterion(met=False, missing=(), text="")}
    assert make_alert(make_result(criteria=unmet)).headline == "Stroke CT: no target mismatch, LEFT"


def test_without_a_judged_trial_nothing_is_said_about_mismatch(make_alert, make_result):
    assert make_alert(make_result(criteria={})).headline == "Stroke CT: perfusion lesion, LEFT"


def test_no_lesion_says_so_and_an_undefined_ratio_is_not_a_number(make_alert, make_result):
    nothing = make_result(
        side=Side.NONE, core_ml=0.0, hypoperfused_ml=0.0, mismatch_ml=0.0, mismatch_ratio=None, criteria={}
    )
    alert = make_alert(nothing)
    assert alert.headline == "Stroke CT: no perfusion lesion found"
    assert alert.lines[0] == "core 0.0 ml, hypoperfused 0.0 ml, mismatch 0.0 ml, ratio not defined"
    assert alert.numbers["mismatch_ratio"] is None


def test_a_core_that_rounds_to_nothing_is_not_nothing(make_alert, make_result):
    assert "core 0.3 ml" in make_alert(make_result(core_ml=0.3)).lines[0]


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_number_that_is_none_never_reaches_a_phone(odd, make_alert, make_result):
    alert = make_alert(make_result(mismatch_ratio=odd))
    assert alert.numbers["mismatch_ratio"] is None
    assert "ratio not defined" in alert.lines[0]
    json.dumps(alert.to_json(), allow_nan=False)


def test_a_refused_scan_names_its_reason_and_tells_to_look(make_alert, refused):
    alert = make_alert(refused("too few frames: 12"))
    assert alert.headline == "Stroke CT: NOT ANALYSED - look at the images"
    assert alert.lines[0] == "not analysed: too few frames: 12 - look at the images"
    assert alert.numbers == {}
    assert alert.side is None


def test_severe_quality_takes_the_numbers_and_the_side_away(make_alert, make_result, flag):
    alert = make_alert(make_result(quality=(flag(Severity.SEVERE), flag(Severity.WARNING, "weak bolus"))))
    assert alert.headline == "Stroke CT: NUMBERS UNRELIABLE - see the images"
    assert alert.lines[0] == "🔴 do not trust the numbers: head moved 12 mm"
    assert alert.numbers == {}
    said = json.dumps(alert.to_json(), ensure_ascii=False)
    for number in ("34", "112", "78", "3.3", "3.29", "LEFT", "left", "DEFUSE"):
        assert number not in said


def test_warnings_are_told_and_remarks_are_not(make_alert, make_result, flag):
    quality = (flag(Severity.WARNING, "weak bolus."), flag(Severity.INFO, "simulated training data"))
    assert "🟡 quality: weak bolus" in make_alert(make_result(quality=quality)).lines


@pytest.mark.parametrize("changes", [{}, None], ids=["analysed", "refused"])
def test_a_later_revision_announces_itself(changes, make_alert, make_result, refused):
    result = refused() if changes is None else make_result(**changes)
    assert not make_alert(result).headline.startswith("REVISED")
    assert make_alert(result, revision=2).headline == f"REVISED: {make_alert(result).headline}"


def test_a_correction_shows_the_former_finding_beside_the_new_one(make_alert, make_result, refused):
    change = ("core 60.0 ml, before 34.0 ml (28-39)",)
    told = {"revision": 3, "former": make_result(), "supersedes": 1}
    alert = make_alert(make_result(core_ml=60.0), **told, change=change)
    assert alert.lines[:2] == (f"corrects revision 1: {change[0]}", f"before: {make_alert().lines[0]}")
    assert alert.lines[2].startswith("core 60.0 ml")
    plain = alert.to_json()
    assert (plain["revision"], plain["supersedes"], plain["change"]) == (3, 1, list(change))
    same = make_alert(make_result(), **told)
    assert "revision 3: no change of class or beyond the interval" in same.lines
    told["former"] = refused()
    assert (
        make_alert(**told, change=("analysed, before not analysed",))
        .lines[1]
        .startswith("before: not analysed")
    )


def test_a_revision_supersedes_an_earlier_one(make_alert):
    with pytest.raises(InputError, match="cannot supersede"):
        make_alert(revision=2, supersedes=2)


def test_revisions_count_from_one(make_alert):
    with pytest.raises(InputError, match="count from 1"):
        make_alert(revision=0)


@pytest.mark.parametrize(
    ("last", "line"),
    [
        (NOW - timedelta(seconds=5), "0 min after the last image"),
        (NOW - timedelta(hours=2), "120 min after the last image"),
        (NOW + timedelta(minutes=9), "0 min after the last image"),
        ((NOW - timedelta(minutes=3)).astimezone(timezone(timedelta(hours=7))), "3 min after the last image"),
    ],
)
def test_minutes_are_counted_across_time_zones_and_never_negative(last, line, make_alert):
    assert make_alert(last_image_at=last).lines[-1] == line


def test_an_unknown_last_image_is_left_out(make_alert):
    alert = make_alert(last_image_at=None)
    assert alert.last_image_at is None
    assert not any("last image" in line for line in alert.lines)


@pytest.mark.parametrize("changes", [{}, None], ids=["analysed", "refused"])
def test_every_alert_says_research_use(changes, make_alert, make_result, refused):
    alert = make_alert(refused() if changes is None else make_result(**changes))
    assert DISCLAIMER in alert.body
    assert alert.to_json()["disclaimer"] == DISCLAIMER


def test_a_reason_cannot_forge_lines_or_flood_a_phone(make_alert, refused):
    alert = make_alert(refused("bad\r\n\x1b[31mfake: all clear\u2028" + "x" * 5000))
    assert all(line.isprintable() and len(line) <= LONGEST_LINE for line in alert.lines)
    assert alert.lines[0].endswith("- look at the images")


def test_neither_a_person_nor_a_uid_is_in_an_alert(make_alert, make_result):
    """Results hold no person; the UIDs they hold, which lead to one, must stay behind."""
    result = make_result(study_uid="1.2.999.1234567890", series_uid="1.2.999.9876543210")
    said = json.dumps(make_alert(result).to_json()) + make_alert(result).body
    assert "1.2.999" not in said


def test_an_alert_survives_json(make_alert):
    plain = make_alert().to_json()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["last_image_at"] == "2026-03-01T10:03:00+00:00"
    assert datetime.fromisoformat(plain["last_image_at"]).tzinfo == UTC


def test_an_alert_is_frozen(make_alert):
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_alert().headline = "all clear"
