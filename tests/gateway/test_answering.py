"""What people answer: written down first, told to the escalation then, and a repeat changes nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.ledger.announcements import Announcement
from gateway.ledger.call import Call, CallState, call_id_of, case_subject
from gateway.ledger.calls import Hold
from gateway.ledger.ledger import Ledger
from gateway.ledger.thread import PostKind
from gateway.team.answering import AnswerKind, answer, comment, holder_of, plain, say
from gateway.team.contacts import ChannelKind
from gateway.team.people import LINK_RIGHTS, SITE, Actor, ActorKind, Person, Role, actor_of_person
from triage.errors import InputError, TemporaryError

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
LE = Person("p1", "le", "BS Lê", frozenset({Role.STROKE_DOCTOR}))
AN = Person("p2", "an", "BS Ân", frozenset({Role.STROKE_DOCTOR}))
CATH = Person("p3", "cath", "Cath lab", frozenset({Role.CATH_LAB}))


class Line:
    """An engine that is there, or away."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.away = False

    def signal(self, key: str, _topic: str, value: str) -> None:
        if self.away:
            raise TemporaryError("away")
        self.told.append((key, value))


class Night:
    """One case whose alert has been sent."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.line = ledger, Line()
        self._id = ledger.cases.open("1.2.3", NOW).id
        for person in (LE, AN, CATH):
            ledger.people.add(person, NOW)

    @property
    def case(self):
        return self.ledger.cases.get(self._id)

    def alert(self) -> None:
        news = Announcement(self._id, 1, former=None, rings=True, reasons=(), result={})
        self.ledger.announcements.record(news, NOW)
        self.ledger.announcements.stamp(self._id, 1, "alert_sent_at", NOW)

    def call(self, person: Person) -> None:
        subject, hold = case_subject(self._id, 1), Hold("test", NOW + timedelta(minutes=1))
        made = Call(
            id=call_id_of(subject, 0, 0, "alert", person.id),
            subject=subject,
            case_id=self._id,
            revision=1,
            step=0,
            turn=0,
            notice="alert",
            person_id=person.id,
            contact_id=person.id,
            place=0,
            kind=ChannelKind.PUSH,
            target="push",
        )
        self.ledger.calls.queue([made], NOW, hold)
        self.ledger.calls.stamp(made.id, CallState.SENT, NOW)

    def answer(self, who: Actor | Person, kind: AnswerKind, text: str = "") -> None:
        actor = who if isinstance(who, Actor) else actor_of_person(who)
        answer(self.ledger, self.line, self.case, actor, kind, text, NOW)

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(post.kind.value, post.name) for post in self.ledger.thread.of_case(self._id)]

    @property
    def holder(self) -> str | None:
        found = holder_of(self.ledger.thread.of_case(self._id), 1)
        return found.name if found else None


@pytest.fixture
def night(tmp_path):
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield Night(ledger)
    ledger.engine.dispose()


def test_nothing_can_be_answered_before_there_is_an_alert(night):
    with pytest.raises(InputError, match="nothing to answer"):
        night.answer(LE, AnswerKind.TAKE)
    assert (night.said, night.line.told) == ([], [])


def test_whoever_takes_the_case_has_it_and_ends_the_escalation(night):
    night.alert()
    night.call(LE)
    night.call(AN)
    for _ in range(3):
        night.answer(LE, AnswerKind.TAKE)
    assert night.said == [("took", "BS Lê")], "a repeat changes nothing"
    assert (night.case.acknowledged_by, night.holder) == ("BS Lê", "BS Lê")
    assert set(night.line.told) == {(f"alert:{night.case.id}:r1", "answered")}
    states = {call.person_id: call.state for call in night.ledger.calls.of_case(night.case.id)}
    assert states == {"p1": CallState.ACKNOWLEDGED, "p2": CallState.CLOSED}


def test_a_colleague_may_take_over_and_the_first_answer_stays_the_first(night):
    night.alert()
    for person in (LE, AN, LE):
        night.answer(person, AnswerKind.TAKE)
    assert night.said == [("took", "BS Lê"), ("took", "BS Ân"), ("took", "BS Lê")]
    assert (night.case.acknowledged_by, night.holder) == ("BS Lê", "BS Lê")


def test_who_declines_leaves_the_case_open_and_tells_the_escalation(night):
    night.alert()
    night.call(LE)
    for _ in range(2):
        night.answer(LE, AnswerKind.DECLINE, "in theatre")
    assert night.said == [("declined", "BS Lê")]
    assert night.case.times["acknowledged_at"] is None
    assert set(night.line.told) == {(f"alert:{night.case.id}:r1", "declined")}
    night.answer(AN, AnswerKind.DECLINE)
    assert len(night.line.told) == 2, "who was never called tells the escalation nothing"


def test_only_who_may_decide_it_says_that_it_is_no_stroke_and_says_why(night):
    night.alert()
    with pytest.raises(InputError, match="say why"):
        night.answer(LE, AnswerKind.NOT_STROKE, " \n ")
    with pytest.raises(InputError, match="stroke doctor or a radiologist"):
        night.answer(CATH, AnswerKind.NOT_STROKE, "seizure")
    assert night.line.told == []
    night.answer(LE, AnswerKind.NOT_STROKE, "seizure")
    assert (night.said, night.holder) == ([("not_stroke", "BS Lê")], "BS Lê")
    assert night.case.times["acknowledged_at"] is not None


def test_an_answer_is_kept_while_the_escalation_cannot_be_told(night):
    night.alert()
    night.line.away = True
    with pytest.raises(TemporaryError, match="answer again"):
        night.answer(LE, AnswerKind.TAKE)
    assert night.holder == "BS Lê"
    night.line.away = False
    night.answer(LE, AnswerKind.TAKE)
    assert (night.said, len(night.line.told)) == ([("took", "BS Lê")], 1)


def test_a_link_answers_in_the_name_of_its_person_and_of_nobody_else(night):
    night.alert()
    link = Actor(ActorKind.LINK, LE.name, LINK_RIGHTS, LE.id, case_id=night.case.id)
    night.answer(link, AnswerKind.TAKE)
    assert night.holder == "BS Lê"
    with pytest.raises(InputError, match="needs a name"):
        night.answer(replace(link, person_id=None), AnswerKind.TAKE)
    night.answer(replace(SITE, name="ward 3"), AnswerKind.TAKE)
    assert night.holder == "ward 3"


def test_a_newer_alert_is_nobodys_until_somebody_takes_it(night):
    night.alert()
    night.answer(LE, AnswerKind.TAKE)
    posts = night.ledger.thread.of_case(night.case.id)
    assert (holder_of(posts, 1).name, holder_of(posts, 2)) == ("BS Lê", None)


def test_what_people_write_is_kept_as_plain_text(night):
    night.alert()
    comment(night.ledger, night.case, actor_of_person(LE), "line 1\nline\x00\x1b[31m 2\u202e", NOW)
    say(night.ledger, night.case, "nobody is on duty", NOW)
    say(night.ledger, night.case, "nobody is on duty", NOW)
    posts = night.ledger.thread.of_case(night.case.id)
    assert [(post.kind, post.text) for post in posts] == [
        (PostKind.COMMENT, "line 1\nline[31m 2"),
        (PostKind.SYSTEM, "nobody is on duty"),
    ]
    with pytest.raises(InputError, match="empty"):
        comment(night.ledger, night.case, actor_of_person(LE), " \u202e\x07 ", NOW)
    assert len(plain("x" * 5000)) == 1000
