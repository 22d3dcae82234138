"""A case that is handed on: the colleague is called, and it stays where it was until they take it."""

import pytest

from gateway.ledger.call import CallState
from gateway.ledger.thread import PostKind
from gateway.steps.summoning import HANDED_ON, ring_summoned
from gateway.team.answering import AnswerKind, hand_over, holder_of
from gateway.team.people import Role, actor_of_person
from triage.errors import InputError

DUTY = {"name": "on duty", "role": "stroke_doctor", "minutes": 4}


@pytest.fixture
def night(make_team):
    """Somebody on duty has taken the case; a colleague sleeps."""
    team = make_team(levels=[DUTY])
    team.enter("le", "le")
    team.enter("tran", "dead", "tran", on_duty=False)
    team.conclude()
    team.settle()
    team.answer("le", AnswerKind.TAKE)
    return team


def hand_on(team, whom: str) -> int:
    people, desk = team.people, team.desk
    hand_over(desk.ledger, desk.client, team.case, actor_of_person(people["le"]), people[whom], desk.now())
    return desk.ledger.thread.of_case(team.case.id)[-1].id


def test_the_colleague_is_called_by_the_next_channel_where_one_fails(night):
    night.exchange.dead["dead"] = InputError("no such receiver")
    number = hand_on(night, "tran")
    assert night.desk.client.runs[-1] == f"summon:{night.case.id}:{number}"
    before = len(night.exchange.sent)
    assert ring_summoned(night.desk, night.case.id, 1, "tran", number) > 0
    night.settle()
    sent = night.exchange.sent[before:]
    assert [(name, notice.kind.value) for name, _, notice in sent] == [("dead", "handed"), ("tran", "handed")]
    assert sent[0][2].headline.startswith("FOR YOU: ")
    assert all(notice.urgent for _, _, notice in sent), "it rings"
    assert ring_summoned(night.desk, night.case.id, 1, "tran", number) is None
    assert len(night.exchange.sent) == before + 2, "once, however often one looks"
    mine = [call for call in night.calls if call.step == HANDED_ON]
    assert [call.state for call in mine] == [CallState.FAILED, CallState.SENT]


def test_the_case_stays_with_whoever_has_it_until_it_is_taken(night):
    number = hand_on(night, "tran")
    posts = night.desk.ledger.thread.of_case(night.case.id)
    assert (posts[-1].kind, posts[-1].text) == (PostKind.HANDED_OVER, "tran")
    assert holder_of(posts, 1).name == "le"
    night.answer("tran", AnswerKind.TAKE)
    assert holder_of(night.desk.ledger.thread.of_case(night.case.id), 1).name == "tran"
    before = len(night.exchange.sent)
    assert ring_summoned(night.desk, night.case.id, 1, "tran", number) is None
    assert len(night.exchange.sent) == before, "whoever has it is not called"


def test_asked_again_the_colleague_is_called_again(night):
    for number in (hand_on(night, "tran"), hand_on(night, "tran")):
        ring_summoned(night.desk, night.case.id, 1, "tran", number)
        night.settle()
    assert [name for name, _, notice in night.exchange.sent if notice.kind.value == "handed"] == ["dead"] * 2


def test_nobody_hands_a_case_to_themselves_or_to_somebody_who_may_not_take_it(night):
    night.enter("it", "it", role=Role.IT, on_duty=False)
    for whom in ("le", "it"):
        with pytest.raises(InputError, match="choose a colleague"):
            hand_on(night, whom)
