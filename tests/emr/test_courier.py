"""The queue of a destination: by a played clock, with a real record on loopback."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from benchmarks.outage import Played, Record, a_desk, conclude
from benchmarks.running import free_port
from gateway.emr import acts, corrections
from gateway.emr.composing import DRAWING_PATIENCE
from gateway.emr.courier import AILING, Courier
from gateway.ledger.letter import Cause
from gateway.ledger.records import DeliveryState
from gateway.ledger.statements import rows
from gateway.orders.match import Certainty, Match
from gateway.orders.order import OrderPriority
from gateway.runs import acts as runs


def test_letters_go_once_each_on_one_connection(site):
    cases = [site.conclude(f"1.2.{number}") for number in range(12)]
    with site.record.open():
        site.play(1)
        assert len(site.record.seen) == len(set(site.record.seen)) == 12
        site.begin()
        site.play(5)
    assert len(site.record.seen) == 12, "what was noted is not sent again"
    assert {site.state(case).state for case in cases} == {DeliveryState.DELIVERED}
    case = site.desk.case(cases[0])
    assert case.times["emr_accepted_at"]


def test_a_destination_that_is_away_costs_no_attempt_and_gets_all_soon_after_its_return(site):
    case = site.conclude("1.2.1")
    site.play(8 * 3600, 60)
    assert "ConnectionRefused" in site.state(case).detail
    assert site.state(case).attempts == 0
    assert site.letters.standing("his").away_since
    site.begin()
    for number in range(2, 30):
        site.conclude(f"1.2.{number}")
    with site.record.open():
        site.play(60)
        assert len(site.record.seen) == 29
    assert site.letters.standing("his").away_since is None


def test_a_letter_refused_for_now_waits_ever_longer_and_the_others_pass(site):
    bad = site.conclude("9.9")
    site.record.refuses = bad
    good = [site.conclude(f"1.2.{number}") for number in range(10)]
    with site.record.open():
        site.play(1)
        assert {site.state(case).state for case in good} == {DeliveryState.DELIVERED}
        site.play(6 * 3600, 60)
        waiting = site.state(bad)
        assert waiting.state is DeliveryState.RETRYING
        assert 10 < waiting.attempts < 30
        site.record.refuses = ""
        site.play(3700, 30)
    assert site.state(bad).state is DeliveryState.DELIVERED
    assert len(site.record.seen) == 11


def test_a_record_that_fails_everything_is_away_and_everybody_is_woken_when_it_is_back(site):
    site.record.refuses = "MSH"
    for number in range(20):
        site.conclude(f"1.2.{number}")
    with site.record.open():
        site.play(5)
        assert site.letters.standing("his").away_since
        assert AILING <= site.record.refused.total() <= AILING + 5
        site.play(2 * 3600, 20)
        site.record.refuses = ""
        site.play(60)
    assert len(site.record.seen) == 20


def test_three_bad_letters_do_not_come_with_every_good_one(site):
    """Without the rule that only an outage of `OUTAGE` wakes everybody, each good letter would cost three bad ones."""
    site.record.refuses = "1.2.3.9"
    site.result = replace(site.result, study_uid="1.2.3.9")
    for number in range(AILING):
        site.conclude(f"1.2.3.9{number}")
    site.result = replace(site.result, study_uid="1.2.4")
    with site.record.open():
        site.play(30)
        before = site.record.refused.total()
        for number in range(20):
            site.conclude(f"1.2.4.{number}")
            site.play(2)
        site.play(60)
        assert len(site.record.seen) == 20
        assert site.record.refused.total() - before < 20


def test_a_paused_destination_keeps_its_queue_and_goes_on_where_it_was(site):
    config, ledger = site.desk.config, site.desk.ledger
    acts.pause(config, ledger, "his", "a test", Played.moment)
    assert acts.pause(config, ledger, "his", "another", Played.moment) == "it is paused already"
    site.conclude("1.2.1")
    with site.record.open():
        site.play(600, 5)
        assert site.record.seen == []
        (standing,) = site.letters.standings(["his"])
        assert (standing.waiting, standing.paused_by) == (1, "a test")
        acts.resume(config, ledger, "his", "a test")
        site.play(1)
        assert len(site.record.seen) == 1
    with pytest.raises(Exception, match="no destination 'nope'; configured: his"):
        acts.resume(config, ledger, "nope", "a test")


def test_what_is_refused_for_good_is_a_dead_letter_that_can_be_replayed_or_given_up(site, monkeypatch):
    cases = [site.conclude("1.2.1"), site.conclude("1.2.2")]
    site.record.refuses = "MSH"
    monkeypatch.setattr(
        site.record, "_answer", lambda text, answer=site.record._answer: answer(text).replace(b"206", b"204")
    )
    ledger = site.desk.ledger
    with site.record.open():
        site.play(1)
        assert len(ledger.deliveries.dead_letters()) == 2
        site.record.refuses = ""
        engine = NoRuns()
        again, given_up = (site.state(case).id for case in cases)
        said = runs.replay(engine, ledger, again, Played.moment, "a test")
        assert said == "it is sent again when its destination is there"
        runs.cancel(engine, ledger, given_up, Played.moment, "a test")
        site.play(60)
    assert len(site.record.seen) == 1
    assert site.state(cases[0]).state is DeliveryState.DELIVERED
    assert site.state(cases[1]).state is DeliveryState.CANCELLED


class NoRuns:
    """An engine that has none: letters have no runs."""

    def jobs(self, *_, **__):
        return []


def test_a_correction_and_a_signature_follow_as_letters_of_their_own(site):
    case = site.conclude("1.2.1")
    texts = []
    answer = site.record._answer
    site.record._answer = lambda text: texts.append(text) or answer(text)
    with site.record.open():
        assert corrections.resend(site.desk, "1.2.1", "the name was corrected") == 0, "the first will say it"
        site.play(1)
        assert corrections.resend(site.desk, "1.2.1", "the name was corrected") == 1
        assert corrections.resend(site.desk, "1.2.1", "once more") == 0, "the one that waits will say it"
        site.play(1)
        assert corrections.signed(site.desk, case) == 1
        site.play(1)
        assert corrections.resend(site.desk, "1.2.1", "merged") == 1
        site.play(1)
    fields = [dict(enumerate(text.split("\rOBR|")[1].split("\r")[0].split("|"), start=1)) for text in texts]
    assert [told[25] for told in fields] == ["P", "C", "F", "C"]
    assert len({told[3] for told in fields}) == 1, "one order"
    controls = [text.split("|")[9] for text in texts]
    assert len(set(controls)) == 4
    for former, told in zip(controls, texts[1:], strict=False):
        assert f"(message {former})" in told
    assert "the name was corrected" in texts[1]
    assert "Computed without review" in texts[1]
    assert "A physician has signed" in texts[2]
    assert corrections.resend(site.desk, "1.2.77", "unknown study") == 0


def test_an_unsent_letter_gives_way_to_the_one_that_follows_it(site):
    case = site.conclude("1.2.1")
    corrections.signed(site.desk, case)
    with site.record.open():
        site.play(1)
        assert len(site.record.seen) == 1
    assert site.state(case).state is DeliveryState.SUPERSEDED
    assert site.state(case, ":2").state is DeliveryState.DELIVERED


def test_a_dead_letter_is_settled_by_a_later_edition_that_arrives(site):
    case = site.conclude("1.2.1")
    (letter,) = site.letters.of_case(case, "his")
    site.letters.end(letter, DeliveryState.FAILED, Played.moment, "AR", tried=True)
    assert corrections.resend(site.desk, "1.2.1", "the number was corrected") == 1
    with site.record.open():
        site.play(1)
    assert site.state(case).state is DeliveryState.SUPERSEDED
    assert site.desk.ledger.deliveries.dead_letters() == []


def test_an_uncertain_match_lets_no_order_number_out(site):
    site.conclude("1.2.1")
    match = Match(Certainty.UNCERTAIN, reasons=("two orders",))
    site.desk.ledger.orders.matches.decide("1.2.1", match, {}, OrderPriority.ROUTINE, "", Played.moment)
    texts = []
    answer = site.record._answer
    site.record._answer = lambda text: texts.append(text) or answer(text)
    with site.record.open():
        site.play(1)
        site.desk.ledger.orders.matches.decide(
            "1.2.1", Match(Certainty.NONE), {}, OrderPriority.ROUTINE, "", Played.moment
        )
        corrections.resend(site.desk, "1.2.1", "a person has looked")
        site.play(1)
    uncertain, settled = (text.split("\rOBR|")[1].split("|") for text in texts)
    assert uncertain[2] == settled[2] == site.result.study_uid, "the number that it is filed under stays"
    assert not any("ACC" in value for value in uncertain)
    assert "ACC" in settled[17], "the control: the images do carry a number"


def test_letters_of_an_older_release_are_adopted(site):
    case = site.conclude("1.2.1")
    with site.desk.ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM letters")
    site.begin()
    with site.record.open():
        site.play(1)
        assert len(site.record.seen) == 1
    assert site.state(case).state is DeliveryState.DELIVERED


def test_a_case_that_cannot_be_written_fails_alone(site, monkeypatch):
    bad, good = site.conclude("1.2.1"), site.conclude("1.2.2")
    with site.desk.ledger.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE cases SET result = '{\"status\": \"analysed\"}' WHERE study_uid = '1.2.1'"
        )
    with site.record.open():
        site.play(1)
    assert site.state(bad).state is DeliveryState.FAILED
    assert "KeyError" in site.state(bad).detail
    assert site.state(good).state is DeliveryState.DELIVERED


def test_numbers_do_not_wait_for_ever_for_a_report_that_is_not_drawn(tmp_path, make_result):
    record = Record(free_port())
    with a_desk(tmp_path, record.port) as desk:
        wanting = desk.config.emr.destinations[0].model_copy(update={"include_pdf": True})
        conclude(desk, "1.2.1", make_result())
        courier = Courier(desk, wanting)
        with record.open():
            until = Played.moment + DRAWING_PATIENCE
            while Played.moment < until:
                Played.moment += timedelta(seconds=max(courier.turn(), 5))
                assert record.seen == [] or Played.moment >= until
            while not record.seen:
                Played.moment += timedelta(seconds=courier.turn())
            courier.close()


def test_nothing_of_a_person_is_in_what_is_noted_of_a_letter(site):
    case = site.conclude("1.2.1")
    site.play(60)
    tables = ("letters", "destinations", "deliveries")
    told = [rows(site.desk.ledger.engine, text(f"SELECT * FROM {table}")) for table in tables]
    assert "ConnectionRefused" in f"{told}", "the control: something was noted"
    assert "NGUY" not in f"{told} {site.state(case)}"


def test_a_revision_has_one_first_letter_however_often_it_is_announced(site):
    case = site.conclude("1.2.1")
    for _ in range(3):
        site.letters.queue(case, 1, "his", Cause.RESULT, "", Played.moment)
    assert len(site.letters.of_case(case, "his")) == 1
