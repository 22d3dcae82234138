"""Who is called when: the levels of an alert, and where it stands between two looks.

Every moment in a `Watch` is absolute, and the watch is in the journal: a slow channel or a restart shifts no level.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from gateway.alerts.settings import AlertLevel, Alerts
from gateway.desk import SECONDS_PER_MINUTE

HOLDER_FIRST = -1
"""The level before the first: whoever has another study of this patient."""

UNREACHED_AFTER_S = 9.0
"""So long after its beginning a level that no channel of anybody accepted is given up: two slow channels one after the other
have failed by then."""

LATE_ANSWER_S = 3600.0
"""How long an alert that nobody answered waits for an answer, to tell it to the others."""

TELL_S = 600.0
"""How long we try to tell the others that somebody has the case."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Where an alert stands between two looks; moments are seconds since the epoch.

    Attributes
    ----------
    level
        Which one has the word; `HOLDER_FIRST` or its place in the configuration.
    began_s, until_s
        When its time began and will be over.
    called
        Whether the channels of nobody in particular have their orders.
    repeats
        How often its people were told again.
    settled
        Whether somebody has answered or a newer alert took its place; what is left is to tell the others.
    silent
        Whether every level had its time and nobody answered.
    look_s
        When to look next; None at the end.
    """

    level: int
    began_s: float
    until_s: float
    called: bool = False
    repeats: int = 0
    settled: bool = False
    silent: bool = False
    look_s: float | None = None

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(**plain)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the journal."""
        return asdict(self)


def levels_of(alerts: Alerts) -> Sequence[AlertLevel]:
    """Levels in their order; without any, the console alone has one's time.

    >>> [level.name for level in levels_of(Alerts(levels=()))]
    ['console']
    """
    return alerts.levels or (AlertLevel(name="console"),)


def begin(alerts: Alerts, level: int, began_s: float) -> Watch:
    """Give the word to a level.

    >>> watch = begin(Alerts(escalate_after_minutes=5), 0, 1000.0)
    >>> watch.until_s, begin(Alerts(same_patient_minutes=2), HOLDER_FIRST, 1000.0).until_s
    (1300.0, 1120.0)
    """
    minutes = alerts.same_patient_minutes
    if level != HOLDER_FIRST:
        minutes = levels_of(alerts)[level].minutes or alerts.escalate_after_minutes
    return Watch(level, began_s, began_s + minutes * SECONDS_PER_MINUTE)


def is_last(alerts: Alerts, watch: Watch) -> bool:
    """Whether no level follows; a plan may have been shortened since the alert began."""
    return watch.level >= len(levels_of(alerts)) - 1


def following(alerts: Alerts, watch: Watch, now_s: float) -> Watch:
    """Give the word to the next level: at the moment that was planned, or now where that is still to come."""
    return begin(alerts, watch.level + 1, min(watch.until_s, now_s))


def level_of(alerts: Alerts, watch: Watch) -> AlertLevel | None:
    """The level that has the word, as it is configured now; None for `HOLDER_FIRST` and for one that is no more."""
    levels = levels_of(alerts)
    return levels[watch.level] if 0 <= watch.level < len(levels) else None


def repeats_due(every_minutes: float | None, watch: Watch, now_s: float) -> int:
    """How many repeats of a level should have been by now; those that a dead process missed count as one.

    >>> watch = Watch(0, 0.0, 600.0)
    >>> [repeats_due(2.0, watch, now_s) for now_s in (119, 120, 599, 700)], repeats_due(None, watch, 600)
    ([0, 1, 4, 4], 0)
    """
    if every_minutes is None:
        return 0
    passed_s = min(now_s, watch.until_s - 1) - watch.began_s
    return max(0, int(passed_s / (every_minutes * SECONDS_PER_MINUTE)))


def next_look(every_minutes: float | None, watch: Watch, look_s: float | None) -> Watch:
    """Look again when something is due: what is under way, the next repeat, the end of the level's time."""
    moments = [watch.until_s, *([look_s] if look_s is not None else [])]
    if every_minutes is not None:
        repeat_s = watch.began_s + (watch.repeats + 1) * every_minutes * SECONDS_PER_MINUTE
        moments += [repeat_s] if repeat_s < watch.until_s else []
    return replace(watch, look_s=min(moments))
