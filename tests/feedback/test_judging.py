"""Judgements, what they make of an alert's claim, and what is therefore expected of the next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.feedback.classes import CLAIMS, AlertClass, class_of, with_core
from gateway.feedback.expectation import FEWEST_JUDGED, LOOKED_BACK, expectation, wilson
from gateway.feedback.judgement import EditState, Judgement, Reason, Verdict, confirms
from gateway.feedback.judging import Opinion, judge
from gateway.ledger.edits import Bringer, Edit
from gateway.ledger.judgements import Tally, standing
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import utc_text
from gateway.statistics.months import days
from gateway.statistics.reading import records_of
from gateway.team.people import SITE, Actor, ActorKind, Right
from tests.api.staging import (
    TRUNCATED,
    a_refusal,
    a_result,
    a_time_to_peak_result,
    close_site,
    open_site,
)
from triage.errors import InputError
from viewer_bridge.report.wording.language import Language

RADIOLOGIST = Actor(ActorKind.PERSON, "BS Trần", frozenset({Right.JUDGE}), "p-1")


@pytest.fixture(scope="module")
def a_site_to_judge(tmp_path_factory):
    site = open_site(tmp_path_factory.mktemp("judged"))
    yield site
    close_site(site)


def a_case(site, study, result=None):
    site.receive(study)
    site.conclude(study, result or a_result(study))
    return site.alert(study)


def say(site, case, verdict, reason=None, actor=RADIOLOGIST, at=None, **more):
    return judge(site.ledger, case, actor, Opinion(1, verdict, reason, **more), at or datetime.now(UTC))


def test_every_class_has_its_results():
    found = {
        class_of(each).value
        for each in (
            a_result("1"),
            a_result("1", core_ml=96.0, met=False),
            with_core(a_result("1"), 60.0),
            a_result("1", TRUNCATED),
            a_time_to_peak_result("1"),
            a_refusal("1", "no bolus"),
        )
    }
    assert found == {"target_mismatch", "no_target_mismatch", "untrusted", "no_volumes", "not_analysed"}


def test_an_edit_confirms_while_the_alert_would_be_the_same():
    mismatch = a_result("1")
    assert confirms(mismatch, Verdict.EDIT, 30.0) is True
    assert confirms(mismatch, Verdict.EDIT, 110.0) is False
    assert confirms(mismatch, Verdict.EDIT, None) is True
    assert confirms(mismatch, Verdict.REJECT, None) is False
    assert confirms(a_refusal("1", "no bolus"), Verdict.REJECT, None) is None


def test_the_last_word_stands_and_all_are_kept(a_site_to_judge):
    site = a_site_to_judge
    case = a_case(site, "1.3.1")
    say(site, case, Verdict.AGREE)
    say(site, case, Verdict.REJECT, Reason.ARTEFACT, text="beam\nhardening")
    known = site.ledger.judgements.of_case(case.id)
    assert [each.verdict for each in known] == [Verdict.AGREE, Verdict.REJECT]
    last = standing(known, 1)
    assert (last.verdict, last.reason, last.text, last.confirms) == (
        Verdict.REJECT,
        Reason.ARTEFACT,
        "beam hardening",
        False,
    )
    assert (last.name, last.person_id) == ("BS Trần", "p-1")
    assert "Trần" not in repr(last)
    assert standing(known, 2) is None


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        (Opinion(1, Verdict.REJECT), "choose a reason"),
        (Opinion(1, Verdict.EDIT), "choose a reason"),
        (Opinion(1, Verdict.REJECT, Reason.OTHER, text=" \0 "), "in a few words"),
        (Opinion(1, Verdict.AGREE, Reason.MOTION), "belongs to an edit"),
        (Opinion(1, Verdict.REJECT, Reason.MOTION, core_ml=3.0), "is an edit"),
        (Opinion(1, Verdict.EDIT, Reason.CORE_TOO_SMALL, core_ml=float("nan")), "a core is from"),
        (Opinion(1, Verdict.EDIT, Reason.CORE_TOO_SMALL, core_ml=9000.0), "a core is from"),
        (Opinion(2, Verdict.AGREE), "revision 2 has no result"),
    ],
)
def test_what_makes_no_sense_is_refused(a_site_to_judge, said, missing):
    case = site_case(a_site_to_judge)
    with pytest.raises(InputError, match=missing):
        judge(a_site_to_judge.ledger, case, RADIOLOGIST, said, datetime.now(UTC))


def site_case(site):
    return site.ledger.cases.of_study("1.3.9") or a_case(site, "1.3.9")


def test_the_access_token_names_nobody(a_site_to_judge):
    case = site_case(a_site_to_judge)
    with pytest.raises(InputError, match="type the name"):
        say(a_site_to_judge, case, Verdict.AGREE, actor=SITE)
    assert say(a_site_to_judge, case, Verdict.AGREE, actor=SITE, name="BS Lê").name == "BS Lê"
    mine = say(a_site_to_judge, case, Verdict.AGREE, name="somebody else")
    assert mine.name == "BS Trần"


@pytest.fixture
def a_ledger(tmp_path):
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield ledger
    ledger.engine.dispose()


def judged(ledger, number, said, holds, at, revision=1):

    verdict = Verdict.AGREE if holds else Verdict.REJECT
    ledger.judgements.add(
        Judgement(f"c{number}", revision, verdict, None, "", None, "x", said, holds, utc_text(at))
    )


NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_nothing_is_expected_of_too_few(a_ledger):
    for number in range(FEWEST_JUDGED - 1):
        judged(a_ledger, number, AlertClass.TARGET_MISMATCH, True, NOW)
    assert expectation(a_ledger, a_result("1"), NOW) is None
    judged(a_ledger, 99, AlertClass.TARGET_MISMATCH, False, NOW)
    found = expectation(a_ledger, a_result("1"), NOW)
    assert (found.judged, found.confirmed) == (10, 9)


def test_the_latest_word_on_a_case_counts_once_and_old_ones_not_at_all(a_ledger):
    claim = AlertClass.TARGET_MISMATCH
    for number in range(34):
        judged(a_ledger, number, claim, False, NOW)
        judged(a_ledger, number, claim, number < 27, NOW + timedelta(seconds=1))
    judged(a_ledger, 50, claim, True, NOW - LOOKED_BACK - timedelta(days=1))
    judged(a_ledger, 51, AlertClass.NO_LESION, True, NOW)
    found = expectation(a_ledger, a_result("1"), NOW + timedelta(hours=1))
    assert (found.judged, found.confirmed) == (34, 27)
    assert {language: found.words(language) for language in Language} == {
        Language.ENGLISH: "Of 34 such alerts that a radiologist judged, 27 were confirmed (79 %, 66 to 88 %)",
        Language.FRENCH: "Sur 34 alertes de ce type jugées par un radiologue, 27 ont été confirmées (79 %, de 66 à 88 %)",
        Language.VIETNAMESE: "Trong 34 cảnh báo cùng loại đã được bác sĩ chẩn đoán hình ảnh đánh giá, 27 được xác nhận "
        "(79 %, khoảng 66 đến 88 %)",
    }


def test_a_later_revision_counts_rather_than_a_later_word_on_an_earlier_one(a_ledger):
    for number in range(10):
        judged(a_ledger, number, AlertClass.LESION, False, NOW, revision=2)
        judged(a_ledger, number, AlertClass.LESION, True, NOW + timedelta(seconds=1), revision=1)
    assert a_ledger.judgements.tally(AlertClass.LESION, NOW, NOW + timedelta(hours=1)).confirmed == 0


def test_what_claims_nothing_is_not_expected_to_be_anything(a_ledger):
    for number in range(20):
        judged(a_ledger, number, AlertClass.UNTRUSTED, True, NOW)
    assert expectation(a_ledger, a_result("1", TRUNCATED), NOW) is None
    assert AlertClass.UNTRUSTED not in CLAIMS


def test_the_interval_is_wilsons():
    """Against its definition: at each end the share lies z standard errors away from that end."""
    for confirmed, among in ((1, 12), (27, 34), (40, 41), (5, 10)):
        for end in wilson(confirmed, among):
            away = abs(confirmed / among - end) / (end * (1 - end) / among) ** 0.5
            assert away == pytest.approx(1.6448536, rel=1e-6)
    assert wilson(10, 10)[1] == 1.0


def test_the_same_segmentation_judges_once(a_ledger):

    first = Judgement(
        "c",
        1,
        Verdict.EDIT,
        None,
        "",
        None,
        "x",
        AlertClass.LESION,
        True,
        utc_text(NOW),
        3.0,
        0.5,
        "1.2",
        "1.2.3",
    )
    assert a_ledger.judgements.add(first)
    assert not a_ledger.judgements.add(replace(first, core_ml=4.0))
    assert [each.core_ml for each in a_ledger.judgements.of_case("c")] == [3.0]


def test_postgresql_keeps_the_same(a_postgres_url):
    ledger = Ledger.open(a_postgres_url)
    said = Judgement(
        "c-pg",
        1,
        Verdict.EDIT,
        Reason.CORE_TOO_LARGE,
        "",
        None,
        "x",
        AlertClass.NO_LESION,
        False,
        utc_text(NOW),
        3.0,
    )
    assert ledger.judgements.add(said)
    assert ledger.judgements.add(
        replace(said, verdict=Verdict.AGREE, reason=None, confirms=True, origin="1.2")
    )
    assert not ledger.judgements.add(replace(said, origin="1.2"))
    edit = Edit("1.2", "c-pg", "1.9", EditState.COUNTED, "", utc_text(NOW))
    assert ledger.judgements.edits.note(edit)
    ledger.judgements.edits.bring("1.2", Bringer("p", "BS"), NOW)
    ledger.judgements.edits.bring("1.2", Bringer("p", "BS Lê"), NOW)
    assert ledger.judgements.edits.brought_by("1.2").name == "BS Lê"
    known = ledger.judgements.of_case("c-pg")
    assert [replace(each, id=0) for each in known] == [
        said,
        replace(said, verdict=Verdict.AGREE, reason=None, confirms=True, origin="1.2"),
    ]
    assert ledger.judgements.tally(AlertClass.NO_LESION, NOW, NOW) == Tally(1, 1)
    assert ledger.judgements.marks(["c-pg"])["c-pg"].endswith(" 1")
    period = days("2026-01-01", "2026-01-02", UTC)
    assert records_of(ledger.engine, period) == []
    ledger.engine.dispose()
