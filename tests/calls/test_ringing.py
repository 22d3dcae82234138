"""An alert from level to level: who is called, when the next level is, and what everybody else hears of it."""

from gateway.ledger.call import CallState
from gateway.ledger.deliveries import TEAM
from gateway.ledger.thread import PostKind
from gateway.ledger.troubles import TroubleKind
from gateway.team.answering import AnswerKind
from gateway.team.people import Role
from tests.calls.conftest import BOTH
from triage.errors import InputError
from triage.results import Side

DUTY = {"name": "on duty", "role": "stroke_doctor", "minutes": 4, "repeat_minutes": 1.5}
ALL = {"name": "everybody", "role": "stroke_doctor", "who": "everybody", "minutes": 3}
LAB = {"name": "cath lab", "role": "cath_lab", "minutes": 2}


def test_levels_follow_one_another_at_their_minutes_until_nobody_is_left(make_team):
    team = make_team(levels=[DUTY, ALL])
    team.enter("le", "le")
    team.enter("tran", "tran", on_duty=False)
    team.conclude()
    team.settle()
    assert team.exchange.kinds() == [("le", "alert")], "called before the alert's run has begun"
    watch = team.look()
    began = watch.began_s
    assert (watch.until_s - began, watch.look_s - began) == (240, 90)
    for moment in (90, 180):
        team.look_at(moment)
    assert team.exchange.kinds() == [("le", "alert"), ("le", "repeat"), ("le", "repeat")]
    assert not any(notice.urgent for _, _, notice in team.exchange.sent[1:]), "repeats are quiet"
    watch = team.look_at(240)
    assert (watch.level, watch.began_s - began, watch.until_s - began) == (1, 240, 420)
    assert team.exchange.kinds()[-2:] == [("le", "repeat"), ("tran", "escalated")]
    assert ("le", "escalated") in team.exchange.kinds()
    assert team.calls[0].state is CallState.ESCALATED
    watch = team.look_at(420)
    assert watch.silent
    assert [d.state.value for d in team.desk.ledger.deliveries.of_case(team.case.id) if d.target == TEAM] == [
        "failed"
    ]
    assert [post.kind for post in team.desk.ledger.thread.of_case(team.case.id)] == [PostKind.SYSTEM]
    team.answer("tran", AnswerKind.TAKE)
    team.look()
    assert ("le", "taken") in team.exchange.kinds(), "a late answer is told, too"


def test_a_level_that_is_reached_late_does_not_shift_the_next(make_team):
    team = make_team(levels=[DUTY, ALL, LAB])
    team.enter("le", "le")
    team.enter("vo", "vo", role=Role.CATH_LAB)
    team.conclude()
    began = team.look().began_s
    team.wait(250)
    watch = team.look()
    assert (watch.level, watch.began_s - began, watch.until_s - began) == (1, 240, 420)


def test_after_a_long_outage_nobody_is_passed_over(make_team):
    team = make_team(levels=[DUTY, ALL, LAB])
    team.enter("le", "le")
    team.enter("tran", "tran", on_duty=False)
    team.enter("vo", "vo", role=Role.CATH_LAB)
    team.conclude()
    team.look()
    team.wait(100_000)
    watch = team.look()
    assert (watch.level, watch.silent) == (2, True)
    assert {"tran", "vo"} < set(team.exchange.names)


@BOTH
def test_taking_it_ends_it_and_the_others_hear_who_has_it(make_team):
    team = make_team(levels=[DUTY, ALL])
    for name in ("le", "tran", "vo"):
        team.enter(name, name)
    team.conclude()
    team.look()
    team.answer("tran", AnswerKind.TAKE)
    assert team.desk.client.signals == [(f"alert:{team.case.id}:r1", "answered")]
    team.look()
    assert [each for each in team.exchange.kinds() if each[1] == "taken"] == [
        ("le", "taken"),
        ("vo", "taken"),
    ]
    assert not any(notice.urgent for _, _, notice in team.exchange.sent[-2:])
    watch = team.look()
    assert watch.look_s is None
    assert len(team.exchange.sent) == 5, "once each"
    states = {call.person_id: call.state for call in team.calls if call.notice == "alert"}
    assert states == {"le": CallState.CLOSED, "tran": CallState.ACKNOWLEDGED, "vo": CallState.CLOSED}


