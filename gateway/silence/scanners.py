"""What is usual for each scanner, how long it has been silent, and how its clock stands: values in, sentences out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from gateway.ledger.records import moment_of
from gateway.ledger.sources import SourceVisit
from gateway.silence.rhythm import DAY_HOURS, LEARNED_DAYS, Rhythm, Visit
from gateway.silence.scanner_clock import ClockLook, ClockState, span_words

DAYPARTS: Sequence[tuple[int, int, str]] = (
    (6, 12, "mornings"),
    (12, 18, "afternoons"),
    (18, 24, "evenings"),
    (0, 6, "nights"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

RARELY_H = 6.0
"""An interval longer than a part of the day is told as so many a day."""


@dataclass(frozen=True, slots=True)
class ScannerLook:
    """How one scanner does now.

    Attributes
    ----------
    too_long_at
        When its present silence is too long; None while that is far off or nothing is known.
    is_silent
        Whether that has passed.
    usual
        How often it sends at this time of the week, in words.
    """

    name: str
    first: datetime
    last: datetime
    visits: int
    usual: str
    clock: ClockLook
    too_long_at: datetime | None = None
    is_learned: bool = False
    is_silent: bool = False
    is_expected: bool = True


def visits_of(found: Sequence[SourceVisit]) -> list[Visit]:
    """Times of visits, those of parallel associations as one."""
    merged: list[Visit] = []
    for each in found:
        began, ended = moment_of(each.began_at), moment_of(each.ended_at)
        if merged and began <= merged[-1].ended:
            merged[-1] = Visit(merged[-1].began, max(merged[-1].ended, ended))
        else:
            merged.append(Visit(began, ended))
    return merged


def look_at(
    name: str, visits: Sequence[Visit], rhythm: Rhythm | None, clock: ClockLook, now: datetime, zone: tzinfo
) -> ScannerLook:
    """Judge a scanner that has sent something."""
    last = visits[-1].ended
    if rhythm is None:
        days = (now - visits[0].began).total_seconds() / (DAY_HOURS * 3600)
        usual = f"is still being learned: {min(int(days), int(LEARNED_DAYS))} of {LEARNED_DAYS:.0f} days, {len(visits)} visits"
        return ScannerLook(name, visits[0].began, last, len(visits), usual, clock)
    ends = rhythm.too_long_at(last, rhythm.level(visits))
    return ScannerLook(
        name,
        visits[0].began,
        last,
        rhythm.visits,
        usual_words(rhythm, now.astimezone(zone)),
        clock,
        too_long_at=ends,
        is_learned=True,
        is_silent=ends is not None and now > ends,
    )


def usual_words(rhythm: Rhythm, local: datetime) -> str:
    """How often a scanner sends around this time of the week.

    >>> from zoneinfo import ZoneInfo
    >>> often = Rhythm((2.4,) * 168, 9.0, ZoneInfo("UTC"), frozenset(), 30.0, 900)
    >>> usual_words(often, datetime(2026, 3, 2, 9, tzinfo=ZoneInfo("UTC")))
    'usually sends every 25 min on Monday mornings'
    """
    start, end, part = next(each for each in DAYPARTS if each[0] <= local.hour < each[1])
    day = local.weekday() * DAY_HOURS
    rates = rhythm.rates[day + start : day + end]
    hourly = sum(rates) / len(rates)
    if hourly * RARELY_H < 1:
        daily = sum(rhythm.rates[day : day + DAY_HOURS])
        often = (
            f"about {daily:.0f} times" if daily >= 1.5 else ("about once" if daily > 0.5 else "hardly ever")
        )
        return f"usually sends {often} on a {DAYS[local.weekday()]}"
    return f"usually sends every {span_words(3600 / hourly)} on {DAYS[local.weekday()]} {part}"


def silence_words(look: ScannerLook, now: datetime, silent: int, present: int) -> str:
    """Why somebody is told of a scanner; `silent` of `present` scanners are."""
    ago = span_words((now - look.last).total_seconds())
    text = f"{look.name} {look.usual}; the last image came {ago} ago"
    if silent > 1:
        return f"{text}. {silent} of {present} scanners are silent: look at the network and at our own listener first"
    return f"{text}: is it in use, and does it still send to us?"


def common_offset_s(looks: Mapping[str, ClockLook], tolerance_s: float) -> float | None:
    """By how much most scanners differ from us likewise: then the wrong clock is ours.

    >>> ahead = ClockLook(ClockState.AHEAD, 300.0)
    >>> common_offset_s({"CT01": ahead, "CT02": ahead, "MR01": ahead}, 60.0)
    300.0
    >>> common_offset_s({"CT01": ahead, "CT02": ClockLook(ClockState.RIGHT), "MR01": ClockLook(ClockState.RIGHT)}, 60.0)
    """
    known = [look for look in looks.values() if look.state is not ClockState.UNKNOWN]
    wrong = sorted(look.offset_s for look in known if look.is_wrong and look.offset_s is not None)
    if len(wrong) < 2 or 2 * len(wrong) <= len(known):
        return None
    middle = wrong[len(wrong) // 2]
    alike = sum(abs(each - middle) <= tolerance_s for each in wrong)
    return middle if 2 * alike > len(known) else None
