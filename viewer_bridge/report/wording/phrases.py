"""What the core says of a scan, in the other languages: its sentences are English and carry numbers.

A sentence that stands in no table is shown as it came: English is better than silence.
"""

import re
from collections.abc import Iterator
from functools import cache

from viewer_bridge.report.wording.language import Language
from viewer_bridge.report.wording.reading import CHANGES, READING
from viewer_bridge.report.wording.remarks import REMARKS
from viewer_bridge.report.wording.rules import RULES_AND_REASONS

SLOT = "{}"
"""Stands in a table for what differs from case to case: a number, a list, or words that are in the table themselves."""

COLUMNS = {Language.VIETNAMESE: 1, Language.FRENCH: 2}
"""Place of a language in a row of the tables."""

CLAUSES = "; "
JOINED = {Language.VIETNAMESE: "; ", Language.FRENCH: " ; "}
"""Between the clauses of a sentence."""

WORD = re.compile(r"(?<![\w-])[a-z]{3,}(?![\w-])")
"""A word of a language: neither a number with its unit, nor the name of a network or of an error."""

TABLE = (*REMARKS, *READING, *CHANGES[:-1], *RULES_AND_REASONS, CHANGES[-1])
"""In the order in which they are tried: what is special stands before what is general."""


def translated(text: str, language: Language) -> str:
    """Return a sentence of the core in another language; clauses that are not in the tables stay English.

    Examples
    --------
    >>> translated("core is more than 63.0 ml", Language.FRENCH)
    'cœur est supérieur à 63.0 ml'
    >>> translated("a new sentence", Language.VIETNAMESE)
    'a new sentence'
    """
    if language is Language.ENGLISH:
        return text
    sentence, stop = (text[:-1], text[-1:]) if text.endswith(".") else (text, "")
    return f"{_put(sentence, language)}{stop}"


def is_known(text: str, language: Language) -> bool:
    """Whether nothing of a sentence stays English.

    Examples
    --------
    >>> is_known("core is more than 63.0 ml", Language.FRENCH), is_known("core is odd", Language.FRENCH)
    (True, False)
    """
    return language is Language.ENGLISH or _is_known(text.removesuffix("."))


def _is_known(text: str) -> bool:
    for pattern, _ in _patterns():
        if found := pattern.fullmatch(text):
            return all(_is_known(slot) or not WORD.search(slot) for slot in found.groups())
    clauses = text.split(CLAUSES)
    return len(clauses) > 1 and all(map(_is_known, clauses))


def _put(text: str, language: Language) -> str:
    """The first row that fits; then clause by clause."""
    for pattern, row in _patterns():
        if found := pattern.fullmatch(text):
            slots = [_put(slot, language) for slot in found.groups()]
            return row[COLUMNS[language]].format(*slots)
    clauses = text.split(CLAUSES)
    between = JOINED[language]
    return between.join(_put(clause, language) for clause in clauses) if len(clauses) > 1 else text


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], tuple[str, str, str]], ...]:
    return tuple(_compiled())


def _compiled() -> Iterator[tuple[re.Pattern[str], tuple[str, str, str]]]:
    for row in TABLE:
        yield re.compile("(.+?)".join(map(re.escape, row[0].split(SLOT)))), row
