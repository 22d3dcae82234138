"""The phantom through a whole gateway: it comes through, nobody sees it, nothing of it stays."""

import sqlite3
import time
from datetime import UTC, datetime

import pytest

from benchmarks.running import running_gateway
from benchmarks.small_phone import SmallPhone
from gateway.ledger.ledger import Ledger
from gateway.silence import truth

PATIENCE_S = 90.0


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The gateway after one phantom, what it told the team, and what its API showed on the way."""
    with SmallPhone() as phone:
        tables = {
            "silence": {"phantom": {"every_minutes": 0.02}},
            "alerts": {
                "levels": [{"name": "team", "webhooks": [{"url": phone.url, "secret": phone.secret}]}]
            },
        }
        with running_gateway(tmp_path_factory.mktemp("walk"), tables) as gateway:
            ledger, shown = Ledger.open(f"sqlite:///{gateway.data_dir / 'ledger.db'}"), []
            deadline = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline:
                shown += gateway.cases()
                done = [walk for walk in ledger.phantoms.latest(9) if walk.removed_at]
                if done:
                    break
                time.sleep(0.1)
            with gateway.api as api:
                metrics = api.get("/metrics").text
                months = api.get(f"/api/v1/statistics/months/{datetime.now(UTC):%Y-%m}").text
            yield gateway, ledger, done, shown, phone, metrics, months
            ledger.engine.dispose()


def test_it_comes_through_with_the_numbers_it_was_drawn_with(walked):
    _, _, (walk, *_), *_ = walked
    assert (walk.outcome, walk.detail) == ("came_through", "")
    assert walk.numbers["core_ml"] == pytest.approx(truth.CORE_ML, abs=0.1)
    assert walk.numbers["hypoperfused_ml"] == pytest.approx(truth.HYPOPERFUSED_ML, abs=0.1)
    assert walk.to_archive, "the private archive took it as well"


def test_nobody_is_told_and_no_list_or_count_shows_it(walked):
    _, _, _, shown, phone, metrics, months = walked
    assert shown == []
    assert phone.alerts == []
    assert 'stroke_gateway_cases{state="analysed"} 0.0' in metrics
    assert "stroke_gateway_phantom_walk_seconds" in metrics
    assert '"analysed":1' not in months.replace(" ", "")


def test_nothing_of_it_stays(walked):
    gateway, ledger, done, *_ = walked
    gateway.process.terminate()
    gateway.process.wait(40)
    gone = {walk.study_uid for walk in done}
    with sqlite3.connect(gateway.data_dir / "ledger.db") as rows:
        for table in ("arrivals", "cases", "matches", "source_visits", "conflicts"):
            column = "association_id" if table == "source_visits" else "study_uid"
            assert not {row[0] for row in rows.execute(f"SELECT {column} FROM {table}")} & gone
        assert rows.execute("SELECT count(*) FROM deliveries").fetchone() == (0,)
    for walk in done:
        assert not (gateway.data_dir / "cases" / walk.case_id).exists()
        with sqlite3.connect(gateway.data_dir / "engine.db") as journal:
            found = journal.execute(
                "SELECT count(*) FROM workflow_status WHERE workflow_uuid LIKE ?", (f"%{walk.case_id}%",)
            )
            assert found.fetchone() == (0,)
    live = sum(ledger.phantoms.received(walk.study_uid) for walk in ledger.phantoms.unremoved())
    assert len(list((gateway.data_dir / "spool" / "datasets").rglob("*.dcm"))) <= live
