"""Three languages say the same: no key, no number, no sentence of the core is missing from any."""

import re
import string

import numpy as np
import pytest

from triage import artefacts, opinions, quality
from triage.bolus import Bolus
from triage.criteria import judged
from triage.disagreement import RULES, Pair
from triage.types import ArterialInput, Geometry, Interval, Motion, Side
from viewer_bridge.report.wording.language import SENTENCES, Language
from viewer_bridge.report.wording.phrases import TABLE, translated
from viewer_bridge.report.words import RULE, Words

FOREIGN = (Language.VIETNAMESE, Language.FRENCH)
ENGLISH_WORDS = re.compile(r"\b(the|is|of|not|than|and|with|only|core|slices?|at|from|were|was)\b")
"""Common in the core's sentences, and no words of Vietnamese or French."""

LETTERS = {
    Language.VIETNAMESE: re.compile("[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", re.IGNORECASE),
    Language.FRENCH: re.compile("[éèêàçœôîù']", re.IGNORECASE),
}


def fields(text):
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("language", FOREIGN)
def test_every_fixed_sentence_exists_in_every_language_with_the_same_values(language):
    english, other = SENTENCES[Language.ENGLISH], SENTENCES[language]
    assert list(english) == list(other)
    assert {key: fields(text) for key, text in english.items()} == {
        key: fields(text) for key, text in other.items()
    }


@pytest.mark.parametrize("language", FOREIGN)
def test_every_table_is_in_its_own_language(language):
    written = " ".join(SENTENCES[language].values())
    assert len(LETTERS[language].findall(written)) > 100
    same = [key for key, text in SENTENCES[language].items() if text == SENTENCES[Language.ENGLISH][key]]
    assert set(same) <= {
        "core_rule",
        "hypoperfused_rule",
        "in_ml",
        "model",
        "date",
        "volumes",
        "named",
        "signed",
    }


def test_every_row_carries_its_slots_into_every_language():
    assert [row[0] for row in TABLE if len({text.count("{}") for text in row}) > 1] == []
    assert len({row[0] for row in TABLE}) == len(TABLE)


def flags_of_the_core():
    """Every remark of `triage.quality`, from scans that are wrong in every way."""
    geometry = Geometry.axial((6, 40, 40), (5.0, 5.0, 5.0), (0, 0, 0), "2.25.300")
    still = np.zeros((20, 3))
    times = np.arange(20.0)
    yield from quality.of_sampling(np.array([[0.0, 0.0], [1.0, 1.0], [9.0, 9.0], [13.0, 13.0]]), geometry)
    for mm in (4.0, 9.0):
        motion = Motion(np.full_like(still, mm) * (1, 0, 0), still, dropped=np.array([3, 4]))
        yield from quality.of_images(motion, 20.0)
    hu = np.full((6, 40, 40), 30.0, np.float32)
    hu[2:4, 10:20, 10:20] = 3000.0
    yield from quality.of_density(hu, np.ones(hu.shape, bool), geometry)
    hu[3] = 30.0
    yield from quality.of_density(hu, np.ones(hu.shape, bool), geometry)
    for peak_hu, noise in ((100.0, 0.0), (100.0, 20.0)):
        curve = peak_hu * np.exp(-(((times - 17) / 3) ** 2))
        inputs = ArterialInput(times, curve, curve, np.zeros((1, 3), int), np.zeros((1, 3), int))
        bolus = Bolus(times, curve, 14.0, times < 3, cut_off=True)
        yield from quality.of_bolus(bolus, inputs, noise)
    longer = np.arange(60.0)
    curve = 300 * np.exp(-(((longer - 34) / 9) ** 2))
    vein = 300 * np.exp(-(((longer - 50) / 12) ** 2))
    inputs = ArterialInput(longer, curve, vein, np.zeros((1, 3), int), np.zeros((1, 3), int))
    yield from quality.of_bolus(Bolus(longer, curve, 14.0, longer < 3, cut_off=False), inputs)


