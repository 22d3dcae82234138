"""A month of the site's calendar; it begins and ends by the site's clock."""

import re
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Self

from triage.errors import InputError, require

MONTHS_A_YEAR = 12
EARLIEST, LATEST = 1990, 9998
"""Years; next to them a calendar has no neighbours."""


@dataclass(frozen=True, slots=True, order=True)
class CalendarMonth:
    """A month of a year.

    >>> str(CalendarMonth.parse("2026-03").earlier(3))
    '2025-12'
    """

    year: int
    month: int

    def __post_init__(self) -> None:
        known = EARLIEST <= self.year <= LATEST and 1 <= self.month <= MONTHS_A_YEAR
        require(known, "there is no such month; write year and month, such as 2026-03")

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a month as ``YYYY-MM``.

        Raises
        ------
        InputError
            It is none.
        """
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
            raise InputError(f"{text[:20]!r} is no month; write year and month, such as 2026-03")
        return cls(int(text[:4]), int(text[5:]))

    @classmethod
    def of(cls, moment: datetime, zone: tzinfo) -> Self:
        """The month in which an aware time lies, by the clock of `zone`."""
        local = moment.astimezone(zone)
        return cls(local.year, local.month)

    def earlier(self, months: int) -> "CalendarMonth":
        """So many months before; negative: after."""
        years, month = divmod(self.year * MONTHS_A_YEAR + self.month - 1 - months, MONTHS_A_YEAR)
        return CalendarMonth(years, month + 1)

    def period(self, zone: tzinfo) -> "Period":
        """From the first moment of the month to the first of the next."""
        following = self.earlier(-1)
        return Period(
            datetime(self.year, self.month, 1, tzinfo=zone),
            datetime(following.year, following.month, 1, tzinfo=zone),
        )


@dataclass(frozen=True, slots=True)
class Period:
    """Aware times; `start` belongs to it, `end` does not."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        require(self.start < self.end, "the first day lies after the last")


def days(first: str, last: str, zone: tzinfo) -> Period:
    """Whole days of the site's calendar, both included.

    Raises
    ------
    InputError
        One is no day, or the first lies after the last.
    """
    begin, end = _day(first), _day(last)
    following = date.fromordinal(end.toordinal() + 1)
    return Period(
        datetime(begin.year, begin.month, begin.day, tzinfo=zone),
        datetime(following.year, following.month, following.day, tzinfo=zone),
    )


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError as exc:
        raise InputError(f"{text[:20]!r} is no day; write it as 2026-03-31") from exc
    require(EARLIEST <= found.year <= LATEST, f"{text[:20]!r} lies outside of {EARLIEST} to {LATEST}")
    return found
