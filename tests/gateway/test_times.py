"""The times of a case: once per revision, kept for good, counted once however often anybody asks or restarts."""

import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import delete

from gateway.api import stages
from gateway.api.stages import BUCKETS_S, StageHistograms
from gateway.ledger.ledger import Ledger
from gateway.ledger.moments import STAGES, laps_after, laps_since
from gateway.ledger.records import utc_text
from gateway.ledger.schema import TIMES, arrivals, moments
from gateway.ledger.statements import rows, run
from gateway.steps import analysis

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
RESULT = {"status": "analysed", "reason": None}


@pytest.fixture(params=["sqlite", "postgresql"])
def a_ledger(request, tmp_path):
    sqlite = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = Ledger.open(sqlite if request.param == "sqlite" else request.getfixturevalue("a_postgres_url"))
    yield ledger
    ledger.engine.dispose()


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def arrive(ledger: Ledger, study: str, series: str, second: float) -> int:
    row = {
        "study_uid": study,
        "series_uid": f"{study}.{series}",
        "sop_instance_uid": f"{study}.{series}.{second}",
        "digest": f"{study}.{second}",
        "path": "x.dcm",
        "size_bytes": 1,
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "received_at": utc_text(at(second)),
        "calling_ae": "CT01",
        "called_ae": "STROKEGW",
        "association_id": "a-1",
        "header": {},
        "forward_state": "pending",
    }
    run(ledger.engine, arrivals.insert().values(**row))
    return rows(ledger.engine, arrivals.select().order_by(arrivals.c.id.desc()).limit(1))[0]["id"]


def walk(ledger: Ledger, study: str, *, since: float = 0.0, acknowledged: bool = True) -> str:
    """One case from its images to the answer, told twice, as steps that are repeated do."""
    case = ledger.cases.open(study, at(since))
    arrive(ledger, study, "1", since)
    arrive(ledger, study, "1", since + 4)
    seen = arrive(ledger, study, "2", since + 5)
    ledger.cases.saw(case.id, seen, at(since + 5))
    arrive(
        ledger, study, "1", since + 9
    )  # comes while the verdict is being written down: late, not accounted for
    for delay in (0.0, 50.0):
        ledger.cases.complete(case.id, 1, f"{study}.1", "proof", at(since + 5.3 + delay))
        ledger.cases.stamp(case.id, 1, "compute_started_at", at(since + 5.4 + delay))
        ledger.cases.conclude(case.id, 1, RESULT, at(since + 8.01 + delay), at(since + 8.0 + delay))
        for name, second in (("alert_sent_at", 8.06), ("alert_delivered_at", 8.5), ("published_at", 15.0)):
            ledger.cases.stamp(case.id, 1, name, at(since + second + delay))
        ledger.cases.stamp(case.id, 1, "alert_opened_at", at(since + 48.5 + delay))
        if acknowledged:
            ledger.cases.stamp(case.id, 1, "acknowledged_at", at(since + 60.5 + delay))
    return case.id


EXPECTED = {
    "wait_for_proof": 1.3,
    "queue": 0.1,
    "compute": 2.6,
    "hand_over": 0.06,
    "last_image_to_alert": 3.06,
    "alert_to_delivered": 0.44,
    "delivered_to_opened": 40.0,
    "opened_to_acknowledged": 12.0,
    "alert_to_archive": 6.94,
}


def test_each_stage_is_known_and_a_repeat_moves_nothing(a_ledger):
    case_id = walk(a_ledger, "1.2")
    times = a_ledger.cases.get(case_id).times
    assert times["last_perfusion_image_at"] == utc_text(at(4)), "of the perfusion series, and accounted for"
    assert (times["last_image_at"], times["compute_ended_at"]) == (utc_text(at(5)), utc_text(at(8.0)))
    assert (times["alert_sent_at"], times["acknowledged_at"]) == (utc_text(at(8.06)), utc_text(at(60.5)))
    assert {lap.stage: lap.seconds for lap in laps_after(a_ledger.engine, 0)} == pytest.approx(EXPECTED)


def test_a_new_revision_starts_anew_and_the_old_one_stays_counted(a_ledger):
    case_id = walk(a_ledger, "1.2")
    assert a_ledger.cases.reopen(a_ledger.cases.get(case_id))
    assert a_ledger.cases.get(case_id).times["compute_started_at"] is None
    a_ledger.cases.complete(case_id, 2, "1.2.1", "proof", at(100))
    a_ledger.cases.stamp(case_id, 2, "compute_started_at", at(101))
    queue = [lap.seconds for lap in laps_after(a_ledger.engine, 0) if lap.stage == "queue"]
    assert sorted(queue) == pytest.approx([0.1, 1.0])


def test_only_stages_that_ended_in_the_window_are_told(a_ledger):
    walk(a_ledger, "1.2")
    since = utc_text(at(40))
    assert {lap.stage for lap in laps_since(a_ledger.engine, since)} == {
        "delivered_to_opened",
        "opened_to_acknowledged",
    }


