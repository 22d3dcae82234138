"""What comes from another hospital calls people like an alert of our own, once."""

import json
import os
import re
import signal
from datetime import UTC, datetime

import pytest

from gateway.desk import Desk
from gateway.ledger.records import CaseState
from gateway.ledger.sharing_answers import Word
from gateway.ledger.troubles import TroubleKind
from gateway.sharing import courier
from gateway.sharing.bell import Bell
from gateway.steps import alerting
from gateway.steps.delivering import attempt
from gateway.steps.shared_channels import channels_of
from gateway.team.answering import AnswerKind
from gateway.team.people import Role
from tests.api.staging import a_result
from tests.sharing.hospitals import (
    LOWER,
    STUDY,
    UPPER,
    serving_at,
    two_hospitals,
)
from tests.sharing.receiver import (
    ASKS,
    DUTY,
    Dying,
    announce,
    hand_over,
    rung,
    staffed,
)


def test_a_case_from_another_hospital_is_an_alert_until_somebody_takes_it(hospitals):
    lower, team = hospitals
    hand_over(lower, team)
    assert team.exchange.sent == [], "the letter is stored; the bell calls"
    team.turn()
    (name, _, notice) = team.exchange.sent[0]
    assert (name, notice.kind.value, notice.urgent, notice.origin) == ("le", "alert", True, "BV Huyện")
    assert notice.headline == "FROM BV Huyện: Stroke CT: target mismatch, LEFT (DEFUSE 3)"
    assert notice.lines[0] == "handed over by BV Huyện: analysed there, not here"
    assert "core 18.4 ml" in notice.lines[1]
    scanned_at = datetime.fromisoformat(lower.site.get(STUDY).times["last_perfusion_image_at"])
    assert notice.last_image_at == scanned_at.isoformat()
    said = json.dumps(notice.to_json(), ensure_ascii=False)
    assert not re.search(f"Canary|{re.escape(STUDY)}", said)
    assert team.desk.client.runs == [f"alert:{team.case.id}:r1"]
    assert team.case.state is CaseState.RECEIVED
    watch = team.look()
    team.look_at(90)
    assert rung(team)[1] == ("le", "REMINDER: FROM BV Huyện: Stroke CT: target mismatch, LEFT")
    team.look_at(watch.until_s - watch.began_s)
    escalated = [name for name, _, notice in team.exchange.sent if notice.kind.value == "escalated"]
    assert sorted(escalated) == ["le", "tran"]
    team.answer("tran", AnswerKind.TAKE)
    team.look()
    assert ("le", "taken") in team.exchange.kinds()
    assert team.look().look_s is None


def test_repeats_of_the_letter_call_nobody_again(hospitals):
    lower, team = hospitals
    hand_over(lower, team)
    team.turn()
    lower.share(by=ASKS)  # all of it goes once more
    with serving_at(team.hospital):
        lower.carry()
    announce(team)
    for _ in range(3):
        team.turn()
    assert len(team.exchange.sent) == 1
    assert team.desk.client.runs == [f"alert:{team.case.id}:r1"]


def test_a_newer_revision_corrects_and_one_that_changes_nothing_is_silent(team):
    announce(team)
    team.turn()
    team.look()
    team.answer("le", AnswerKind.TAKE)
    announce(team, 2)
    team.turn()
    assert len(team.exchange.sent) == 1
    assert team.case.acknowledged_by == "le"
    announce(team, 4, core_ml=55.5)
    announce(team, 3, core_ml=44.4)  # overtaken on its way
    team.turn()
    team.look(3)
    assert len(team.exchange.sent) == 2
    (name, _, notice) = team.exchange.sent[-1]
    assert (name, notice.kind.value, notice.supersedes) == ("le", "revised", 1)
    assert notice.headline == "REVISED: FROM BV Huyện: Stroke CT: target mismatch, LEFT"
    assert any("core 55.5 ml, before 18.4 ml" in line for line in notice.lines)
    assert any(line.startswith("before: core 18.4 ml") for line in notice.lines)
    assert team.case.acknowledged_by is None, "the new alert waits for an answer of its own"


def test_what_waited_while_the_worker_was_away_is_one_alert_of_the_newest(team):
    announce(team)
    announce(team, 2, core_ml=55.5)
    team.turn()
    assert [notice.numbers["core_ml"] for _, _, notice in team.exchange.sent] == [55.5]
    assert team.exchange.sent[0][2].kind.value == "alert", "nobody was told anything that it revises"


def test_two_hospitals_with_the_same_result_are_one_alarm(team):
    announce(team)
    team.turn()
    announce(team, partner="third")
    team.turn()
    assert len(team.exchange.sent) == 1
    announce(team, 2, partner="third", core_ml=55.5)
    team.turn()
    assert team.exchange.sent[-1][2].origin == "third"


def test_our_own_analysis_and_theirs_are_one_alarm_whichever_comes_first(team):
    team.hospital.receive(images=2)
    case_id = team.hospital.conclude()
    alerting.announce(team.desk, case_id, 1)
    team.settle()
    announce(team)
    team.turn()
    assert len(team.exchange.sent) == 1
    assert team.posts() == [
        "BV Huyện hands this case over and waits for an answer; the alert is that of our own analysis"
    ]
    team.answer("le", AnswerKind.TAKE)
    team.turn()
    (given,) = team.desk.ledger.sharing.answers.untold(LOWER)
    assert (given.word, given.by) == (Word.TAKEN, Role.STROKE_DOCTOR.value)


