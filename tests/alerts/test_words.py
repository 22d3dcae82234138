"""Three languages say the same; whatever a result holds, nothing foreign, nobody and no second line gets in."""

import itertools
import json
import re
import string
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.alerts import news
from gateway.alerts.lines import LONGEST_HEADLINE, LONGEST_LINE
from gateway.alerts.message import lights_of
from gateway.alerts.news import About, Recall
from gateway.alerts.notice import QUIET, TAG_LENGTH, NoticeKind, tag_of
from gateway.alerts.wording import TEXTS, Words
from gateway.revision import changes
from gateway.team.people import Role
from tests import results
from tests.results import NOW, SITE
from triage.criteria import RULES
from triage.results import (
    INFARCT_CORE,
    Agreement,
    Criterion,
    Estimator,
    Interval,
    ModelFinding,
    QualityFlag,
    Severity,
    Side,
    Status,
    TriageResult,
)
from viewer_bridge.report.wording.language import Language
from viewer_bridge.report.wording.phrases import is_known

FOREIGN = (Language.VIETNAMESE, Language.FRENCH)
LINK = f"{SITE}/a/word"
ABOUT = About("5f2c", 2, LINK)

ENGLISH_WORDS = re.compile(
    r"(?<![\w{-])(the|is|of|not|than|and|with|only|core|slices?|at|from|were|was|look|scan|quality|hypoperfused)\b"
)
"""Common in English alerts, and no words of Vietnamese or French."""

VIETNAMESE_LETTERS = re.compile("[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", re.IGNORECASE)
CODES = [
    "artefact_removed",
    "calibration",
    "coverage",
    "delayed_inflow",
    "dropped_frames",
    "ghost_core",
    "incomplete",
    "low_flow_without_delay",
    "metal",
    "motion",
    "no_arterial_input",
    "noise",
    "not_analysed",
    "sample",
    "scattered_delay",
    "second_method",
    "short_baseline",
    "sparse_frames",
    "streaks",
    "truncated",
    "uneven_frames",
    "weak_bolus",
]
"""Of every flag that triage and gateway set."""


def fields(text):
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("language", FOREIGN)
def test_every_sentence_exists_in_every_language_with_the_same_values(language):
    english, other = TEXTS[Language.ENGLISH], TEXTS[language]
    assert list(english) == list(other)
    assert {key: fields(text) for key, text in english.items()} == {
        key: fields(text) for key, text in other.items()
    }


@pytest.mark.parametrize("language", FOREIGN)
def test_every_sentence_is_in_its_own_language(language):
    same = {key for key, text in TEXTS[language].items() if text == TEXTS[Language.ENGLISH][key]}
    assert same <= {"in_ml", "item_NIHSS", "item_ASPECTS", "network", "between"}
    wrong = [key for key, text in TEXTS[language].items() if ENGLISH_WORDS.search(text)]
    assert wrong == []
    if language is Language.VIETNAMESE:
        told = [text for text in TEXTS[language].values() if not text.startswith("{")]
        assert sum(bool(VIETNAMESE_LETTERS.search(text)) for text in told) > 0.85 * len(told)


def test_every_code_side_role_and_item_has_words():
    words = TEXTS[Language.ENGLISH]
    assert {f"flag_{code}" for code in CODES} <= set(words)
    assert {f"side_{side.value}" for side in Side} <= set(words)
    assert {f"who_{role.value}" for role in Role} <= set(words)
    assert {f"item_{item}" for rule in RULES.values() for item in rule.missing} <= set(words)


def a_result(**changed):
    plain = {
        "intervals": {"core_ml": Interval(28.4, 38.7), "hypoperfused_ml": Interval(90.0, None)},
        "criteria": {
            name: Criterion(
                met=True,
                missing=RULES[name].missing,
                text="",
                changes_if="core is more than 63.0 ml",
                certain=False,
            )
            for name in ("defuse_3", "extend")
        },
        "models": (
            ModelFinding(
                "ctp-core",
                "0.1.0",
                "a" * 64,
                48.0,
                agreement=Agreement.DIFFER,
                task=INFARCT_CORE,
                trained_on="simulated patients: 4000",
            ),
        ),
        "quality": (
            QualityFlag(
                "motion", Severity.WARNING, "head moved by up to 4.2 mm and 1.0 degrees; frames were aligned"
            ),
        ),
    }
    return results.a_result(**{**plain, **changed})


