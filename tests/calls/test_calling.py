"""Calls: to everybody at once, by the next channel where one fails, and never twice what was accepted."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import update

from gateway.alerts.calling import ring
from gateway.alerts.news import trial
from gateway.alerts.notice import NoticeKind
from gateway.ledger.call import CallState, call_id_of
from gateway.ledger.calls import Attempt, Hold
from gateway.ledger.calls_tables import calls
from gateway.ledger.ledger import Ledger
from gateway.ledger.statements import run
from tests.calls.conftest import BOTH, Engine, LateDesk
from triage.errors import InputError
from viewer_bridge.report.wording.language import Language

SUBJECT = "test:1"


def ring_all(team, names, desk=None):
    """One look at a round of calls; everything that it began has ended then."""
    standing = ring(desk or team.desk, SUBJECT, 0, names, said, notice=NoticeKind.TEST)
    team.settle()
    return standing


def said(person, call):
    return trial(
        call.subject, f"https://gateway.example/a/{call.id}", person.language if person else Language.ENGLISH
    )


def test_everybody_is_called_at_once_and_no_more_than_there_are_lines(make_team):
    team = make_team()
    names = [f"p{number:02}" for number in range(50)]
    for name in names:
        team.enter(name, name)
    team.exchange.slow_s = 0.05
    begun = time.monotonic()
    ring_all(team, names)
    assert time.monotonic() - begun < 50 * 0.05 / 2
    assert team.exchange.names == names
    assert 8 < team.exchange.most <= 32
    assert {call.state for call in team.desk.ledger.calls.of_subject(SUBJECT)} == {CallState.SENT}
    assert ring_all(team, names).look_at is None
    assert len(team.exchange.sent) == 50


@BOTH
def test_a_dead_channel_falls_over_to_the_next_at_once(make_team, away):
    team = make_team()
    team.enter("le", "dead", "wrong", "alive", "spare")
    team.exchange.dead = {"dead": away, "wrong": InputError("refused with 403")}
    ring_all(team, ["le"])
    assert team.exchange.names == ["alive", "dead", "wrong"]
    standing = ring_all(team, ["le"])
    assert (standing.reached, standing.look_at) == ({"le"}, None)
    assert len(team.exchange.sent) == 3, "who was reached is not called again"


@BOTH
def test_a_push_without_a_receipt_falls_over_within_ten_seconds(make_team):
    team = make_team()
    for name in ("le", "tran"):
        team.enter(name, "push", name)
    first = ring_all(team, ["le", "tran"])
    first = ring_all(team, ["le", "tran"])
    assert team.exchange.names == ["push", "push"]
    confirmed = team.desk.ledger.calls.of_person("tran")[0]
    team.desk.ledger.calls.stamp(confirmed.id, CallState.DELIVERED, team.desk.now())
    assert first.look_at - team.desk.now() < timedelta(seconds=6)
    team.wait(6)  # the first look may be due for the one who has confirmed
    ring_all(team, ["le", "tran"])
    assert team.exchange.names == ["le", "push", "push"]
    assert ring_all(team, ["le", "tran"]).look_at is None


@BOTH
def test_a_channel_that_is_away_is_tried_again_and_one_that_refuses_is_not(make_team, away):
    team = make_team()
    team.enter("le", "le", "wrong")
    team.exchange.dead = {"le": away, "wrong": InputError("refused")}
    ring_all(team, ["le"])
    for _ in range(3):
        standing = ring_all(team, ["le"])
        team.wait((standing.look_at - team.desk.now()).total_seconds() + 0.001)
    team.exchange.dead = {}
    ring_all(team, ["le"])
    assert team.exchange.names.count("wrong") == 1
    assert len(set(team.exchange.to("le"))) == 1, "under one key"
    assert ring_all(team, ["le"]).reached == {"le"}


def test_a_person_without_a_device_is_called_by_the_next_channel(make_team):
    team = make_team()
    team.enter("le", "push", "le")
    team.desk.ledger.people.drop_device("dle")
    ring_all(team, ["le"])
    assert team.exchange.names == ["le"]


def test_a_kill_between_sending_and_noting_repeats_the_call_under_its_key_alone(make_team, monkeypatch):
    team = make_team()
    for name in ("le", "tran"):
        team.enter(name, name)
    forgetful = team.desk.ledger.calls.__class__.note

    def note(self, attempts: list[Attempt]) -> None:
        forgetful(self, [attempt for attempt in attempts if attempt.call_id not in lost])

    monkeypatch.setattr(team.desk.ledger.calls.__class__, "note", note)
    lost = {call_of(team, "le")}
    ring_all(team, ["le", "tran"])
    lost.clear()
    again = LateDesk(
        team.desk.config, team.desk.ledger, Engine(), None, None
    )  # the next process of this slot
    ring(again, SUBJECT, 0, ["le", "tran"], said, notice=NoticeKind.TEST)
    while again.switchboard.is_busy():
        time.sleep(0.002)
    assert team.exchange.names == ["le", "le", "tran"]
    assert len(set(team.exchange.to("le"))) == 1


def call_of(team, name):
    """The id of somebody's call, which is computed."""
    (contact,) = team.desk.ledger.people.contacts_of([name])[name]
    return call_id_of(SUBJECT, 0, 0, NoticeKind.TEST.value, contact.id)