@pytest.mark.parametrize(("own", "rings"), [({}, False), ({"core_ml": 60.0}, True)])
def test_our_own_result_that_comes_later_rings_where_it_differs(team, own, rings):
    team.hospital.receive(images=2)
    announce(team)
    team.turn()
    assert len(team.exchange.sent) == 1, "numbers are there: nobody waits for the last image"
    assert (team.case.state, team.case.revision) == (CaseState.RECEIVING, 2)
    case_id = team.hospital.conclude(**own)
    alerting.announce(team.desk, case_id, 2)
    team.settle()
    assert len(team.exchange.sent) == 1 + rings
    if rings:
        notice = team.exchange.sent[-1][2]
        assert (notice.kind.value, notice.origin, notice.numbers["core_ml"]) == ("revised", None, 60.0)


def test_a_study_that_had_no_perfusion_images_here_rings_too(team):
    team.hospital.receive(images=2)
    assert team.hospital.ledger.cases.close_without_perfusion(team.case.id, 1, "none", datetime.now(UTC))
    announce(team)
    team.turn()
    assert len(team.exchange.sent) == 1
    assert (team.case.state, team.case.revision) == (CaseState.RECEIVED, 1)


def test_a_refusal_is_an_alert_too(team):
    result = {**a_result(STUDY).to_json(), "status": "not_analysed", "reason": "the scan ends early"}
    team.desk.ledger.sharing.received.announce(LOWER, STUDY, 1, result, "", (), team.desk.now())
    team.turn()
    notice = team.exchange.sent[0][2]
    assert notice.headline == "FROM BV Huyện: Stroke CT: NOT ANALYSED - look at the images"
    assert notice.last_image_at is None, "nothing is said that nobody told"


def test_nobody_on_duty_is_told_as_for_our_own_alerts(tmp_path, exchange):
    with two_hospitals(tmp_path) as (_, upper):
        team = staffed(upper, exchange, levels=[DUTY])
        announce(team)
        team.turn()
        assert team.posts() == [
            "nobody is on duty for 'on duty': look at the rota, and call the team by telephone"
        ]
        assert team.desk.ledger.troubles.open_now(TroubleKind.NOBODY_ON_DUTY)


def test_a_site_may_have_others_called_for_cases_of_other_hospitals(tmp_path, exchange):
    hook = {"url": "https://lab.example/a", "secret": "x" * 16}
    lab = {"name": "cath lab", "role": "cath_lab", "minutes": 2, "webhooks": [hook]}
    with two_hospitals(tmp_path) as (_, upper):
        team = staffed(upper, exchange, received_levels=[lab])
        team.enter("le", "le")
        team.enter("vo", "vo", role=Role.CATH_LAB)
        announce(team)
        team.turn()
        watch = team.look()
        assert team.exchange.kinds() == [("vo", "alert")]
        assert watch.until_s - watch.began_s == 120
        (target,) = channels_of(team.desk.config.alerts.received_levels[0])
        assert f"alert:{team.case.id}:r1:{target}" in " ".join(team.desk.client.runs)
        assert attempt(team.desk, "alert", team.case.id, 1, target)
        team.look_at(120)
        assert team.watches[1].silent, "no level of our own alerts follows"


@pytest.mark.parametrize("moment", ["before the call", "before the alert's run"])
def test_a_kill_between_the_letter_and_the_call_still_calls_and_once(hospitals, moment):
    lower, team = hospitals
    hand_over(lower, team)
    if moment == "before the alert's run":

        def die() -> None:
            ledger = type(team.desk.ledger).open(team.desk.config.ledger_url)
            Bell(Desk(team.desk.config, ledger, Dying(), None, None)).turn()

        child = os.fork()
        if child == 0:
            try:
                die()
            finally:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        assert team.desk.ledger.announcements.get(team.case.id, 1).rings
        assert team.case.times["alert_sent_at"] is None
    team.turn()
    team.look()
    assert team.desk.client.runs == [f"alert:{team.case.id}:r1"]
    assert team.case.times["alert_sent_at"]
    (call,) = team.calls
    assert (call.person_id, call.state.value) == ("le", "sent")


def test_a_mistake_with_one_case_does_not_silence_the_next(team, monkeypatch):
    announce(team)
    calls, honest = [], alerting.announce_received

    def once(*arguments) -> None:
        calls.append(arguments)
        if len(calls) == 1:
            raise ValueError("a mistake")
        honest(*arguments)

    monkeypatch.setattr(alerting, "announce_received", once)
    assert team.turn() == 1.0
    assert team.exchange.sent == []
    assert team.turn() == 0.25
    assert len(team.exchange.sent) == 1


def test_the_bell_hangs_where_somebody_may_send(tmp_path, monkeypatch):
    hung = []
    monkeypatch.setattr(courier, "begin_round", lambda _url, name, _hire, _stop: hung.append(name))
    with two_hospitals(tmp_path) as (lower, upper):
        for hospital in (lower, upper):
            courier.serve_all(hospital.desk, None)
    assert hung == [f"sharing {UPPER}", "sharing bell", f"sharing {LOWER}"]
