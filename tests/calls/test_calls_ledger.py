"""Calls in the ledger, on SQLite and on PostgreSQL: each is one row, never goes back, and is held by one worker at a time."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from gateway.ledger.call import Call, CallState, call_id_of, case_subject
from gateway.ledger.calls import Attempt, Hold
from gateway.ledger.ledger import Ledger
from gateway.team.contacts import ChannelKind
from tests.calls.conftest import BOTH

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
CASE = "0b5b7e9e-6f0c-5d9e-8f2b-5d1c2a9f0e11"
SUBJECT = case_subject(CASE, 1)
MINE = Hold("mine", NOW + timedelta(seconds=30))
THEIRS = Hold("theirs", NOW + timedelta(seconds=30))
OVER = Hold("gone", NOW - timedelta(seconds=1))
MANY, WINDOW, ROUNDS = 60, 6, 4

pytestmark = BOTH


def at(seconds):
    return NOW + timedelta(seconds=seconds)


def a_call(name, **changes):
    plain = {
        "id": call_id_of(SUBJECT, 0, 0, "alert", name),
        "subject": SUBJECT,
        "case_id": CASE,
        "revision": 1,
        "step": 0,
        "turn": 0,
        "notice": "alert",
        "person_id": name,
        "contact_id": name,
        "place": 0,
        "kind": ChannelKind.WEBHOOK,
        "target": f"https#{name}",
    }
    return Call(**{**plain, **changes})


LE, TRAN = a_call("le"), a_call("tran")


@pytest.fixture
def ledgers(database):
    """The same ledger, as two processes have it open."""
    both = Ledger.open(database), Ledger.open(database)
    yield both
    for ledger in both:
        ledger.engine.dispose()


@pytest.fixture
def calls(ledgers):
    return ledgers[0].calls


def at_once(*acts):
    """Do things in threads that begin together; returns what they returned."""
    barrier = Barrier(len(acts))

    def begin(act):
        barrier.wait(10)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result(60) for future in [pool.submit(begin, act) for act in acts]]


def test_a_call_comes_back_as_it_was_written_down_and_once(calls):
    assert calls.queue([], NOW, MINE) == set()
    assert calls.queue([LE, TRAN], NOW, MINE) == {LE.id, TRAN.id}
    assert calls.queue([LE, a_call("vo")], NOW, THEIRS) == {a_call("vo").id}
    known = calls.get(LE.id)
    assert known == replace(LE, times={**known.times})
    assert {name for name, moment in known.times.items() if moment} == {"queued_at"}
    assert calls.get("nobody's") is None
    assert [call.person_id for call in calls.of_person("tran")] == ["tran"]
    assert len(calls.of_case(CASE)) == len(calls.of_subject(SUBJECT)) == len(calls.latest(9)) == 3


def test_a_channel_and_a_worker_may_have_long_names(calls):
    long = replace(LE, target=f"{'a' * 100}#12345678")
    hold = Hold("worker-" * 20, MINE.until)
    assert calls.queue([long], NOW, hold) == {LE.id}
    assert calls.get(LE.id).target == long.target
    assert calls.claim([LE.id], NOW, hold) == {LE.id}


def test_a_call_is_claimed_by_who_holds_it_or_when_nobody_does(calls):
    calls.queue([LE], NOW, MINE)
    assert calls.claim([], NOW, MINE) == set()
    assert calls.claim([LE.id, TRAN.id], NOW, MINE) == {LE.id}, (
        "again by the process that took this one's place"
    )
    assert calls.claim([LE.id], NOW, THEIRS) == set()
    assert calls.claim([LE.id], at(31), Hold("theirs", at(60))) == {LE.id}, (
        "a worker that is gone holds nothing"
    )
    assert calls.claim([LE.id], at(32), Hold("mine", at(62))) == set()
    calls.note([Attempt(LE.id, CallState.FAILED, at(33), "webhook: ConnectError", at(40))])
    assert calls.claim([LE.id], at(34), Hold("mine", at(64))) == {LE.id}, "an outcome ends the hold"
    calls.note([Attempt(LE.id, CallState.SENT, at(35))])
    assert calls.claim([LE.id], at(36), Hold("mine", at(66))) == set(), (
        "what was accepted is never sent again"
    )


def test_outcomes_of_a_batch_are_noted_together(calls):
    calls.queue([LE, TRAN, a_call("vo")], NOW, MINE)
    calls.note(
        [
            Attempt(LE.id, CallState.DELIVERED, at(1)),
            Attempt(TRAN.id, CallState.FAILED, at(2), "webhook: ConnectError", at(7)),
            Attempt(a_call("vo").id, CallState.SENT, at(3)),
        ]
    )
    le, tran, vo = (calls.get(a_call(name).id) for name in ("le", "tran", "vo"))
    assert (le.state, tran.state, vo.state) == (CallState.DELIVERED, CallState.FAILED, CallState.SENT)
    assert le.times["sent_at"] == le.times["delivered_at"], "what the receiver has, was sent"
    assert (tran.detail, tran.due_at[:19], tran.attempts) == (
        "webhook: ConnectError",
        "2026-03-01T03:00:07",
        1,
    )
    assert (vo.times["delivered_at"], vo.due_at) == (None, None)
    assert sorted(calls.seconds_to(CallState.SENT, 9)) == [1, 3]


def test_a_late_outcome_takes_nothing_back(calls):
    calls.queue([LE], NOW, MINE)
    assert calls.stamp(LE.id, CallState.OPENED, at(1))
    assert not calls.stamp(LE.id, CallState.OPENED, at(2)), "the first time stands"
    calls.note([Attempt(LE.id, CallState.SENT, at(3))])
    known = calls.get(LE.id)
    assert known.state is CallState.OPENED
    assert (known.times["opened_at"][17:19], known.times["sent_at"][17:19]) == ("01", "03")


def test_an_answer_closes_the_calls_of_the_others(calls):
    calls.queue([LE, TRAN, a_call("vo", case_id=None, subject="test:1")], NOW, MINE)
    calls.note([Attempt(LE.id, CallState.SENT, at(1)), Attempt(TRAN.id, CallState.SENT, at(1))])
    assert calls.declined(CASE, 1, "tran", at(2))
    assert not calls.declined(CASE, 1, "vo", at(2))
    calls.escalated(SUBJECT, 0, at(3))
    assert {call.state for call in calls.open_of(SUBJECT)} == {CallState.ESCALATED}
    calls.answered(CASE, 1, "le", at(4))
    assert {call.person_id: call.state for call in calls.of_subject(SUBJECT)} == {
        "le": CallState.ACKNOWLEDGED,
        "tran": CallState.CLOSED,
    }
    assert calls.open_of(SUBJECT) == []
    assert calls.get(TRAN.id).times["declined_at"]
    assert calls.claim([TRAN.id], at(90), Hold("mine", at(99))) == set()
    (mark,) = calls.marks([CASE, "another"]).items()
    assert mark == (CASE, (2, "2026-03-01T03:00:04.000000Z"))
    assert calls.counts() == {("webhook", state): 1 for state in ("acknowledged", "closed", "queued")}


def test_two_workers_that_claim_the_same_calls_at_once_hold_each_call_once(ledgers):
    """Windows that overlap, from both ends: a worker that took the rows in its own order would wait for the other for ever."""
    many = [a_call(f"p{number}") for number in range(MANY)]
    ids = sorted(call.id for call in many)
    ledgers[0].calls.queue(many, NOW, OVER)

    def claims(ledger, order, hold):
        windows = [order[start : start + 2 * WINDOW] for start in range(0, MANY, WINDOW)]
        return lambda: [
            ledger.calls.claim(window, hold.until - timedelta(seconds=30), hold) for window in windows
        ]

    for seconds in range(0, 60 * ROUNDS, 60):
        one, other = Hold("mine", at(seconds + 30)), Hold("theirs", at(seconds + 30))
        mine, theirs = at_once(claims(ledgers[0], ids, one), claims(ledgers[1], ids[::-1], other))
        assert set.union(*mine) | set.union(*theirs) == set(ids)
        assert not set.union(*mine) & set.union(*theirs)


def test_two_workers_that_begin_the_same_round_at_once_begin_each_call_once(ledgers):
    for turn in range(ROUNDS):
        many = [
            a_call(f"p{number}", turn=turn, id=call_id_of(SUBJECT, 0, turn, "alert", str(number)))
            for number in range(MANY)
        ]
        mine, theirs = at_once(
            lambda these=many: ledgers[0].calls.queue(these, NOW, MINE),
            lambda these=many[::-1]: ledgers[1].calls.queue(these, NOW, THEIRS),
        )
        assert mine | theirs == {call.id for call in many}
        assert not mine & theirs


def test_outcomes_and_an_answer_that_meet_do_not_wait_for_each_other_for_ever(ledgers):
    for alert in range(1, 1 + ROUNDS):
        subject = case_subject(CASE, alert)
        many = [
            a_call(f"p{number}", subject=subject, id=call_id_of(subject, 0, 0, "alert", str(number)))
            for number in range(MANY)
        ]
        ledgers[0].calls.queue(many, NOW, MINE)
        states = (CallState.SENT, CallState.FAILED, CallState.DELIVERED)
        outcomes = [Attempt(call.id, states[n % 3], at(1)) for n, call in enumerate(many[::-1])]
        at_once(
            lambda these=outcomes: ledgers[0].calls.note(these),
            lambda alert=alert: ledgers[1].calls.answered(CASE, alert, "p1", at(2)),
        )
        states = {call.state for call in ledgers[0].calls.of_subject(subject)}
        assert states <= {CallState.CLOSED, CallState.ACKNOWLEDGED}
