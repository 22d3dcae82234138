"""What late images changed of a result, in words: only that rings a second time.

The former result's own intervals are the measure: a volume inside its 90 % interval is the number that was told already.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from triage.results import Interval, Side, Status, TriageResult
from viewer_bridge.figures import span, volume

UNCHANGED = "no change of class or beyond the interval"

ALIKE_ML = 0.5
"""Without an interval, volumes that differ by less are the same: no second alarm for a rounding."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing by which two results differ in class: how it reads, and whether it means something of a result."""

    word: Callable[[TriageResult], str]
    applies: Callable[[TriageResult], bool]


def _always(_result: TriageResult) -> bool:
    return True


def _analysed(result: TriageResult) -> bool:
    return result.status is Status.ANALYSED


def _trusted(result: TriageResult) -> bool:
    return result.trusted


STATUSES = {Status.ANALYSED: "analysed", Status.NOT_ANALYSED: "not analysed"}
TRUST = {True: "numbers reliable", False: "numbers not reliable"}
SIDES = {Side.LEFT: "LEFT", Side.RIGHT: "RIGHT", Side.BILATERAL: "BOTH SIDES", Side.NONE: "no lesion"}
MET = {True: "met", False: "not met"}

CLASS = (
    Aspect(lambda result: STATUSES[result.status], _always),
    Aspect(lambda result: TRUST[result.trusted], _analysed),
    Aspect(lambda result: SIDES[result.side], _trusted),
)
"""What a result is, beside the trials' rules; an aspect counts where it applies to both results."""

VOLUMES = (("core_ml", "core"), ("hypoperfused_ml", "hypoperfused"))
"""Fields that are told as numbers, each with an interval of its own."""


def changes(former: TriageResult, present: TriageResult) -> tuple[str, ...]:
    """Why the team must hear of `present` after `former`: empty when it knows already what matters.

    Class is the status, whether the numbers may be trusted, the side, and which trials' imaging rules are met. Volumes
    count when they left the interval that came with the former ones. Nothing else rings: neither a remark about quality
    nor another wording of the same refusal.
    """
    return (*_of_class(former, present), *_of_criteria(former, present), *_of_volumes(former, present))


def _of_class(former: TriageResult, present: TriageResult) -> Iterator[str]:
    for aspect in CLASS:
        if aspect.applies(former) and aspect.applies(present):
            before, now = aspect.word(former), aspect.word(present)
            if before != now:
                yield f"{now}, before {before}"


def _of_criteria(former: TriageResult, present: TriageResult) -> Iterator[str]:
    if not (former.trusted and present.trusted):
        return
    for name in sorted({*former.criteria, *present.criteria}):
        before, now = _met(former, name), _met(present, name)
        if before != now:
            yield f"{name.replace('_', ' ').upper()} imaging {MET[now]}, before {MET[before]}"


def _met(result: TriageResult, name: str) -> bool:
    return name in result.criteria and result.criteria[name].met


def _of_volumes(former: TriageResult, present: TriageResult) -> Iterator[str]:
    if not (former.trusted and present.trusted):
        return
    for name, word in VOLUMES:
        before, now = getattr(former, name), getattr(present, name)
        ends = former.intervals.get(name)
        if not _within(before, now, ends):
            known = f" ({span(ends)})" if ends else ""
            yield f"{word} {volume(now)}, before {volume(before)}{known}"


def _within(before: float | None, now: float | None, ends: Interval | None) -> bool:
    """Whether a volume is the one that was told; an unknown one is only like an unknown one."""
    if before is None or now is None or not math.isfinite(before) or not math.isfinite(now):
        return before == now
    return ends.holds(now) if ends else abs(now - before) < ALIKE_ML
