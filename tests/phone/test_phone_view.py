"""Screens that are rare: another hospital's result, an analysis that stands still, a record of such alerts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.console.phone_scene import Scene
from gateway.console.phone_view import view_of
from gateway.console.phone_words import Say
from gateway.console.rendering import render
from gateway.console.view import CaseView
from gateway.console.wording import VIEWERS
from gateway.feedback.classes import AlertClass
from gateway.feedback.expectation import Expectation, wilson
from gateway.lanes import Queue
from gateway.ledger.records import Case, CaseState, utc_text
from gateway.ledger.schema import TIMES
from gateway.runs.findings import Kind, Trouble
from gateway.team.people import SITE, actor_of_person
from tests.api.staging import a_result
from tests.phone.staging import LE, SAM
from viewer_bridge.report.wording.language import Language

NOW = datetime(2026, 11, 23, 3, 12, tzinfo=UTC)
ZONE = "Asia/Ho_Chi_Minh"
SENT = {
    "alert_sent_at": utc_text(NOW - timedelta(minutes=9)),
    "last_image_at": utc_text(NOW - timedelta(minutes=10)),
}


def a_scene(state=CaseState.ANALYSED, result=None, received=(), **also) -> Scene:
    times = {**dict.fromkeys(TIMES), **SENT}
    case = Case(
        id="c1",
        study_uid="1.2",
        state=state,
        revision=1,
        perfusion_series_uid=None,
        result=result,
        reason=None,
        proof=None,
        seen_arrival_id=0,
        forward_runs=0,
        acknowledged_by=None,
        times=times,
    )
    plain = {
        "id": "c1",
        "state": state.value,
        "revision": 1,
        "reason": None,
        "result": result,
        "times": times,
        "images": {"received": 64},
        "announcement": None,
        "acknowledged_by": None,
        "links": dict.fromkeys(VIEWERS),
        "exchange": {"received": list(received), "sent": []},
    }
    people = {person.id: person for person in (LE, SAM)}
    return Scene(case, CaseView(plain, "m"), (), 1, people, **also)


def drawn(scene, language=Language.ENGLISH, actor=SITE):
    say = Say(language)
    return render("phone-live.html", say=say, case=view_of(scene, actor, say, NOW, ZONE))


@pytest.mark.parametrize(
    ("answers", "said"), [([], "waits for an answer"), ([{"word": "keep"}], "has an answer: Treat there")]
)
def test_another_hospitals_result_is_named_as_such(answers, said):
    result = a_result("1.2").to_json()
    came = {"title": "Bà Rịa", "revision": 1, "announced_at": "2026", "result": result, "answers": answers}
    came |= {"scanned_at": SENT["last_image_at"], "held": None}
    page = drawn(a_scene(CaseState.RECEIVED, received=[came]))
    assert "Computed by Bà Rịa. Not analysed here." in page
    assert said in page
    assert "LEFT hemisphere" in page
    assert "18.4" in page
    assert "No record yet" not in page, "how often another hospital's alerts are right is not ours to say"


def test_an_analysis_that_stands_still_says_that_there_is_no_ai():
    dead = Trouble("case:c1:r1", "case", Queue.ANALYSIS, Kind.DEAD, "stopped", 3, NOW)
    waiting = a_scene(CaseState.ANALYSING)
    assert "AI unavailable" not in drawn(waiting)
    page = drawn(replace(waiting, troubles=[dead]))
    assert "AI unavailable" in page
    assert "Read the images as without a computer" in page
    assert "I take it" in page


def test_how_often_such_alerts_were_right_stands_beside_the_alert():
    known = Expectation(AlertClass.TARGET_MISMATCH, 34, 27, *wilson(27, 34))
    page = drawn(a_scene(result=a_result("1.2").to_json(), expected=known), Language.FRENCH)
    assert "Sur 34 alertes de ce type" in page
    assert "79 %" in page


def test_foreign_text_stays_text():
    evil = "<script>x</script>\" onload=x '"
    result = a_result("1.2").to_json()
    result["quality"] = [{"code": "noise", "severity": "info", "text": evil}]
    page = drawn(a_scene(result=result), Language.VIETNAMESE, actor_of_person(replace(LE, name=evil)))
    assert "<script>" not in page
    assert " onload=x '" not in page.replace("&#39;", "")