def an_alert(result, language, **changed):
    return results.an_alert(result, link=LINK, last_image_at=NOW, language=language, **changed)


SEVERE = (QualityFlag("truncated", Severity.SEVERE, "scan ends early: only 12 s follow the arterial peak"),)
RESULTS = (
    a_result(),
    a_result(side=Side.RIGHT, mismatch_ratio=None),
    a_result(side=Side.BILATERAL),
    a_result(criteria={}),
    a_result(criteria={"defuse_3": Criterion(met=False, missing=(), text="")}),
    a_result(side=Side.NONE, core_ml=0.0, hypoperfused_ml=0.0, criteria={}),
    a_result(quality=SEVERE),
    a_result(quality=SEVERE, estimator=Estimator.TIME_TO_PEAK, core_ml=None),
    TriageResult(Status.NOT_ANALYSED, "only 12 frames: at least 20 are needed; look at the images", "1", "2"),
    TriageResult(Status.NOT_ANALYSED, "a reason that nobody has translated", "1", "2"),
)
KINDS = (None, NoticeKind.ESCALATED, NoticeKind.HANDED, NoticeKind.REPEAT, NoticeKind.REVISED)


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("result", RESULTS)
def test_a_lock_screen_shows_class_and_side_whole(result, language):
    words = Words(language)
    for kind, revision, origin in itertools.product(KINDS, (1, 2), (None, "upper", "W" * 40)):
        headline = an_alert(result, language, kind=kind, revision=revision, origin=origin).headline
        assert len(headline) <= LONGEST_HEADLINE
        assert not headline.endswith("…")
        lesion = result.trusted and result.side is not Side.NONE
        assert (words.side(result.side) in headline) == lesion
        assert headline.isprintable()


def test_the_title_tells_why_it_rings():
    said = {kind: an_alert(a_result(), Language.VIETNAMESE, kind=kind, revision=2).headline for kind in KINDS}
    assert said[NoticeKind.ESCALATED].startswith("CHƯA NHẬN: CT đột quỵ: có mismatch mục tiêu, BÊN TRÁI")
    assert said[NoticeKind.REPEAT].startswith("NHẮC LẠI: ")
    assert said[None] == said[NoticeKind.REVISED]
    assert said[None].startswith("SỬA ĐỔI: ")
    assert said[NoticeKind.HANDED].startswith("BÀN GIAO: ")
    assert len(set(said.values())) == 4


@pytest.mark.parametrize("language", list(Language))
def test_another_hospital_is_named_first_and_in_the_title_where_there_is_room(language):
    here, there = an_alert(a_result(), language), an_alert(a_result(), language, origin="BV Huyện")
    assert "BV Huyện" in there.headline
    assert "BV Huyện" in there.lines[0]
    assert there.lines[1:] == here.lines
    assert (here.origin, there.origin, there.numbers) == (None, "BV Huyện", here.numbers)
    long = an_alert(a_result(), language, origin="W" * 40)
    assert long.headline == here.headline, "class and side go before whose it is"
    assert "W" * 40 in long.lines[0]


@pytest.mark.parametrize("language", FOREIGN)
@pytest.mark.parametrize("result", RESULTS)
def test_no_alert_stays_english(result, language):
    former = a_result(side=Side.NONE, core_ml=0.0, criteria={})
    change = changes(former, result)
    notice = an_alert(
        result, language, revision=2, former=former, supersedes=1, change=change, origin="BV Huyện"
    )
    assert change
    for line in (*notice.lines, *notice.change, notice.headline, notice.disclaimer):
        assert not ENGLISH_WORDS.search(line), line


@pytest.mark.parametrize("language", FOREIGN)
def test_a_flag_without_a_translation_is_told_by_its_code_and_a_strange_one_by_a_pointer(language):
    words = Words(language)
    flag = QualityFlag("motion", Severity.WARNING, "the patient danced")
    assert words.flag(flag) == TEXTS[language]["flag_motion"]
    assert words.flag(replace(flag, code="new")) == TEXTS[language]["flag_other"]
    assert words.flag(replace(flag, text="metal in slice 3: its surroundings cannot be read")) not in TEXTS[language].values()  # fmt: skip


