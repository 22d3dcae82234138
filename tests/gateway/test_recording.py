"""Arrivals of several senders in one commit: each is durable when it returns, and none spoils another."""

import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from dicom_scp.arrival import Arrival
from dicom_scp.headers import ImageHeader
from gateway.ledger.ledger import Ledger
from gateway.ledger.schema import arrivals
from gateway.ledger.statements import rows
from gateway.recording import ArrivalRecorder
from triage.errors import TemporaryError

HEADER = ImageHeader(
    "1.2.3", "1.2.4", "1.2.5", "1.2.6", "CT", ("ORIGINAL", "AXIAL"), 1, position_mm=(1.0, 2.0, 3.5)
)
NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


def arrival(number: int) -> Arrival:
    return Arrival(HEADER, f"datasets/{number}.dcm", f"{number:064x}", 10, "1.2", NOW, "CT01", "GATE", "a-1")


@pytest.fixture(params=["sqlite", "postgresql"])
def a_ledger(request, tmp_path):
    sqlite = f"sqlite:///{tmp_path / 'ledger.db'}"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("a_postgres_url")
    ledger = Ledger.open(url)
    yield ledger
    ledger.engine.dispose()


@pytest.fixture
def a_recorder(a_ledger):
    recorder = ArrivalRecorder(a_ledger.engine)
    yield recorder
    recorder.close()


def in_threads(work, count):
    threads = [threading.Thread(target=work, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_the_row_is_the_one_that_the_ledger_itself_would_write(a_ledger, a_recorder):
    a_ledger.arrivals.record(arrival(1))
    a_recorder.record(arrival(2))
    first, second = (dict(row) for row in rows(a_ledger.engine, select(arrivals).order_by(arrivals.c.id)))
    differ = {"id", "path", "digest"}
    assert {k: v for k, v in first.items() if k not in differ} == {
        k: v for k, v in second.items() if k not in differ
    }
    assert second["digest"] == arrival(2).digest
    assert a_ledger.arrivals.images("1.2.5")[1].header == HEADER


def test_the_same_again_stays_one_row(a_ledger, a_recorder):
    for _ in range(2):
        a_recorder.record(arrival(1))
    assert len(a_ledger.arrivals.images("1.2.5")) == 1


def test_many_senders_share_commits_and_each_finds_its_row_when_it_returns(a_ledger, a_recorder, monkeypatch):
    commits, missing = [], []
    commit = a_recorder._commit
    monkeypatch.setattr(a_recorder, "_commit", lambda batch: (commits.append(len(batch)), commit(batch)))

    def send(sender):
        for k in range(10):
            a_recorder.record(arrival(100 * sender + k))
            found = rows(
                a_ledger.engine,
                select(arrivals.c.id).where(arrivals.c.digest == arrival(100 * sender + k).digest),
            )
            missing.extend([] if found else [(sender, k)])

    in_threads(send, 6)
    assert missing == []
    assert sum(commits) == len(a_ledger.arrivals.images("1.2.5")) == 60
    assert len(commits) < 60


def test_one_bad_row_is_refused_alone(a_ledger, a_recorder):
    outcomes = {}
    with a_recorder._turn:  # everything gathers behind a commit under way

        def send(k):
            try:
                a_recorder.record(replace(arrival(k), size_bytes=None) if k == 2 else arrival(k))
                outcomes[k] = "kept"
            except TemporaryError:
                outcomes[k] = "refused"

        threads = [threading.Thread(target=send, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        while len(a_recorder._gathering.rows) < 4:
            pass
    for thread in threads:
        thread.join()
    assert outcomes == {0: "kept", 1: "kept", 2: "refused", 3: "kept"}
    assert len(a_ledger.arrivals.images("1.2.5")) == 3


def test_a_database_that_is_gone_is_temporary_and_comes_back(a_ledger, a_recorder, monkeypatch):
    a_recorder.record(arrival(1))

    class Gone:
        def cursor(self):
            raise a_ledger.engine.dialect.loaded_dbapi.OperationalError("gone")

        def invalidate(self):
            return None

        rollback = invalidate

    kept, a_recorder._connection = a_recorder._connection, Gone()
    with monkeypatch.context() as patched:
        patched.setattr(a_ledger.engine, "raw_connection", Gone)
        with pytest.raises(TemporaryError, match="OperationalError"):
            a_recorder.record(arrival(2))
    a_recorder.record(arrival(2))
    kept.close()
    assert len(a_ledger.arrivals.images("1.2.5")) == 2
