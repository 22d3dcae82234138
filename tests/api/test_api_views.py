"""What the console asks of the ledger, on SQLite and on PostgreSQL."""

from datetime import UTC, datetime

import pytest

from gateway.ledger import views
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import DeliveryKind
from gateway.ledger.schema import arrivals
from gateway.ledger.statements import run

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def a_ledger(request, tmp_path):
    sqlite = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = Ledger.open(sqlite if request.param == "sqlite" else request.getfixturevalue("a_postgres_url"))
    yield ledger
    ledger.engine.dispose()


def arrive(ledger, study_uid, number):
    row = {
        "study_uid": study_uid,
        "series_uid": f"{study_uid}.1",
        "sop_instance_uid": f"{study_uid}.1.{number}",
        "digest": f"{number:064x}",
        "path": f"{number}.dcm",
        "size_bytes": 1,
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "received_at": "2026-03-01T03:00:00.000000Z",
        "calling_ae": "CT01",
        "called_ae": "STROKEGW",
        "association_id": "a-1",
        "header": {},
        "forward_state": "pending",
    }
    run(ledger.engine, arrivals.insert().values(**row))


def test_every_change_of_a_case_changes_its_mark_and_no_other(a_ledger):
    first, second = a_ledger.cases.open("1.2.1", NOW), a_ledger.cases.open("1.2.2", NOW)
    deliveries = a_ledger.deliveries
    key = f"alert:{first.id}:r1:console"
    changes = [
        lambda: arrive(a_ledger, "1.2.1", 1),
        lambda: a_ledger.cases.saw(first.id, 1, NOW),
        lambda: a_ledger.cases.complete(first.id, 1, "1.2.1.1", "proof", NOW),
        lambda: a_ledger.cases.conclude(first.id, 1, {"status": "analysed", "reason": None}, NOW),
        lambda: deliveries.queue(first.id, 1, DeliveryKind.ALERT, "console", NOW),
        lambda: deliveries.retrying(key, NOW, "away"),
        lambda: deliveries.delivered(key, NOW),
        lambda: a_ledger.cases.stamp(first.id, 1, "acknowledged_at", NOW, acknowledged_by="x"),
        lambda: a_ledger.arrivals.mark_forwarded([1], NOW),
    ]
    before = views.marks(a_ledger.engine, 10)
    for change in changes:
        change()
        after = views.marks(a_ledger.engine, 10)
        assert after[first.id] != before[first.id]
        assert after[second.id] == before[second.id]
        before = after
    assert views.marks(a_ledger.engine, 10) == before
    assert views.marks(a_ledger.engine, 1, first.id) == {first.id: before[first.id]}


def test_counts_and_deliveries_of_many_cases_at_once(a_ledger):
    case = a_ledger.cases.open("1.2.1", NOW)
    for number in range(1, 4):
        arrive(a_ledger, "1.2.1", number)
    a_ledger.arrivals.mark_forwarded([1], NOW)
    a_ledger.deliveries.queue(case.id, 1, DeliveryKind.EMR, "his", NOW)
    counts = views.image_counts(a_ledger.engine, ["1.2.1", "1.2.2"])
    assert counts == {"1.2.1": {"pending": 2, "forwarded": 1}}
    found = views.deliveries_of(a_ledger.engine, [case.id])
    assert found == {case.id: a_ledger.deliveries.of_case(case.id)}
    assert views.some_path(a_ledger.engine, "1.2.1") == "1.dcm"
    assert views.some_path(a_ledger.engine, "1.2.2") is None