def test_a_case_closed_without_perfusion_waited_for_nothing(a_ledger):
    case = a_ledger.cases.open("1.2", NOW)
    a_ledger.cases.close_without_perfusion(case.id, 1, "no perfusion series", at(20))
    assert laps_after(a_ledger.engine, 0) == []
    a_ledger.cases.reopen(a_ledger.cases.get(case.id))
    walk(a_ledger, "1.2")
    assert {lap.stage: lap.seconds for lap in laps_after(a_ledger.engine, 0)}["queue"] == pytest.approx(0.1)


def test_an_older_ledger_gets_the_new_times(a_ledger):
    new = [name for name in TIMES if name.startswith("compute_")]
    case = a_ledger.cases.open("1.2", NOW)
    with a_ledger.engine.begin() as connection:
        for name in new:
            connection.exec_driver_sql(f"ALTER TABLE cases DROP COLUMN {name}")
        moments.drop(connection)
    a_ledger.engine.dispose()
    again = Ledger.open(a_ledger.engine.url.render_as_string(hide_password=False))
    assert again.cases.get(case.id) == case
    assert again.cases.stamp(case.id, 1, new[0], NOW)
    again.engine.dispose()


def counts(histograms: StageHistograms) -> dict[str, float]:
    return {
        sample.labels["stage"]: sample.value
        for sample in histograms.family().samples
        if sample.labels.get("le") == "+Inf"
    }


def test_every_lap_is_counted_once_by_everybody_whenever_they_ask(a_ledger, monkeypatch):
    monkeypatch.setattr(stages, "LOOK_BACK", 20)  # two cases: settling begins at once
    patient = StageHistograms(a_ledger.engine)
    chance = random.Random(1)
    answered = 0
    for number in range(8):
        answers = chance.random() < 0.5
        answered += answers
        walk(a_ledger, f"1.{number}", since=number, acknowledged=answers)
        if chance.random() < 0.7:
            counts(patient)
    expected = dict.fromkeys((stage.name for stage in STAGES), 8.0)
    expected |= {"opened_to_acknowledged": float(answered), "alert_to_emr": 0.0}
    restarted = StageHistograms(a_ledger.engine)
    for _ in range(3):
        assert counts(patient) == counts(restarted) == expected
    sums = [
        {s.labels["stage"]: s.value for s in one.family().samples if s.name.endswith("_sum")}
        for one in (patient, restarted)
    ]
    assert sums[0] == pytest.approx(sums[1])
    run(a_ledger.engine, delete(moments).where(moments.c.id < 10))
    assert counts(patient) == expected, "what has settled is not read again: the cost does not grow"
    assert counts(StageHistograms(a_ledger.engine)) != expected


def test_a_time_that_becomes_visible_late_is_counted(a_ledger):
    """PostgreSQL gives a number first and shows the row later."""
    case_id = walk(a_ledger, "1.1", acknowledged=False)
    histograms = StageHistograms(a_ledger.engine)
    before = counts(histograms)["opened_to_acknowledged"]
    late = {"case_id": case_id, "revision": 1, "name": "acknowledged_at", "at": utc_text(at(70)), "id": 5000}
    run(a_ledger.engine, moments.insert().values(**(late | {"id": 600, "name": "emr_accepted_at"})))
    counts(histograms)
    run(a_ledger.engine, moments.insert().values(**(late | {"id": 599})))
    assert counts(histograms)["opened_to_acknowledged"] == before + 1


def test_buckets_resolve_a_tenth_of_a_second_and_an_hour(a_ledger):
    walk(a_ledger, "1.2")
    within = {
        (sample.labels["stage"], float(sample.labels["le"])): sample.value
        for sample in StageHistograms(a_ledger.engine).family().samples
        if "le" in sample.labels
    }
    assert (BUCKETS_S[0], BUCKETS_S[-1]) == (0.05, 3600.0)
    assert (within["queue", 0.05], within["queue", 0.2]) == (0, 1)
    assert (within["compute", 2.0], within["compute", 3.0]) == (0, 1)


def test_the_analysis_tells_when_it_began_and_ended(tmp_path, monkeypatch):
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    case = ledger.cases.open("1.2", NOW)
    ledger.cases.complete(case.id, 1, "1.2.1", "proof", NOW)
    clock = iter(at(second) for second in (1, 4, 5))
    desk = SimpleNamespace(
        ledger=ledger,
        case=ledger.cases.get,
        folder=lambda case_id, revision: tmp_path / case_id / f"r{revision}",
        now=lambda: next(clock),
    )
    monkeypatch.setattr(analysis, "_run", lambda *_: "the analysis failed")
    analysis.analyse(desk, case.id, 1)
    times = ledger.cases.get(case.id).times
    assert times["compute_started_at"] == utc_text(at(1))
    assert times["compute_ended_at"] == utc_text(at(4))
    assert times["analysed_at"] == utc_text(at(5))
    ledger.engine.dispose()
