"""When a patient came, as admissions and registrations tell."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from benchmarks.hospital.messages import Somebody, adt
from gateway.ledger.ledger import Ledger
from gateway.ledger.statements import rows
from gateway.ledger.visits_tables import visits
from gateway.orders.office import Incoming, Office
from gateway.orders.settings import Orders as Settings

RECEIVED = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
MADE = "20261122100000+0700"
"""MSH-7: 03:00 UTC."""


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield ledger
    ledger.engine.dispose()


def arrivals(ledger, *raws):
    answers = Office(ledger.engine, Settings()).take([Incoming(raw, RECEIVED) for raw in raws])
    assert all(b"MSA|AA" in answer for answer in answers), answers
    return sorted(row["arrived_at"] for row in rows(ledger.engine, select(visits)))


def at(raw: bytes, place: bytes, text: bytes) -> bytes:
    return raw.replace(place, place + text, 1)


def admitted(event: str, number: str, pv1_44: str) -> bytes:
    """With PV1-44, by a clock of UTC+7."""
    return at(adt(event, number, Somebody(), MADE), b"PV1|1|E", b"|" * 42 + pv1_44.encode())


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (adt("A04", "1", Somebody(), MADE), ["2026-11-22T03:00:00.000000Z"]),
        (admitted("A01", "1", "20261122094100"), ["2026-11-22T02:41:00.000000Z"]),
        (admitted("A01", "1", "20261122"), ["2026-11-22T03:00:00.000000Z"]),
        (admitted("A01", "1", "20261123094100"), ["2026-11-22T03:00:00.000000Z"]),
        (at(adt("A04", "1", Somebody(), MADE), b"EVN|A04|" + MADE.encode(), b"||||202611220955"), ["2026-11-22T02:55:00.000000Z"]),
        (adt("A08", "1", Somebody(), MADE), []),
        (adt("A28", "1", Somebody(), MADE), []),
    ],
    ids=["when it was made", "admitted", "a day is no time", "from the future", "occurred", "correction", "person"],
)  # fmt: skip
def test_a_registration_says_when_somebody_came(ledger, raw, expected):
    assert arrivals(ledger, raw) == expected


def test_the_same_word_twice_is_one_and_another_visit_another(ledger):
    again = adt("A04", "2", Somebody(), "20261122101500+0700")
    first = adt("A04", "1", Somebody(), MADE)
    assert len(arrivals(ledger, first, first, again)) == 2
