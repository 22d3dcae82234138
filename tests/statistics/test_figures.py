"""Counts and times against a month whose every figure is known."""

import ast
import itertools
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from dicom_scp.mpps import Scheduled, Step, StepStatus
from gateway.feedback.classes import AlertClass
from gateway.feedback.judgement import Reason, Verdict
from gateway.ledger.ledger import Ledger
from gateway.ledger.orders_tables import identities, matches, orders
from gateway.ledger.records import CaseState, moment_of, utc_text
from gateway.ledger.visits_tables import visits
from gateway.statistics.figures import month_of
from gateway.statistics.intervals import INTERVALS, PEOPLE, SCANNED
from gateway.statistics.months import CalendarMonth, days
from gateway.statistics.predictive import predictive_of
from gateway.statistics.questions import CORE_EDGES_ML
from gateway.statistics.reading import counted, records_of
from gateway.statistics.reasons import OTHER, code_of
from gateway.statistics.suppression import suppressed
from tests.api.staging import a_result
from tests.statistics.counting import SEVERE, a_judgement, a_record, keep
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
        "answer_times": {"within_1_min": 5, "within_5_min": 1},
        "levels": {"none": 8, "2": 1},
        "judged": {"judged": 3, "none": 6},
        "verdicts": {"agree": 1, "edit": 1, "reject": 1},
        "edited": {"drawn": 1},
        "rejected": {"old_infarct": 1},
        "judged_alerts": {"target_mismatch": 2, "no_target_mismatch": 1},
        "confirmed_target_mismatch": {"confirmed": 1, "rejected": 1},
        "confirmed_no_target_mismatch": {"confirmed": 1},
        "confirmed_lesion": {},
        "confirmed_no_lesion": {},
        "calls_push": {"answered": 1, "delivered": 1, "opened": 1},
        "calls_email": {"failed": 1},
        **{f"calls_{kind}": {} for kind in ("apprise", "zalo", "mqtt", "webhook")},
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


def test_people_are_timed_as_well(march):
    month = month_of(MONTH, march)
    found = {
        each.interval.code: (each.count, each.median_s)
        for each in month.durations
        if each.count and each.interval not in INTERVALS
    }
    assert found == {
        "alert_to_push_delivered": (1, 1.0),
        "alert_to_push_opened": (1, 10.0),
        "alert_to_push_answered": (1, 60.0),
    }
    answered = month.duration("alert_to_acknowledged")
    assert [share.count for share in answered.within] == [0, 5, 6]


def test_the_share_of_confirmed_alerts_has_wilsons_interval(march):
    mismatch, lesion, *nobody = predictive_of(month_of(MONTH, march))
    assert (mismatch.judged, mismatch.confirmed, mismatch.share) == (2, 1, 0.5)
    assert (mismatch.low, mismatch.high) == pytest.approx((0.12087, 0.87913), abs=1e-4)
    assert (lesion.judged, lesion.share, lesion.high) == (1, 1.0, pytest.approx(1.0))
    assert [each.share for each in nobody] == [None, None]
    hidden = list(predictive_of(suppressed(month_of(MONTH, march), 5)))
    assert all((each.judged, each.share) == (None, None) for each in hidden[:2])


NIGHT = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)


def test_what_others_tell_of_a_scan_counts_where_it_can_be_true(tmp_path):
    """A door of another visit, an order after the scan and a step that was told late are nobody's."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    minutes = {"1.1": (-30, -20, -4), "1.2": (-13 * 60, 5, 9), "1.3": (None, None, None)}
    for study, (door, order, begun) in minutes.items():
        keep(ledger, a_record(study, a_result(study)))
        tell(ledger, study, door, order, begun)
    found = {
        each.case.study_uid: each for each in records_of(ledger.engine, days("2026-03-10", "2026-03-10", UTC))
    }
    ledger.engine.dispose()
    door, order = (each for each in PEOPLE if each.end == SCANNED)
    assert {study: (each.seconds(door), each.seconds(order)) for study, each in found.items()} == {
        "1.1": (26 * 60.0, 16 * 60.0),
        "1.2": (None, None),
        "1.3": (None, None),
    }
    assert found["1.2"].first(SCANNED) == NIGHT


def tell(ledger, study, door, order, begun):
    """What messages and the scanner say, in minutes after the first image."""
    at = {
        name: utc_text(NIGHT + timedelta(minutes=m))
        for name, m in zip("dob", (door, order, begun), strict=True)
        if m
    }
    nothing = dict.fromkeys(("order_key", "identity_key"))
    said = nothing | ({"order_key": f"o{study}", "identity_key": f"p{study}"} if at else {})
    with ledger.engine.begin() as connection:
        connection.execute(insert(matches).values(
            study_uid=study, certainty="certain" if at else "none", **said, priority="stroke", reasons=[], candidates=[],
            header={}, accession_number="", patient_number="", mark="", decided_at=utc_text(NIGHT),
        ))  # fmt: skip
        if not at:
            return
        texts = [column.name for column in orders.c if not column.nullable and column.name != "key"]
        values = {**dict.fromkeys(texts, ""), "procedure": [], "key": f"o{study}", "ordered_at": at["o"]}
        connection.execute(insert(orders).values(**values))
        # The registration was told of a record that was merged into the patient's later.
        for key, into in ((f"old{study}", f"p{study}"), (f"p{study}", None)):
            person = {
                "key": key,
                "name": "",
                "birth_date": "",
                "sex": "",
                "told_at": at["d"],
                "merged_into": into,
            }
            connection.execute(insert(identities).values(**person))
        connection.execute(
            insert(visits).values(identity_key=f"old{study}", arrived_at=at["d"], told_at=at["d"])
        )
    step = Step(
        "9." + study,
        StepStatus.IN_PROGRESS,
        "CT01",
        "CT",
        (Scheduled(study),),
        (),
        ("", ""),
        ("", ""),
        "",
        "",
    )
    ledger.performed.begin(step, "CT01", [None], moment_of(at["b"]))


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
    records = [
        a_record(f"1.{next(number)}", a_result("1", met=n % 3 > 0), judgements=words_on(n))
        for n in range(reliable)
    ]
    records += [a_record(f"1.{next(number)}", a_result("1", SEVERE)) for _ in range(severe)]
    records += [
        a_record(f"1.{next(number)}", None, CaseState.NOT_ANALYSED, {}, reason="no bolus")
        for _ in range(refused)
    ]
    records += [a_record(f"1.{next(number)}", None, CaseState.NO_PERFUSION, {}) for _ in range(none)]
    return month_of(MONTH, records)


def words_on(n: int):
    """Every fourth case is not judged, every third of a class of its own, every fifth wrong."""
    said = AlertClass.LESION if n % 3 == 0 else AlertClass.TARGET_MISMATCH
    verdict, reason = (Verdict.REJECT, Reason.ARTEFACT) if n % 5 == 0 else (Verdict.AGREE, None)
    return () if n % 4 == 0 else (a_judgement("1", verdict, reason, said, n % 5 > 0),)


SIZES = list(itertools.product([0, 3, 5, 12, 40], [0, 1, 5], [0, 2, 7], [0, 1, 9]))


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
