"""Who took a received case: seen on every page here, told to the other hospital by role."""

from datetime import UTC, datetime

import pytest

from gateway.ledger.sharing_answers import Word
from gateway.ledger.thread import PostKind
from gateway.sharing import asking
from gateway.sharing.receiving import GivenAnswer, take_answer
from gateway.team.answering import AnswerKind
from tests.api.staging import browser_like
from tests.sharing.hospitals import (
    LOWER,
    serving_at,
)
from tests.sharing.receiver import ANSWERS, hand_over, phone
from triage.errors import InputError


def test_both_sides_see_on_every_page_who_took_it(hospitals):
    lower, team = hospitals
    hand_over(lower, team)
    team.turn()
    address = f"/cases/{team.case.id}"
    with serving_at(lower) as url, browser_like(url, lower.site) as browser:
        assert "Nobody there has taken it yet" in browser.get(address).text
        assert "Nobody at BV Tỉnh trên has taken it yet." in phone(browser, address)
    with serving_at(team.hospital) as url, browser_like(url, team.hospital.site) as browser:
        page, listed, home = (browser.get(path).text for path in (address, "/", "/phone"))
        assert "I take it" in phone(browser, address)
        assert "Not acknowledged" in listed
        assert "Computed by <b>BV Huyện</b>" in page
        taken = {"kind": "take", "by": ANSWERS}
        assert browser.post(f"{address}/answers", data=taken, headers={"Origin": url}).status_code == 303
        page, listed, home = (browser.get(path).text for path in (address, "/", "/phone"))
        for text in (page, listed, home, phone(browser, address)):
            assert "Canary" in text, "here everybody sees who has it, by name"
        assert team.desk.client.signals == [(f"alert:{team.case.id}:r1", "answered")]
    team.turn()
    with serving_at(lower) as url, browser_like(url, lower.site) as browser:
        team.hospital.carry()
        (sent,) = browser.get(f"/api/v1{address}").json()["exchange"]["sent"]
        assert (sent["held"]["word"], sent["held"]["by"], sent["answers"]) == ("taken", "", [])
        page, listed = browser.get(address).text, browser.get("/").text
        assert "by somebody of the team at BV Tỉnh trên" in page
        assert "BV Tỉnh trên: Taken" in listed
        assert "Somebody of the team at BV Tỉnh trên has taken it" in phone(browser, address)
        assert "Canary" not in page + listed, "there by role"
    with serving_at(team.hospital) as url, browser_like(url, team.hospital.site) as browser:
        assert "They know that somebody of the team has it" in browser.get(address).text


def test_the_sender_hears_of_each_change_of_mind_once_and_only_by_role(hospitals):
    lower, team = hospitals
    hand_over(lower, team)
    team.turn()
    team.answer("le", AnswerKind.TAKE)
    for _ in range(3):
        team.turn()
    team.answer("tran", AnswerKind.NOT_STROKE, f"an old infarct, says {ANSWERS}")
    team.hospital.answer("keep", "there is time", by=ANSWERS)
    for _ in range(3):
        team.turn()
    with serving_at(lower):
        team.hospital.carry()
    found = lower.ledger.sharing.answers.of_cases([team.case.id])[team.case.id]
    assert sorted((one.word.value, one.by, one.remark) for one in found) == [
        ("keep", ANSWERS, "there is time"),
        ("not_stroke", "stroke_doctor", ""),
        ("taken", "stroke_doctor", ""),
    ]
    (sent,) = lower.exchange()["sent"]
    assert (sent["held"]["word"], [one["word"] for one in sent["answers"]]) == ("not_stroke", ["keep"])
    with serving_at(lower) as url, browser_like(url, lower.site) as browser:
        page = phone(browser, f"/cases/{team.case.id}")
        assert "A stroke doctor at BV Tỉnh trên says that it is no stroke" in page
        assert "BV Tỉnh trên: Treat there" in page
    took = next(p for p in team.desk.ledger.thread.of_case(team.case.id) if p.kind is PostKind.TOOK)
    assert next(one.at for one in found if one.word is Word.TAKEN) == took.at


def test_who_has_it_comes_from_the_alert_and_never_with_a_name(hospitals):
    lower, team = hospitals
    hand_over(lower, team)
    with pytest.raises(InputError, match="take it, or say"):
        asking.answer(team.desk.ledger, team.case, LOWER, Word.TAKEN, "", "Dr Lê", team.desk.now())
    given = GivenAnswer(
        id="0" * 36,
        case_id=team.case.id,
        revision=1,
        number=1,
        word=Word.TAKEN,
        remark=ANSWERS,
        by=ANSWERS,
        at="2026-01-02T03:04:05.000006Z",
    )
    assert take_answer(lower.ledger, lower.partner, given, datetime.now(UTC))
    (held,) = [one["held"] for one in lower.exchange()["sent"]]
    assert (held["by"], held["remark"]) == ("", "")