def test_when_everybody_declines_the_next_level_is_called_at_once(make_team):
    team = make_team(levels=[DUTY, LAB])
    team.enter("le", "le")
    team.enter("tran", "tran")
    team.enter("vo", "vo", role=Role.CATH_LAB)
    team.conclude()
    team.look()
    team.answer("le", AnswerKind.DECLINE)
    assert team.look().level == 0
    team.wait(90)
    team.look()
    assert ("tran", "repeat") in team.exchange.kinds()
    assert ("le", "repeat") not in team.exchange.kinds()
    team.answer("tran", AnswerKind.DECLINE)
    watch = team.look()
    assert watch.level == 1
    assert round(watch.began_s - team.desk.now().timestamp()) == 0
    assert ("vo", "escalated") in team.exchange.kinds()


def test_no_stroke_recalls_the_alert(make_team):
    team = make_team(levels=[DUTY])
    team.enter("le", "le")
    team.enter("tran", "tran")
    team.conclude()
    team.look()
    team.answer("le", AnswerKind.NOT_STROKE, "old infarct")
    team.look()
    assert ("tran", "recalled") in team.exchange.kinds()
    assert team.look().look_s is None


def test_a_level_without_anybody_says_so_and_the_next_follows(make_team):
    team = make_team(levels=[DUTY, LAB])
    team.enter("le", "le", on_duty=False)
    team.enter("vo", "vo", role=Role.CATH_LAB)
    team.conclude()
    watch = team.look()
    assert (watch.level, team.exchange.names) == (1, ["vo"])
    (post,) = team.desk.ledger.thread.of_case(team.case.id)
    assert "nobody is on duty for 'on duty'" in post.text
    assert [trouble.kind for trouble in team.desk.ledger.troubles.open_now()] == [TroubleKind.NOBODY_ON_DUTY]


def test_the_last_level_has_its_time_though_nobody_is_there(make_team):
    team = make_team(levels=[{**DUTY, "repeat_minutes": None}])
    team.conclude()
    watch = team.look()
    assert (watch.silent, watch.look_s) == (False, watch.until_s)
    assert team.look_at(240).silent


def test_a_level_that_no_channel_reaches_is_given_up(make_team, away):
    team = make_team(levels=[DUTY, LAB])
    team.enter("le", "le", "le2")
    team.enter("vo", "vo", role=Role.CATH_LAB)
    team.exchange.dead = {"le": away, "le2": InputError("refused")}
    team.conclude()
    watch = team.look()
    began = watch.began_s
    assert watch.level == 0
    for _ in range(20):
        if team.wait_for_look().level:
            break
    assert team.watches[1].level == 1
    assert 9 <= team.watches[1].began_s - began <= 10
    assert ("vo", "escalated") in team.exchange.kinds()


def test_a_newer_result_rings_whoever_has_the_case_and_corrects_it_for_the_others(make_team):
    team = make_team(levels=[DUTY, ALL])
    team.enter("le", "le")
    team.enter("tran", "tran", on_duty=False)
    team.enter("vo", "vo", role=Role.CATH_LAB, on_duty=False)
    team.conclude()
    team.look()
    team.wait(240)
    team.look()
    team.answer("tran", AnswerKind.TAKE)
    team.look()
    team.exchange.sent.clear()
    team.conclude(2, side=Side.RIGHT)
    team.look(2)
    assert team.exchange.kinds() == [("le", "revised"), ("tran", "revised")]
    assert {notice.urgent for _, _, notice in team.exchange.sent} == {True}
    assert all(notice.supersedes == 1 for _, _, notice in team.exchange.sent)
    assert team.look(1).look_s is None


def test_those_told_before_who_are_not_called_now_are_corrected_quietly(make_team):
    team = make_team(levels=[DUTY, ALL])
    team.enter("le", "le")
    team.enter("tran", "tran", on_duty=False)
    team.conclude()
    team.look()
    team.wait(240)
    team.look()
    team.exchange.sent.clear()
    team.conclude(2, side=Side.RIGHT)
    team.look(2)
    assert {name: notice.urgent for name, _, notice in team.exchange.sent} == {"le": True, "tran": False}


def test_a_channel_that_fails_after_the_answer_wakes_nobody_by_the_next(make_team, away):
    team = make_team(levels=[DUTY])
    team.enter("le", "le", "le2")
    team.enter("tran", "tran")
    team.exchange.dead = {"le": away}
    team.exchange.gate.clear()
    team.conclude()
    team.answer("tran", AnswerKind.TAKE)
    team.exchange.gate.set()
    team.settle()
    assert "le2" not in team.exchange.names


def test_a_mistake_in_calling_does_not_keep_the_alert_from_beginning(make_team, monkeypatch):
    team = make_team(levels=[DUTY])
    team.enter("le", "le")

    def broken(*_):
        raise KeyError("x")

    monkeypatch.setattr("gateway.steps.alerting.ring_first", broken)
    team.conclude()
    assert f"alert:{team.case.id}:r1" in team.desk.client.runs
    team.look()
    assert team.exchange.names == ["le"]
