"""Made-up scanners of several kinds of hospital: when they send over a year, with quiet weekends, holidays and busy days.

Patients come by chance at an hourly rate of the hour of the week; each brings one association or several within minutes.
Days differ in business by more than chance, and on holidays hardly anybody is scanned.
"""

import math
import random
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from gateway.silence.rhythm import Visit

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
TET = tuple(date(2026, 2, day) for day in range(14, 23))
HOLIDAYS = (
    *TET,
    date(2026, 1, 1),
    date(2026, 4, 26),
    date(2026, 4, 30),
    date(2026, 5, 1),
    date(2026, 9, 1),
    date(2026, 9, 2),
)
"""Of Vietnam in 2026."""

ON_HOLIDAYS = 0.15
"""Of the usual number of patients."""
DAYS_DIFFER = 0.3
"""Standard deviation of the logarithm of a day's business."""
FURTHER_VISITS, PAUSE_MIN = 1.0, 4.0
"""Associations of a patient beyond the first, and the minutes between them."""

Profile = Callable[[int, int], float]
"""Patients an hour, by weekday from Monday and hour of the day."""


def _commune(weekday: int, hour: int) -> float:
    return (0.24 if 7 <= hour < 16 else 0.01) * (1.0 if weekday < 5 else 0.4)


def _district(weekday: int, hour: int) -> float:
    return (1.2 if 7 <= hour < 17 else 0.15) * (1.0 if weekday < 6 else 0.5)


def _provincial(weekday: int, hour: int) -> float:
    return (4.0 if 7 <= hour < 18 else 1.0 if 6 <= hour < 23 else 0.5) * (1.0 if weekday < 5 else 0.7)


def _busy(weekday: int, hour: int) -> float:
    return (14.0 if 7 <= hour < 18 else 4.0) * (1.0 if weekday < 5 else 0.8)


def _office_hours(weekday: int, hour: int) -> float:
    return 3.0 if weekday < 6 and (7 <= hour < 12 or 13 <= hour < 17) else 0.0


PROFILES: Mapping[str, Profile] = {
    "commune station, 2 patients a day": _commune,
    "district hospital": _district,
    "provincial ward": _provincial,
    "emergency CT of a big hospital": _busy,
    "office hours, nights and Sundays off": _office_hours,
}


def visits(
    profile: Profile,
    start: datetime,
    days: int,
    seed: int,
    holidays: Collection[date] = HOLIDAYS,
    zone: tzinfo = ZONE,
) -> list[Visit]:
    """Visits from `start` on, the first first."""
    chance = random.Random(seed)
    found: list[Visit] = []
    for number in range(days):
        day = (start + timedelta(days=number)).astimezone(zone).date()
        factor = math.exp(chance.gauss(0.0, DAYS_DIFFER) - DAYS_DIFFER**2 / 2)
        factor *= ON_HOLIDAYS if day in holidays else 1.0
        for hour in range(24):
            for _ in range(_poisson(chance, profile(day.weekday(), hour) * factor)):
                begins = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
                found += _patient(chance, begins + timedelta(hours=chance.random()))
    return sorted(found, key=lambda visit: visit.began)


def _patient(chance: random.Random, begins: datetime) -> list[Visit]:
    found, at = [], begins.astimezone(UTC)
    for _ in range(1 + _poisson(chance, FURTHER_VISITS)):
        found.append(Visit(at, at + timedelta(seconds=20 + 40 * chance.random())))
        at += timedelta(minutes=chance.expovariate(1 / PAUSE_MIN))
    return found


def _poisson(chance: random.Random, mean: float) -> int:
    limit, count, product = math.exp(-mean), -1, 1.0
    while product > limit:
        count, product = count + 1, product * chance.random()
    return count
