"""How far the core of a network and the core by thresholds agree: a table of rules, the first that holds decides.

Neither core is the truth. Two that agree are no proof; two that contradict are a reason to look at the images first.
Explained for readers in ``docs/engines.md``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from triage.criteria import CORE_LIMITS_ML
from triage.results import Agreement, Interval, Side

CORE_APART = (5.0, 0.35)
"""Difference of two cores that is no disagreement: in ml, or as a share of the larger one."""

NO_CORE_ML = 1.0
"""Less is no core: `triage.artefacts.SMALLEST_CLUSTER_ML`, which both methods drop."""

A_CORE_ML = 10.0
"""A core that nobody should find alone: twice the difference that counts."""

LEAST_OVERLAP = 0.3
"""Dice coefficient of two equal balls whose centres lie one radius apart: 5/16. Less is another place."""

OVERLAP_FROM_ML = 5.0
"""Both cores must have this much before their overlap is judged: of smaller ones the outermost voxels are half."""

ONE_SIDE = frozenset({Side.LEFT, Side.RIGHT})


@dataclass(frozen=True, slots=True)
class Pair:
    """The core by thresholds, and the core of a network.

    Attributes
    ----------
    first_ml, other_ml
        Their volumes.
    interval
        90 % interval of the first, or None.
    first_side, other_side
        Side of the lesion by thresholds, whether it has a core or not, and side of the network's core.
    overlap
        Dice coefficient, None where neither has voxels.
    """

    first_ml: float
    other_ml: float
    interval: Interval | None
    first_side: Side
    other_side: Side
    overlap: float | None


@dataclass(frozen=True, slots=True)
class Rule:
    """When it `holds`, the verdict is `agreement`; `says` is the sentence."""

    agreement: Agreement
    holds: Callable[[Pair], bool]
    says: Callable[[Pair], str]


def near(one: float, other: float, apart: tuple[float, float]) -> bool:
    """Whether two numbers differ by no more than the first of `apart`, or than the second as a share of the larger.

    Examples
    --------
    >>> near(3.0, 8.0, CORE_APART), near(30.0, 46.0, CORE_APART), near(30.0, 47.0, CORE_APART)
    (True, True, False)
    """
    least, share = apart
    return abs(one - other) <= max(least, share * max(one, other))


def verdict(pair: Pair) -> tuple[Agreement, str]:
    """Judge two cores.

    Examples
    --------
    >>> def judged(first_ml, other_ml, overlap=0.6, other_side=Side.LEFT, interval=None):
    ...     return verdict(Pair(first_ml, other_ml, interval, Side.LEFT, other_side, overlap))
    >>> for one in (judged(12, 14), judged(12, 19), judged(30, 33, 0.1), judged(0.5, 12), judged(20, 9, 0, Side.RIGHT)):
    ...     print(*one)
    agree volume and place agree
    differ the volumes differ
    differ the cores lie in different places
    contradict only one method finds a core
    contradict the cores lie on different sides
    >>> print(*judged(12, 48, interval=Interval(8, 19)))
    contradict core limits of trials lie between the two: 21, 31 ml
    >>> print(*judged(12, 48, interval=Interval(8, 40)))
    differ the volumes differ
    """
    decisive = next(rule for rule in RULES if rule.holds(pair))
    return decisive.agreement, decisive.says(pair)


def _alone(pair: Pair) -> bool:
    less, more = sorted((pair.first_ml, pair.other_ml))
    return less < NO_CORE_ML and more > A_CORE_ML


def _opposite(pair: Pair) -> bool:
    sides = {pair.first_side, pair.other_side}
    return sides == ONE_SIDE


def _opposite_and_large(pair: Pair) -> bool:
    """A small core on the other side is a speck; a larger one is another stroke."""
    return _opposite(pair) and pair.other_ml > CORE_APART[0]


def _limits_between(pair: Pair) -> Iterator[float]:
    """Core limits of trials on whose two sides the cores lie, each beyond its own doubt."""
    low_ml, high_ml = sorted((pair.first_ml, pair.other_ml))
    for limit_ml in CORE_LIMITS_ML:
        if low_ml < limit_ml <= high_ml and not (_within_doubt(pair, limit_ml)):
            yield limit_ml


def _within_doubt(pair: Pair, limit_ml: float) -> bool:
    """Whether one of them may lie on either side: within its interval, or nearer than two methods agree."""
    of_first = pair.interval.holds(limit_ml) if pair.interval else near(pair.first_ml, limit_ml, CORE_APART)
    return of_first or near(pair.other_ml, limit_ml, CORE_APART)


def _limit_turns(pair: Pair) -> bool:
    return any(True for _ in _limits_between(pair))


def _which_limits(pair: Pair) -> str:
    limits = ", ".join(f"{limit_ml:g}" for limit_ml in _limits_between(pair))
    return f"core limits of trials lie between the two: {limits} ml"


def _apart(pair: Pair) -> bool:
    return not near(pair.first_ml, pair.other_ml, CORE_APART)


def _elsewhere(pair: Pair) -> bool:
    large = min(pair.first_ml, pair.other_ml) >= OVERLAP_FROM_ML
    return _opposite(pair) or (large and (pair.overlap or 0.0) < LEAST_OVERLAP)


def _always(_pair: Pair) -> bool:
    return True


def _words(text: str) -> Callable[[Pair], str]:
    return lambda _pair: text


RULES = (
    Rule(Agreement.CONTRADICT, _alone, _words("only one method finds a core")),
    Rule(Agreement.CONTRADICT, _opposite_and_large, _words("the cores lie on different sides")),
    Rule(Agreement.CONTRADICT, _limit_turns, _which_limits),
    Rule(Agreement.DIFFER, _apart, _words("the volumes differ")),
    Rule(Agreement.DIFFER, _elsewhere, _words("the cores lie in different places")),
    Rule(Agreement.AGREE, _always, _words("volume and place agree")),
)
"""The first that holds decides."""
