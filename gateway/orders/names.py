"""Comparing names of people: evidence for or against, never a key.

Scanners write names without accents, keyboards put a Vietnamese tone on either letter of a diphthong, and the same
letters come composed and decomposed. None of that makes another person; another tone does.
"""

import unicodedata
from enum import StrEnum

_STROKED = str.maketrans({"đ": "d", "ø": "o", "ł": "l", "ħ": "h"})
"""Letters that decomposition leaves whole."""

_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
"""Grave, acute, tilde, hook above, dot below."""

_SEPARATORS = str.maketrans(dict.fromkeys("^,.-'’_", " "))


class Agreement(StrEnum):
    """What two values that may be missing say of each other."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNCLEAR = "unclear"


def folded(text: str) -> str:
    """Text without case, accents and forms of the same letter, for looking up marks.

    >>> folded("Đột  Quỵ "), folded("ĐỘT QUỴ")
    ('dot quy', 'dot quy')
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_STROKED))
    return " ".join("".join(mark for mark in decomposed if not unicodedata.combining(mark)).split())


def compare_names(one: str, other: str) -> Agreement:
    """Compare two names as DICOM writes them.

    They agree when their words are equal in normal form C, wherever a word carries its tone, or when one of them is
    written without accents at all and they are equal without. Other words in another order, or some missing, prove nothing.

    >>> compare_names("NGUYỄN^VĂN HÒA", "nguyễn văn hoà"), compare_names("NGUYEN^VAN HOA", "NGUYỄN^VĂN HÒA")
    (<Agreement.AGREES: 'agrees'>, <Agreement.AGREES: 'agrees'>)
    >>> compare_names("NGUYỄN^VĂN HOA", "NGUYỄN^VĂN HÒA"), compare_names("LE^AN", "LÊ^THỊ AN")
    (<Agreement.DIFFERS: 'differs'>, <Agreement.UNCLEAR: 'unclear'>)
    """
    mine, theirs = _words(one), _words(other)
    if not mine or not theirs or "\N{REPLACEMENT CHARACTER}" in one + other:
        return Agreement.UNCLEAR
    if [_spoken(word) for word in mine] == [_spoken(word) for word in theirs]:
        return Agreement.AGREES
    plain, plain_theirs = [folded(word) for word in mine], [folded(word) for word in theirs]
    unaccented = mine == plain or theirs == plain_theirs
    if unaccented and plain == plain_theirs:
        return Agreement.AGREES
    if plain == plain_theirs:
        return Agreement.DIFFERS
    smaller, larger = sorted((set(plain), set(plain_theirs)), key=len)
    return Agreement.UNCLEAR if smaller <= larger else Agreement.DIFFERS


def compare_texts(one: str, other: str) -> Agreement:
    """Compare two values of a code such as a birth date; a missing one proves nothing.

    >>> compare_texts("19500102", ""), compare_texts("F", "M")
    (<Agreement.UNCLEAR: 'unclear'>, <Agreement.DIFFERS: 'differs'>)
    """
    if not one or not other:
        return Agreement.UNCLEAR
    return Agreement.AGREES if one == other else Agreement.DIFFERS


def _words(name: str) -> list[str]:
    """Words of the alphabetic group, in normal form C without case."""
    group = name.partition("=")[0].translate(_SEPARATORS)
    return unicodedata.normalize("NFC", group).casefold().split()


def _spoken(word: str) -> tuple[str, str]:
    """Letters with their quality, and the word's tones, wherever they are written."""
    decomposed = unicodedata.normalize("NFD", word)
    letters = "".join(mark for mark in decomposed if mark not in _TONES)
    return letters, "".join(sorted(mark for mark in decomposed if mark in _TONES))
