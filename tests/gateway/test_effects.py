"""What leaves the house: under one key however often it is tried, in its own lane, and so many at a time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from dicom_scp.commitment import Reference, Request
from gateway import pipeline
from gateway.config import Config
from gateway.desk import Desk
from gateway.intake import Intake
from gateway.lanes import Priority, Queue
from gateway.ledger.commitments import Commitments
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import DeliveryKind, case_id_of
from gateway.steps import delivering
from gateway.steps.ordering import order
from triage.errors import TemporaryError

KINDS = [kind for kind in DeliveryKind if kind is not DeliveryKind.EMR]
"""Deliveries that are runs; letters to medical records have couriers."""


class Clerk:
    """Takes note of what is submitted."""

    def __init__(self):
        self.submitted = {}

    def submit(self, name, key, *args, queue, priority):
        self.submitted[key] = (name, args, queue, priority)


@pytest.fixture
def desk(tmp_path):
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.cases.open("1.2.3", datetime.now(UTC))
    yield Desk(Config(), ledger, Clerk(), None, None)
    ledger.engine.dispose()


def test_every_attempt_carries_the_key_of_its_run(desk, monkeypatch):
    seen = []

    def send(_desk, _case, target, key):
        seen.append((target, key))
        if len(seen) % 2:
            raise TemporaryError("away")
        return "accepted"

    monkeypatch.setattr(delivering, "SENDERS", dict.fromkeys(KINDS, send))
    for kind in KINDS:
        order(desk, case_id_of("1.2.3"), 1, kind, "somebody")
    for key, (name, args, *_) in desk.client.submitted.items():
        assert name == "deliver"
        assert not delivering.attempt(desk, *args)
        assert delivering.attempt(desk, *args)
        assert seen[-2:] == [("somebody", key)] * 2, "a receiver can tell a repeat from news"


def test_alerts_have_a_lane_of_their_own(desk):
    for kind in KINDS:
        order(desk, case_id_of("1.2.3"), 1, kind, "somebody")
    how = {args[0]: (queue, priority) for _, args, queue, priority in desk.client.submitted.values()}
    assert how.pop("alert") == (Queue.URGENT, Priority.URGENT)
    assert {queue for queue, _ in how.values()} == {Queue.DELIVER}


def test_uploads_are_bounded_where_they_happen(monkeypatch):
    lock, now, most = threading.Lock(), [0], [0]

    def forward(_desk, _case_id):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        return "some"

    monkeypatch.setattr(pipeline.forwarding, "forward_images", forward)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda case_id: pipeline._forward_images(None, case_id), map(str, range(12))))
    assert most == [4]


def test_what_could_not_be_submitted_is_submitted_by_the_next_look(tmp_path):
    ledger, tried = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}"), []

    def submit(_name, key, *_args, **_how):
        tried.append(key)
        if len(tried) == 1:
            raise TemporaryError("the engine's database does not answer")

    commitments = Commitments(ledger.engine)
    asked = Request("1.2.9", (Reference("1.2.840.10008.5.1.4.1.1.2", "1.2.3"),))
    commitments.ask("CT01", asked, datetime.now(UTC), datetime.now(UTC))
    intake = Intake(ledger, SimpleNamespace(submit=submit), Config().intake, analysis_timeout_s=300)
    with pytest.raises(TemporaryError):
        intake.look(datetime.now(UTC))
    for _ in range(2):
        intake.look(datetime.now(UTC))
    ledger.engine.dispose()
    assert len(tried) == 2, "again, and once"
    assert len(set(tried)) == 1, "under the same key"
