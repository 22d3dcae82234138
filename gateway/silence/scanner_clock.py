"""A scanner's clock against ours, by its images: none can come before its own header says that it was made.

An image comes some time after it was made; how long is the sender's business, but of many some come soon. So for each
visit the least lag of its images is kept. A lag below zero is a clock ahead, by at least as much. A clock that falls
behind makes every lag longer: it shows when even the soonest of the latest visits would have been late before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from statistics import median

FEWEST = 5
"""Visits, before anything is said of a clock."""

LATEST = 20
"""Visits that tell how it stands now."""

WITNESSES = 3
"""Visits that must show a clock ahead: one may have brought a study with odd times."""

CHANCE = 1e-6
"""That as many visits in a row were all so late with a right clock."""

SECONDS_PER_HOUR, SECONDS_PER_DAY = 3600.0, 86_400.0
ZONE_TOLERANCE_S = 600.0
"""An offset so near to whole hours looks like another time zone."""

OLDEST_YEAR = 1990
"""Digital scanners with DICOM are younger; a date that was removed counts as year 1."""


class ClockState(StrEnum):
    """How a scanner's clock stands."""

    UNKNOWN = "unknown"
    RIGHT = "right"
    AHEAD = "ahead"
    BEHIND = "behind"
    WRONG_DATE = "wrong_date"


@dataclass(frozen=True, slots=True)
class ClockLook:
    """What the lags tell: `offset_s` is the scanner's time less ours, as far as known."""

    state: ClockState
    offset_s: float | None = None

    @property
    def is_wrong(self) -> bool:
        """Whether somebody should set it."""
        return self.state in {ClockState.AHEAD, ClockState.BEHIND, ClockState.WRONG_DATE}


def lag_s(shown_s: float, received: datetime, zone: tzinfo) -> float | None:
    """How long after its own time an image came, in seconds; None where its date says nothing.

    `shown_s` is local time in seconds since 1 January of year 1, as in `ImageHeader`. In the hour that a clock passes
    twice, the nearer one counts.

    >>> from datetime import UTC
    >>> from zoneinfo import ZoneInfo
    >>> shown = (datetime(2026, 3, 1, 10) - datetime(1, 1, 1)).total_seconds() + SECONDS_PER_DAY
    >>> lag_s(shown, datetime(2026, 3, 1, 3, 0, 30, tzinfo=UTC), ZoneInfo("Asia/Ho_Chi_Minh"))
    30.0
    """
    try:
        shown = datetime(1, 1, 1) + timedelta(seconds=shown_s - SECONDS_PER_DAY)  # noqa: DTZ001 - as scanners write it
    except OverflowError:
        return None
    if shown.year < OLDEST_YEAR:
        return None
    both = ((received - shown.replace(tzinfo=zone, fold=fold)).total_seconds() for fold in (0, 1))
    return min(both, key=abs)


def judged(lags_s: Sequence[float], drift_s: float) -> ClockLook:
    """How a clock stands by the lags of its visits, the latest last."""
    if len(lags_s) < FEWEST:
        return ClockLook(ClockState.UNKNOWN)
    latest = lags_s[-LATEST:]
    middle = median(latest)
    if abs(middle) > SECONDS_PER_DAY and abs(min(latest, key=abs)) > SECONDS_PER_DAY:
        return ClockLook(ClockState.WRONG_DATE, -min(latest, key=abs))
    ahead_s = -sorted(latest)[WITNESSES - 1]
    if ahead_s > drift_s:
        return ClockLook(ClockState.AHEAD, ahead_s)
    behind_s = _behind_s(lags_s, drift_s)
    return ClockLook(ClockState.BEHIND, -behind_s) if behind_s else ClockLook(ClockState.RIGHT)


def _behind_s(lags_s: Sequence[float], drift_s: float) -> float:
    """By how much a clock has fallen behind, if chance does not explain the latest lags; else 0."""
    for count in range(FEWEST, min(LATEST, len(lags_s) // 2) + 1):
        before, latest = sorted(lags_s[:-count]), lags_s[-count:]
        needed = min(latest) - drift_s
        as_late = sum(lag >= needed for lag in before)
        share = (as_late + 1) / (len(before) + 1)
        if share**count < CHANCE:
            return min(latest) - before[0]
    return 0.0


def in_words(name: str, look: ClockLook) -> str:
    """One sentence with the next step; nothing for a clock that is right.

    >>> in_words("CT01", ClockLook(ClockState.AHEAD, 250.0))
    'the clock of CT01 is about 4 min ahead of ours: its images come before the time they carry; set it by a time service'
    """
    if not look.is_wrong or look.offset_s is None:
        return ""
    amount = span_words(abs(look.offset_s))
    if look.state is ClockState.WRONG_DATE:
        where = "ahead" if look.offset_s > 0 else "behind"
        return (
            f"the date of {name} is wrong by {amount}, {where} of ours: set its clock and look at its battery"
        )
    if look.state is ClockState.AHEAD:
        zone = _zone_words(look.offset_s)
        return f"the clock of {name} is about {amount} ahead of ours: its images come before the time they carry{zone}; set it by a time service"
    zone = _zone_words(look.offset_s)
    return f"the clock of {name} has fallen behind ours by about {amount}, or it has begun to send so much later{zone}; compare its clock"


def _zone_words(offset_s: float) -> str:
    hours = round(offset_s / SECONDS_PER_HOUR)
    whole = hours and abs(offset_s - hours * SECONDS_PER_HOUR) < ZONE_TOLERANCE_S
    return " (which looks like another time zone)" if whole else ""


def span_words(seconds: float) -> str:
    """A span in words, in two units at most.

    >>> span_words(40), span_words(11_400), span_words(200_000), span_words(80_000_000)
    ('40 s', '3 h 10 min', '2 days 7 h', '2 years 6 months')
    """
    minutes, hours, days = round(seconds / 60), int(seconds // 3600), int(seconds // SECONDS_PER_DAY)
    if seconds < 120:
        return f"{seconds:.0f} s"
    if minutes < 120:
        return f"{minutes} min"
    if hours < 48:
        rest = round((seconds - hours * 3600) / 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    if days < 365:
        rest = int((seconds - days * SECONDS_PER_DAY) // 3600)
        return f"{days} days {rest} h" if rest and days < 14 else f"{days} days"
    years, months = days // 365, (days % 365) // 31
    return f"{_counted(years, 'year')} {_counted(months, 'month')}" if months else _counted(years, "year")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
