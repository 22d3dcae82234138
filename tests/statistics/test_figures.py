"""Counts and times against a month whose every figure is known."""

import ast
import itertools
import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.ledger.records import CaseState
from gateway.statistics.figures import month_of
from gateway.statistics.months import CalendarMonth, days
from gateway.statistics.questions import CORE_EDGES_ML
from gateway.statistics.reading import counted, records_of
from gateway.statistics.reasons import OTHER, code_of
from gateway.statistics.suppression import suppressed
from tests.api.staging import a_result
from tests.statistics.counting import SEVERE, a_record
from triage.criteria import CORE_LIMITS_ML
from triage.errors import InputError

MONTH = CalendarMonth(2026, 3)
SAIGON = ZoneInfo("Asia/Ho_Chi_Minh")
ROOT = Path(__file__).parents[2]


def happened(month, group):
    return {cell.code: cell.count for cell in month.group(group).cells if cell.count}


def test_every_figure_of_a_month(march):
    month = month_of(MONTH, march)
    assert {group.code: happened(month, group.code) for group in month.groups} == {
        "cases": {"analysed": 5, "not_analysed": 2, "no_perfusion": 1, "receiving": 1},
        "not_analysed": {"scan_too_short": 1, "other": 1},
        "reliability": {"reliable": 3, "severe": 2},
        "severe_quality": {"truncated": 1, "no_arterial_input": 1},
        "side": {"left": 3},
        "core_volume": {"below_21": 2, "70_to_100": 1},
        "criteria_met": {"defuse_3": 2},
        "network_agreement": {"agree": 2, "contradict": 1},
        "method_agreement": {"agree": 2, "differ": 1},
        "alerts": {"acknowledged": 6, "unanswered": 1, "none": 2},
        "revisions": {"once": 8, "revised": 1},
        "revision_alerts": {"again": 1},
        "deliveries_alert": {"failed": 1},
        "deliveries_emr": {"delivered": 1},
        "deliveries_publish": {},
    }
    assert month.cases == 9


def test_times_count_once_a_case_in_the_first_revision_that_has_both(march):
    month = month_of(MONTH, march)
    alert = month.duration("last_image_to_alert")
    assert (alert.count, alert.median_s, alert.long_s) == (7, 4.0, 100.0)
    assert [(share.limit_s, share.count) for share in alert.within] == [(5.0, 6), (60.0, 6), (300.0, 7)]
    assert alert.within[0].share == pytest.approx(6 / 7)
    assert month.duration("last_image_to_emr").median_s == 10.0
    answered = month.duration("alert_to_acknowledged")
    assert (answered.count, answered.median_s, answered.long_s) == (6, 60.0, 100.0)
    assert month.duration("first_to_last_image").median_s == 40.0


def test_the_ledger_gives_the_same_month(a_kept_march, march):
    assert counted(a_kept_march.ledger.engine, MONTH, SAIGON) == month_of(MONTH, march)
    assert counted(a_kept_march.ledger.engine, CalendarMonth(2026, 2), SAIGON).cases == 0


def test_a_month_begins_by_the_clock_of_the_site(a_kept_march):
    first = datetime(2026, 2, 28, 17, 0, tzinfo=UTC)
    assert MONTH.period(SAIGON).start == first
    assert CalendarMonth.of(first, SAIGON) == MONTH
    assert CalendarMonth.of(first, UTC) == CalendarMonth(2026, 2)
    assert len(records_of(a_kept_march.ledger.engine, days("2026-03-10", "2026-03-10", SAIGON))) == 9
    assert records_of(a_kept_march.ledger.engine, days("2026-03-11", "2026-03-31", SAIGON)) == []


@pytest.mark.parametrize("text", ["2026", "2026-13", "2026-3", "0000-01", "9999-12", "2026-03-01", "٢٠٢٦-٠٣"])
def test_what_is_no_month_is_told(text):
    with pytest.raises(InputError, match="such as 2026-03"):
        CalendarMonth.parse(text)


def test_an_empty_month_has_zeros_and_no_times():
    month = month_of(MONTH, [])
    assert {cell.count for group in month.groups for cell in group.cells} == {0}
    assert all(each.median_s is None and each.within[0].share is None for each in month.durations)


