"""How often a scanner sends, by hour of the week, and how long a silence is still usual; learned from its visits.

A silence is measured in the visits that were to be expected during it, not in hours: a night in which nobody scans is
short, a Monday morning long. When the visits just before came slower than usual, as on a holiday that nobody told us
of, fewer are expected. Of that measure the longest silences of the past tell how far chance goes: those above a
high quantile fall off exponentially, however irregular the scanner is, and the limit lies where chance alone would reach
`FALSE_PER_YEAR`. With few of them the fall is known badly, and the limit lies further out.

References
----------
Pickands 1975, Ann Statist 3:119 (excesses over a high threshold). Their mean excess is the exponential tail's scale.
"""

import math
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise

HOUR_S, DAY_HOURS, WEEK_HOURS = 3600.0, 24, 168
SUNDAY = 6

LEARNED_DAYS, LEARNED_VISITS = 14.0, 20
"""Before, nothing is said: two of every day of the week, and so many visits, are the least there must be."""

FALSE_PER_YEAR = 0.25
"""Alarms a year and scanner where chance alone is to reach: what no past shows, as holidays, comes on top."""

TAIL = 0.9
"""Share of the silences below the tail."""

CAUTION = 1.64
"""Standard errors by which the tail may be longer than it looks: one side, 95 %."""

PRIOR_WEEKS = 1.0
"""Weight of the neighbouring hours against an hour's own past."""

NEIGHBOUR = (0.25, 0.5, 0.25)
"""Weights of the hours before, at and after."""

LEVEL_VISITS, LEAST_LEVEL = 24, 0.02
"""Visits just before a silence that tell how busy the scanner is today, and the least it may be against what is usual."""

SHORTEST_S = 300.0
"""No silence is too long before."""

SECONDS_PER_YEAR = 365.25 * 86_400


