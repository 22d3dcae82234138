"""The ledger's side of a received alarm, on both databases: its number, and who waits to hear who has the case."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.api.metrics import seconds_since_last_image
from gateway.feedback.judging import result_of
from gateway.ledger.announcements import Announcement
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import CaseState, case_id_of, utc_text
from gateway.ledger.sharing_answers import Word
from gateway.ledger.thread import Post, PostKind
from tests.api.staging import a_result
from triage.errors import InputError

STUDY = "1.2.826.11"
CASE = case_id_of(STUDY)
NOW = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request, tmp_path):
    sqlite = f"sqlite:///{tmp_path / 'ledger.db'}"
    opened = Ledger.open(sqlite if request.param == "sqlite" else request.getfixturevalue("a_postgres_url"))
    yield opened
    opened.engine.dispose()


def announce(ledger: Ledger, revision: int = 1, partner: str = "lower") -> None:
    result = a_result(STUDY).to_json()
    ledger.sharing.received.announce(partner, STUDY, revision, result, "", (), NOW, utc_text(NOW))


def take(ledger: Ledger, kind: PostKind, minutes: int) -> Post:
    at = utc_text(NOW + timedelta(minutes=minutes))
    ledger.thread.add(Post(CASE, 1, kind, "le", "Lê", "", at))
    return ledger.thread.of_case(CASE)[-1]


def test_numbers_count_what_was_received_and_stand_once_given(ledger):
    alarms = ledger.sharing.alarms
    announce(ledger)
    announce(ledger)
    announce(ledger, 2, "third")
    first, other = alarms.waiting()
    assert [alarms.number(one) for one in (first, other, first, other)] == [1, 2, 1, 2]
    assert ledger.cases.get(CASE).revision == 2
    assert [alarms.of_alert(CASE, number).partner for number in (1, 2)] == ["lower", "third"]
    assert alarms.of_alert(CASE, 3) is None
    assert not alarms.is_overtaken(first)
    announce(ledger, 3)
    assert alarms.is_overtaken(first)
    assert not alarms.is_overtaken(other), "by another hospital's revision"
    alarms.settle(first, NOW)
    assert [(one.partner, one.revision) for one in alarms.waiting()] == [("lower", 3), ("third", 2)]


def test_a_partner_waits_for_the_last_word_until_it_is_written_for_it(ledger):
    sharing, since = ledger.sharing, NOW - timedelta(days=7)
    announce(ledger)
    take(ledger, PostKind.TOOK, 1)
    assert sharing.alarms.owed(since) == [], "first people are called"
    sharing.alarms.settle(sharing.alarms.waiting()[0], NOW)
    take(ledger, PostKind.COMMENT, 2)
    last = take(ledger, PostKind.NOT_STROKE, 3)
    (owed,) = sharing.alarms.owed(since)
    assert (owed.partner, owed.revision, owed.post) == ("lower", 1, last)
    what = ("lower", CASE, 1, Word.NOT_STROKE, "stroke_doctor", last.at, last.id)
    given = [sharing.answers.give_held(*what) for _ in range(2)]
    assert given[0].id == given[1].id
    assert len(sharing.answers.untold("lower")) == 1
    assert sharing.alarms.owed(since) == []
    assert sharing.answers.give("lower", CASE, 1, Word.KEEP, "", "", NOW).number == 2
    take(ledger, PostKind.TOOK, 9)
    assert sharing.alarms.owed(NOW + timedelta(seconds=1)) == [], "of an old case nobody hears any more"
    assert len(sharing.alarms.owed(since)) == 1


def test_their_result_counts_neither_as_ours_nor_for_our_speed(ledger):
    announce(ledger)
    (alarm,) = ledger.sharing.alarms.waiting()
    number = ledger.sharing.alarms.number(alarm)
    told = ledger.sharing.received.get(alarm.share_id).result
    ledger.announcements.record(Announcement(CASE, number, None, rings=True, reasons=(), result=told), NOW)
    ledger.announcements.stamp(CASE, number, "alert_sent_at", NOW)
    case = ledger.cases.get(CASE)
    assert (case.state, case.times["alert_sent_at"]) == (CaseState.RECEIVED, utc_text(NOW))
    with pytest.raises(InputError, match="no result of this gateway"):
        result_of(ledger, case, number)
    assert seconds_since_last_image([case], "alert_sent_at") == []