@BOTH
def test_another_worker_does_not_send_what_this_one_is_sending(make_team):
    team = make_team()
    team.enter("le", "le")
    team.exchange.gate.clear()
    ring(team.desk, SUBJECT, 0, ["le"], said, notice=NoticeKind.TEST)
    other = another_worker(team)
    assert ring(other, SUBJECT, 0, ["le"], said, notice=NoticeKind.TEST).look_at is not None
    assert not other.switchboard.is_busy()
    team.exchange.gate.set()
    team.settle()
    assert len(team.exchange.sent) == 1
    stuck = update(calls).values(
        state="queued", sent_at=None, held_by="a", held_until=str(team.desk.now().year - 1)
    )
    run(team.desk.ledger.engine, stuck)
    ring(other, SUBJECT, 0, ["le"], said, notice=NoticeKind.TEST)
    while other.switchboard.is_busy():
        time.sleep(0.002)
    assert len(team.exchange.sent) == 2, "a worker that is gone holds nothing for ever"


def another_worker(team, ledger=None):
    """A desk of another slot."""
    config = team.desk.config.model_copy(
        update={"worker": team.desk.config.worker.model_copy(update={"slot": "b"})}
    )
    return LateDesk(config, ledger or team.desk.ledger, Engine(), None, None)


@BOTH
def test_two_workers_that_ring_at_once_call_everybody_once(make_team, database):
    team = make_team()
    names = [f"p{number:02}" for number in range(20)]
    for name in names:
        team.enter(name, name)
    ledger = Ledger.open(database)
    other, begin = another_worker(team, ledger), Barrier(2)

    def look(desk, order):
        begin.wait(10)
        return ring(desk, SUBJECT, 0, order, said, notice=NoticeKind.TEST)

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(look, team.desk, names), pool.submit(look, other, names[::-1])]
        assert [each.result(30).called for each in both] == [set(names)] * 2
    team.settle()
    while other.switchboard.is_busy():
        time.sleep(0.002)
    assert team.exchange.names == names
    assert {call.state for call in team.desk.ledger.calls.of_subject(SUBJECT)} == {CallState.SENT}
    ledger.engine.dispose()


def test_a_mistake_in_one_notice_costs_nobody_else_theirs(make_team):
    team = make_team()
    for name in ("le", "tran"):
        team.enter(name, name)

    def spoilt(person, call):
        if person.id == "le":
            raise KeyError("NGUYEN")
        return said(person, call)

    ring(team.desk, SUBJECT, 0, ["le", "tran"], spoilt, notice=NoticeKind.TEST)
    team.settle()
    assert team.exchange.names == ["tran"]
    (failed,) = team.desk.ledger.calls.of_person("le")
    assert failed.state is CallState.FAILED
    assert "KeyError" in failed.detail
    assert "NGUYEN" not in failed.detail


@pytest.mark.parametrize("order", [("opened", "delivered", "sent"), ("sent", "delivered", "opened")])
def test_a_call_never_goes_back(make_team, order):
    team = make_team()
    team.enter("le", "le")
    team.exchange.dead = {"le": InputError("x")}
    ring_all(team, ["le"])
    (call,) = team.desk.ledger.calls.of_subject(SUBJECT)
    for name in order:
        assert team.desk.ledger.calls.stamp(call.id, CallState(name), team.desk.now())
        assert not team.desk.ledger.calls.stamp(call.id, CallState(name), team.desk.now()), (
            "the first time stands"
        )
    known = team.desk.ledger.calls.get(call.id)
    assert known.state is CallState.OPENED
    assert all(known.times[f"{name}_at"] for name in order)
    team.desk.ledger.calls.close(SUBJECT, team.desk.now())
    assert team.desk.ledger.calls.open_of(SUBJECT) == []
    assert team.desk.ledger.calls.claim([call.id], team.desk.now(), Hold("z", team.desk.now())) == set()