@dataclass(frozen=True, slots=True)
class Visit:
    """A time in which a scanner sent images without a pause; aware times."""

    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What is usual for one scanner.

    Attributes
    ----------
    rates
        Visits an hour, by hour of the week from Monday, 00:00; `WEEK_HOURS` of them.
    limit
        Expected visits in a silence that is too long.
    zone
        Whose clock the hours are of.
    quiet_days
        Days that are like Sundays.
    days, visits
        How much was learned from.
    """

    rates: tuple[float, ...]
    limit: float
    zone: tzinfo
    quiet_days: frozenset[date]
    days: float
    visits: int

    def expected(self, start: datetime, end: datetime) -> float:
        """How many visits were to be expected between two moments."""
        total, here = 0.0, start
        while here < end:
            local = here.astimezone(self.zone)
            rest_s = HOUR_S - (local.minute * 60 + local.second + local.microsecond / 1e6)
            until = min(end, here + timedelta(seconds=rest_s))
            total += self.rate_at(local) * (until - here).total_seconds() / HOUR_S
            here = until
        return total

    def rate_at(self, local: datetime) -> float:
        """Visits an hour at a local time."""
        weekday = SUNDAY if local.date() in self.quiet_days else local.weekday()
        return self.rates[weekday * DAY_HOURS + local.hour]

    def level(self, latest: Sequence[Visit]) -> float:
        """How busy a scanner is by its latest visits: 1 for as usual or more."""
        recent = latest[-LEVEL_VISITS:]
        expected = self.expected(recent[0].began, recent[-1].ended)
        return _level(len(recent), expected)

    def too_long_at(
        self, since: datetime, level: float = 1.0, latest: timedelta = timedelta(days=60)
    ) -> datetime | None:
        """When a silence that began then is too long; None if that is far away."""
        total, here, end = 0.0, since, since + latest
        while here < end:
            until = min(end, here + timedelta(hours=1))
            step = self.expected(here, until) * level
            if total + step > self.limit:
                share = (self.limit - total) / step
                return max(here + (until - here) * share, since + timedelta(seconds=SHORTEST_S))
            total, here = total + step, until
        return None


def learned(
    visits: Sequence[Visit], now: datetime, zone: tzinfo, quiet_days: Collection[date] = ()
) -> Rhythm | None:
    """The rhythm of a scanner by its visits, the first first; None while there is too little to tell."""
    if not visits or len(visits) < LEARNED_VISITS:
        return None
    days = (now - visits[0].began).total_seconds() / (DAY_HOURS * HOUR_S)
    if days < LEARNED_DAYS:
        return None
    quiet = frozenset(quiet_days)
    rates = _rates(visits, now, zone, quiet)
    draft = Rhythm(rates, math.inf, zone, quiet, days, len(visits))
    silences = _silences(draft, visits)
    limit = limit_of(silences, len(silences) * SECONDS_PER_YEAR / (days * DAY_HOURS * HOUR_S))
    return Rhythm(rates, limit, zone, quiet, days, len(visits))


def limit_of(silences: Sequence[float], per_year: float) -> float:
    """Where chance alone ends: `silences` in expected visits, and how many of them there are in a year.

    >>> import random
    >>> chance = random.Random(1)
    >>> poisson = [chance.expovariate(1.0) for _ in range(2000)]
    >>> 8.0 < limit_of(poisson, 5000) < 12.0
    True
    """
    ordered = sorted(silences)
    start = ordered[int(TAIL * (len(ordered) - 1))]
    excesses = [silence - start for silence in ordered if silence > start] or [start]
    scale = sum(excesses) / len(excesses)
    careful = scale * (1 + CAUTION / math.sqrt(len(excesses)))
    beyond = careful * math.log(max(per_year * (1 - TAIL) / FALSE_PER_YEAR, 1.0))
    return max(start + beyond, ordered[-1])


def _silences(rhythm: Rhythm, visits: Sequence[Visit]) -> list[float]:
    """Between the visits, in expected visits; by the sum over whole hours, which is fast."""
    cumulative = Cumulative(rhythm, visits[0].began, visits[-1].ended)
    found = []
    for place, (sooner, later) in enumerate(pairwise(visits)):
        first = max(0, place + 1 - LEVEL_VISITS)
        before = cumulative.between(visits[first].began, sooner.ended)
        found.append(cumulative.between(sooner.ended, later.began) * _level(place + 1 - first, before))
    return found


def _level(visits: int, expected: float) -> float:
    """Visits against those that were expected in the same time."""
    return min(1.0, max(LEAST_LEVEL, visits / max(expected, 1e-9)))


class Cumulative:
    """Expected visits up to any moment of a span, looked up by hour."""

    def __init__(self, rhythm: Rhythm, start: datetime, end: datetime) -> None:
        self._rhythm = rhythm
        hours = int((end - start).total_seconds() / HOUR_S) + 2
        first = start.replace(minute=0, second=0, microsecond=0)
        self._moments = [first + timedelta(hours=number) for number in range(hours)]
        self._rates = [rhythm.rate_at(moment.astimezone(rhythm.zone)) for moment in self._moments]
        self._sums = [0.0]
        for rate in self._rates:
            self._sums.append(self._sums[-1] + rate)

    def between(self, start: datetime, end: datetime) -> float:
        """Expected visits between two moments of the span."""
        return max(0.0, self._until(end) - self._until(start))

    def _until(self, moment: datetime) -> float:
        place = max(0, bisect_right(self._moments, moment) - 1)
        share = (moment - self._moments[place]).total_seconds() / HOUR_S
        return self._sums[place] + self._rates[place] * share


def _rates(visits: Sequence[Visit], now: datetime, zone: tzinfo, quiet: frozenset[date]) -> tuple[float, ...]:
    """Visits an hour by hour of the week: its own past, and what its neighbours and the same hour of all days say."""
    counts, hours = [0.0] * WEEK_HOURS, [0.0] * WEEK_HOURS
    moment = visits[0].began
    while moment < now:
        hours[_hour_of_week(moment.astimezone(zone), quiet)] += 1.0
        moment += timedelta(hours=1)
    for visit in visits:
        counts[_hour_of_week(visit.began.astimezone(zone), quiet)] += 1.0
    smooth_counts, smooth_hours = _smoothed(counts), _smoothed(hours)
    by_hour = [
        sum(smooth_counts[hour::DAY_HOURS]) / max(sum(smooth_hours[hour::DAY_HOURS]), 1.0)
        for hour in range(DAY_HOURS)
    ]
    shares = _by_day(counts, hours)
    return tuple(
        (smooth_counts[place] + PRIOR_WEEKS * by_hour[place % DAY_HOURS] * shares[place // DAY_HOURS])
        / (smooth_hours[place] + PRIOR_WEEKS)
        for place in range(WEEK_HOURS)
    )


def _by_day(counts: Sequence[float], hours: Sequence[float]) -> list[float]:
    """How busy each day of the week is, relative to the mean."""
    mean = sum(counts) / max(sum(hours), 1.0)
    days = [slice(day * DAY_HOURS, (day + 1) * DAY_HOURS) for day in range(WEEK_HOURS // DAY_HOURS)]
    return [sum(counts[day]) / max(sum(hours[day]), 1.0) / mean for day in days]


def _smoothed(values: Sequence[float]) -> list[float]:
    before, at, after = NEIGHBOUR
    return [
        before * values[place - 1] + at * values[place] + after * values[(place + 1) % WEEK_HOURS]
        for place in range(WEEK_HOURS)
    ]


def _hour_of_week(local: datetime, quiet: frozenset[date]) -> int:
    weekday = SUNDAY if local.date() in quiet else local.weekday()
    return weekday * DAY_HOURS + local.hour
