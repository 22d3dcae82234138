"""Three languages say the same: the same keys, the same values, and nothing that a template asks for is missing."""

import re
from pathlib import Path
from string import Formatter

from gateway.console.phone_words import HOME_SCRIPTED, SCRIPTED, WORDS
from viewer_bridge.report.wording.language import Language

TEMPLATES = Path("gateway/console/templates")
EMPTY = {"post_comment", "post_system"}


def fields(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_language_has_every_sentence_with_the_same_values():
    english = WORDS[Language.ENGLISH]
    for language, words in WORDS.items():
        assert list(words) == list(english), language
        for key, text in words.items():
            assert fields(text) == fields(english[key]), (language, key)
            assert bool(text) is (key not in EMPTY), (language, key)


def test_every_sentence_is_asked_for_and_none_is_missing():
    sources = "".join(path.read_text("utf-8") for path in TEMPLATES.glob("phone*.html"))
    sources += "".join(
        path.read_text("utf-8")
        for path in Path("gateway/console").glob("phone*.py")
        if path.stem.split("_")[-1] not in {"english", "french", "vietnamese"}
    )
    known = WORDS[Language.ENGLISH]
    asked = set(re.findall(r'say\("(\w+)"', sources)) | set(SCRIPTED) | set(HOME_SCRIPTED)
    assert asked - {key for key in asked if key in known} <= {"post_", "state_"}
    prefixes = (
        "side_",
        "do_",
        "quality_",
        "agreement_",
        "certainty_",
        "layer_",
        "post_",
        "state_",
        "partner_",
    )
    unused = [
        key
        for key in known
        if f'"{key}"' not in sources
        and f"'{key}'" not in sources
        and key not in asked
        and not key.startswith(prefixes)
    ]
    classes = {
        "target_mismatch",
        "no_target_mismatch",
        "lesion",
        "no_lesion",
        "untrusted",
        "no_volumes",
        "not_analysed",
    }
    assert set(unused) <= classes | {
        "unavailable",
        "receiving",
        "analysing",
        "recomputing",
        "no_perfusion",
        "waiting",
        "core",
        "hypoperfused",
        "mismatch",
    }, unused