@pytest.mark.parametrize("language", FOREIGN)
def test_why_a_series_could_not_be_read_is_told_in_every_language(language):
    """The reader's sentences, as it says them."""
    for reason in (
        "frames are missing: 44 of 45 frames at 12.5 mm",
        "the order of the images is in doubt: content times contradict acquisition date-times",
        "acquisition times span 60 s, but temporal positions 45 s: one of them is wrong",
        "the images have different pixel spacings",
        "3 slices with 1 frames are no perfusion series",
        "two slabs with a gap from 10.0 to 40.0 mm: send each slab as a series of its own",
        "the pixel data of an image were compressed with loss: send the original images",
    ):
        assert is_known(reason, language), reason
        assert not ENGLISH_WORDS.search(Words(language).reason(reason)), reason


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.sampled_from(list(Language)))
def test_no_text_of_a_result_can_forge_a_line_or_flood_a_phone(text, language):
    flags = (QualityFlag(text[:20], Severity.WARNING, text),)
    model = ModelFinding(text, text, "a", 4.0, agreement=Agreement.AGREE, task=INFARCT_CORE, trained_on=text)
    for result in (
        a_result(quality=flags, models=(model,)),
        TriageResult(Status.NOT_ANALYSED, text or "x", "1", "2"),
    ):
        notice = an_alert(result, language, former=a_result(), supersedes=1, revision=2, change=(text,))
        for line in (*notice.lines, *notice.change, notice.headline):
            assert line.isprintable()
            assert len(line) <= LONGEST_LINE


def test_lights_say_what_the_lines_say():
    assert lights_of(a_result()) == {"quality": "warning", "agreement": "warning"}
    assert lights_of(a_result(quality=SEVERE)) == {"quality": "severe", "agreement": "none"}
    assert lights_of(RESULTS[-1]) == {"quality": "severe", "agreement": "none"}
    assert lights_of(a_result(quality=(), models=())) == {"quality": "good", "agreement": "none"}


def test_expected_ppv_stands_beside_numbers_that_are_shown_only():
    told = "12 of 14 such alerts were right (86 %, 60-96 %)"
    assert told in an_alert(a_result(), Language.ENGLISH, expectation=told).lines
    assert told not in an_alert(a_result(quality=SEVERE), Language.ENGLISH, expectation=told).lines


def the_others(language):
    yield news.taken(ABOUT, Role.STROKE_DOCTOR, language)
    yield news.taken(ABOUT, None, language, handed_over=True)
    yield from (news.recalled(ABOUT, cause, Role.RADIOLOGIST, language) for cause in Recall)
    yield news.unavailable("analysis", LINK, language)
    yield news.unavailable("analysis", LINK, language, 12)
    yield news.unavailable("analysis", LINK, language, over=True)
    yield news.trial("test:1", LINK, language)
    yield from (news.taken(ABOUT, role, language) for role in Role)


@pytest.mark.parametrize("language", list(Language))
def test_every_other_notice_is_short_and_in_its_language(language):
    for notice in the_others(language):
        assert len(notice.headline) <= LONGEST_HEADLINE
        assert not notice.headline.endswith("…")
        assert notice.lines
        assert notice.urgent == (notice.kind not in QUIET)
        assert notice.disclaimer == TEXTS[language]["disclaimer"]
        said = " ".join((notice.headline, *notice.lines))
        assert language is Language.ENGLISH or not ENGLISH_WORDS.search(said)
        assert json.loads(json.dumps(notice.to_json())) == notice.to_json()


def test_trouble_is_told_as_it_is_given_in_one_line_each():
    notice = news.trouble("trouble:1", "CT 2 im lặng", ["dòng\nhai " + "x" * 900], LINK, Language.VIETNAMESE)
    assert (notice.headline, notice.kind, notice.urgent) == ("CT 2 im lặng", NoticeKind.TROUBLE, True)
    assert len(notice.lines[0]) == LONGEST_LINE
    over = news.trouble("trouble:1", "CT 2 im lặng", ["x"], LINK, Language.VIETNAMESE, over=True)
    assert over.headline == "ĐÃ HẾT: CT 2 im lặng"
    assert over.tag == notice.tag


def test_a_tag_is_opaque_and_fits_a_push_topic():
    notice = an_alert(a_result(), Language.ENGLISH)
    assert notice.tag == an_alert(a_result(side=Side.RIGHT), Language.FRENCH, revision=2).tag
    assert notice.tag != tag_of("another")
    assert len(notice.tag) == TAG_LENGTH == 32
    assert re.fullmatch(r"[A-Za-z0-9_-]+", notice.tag)
    assert "5f2c" not in notice.tag