CAROTID = "a narrow carotid or a weak heart delays flow without a stroke"
NO_INPUT = "no arterial input found: no vessel shows a first pass of contrast"
OTHERS = (
    f"62% of the late area is as late on the other side; all of the left hemisphere is 1.2 s late: {CAROTID}",
    f"healthy tissue measures 2.6 s later than expected on both sides: {CAROTID}",
    "blood volume in the core is 80% of normal: it may not be infarcted",
    "flow is low in 3 ml that are not late: old infarct, white matter or artefact",
    *(f"25 ml of late voxels were not counted: {reason}" for reason in artefacts.REASONS.values()),
    "without calibration core is 33 ml and hypoperfused 120 ml",
    "without calibration core is 33 ml and hypoperfused 120 ml, which changes a trial's answer",
    f"{opinions.TRANSIT_MODEL} disagrees: core 6.2 ml, hypoperfused 73.8 ml",
    f"{opinions.NAMED_ARTERY} disagrees: core 6.2 ml, hypoperfused 73.8 ml",
    f"{NO_INPUT}; time to peak only: 12 ml peak more than 2.5 s late, which is not Tmax",
    "only 12 frames: at least 20 are needed; look at the images",
    "no contrast bolus: the brain enhances by 0.4 HU; check injection and scan timing",
    "median flow of the right hemisphere's tissue with Tmax below 4 s, 581 ml",
    "median flow of both hemispheres' tissue with Tmax below 4 s, 581 ml",
)
"""Sentences that take a whole analysis to come about."""
TWO_CORES = Pair(12.0, 48.0, None, Side.LEFT, Side.LEFT, 0.5)
REASONS = (
    "no answer within 1.5 s",
    "it stopped with ZeroDivisionError",
    "it says nothing of the brain",
    "what it says lies outside 0 to 1 and is no probability",
    "its probabilities have the shape (2, 2, 2), the scan has (16, 128, 128)",
)
OF_NETWORKS = (
    *(rule.says(TWO_CORES) for rule in RULES),
    *REASONS,
    *(f"the network x gave no core: {reason}" for reason in REASONS),
    "simulated patients",
)


def numbers(text):
    return sorted(re.findall(r"\d+(?:\.\d+)?", text))


@pytest.mark.parametrize("language", FOREIGN)
def test_no_sentence_of_the_core_stays_english_or_loses_a_number(language):
    texts = [*{flag.text for flag in flags_of_the_core()}, *OTHERS, *OF_NETWORKS]
    assert len(texts) > 25
    for text in texts:
        put = translated(text, language)
        assert not ENGLISH_WORDS.search(put), put
        assert put != text
        assert numbers(put) == numbers(text), put


def test_a_sentence_that_nobody_translated_stays_as_it_is():
    assert translated("the moon is full; 7 s follow the arterial peak", Language.FRENCH) == (
        "the moon is full ; 7 s suivent le pic artériel"
    )
    assert translated("core 3 ml is below 5 ml", Language.ENGLISH) == "core 3 ml is below 5 ml"


@pytest.mark.parametrize("language", FOREIGN)
@pytest.mark.parametrize(
    "volumes", [(0.0, 0.0), (20.0, 80.0), (35.0, 113.0), (65.0, 70.0), (80.0, 240.0), (120.0, 130.0)]
)
def test_every_verdict_on_every_trial_is_told_in_full(language, volumes):
    words = Words(language)
    for criterion in judged(*volumes, {"core_ml": Interval(0.0, 500.0)}).values():
        told = words.judged(criterion)
        assert RULE.fullmatch(criterion.text)
        assert told.source
        assert told.met is criterion.met
        assert not ENGLISH_WORDS.search(f"{told.title} {told.reason}"), told
        assert not told.reason.endswith("..")
        for number in numbers(criterion.changes_if):
            assert number in told.reason