def test_the_result_of_an_earlier_revision_is_not_counted():
    again = a_record("1.2.1", a_result("1.2.1"), CaseState.RECEIVING)
    assert happened(month_of(MONTH, [again]), "side") == {}


def test_classes_of_the_core_are_limits_of_trials():
    assert set(CORE_EDGES_ML) <= set(CORE_LIMITS_ML)


RAISING = {
    "triage": ("analysis", "assessment", "bolus", "first_moment", "masks", "motion", "stages", "arterial", "reduction"),
    "dicom_scp": ("reader", "finding", "pixels", "slices", "grid", "chronology", "codestreams", "fragments", "decoding"),
}  # fmt: skip
OURS = ("do not fit times", "times must be uniform", "memory for")
"""Sentences of mistakes in the program, which no scan can cause."""


def sentences():
    """Every refusal that these modules write, each figure in it as 7."""
    for package, names in RAISING.items():
        for name in names:
            for node in ast.walk(ast.parse((ROOT / package / f"{name}.py").read_text())):
                if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                    text = ast.unparse(node.exc.args[0])
                    kind = ast.unparse(node.exc.func)
                    if kind.endswith(("AnalysisError", "InputError")) and text[0] in "f'\"":
                        yield re.sub(r"\{[^}]*\}", "7", text.removeprefix("f").strip("'\""))


def test_every_refusal_of_a_scan_has_a_code():
    found = [each for each in sentences() if not any(word in each for word in OURS)]
    assert len(found) > 25
    assert [each for each in found if code_of(each) == OTHER] == []
    assert code_of("the analysis took longer than 300 s; look at the images") == "no_answer"
    for text in (
        "only 8 frames: at least 10",
        "scan of 20 s is too short: at least",
        "every 5.0 s is too sparse",
    ):
        assert code_of(text) == "scan_too_short"


def a_month_of(reliable: int, severe: int, refused: int, none: int):
    number = itertools.count(1)
    records = [a_record(f"1.{next(number)}", a_result("1", met=n % 3 > 0)) for n in range(reliable)]
    records += [a_record(f"1.{next(number)}", a_result("1", SEVERE)) for _ in range(severe)]
    records += [
        a_record(f"1.{next(number)}", None, CaseState.NOT_ANALYSED, {}, reason="no bolus")
        for _ in range(refused)
    ]
    records += [a_record(f"1.{next(number)}", None, CaseState.NO_PERFUSION, {}) for _ in range(none)]
    return month_of(MONTH, records)


SIZES = list(itertools.product([0, 3, 5, 12], [0, 1, 5], [0, 2, 7], [0, 1, 9]))


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_no_small_count_is_shown_or_can_be_computed(sizes):
    whole, below = a_month_of(*sizes), 5
    month = suppressed(whole, below)
    for true, group in zip(whole.groups, month.groups, strict=True):
        counts = [cell.count for cell in group.cells]
        assert not any(0 < count < below for count in counts if count is not None)
        assert group.whole is None or not 0 < group.whole < below
        missing = [t.count for t, cell in zip(true.cells, group.cells, strict=True) if cell.count is None]
        if group.is_partition and group.whole is not None:
            assert len(missing) != 1, f"{group.code}: the rest of the whole is the count that was left out"
        if group.part_of:
            parent, cell = group.part_of
            if month.group(parent).count(cell) is None:
                assert group.whole is None
                assert not any(counts), "a divided cell that was left out must not be found in its parts"
        if not group.is_partition and group.whole:
            assert not any(0 < group.whole - count < below for count in counts if count is not None)
    for each in month.durations:
        assert (each.count or 0) % below == 0
        assert each.median_s is None or each.count


def test_without_a_limit_nothing_is_left_out(march):
    month = month_of(MONTH, march)
    assert suppressed(month, 0) == suppressed(month, 1) == month
    hidden = suppressed(month, 5)
    assert hidden.group("cases").whole == 9
    assert [cell.count for cell in hidden.group("cases").cells] == [5, None, None, None, 0, 0]
