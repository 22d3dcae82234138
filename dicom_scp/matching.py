"""Whether a value fits what was asked: single values, wild cards, lists of UIDs, ranges of dates and times (PS3.4 section C.2.2.2)."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from dicom_scp.texts import without_marks
from triage.errors import InputError

_RANGE = re.compile(r"([\d.:]*)\s*-\s*([\d.:]*)")
_DATE = re.compile(r"\d{8}")
_TIME = re.compile(r"(\d{2}){1,3}(?:(?<=\d{6})\.\d{1,6})?")
LATEST_TIME = "235960.999999"


class Rule(StrEnum):
    """How a key is matched."""

    TEXT = "single value or wild card"
    NAME = "single value or wild card; neither case nor marks count"
    UID = "single value or list"
    DATE = "single value or range"
    TIME = "single value or range; two ranges of date and time are one"
    NONE = ""


def is_universal(asked: str) -> bool:
    """Whether everything fits: an empty key, or nothing but stars, which old scanners also write for dates."""
    return not asked.strip("*")


def fits(rule: Rule, asked: str, value: str) -> bool:
    """Whether a value, perhaps one of several between backslashes, fits a key that is not universal.

    Raises
    ------
    InputError
        What is asked is no date or time.
    """
    if rule is Rule.NAME:
        return fits_name(asked, value)
    if rule is Rule.UID:
        return bool(set(asked.split("\\")) & set(value.split("\\")))
    if rule in {Rule.DATE, Rule.TIME}:
        return span_of(rule, asked).holds(rule, value)
    return any(_pattern(asked).fullmatch(part.strip()) for part in value.split("\\"))


def fits_name(asked: str, value: str) -> bool:
    """Whether a name fits; one of its component groups is enough.

    >>> fits_name("nguyen*", "NGUYỄN^VĂN ĐỨC"), fits_name("Nguyễn^Văn Đức^^", "NGUYEN^VAN DUC"), fits_name("Ng?", "NGUYEN")
    (True, True, False)
    """
    pattern = _pattern(folded(asked))
    return any(pattern.fullmatch(folded(group)) for group in value.split("="))


@lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """A name without case, marks, superfluous spaces and trailing delimiters (PS3.5 section 6.2.1.1).

    >>> folded("Nguyễn^Thị  Hồng^^^")
    'nguyen^thi hong'
    """
    parts = (" ".join(part.split()) for part in without_marks(name).casefold().split("^"))
    return "^".join(parts).rstrip("^")


@lru_cache(maxsize=1024)
def _pattern(asked: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(c) or re.escape(c) for c in re.sub(r"\*+", "*", asked)), re.DOTALL)


@dataclass(frozen=True, slots=True)
class Span:
    """A range with both ends included; one that is open has an empty end, a single value is both."""

    start: str
    end: str
    is_range: bool

    def holds(self, rule: Rule, value: str) -> bool:
        """Whether a date or time lies within; what has none lies in no range."""
        moment = plain(rule, value)
        if not moment:
            return False
        if not self.is_range:
            return moment.startswith(self.start)
        return lowest(rule, self.start) <= lowest(rule, moment) <= highest(rule, self.end)


def span_of(rule: Rule, asked: str) -> Span:
    """What a key of dates or times spans.

    Raises
    ------
    InputError
        It is no date, time or range of them.
    """
    found = _RANGE.fullmatch(asked)
    start, end = (found[1], found[2]) if found else (asked, asked)
    ends = [plain(rule, part) for part in (start, end)]
    if not any(ends) or any(part and not whole for part, whole in zip((start, end), ends, strict=True)):
        raise InputError(f"a key is no {rule.name.lower()} and no range of them")
    return Span(ends[0], ends[1], is_range=found is not None)


def plain(rule: Rule, text: str) -> str:
    """A date or time without delimiters, which old devices write; empty where it is none."""
    digits = (
        re.sub(r"(?<=\d\d)[.:](?=\d\d(?:[.:]|$))", "", text.strip()) if rule is Rule.DATE else text.strip()
    )
    digits = digits.replace(":", "")
    return digits if (_DATE if rule is Rule.DATE else _TIME).fullmatch(digits) else ""


def lowest(rule: Rule, moment: str) -> str:
    """The first moment that a date or a shortened time stands for; of an open range the first of all.

    >>> lowest(Rule.TIME, "10"), lowest(Rule.DATE, "")
    ('100000.000000', '00000000')
    """
    if rule is Rule.DATE:
        return moment or "0" * 8
    whole, _, fraction = moment.partition(".")
    return f"{whole:0<6}.{fraction:0<6}"


def highest(rule: Rule, moment: str) -> str:
    """The last moment that a date or a shortened time stands for; of an open range the last of all.

    >>> highest(Rule.TIME, "10"), highest(Rule.TIME, "101530.5"), highest(Rule.DATE, "")
    ('105960.999999', '101530.599999', '99999999')
    """
    if rule is Rule.DATE:
        return moment or "9" * 8
    whole, _, fraction = moment.partition(".")
    return f"{whole + LATEST_TIME[len(whole) : 6]}.{fraction:9<6}"


def holds_moment(days: Span, times: Span, day: str, time: str) -> bool:
    """Whether a moment lies in one span from a date and time to another (PS3.4 table K.6-1, start date and time).

    >>> days, times = span_of(Rule.DATE, "20240705-20240707"), span_of(Rule.TIME, "1000-1800")
    >>> holds_moment(days, times, "20240706", "0300"), holds_moment(days, times, "20240705", "0300")
    (True, False)
    """
    day, time = plain(Rule.DATE, day), plain(Rule.TIME, time)
    if not day or not time:
        return False
    first = lowest(Rule.DATE, days.start), lowest(Rule.TIME, times.start)
    last = highest(Rule.DATE, days.end), highest(Rule.TIME, times.end)
    return first <= (day, lowest(Rule.TIME, time)) <= last
