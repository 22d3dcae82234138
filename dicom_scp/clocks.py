"""When an image was acquired, by each of the clocks that a header may carry."""

import math
import re
from datetime import date
from enum import IntEnum
from functools import lru_cache

from dicom_scp.elements import Elements

SECONDS_PER_DAY = 86_400
MS_PER_S = 1_000

_DATE = re.compile(r"(\d{4})[.]?(\d{2})[.]?(\d{2})")
_TIME = re.compile(r"(\d{2}):?(\d{2}):?(\d{2}(?:\.\d{1,6})?)")
_DATE_TIME = re.compile(r"(\d{8})(\d{6}(?:\.\d{1,6})?)(?:[+-]\d{4})?")


class Clock(IntEnum):
    """Places in `ImageHeader.clocks_s`; the first three are moments, the others times since an event of the series."""

    ACQUISITION_DATE_TIME = 0
    ACQUISITION = 1
    CONTENT = 2
    FRAME_REFERENCE = 3
    TRIGGER = 4

    @property
    def words(self) -> str:
        """Its name in a sentence."""
        return f"{self.name.lower().replace('_', ' ')} times".replace("date time times", "date-times")


CLOCK_TAGS = {
    "acquisition_date":      0x00080022,
    "content_date":          0x00080023,
    "acquisition_date_time": 0x0008002A,
    "acquisition_time":      0x00080032,
    "content_time":          0x00080033,
    "trigger_time":          0x00181060,
    "frame_reference_time":  0x00541300,
}  # fmt: skip
"""Where clocks are read (PS3.6): General Acquisition, General Image, Cardiac Synchronization, PET Image modules."""


def clocks_of(elements: Elements) -> tuple[float | None, ...]:
    """What each `Clock` shows, in seconds; None where it is absent or nonsense."""
    tags = CLOCK_TAGS
    return (
        date_time_s(elements.text(tags["acquisition_date_time"])),
        moment_s(elements.text(tags["acquisition_date"]), elements.text(tags["acquisition_time"])),
        moment_s(elements.text(tags["content_date"]), elements.text(tags["content_time"])),
        _from_ms(elements.number(tags["frame_reference_time"])),
        _from_ms(elements.number(tags["trigger_time"])),
    )


def best_moment_s(clocks_s: tuple[float | None, ...]) -> float | None:
    """The first moment there is: acquisition before content."""
    return next((moment for moment in clocks_s[: Clock.FRAME_REFERENCE] if moment is not None), None)


def _from_ms(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / MS_PER_S


@lru_cache(maxsize=4096)
def date_time_s(text: str) -> float | None:
    """Seconds since 1 January of year 1 of a date and time (DT) with at least seconds, in its own time zone.

    >>> date_time_s("20240301000001.5+0700") - date_time_s("20240229235959.5+0700")
    2.0
    """
    whole = _DATE_TIME.fullmatch(text)
    return moment_s(*whole.groups()) if whole else None


@lru_cache(maxsize=4096)
def moment_s(day: str, time: str) -> float | None:
    """Seconds since 1 January of year 1; a date that was removed counts as that day.

    >>> moment_s("20240229", "000001.5") - moment_s("20240228", "235959.5")
    2.0
    """
    days, clock = _day_number(day), _TIME.fullmatch(time)
    if clock is None or days is None:
        return None
    hours, minutes, seconds = (float(part) for part in clock.groups())
    moment = days * SECONDS_PER_DAY + (hours * 60 + minutes) * 60 + seconds
    return moment if math.isfinite(moment) else None


def _day_number(day: str) -> int | None:
    match = _DATE.fullmatch(day)
    if match is None:
        return None if day else 0
    try:
        return date(*(int(part) for part in match.groups())).toordinal()
    except ValueError:
        return None
