"""Imaging rules of the trials, as a table; no rule decides about a treatment.

A rule is met or not by volumes alone. What it needs besides, and a scan cannot say, is listed as missing. Volumes have
errors: each rule says at which volume its answer would turn, and whether the interval of the measured one holds it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import ge, gt, le, lt

from triage.results import Criterion, Interval


class Quantity(StrEnum):
    """What a limit is about; volumes in ml, the ratio is hypoperfused volume over core."""

    CORE = "core"
    HYPOPERFUSED = "hypoperfused volume"
    MISMATCH = "mismatch"
    RATIO = "mismatch ratio"


INTERVAL_NAMES: Mapping[Quantity, str] = {
    Quantity.CORE: "core_ml",
    Quantity.HYPOPERFUSED: "hypoperfused_ml",
    Quantity.MISMATCH: "mismatch_ml",
    Quantity.RATIO: "mismatch_ratio",
}

HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    "below": lt,
    "at most": le,
    "above": gt,
    "at least": ge,
}
"""Relations of a limit, by the word that names them in a text."""

FAILS: Mapping[str, str] = {
    "below": "not below",
    "at most": "above",
    "above": "not above",
    "at least": "below",
}
"""What is said when a relation does not hold."""

STEP_ML = 1e-6
"""Just beyond a limit."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One condition, such as core below 70; `otherwise` replaces the sentence that tells why it fails."""

    quantity: Quantity
    relation: str
    value: float
    otherwise: str = ""

    def holds(self, volumes: "Volumes") -> bool:
        """Whether the volumes fulfil it."""
        return HOLDS[self.relation](volumes.of(self.quantity), self.value)

    def failure(self, volumes: "Volumes") -> str:
        """Why the volumes do not fulfil it."""
        shown = _shown(self.quantity, volumes.of(self.quantity), self.value)
        return self.otherwise or f"{shown} is {FAILS[self.relation]} {self.value:g}{_unit(self.quantity)}"


@dataclass(frozen=True, slots=True)
class Rule:
    """Imaging limits of one trial, all of which must hold; `missing` are items that a perfusion scan does not show."""

    title: str
    limits: tuple[Limit, ...]
    missing: tuple[str, ...]
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Volumes:
    """Core and hypoperfused volume in ml, and what follows from them."""

    core_ml: float
    hypoperfused_ml: float

    def of(self, quantity: Quantity) -> float:
        """Value of a quantity; without a core the ratio is infinite."""
        if quantity is Quantity.RATIO:
            return self.hypoperfused_ml / self.core_ml if self.core_ml > 0 else float("inf")
        return {
            Quantity.CORE: self.core_ml,
            Quantity.HYPOPERFUSED: self.hypoperfused_ml,
            Quantity.MISMATCH: self.hypoperfused_ml - self.core_ml,
        }[quantity]


LESION = Limit(Quantity.HYPOPERFUSED, "above", 0.0, "no hypoperfused tissue was found")
"""Not a trial's limit: without hypoperfused tissue nothing speaks for the vessel occlusion that all of them require."""

CLINICAL = ("age", "NIHSS", "time since last known well", "vessel occlusion")

RULES: Mapping[str, Rule] = {
    "defuse_3": Rule(
        "DEFUSE 3",
        (
            Limit(Quantity.CORE, "below", 70.0),
            Limit(Quantity.RATIO, "at least", 1.8),
            Limit(Quantity.MISMATCH, "at least", 15.0),
        ),
        CLINICAL,
        "Albers 2018, NEJM 378:708",
    ),
    "extend": Rule(
        "EXTEND",
        (
            Limit(Quantity.CORE, "below", 70.0),
            Limit(Quantity.RATIO, "above", 1.2),
            Limit(Quantity.MISMATCH, "above", 10.0),
        ),
        ("age", "NIHSS", "time since last known well"),
        "Ma 2019, NEJM 380:1795",
    ),
    "dawn_a": Rule(
        "DAWN group A (80 years or older, NIHSS 10 or more)",
        (Limit(Quantity.CORE, "below", 21.0), LESION),
        CLINICAL,
        "Nogueira 2018, NEJM 378:11",
    ),
    "dawn_b": Rule(
        "DAWN group B (younger than 80 years, NIHSS 10 or more)",
        (Limit(Quantity.CORE, "below", 31.0), LESION),
        CLINICAL,
        "Nogueira 2018, NEJM 378:11",
    ),
    "dawn_c": Rule(
        "DAWN group C (younger than 80 years, NIHSS 20 or more)",
        (Limit(Quantity.CORE, "at least", 31.0), Limit(Quantity.CORE, "below", 51.0)),
        CLINICAL,
        "Nogueira 2018, NEJM 378:11",
    ),
    "angel_aspect": Rule(
        "ANGEL-ASPECT",
        (Limit(Quantity.CORE, "at least", 70.0), Limit(Quantity.CORE, "at most", 100.0)),
        ("ASPECTS", *CLINICAL),
        "Huo 2023, NEJM 388:1272",
        "ASPECTS 3 to 5 qualified whatever the core",
    ),
    "select2": Rule(
        "SELECT2",
        (Limit(Quantity.CORE, "at least", 50.0),),
        ("ASPECTS", *CLINICAL),
        "Sarraj 2023, NEJM 388:1259",
        "ASPECTS 3 to 5 qualified whatever the core",
    ),
}

CORE_LIMITS_ML = tuple(
    sorted(
        {limit.value for rule in RULES.values() for limit in rule.limits if limit.quantity is Quantity.CORE}
    )
)
"""Cores at which some trial's answer turns, in ml."""


def judged(
    core_ml: float, hypoperfused_ml: float, intervals: Mapping[str, Interval]
) -> Mapping[str, Criterion]:
    """Every rule applied to the volumes; `intervals` as in `TriageResult`, a volume without one counts as exact.

    Examples
    --------
    >>> judged(20.0, 80.0, {})["defuse_3"].met
    True
    >>> judged(20.0, 80.0, {})["defuse_3"].changes_if
    'core is more than 44.4 ml'
    >>> judged(80.0, 240.0, {})["defuse_3"].text
    'DEFUSE 3 imaging criteria not met: core 80.0 ml is not below 70 ml (Albers 2018, NEJM 378:708)'
    """
    volumes = Volumes(core_ml, hypoperfused_ml)
    return {name: _judged(rule, volumes, intervals) for name, rule in RULES.items()}


def _judged(rule: Rule, volumes: Volumes, intervals: Mapping[str, Interval]) -> Criterion:
    failures = [limit.failure(volumes) for limit in rule.limits if not limit.holds(volumes)]
    verdict = f"not met: {'; '.join(failures)}" if failures else "met; clinical criteria are not known here"
    note = f"; {rule.note}" if rule.note else ""
    turns = sorted(_turns(rule, volumes), key=lambda turn: turn.distance_ml)
    return Criterion(
        not failures,
        rule.missing,
        f"{rule.title} imaging criteria {verdict}{note} ({rule.source})",
        turns[0].text() if turns else "",
        not (_in_reach(turns, intervals) or _pivotal(rule, volumes, intervals)),
    )


@dataclass(frozen=True, slots=True)
class _Turn:
    """A volume at or beyond which the answer is another one, the other volume held fixed."""

    quantity: Quantity
    at_ml: float
    now_ml: float
    rises: bool
    included: bool

    @property
    def distance_ml(self) -> float:
        return abs(self.at_ml - self.now_ml)

    def text(self) -> str:
        """What follows "changes if"."""
        beyond = "more than {} ml" if self.rises else "less than {} ml"
        reached = "{} ml or more" if self.rises else "{} ml or less"
        words = (reached if self.included else beyond).format(f"{self.at_ml:.1f}")
        return f"{self.quantity} is {words}"


def _turns(rule: Rule, volumes: Volumes) -> Iterator[_Turn]:
    """Volumes at which the answer turns, one after the other crossed alone."""
    met = _met(rule, volumes)
    for quantity, now_ml, at_ml, including in _crossings(rule, volumes):
        for direction in (-1, 1):
            if (at_ml - now_ml) * direction < 0 or at_ml + direction * STEP_ML < 0:
                continue
            if _met(rule, _with(volumes, quantity, at_ml + direction * STEP_ML)) != met:
                yield _Turn(quantity, at_ml, now_ml, direction > 0, including == (not met))


def _crossings(rule: Rule, volumes: Volumes) -> Iterator[tuple[Quantity, float, float, bool]]:
    """Quantity, its volume now, the volume at which a limit is crossed, and whether the limit holds there."""
    core, late = volumes.core_ml, volumes.hypoperfused_ml
    for limit in rule.limits:
        if limit is LESION:
            continue
        value, inclusive = limit.value, limit.relation.startswith("at ")
        cores = {
            Quantity.CORE: value,
            Quantity.MISMATCH: late - value,
            Quantity.RATIO: late / value,
        }
        lates = {Quantity.MISMATCH: core + value, Quantity.RATIO: core * value}
        if limit.quantity in cores and cores[limit.quantity] >= 0:
            yield Quantity.CORE, core, cores[limit.quantity], inclusive
        if limit.quantity in lates:
            yield Quantity.HYPOPERFUSED, late, lates[limit.quantity], inclusive


def _with(volumes: Volumes, quantity: Quantity, value_ml: float) -> Volumes:
    if quantity is Quantity.CORE:
        return Volumes(value_ml, volumes.hypoperfused_ml)
    return Volumes(volumes.core_ml, value_ml)


def _met(rule: Rule, volumes: Volumes) -> bool:
    return all(limit.holds(volumes) for limit in rule.limits)


def _in_reach(turns: list[_Turn], intervals: Mapping[str, Interval]) -> bool:
    """Whether a turning volume lies in the interval of its quantity."""
    return any(_holds(intervals, turn.quantity, turn.at_ml) for turn in turns)


def _pivotal(rule: Rule, volumes: Volumes, intervals: Mapping[str, Interval]) -> bool:
    """Whether a limit that alone decides lies in the interval of its own quantity."""
    failed = [limit for limit in rule.limits if not limit.holds(volumes)]
    deciding = rule.limits if not failed else failed if len(failed) == 1 else ()
    return any(_holds(intervals, limit.quantity, limit.value) for limit in deciding)


def _holds(intervals: Mapping[str, Interval], quantity: Quantity, value: float) -> bool:
    interval = intervals.get(INTERVAL_NAMES[quantity])
    return interval is not None and interval.holds(value)


def _shown(quantity: Quantity, value: float, limit: float) -> str:
    """A value with one decimal, or as many as it takes to see on which side of the limit it lies."""
    texts = [f"{value:.{digits}f}" for digits in range(1, 5)]
    told = (text for text in texts if _same_side(float(text), value, limit))
    return f"{quantity} {next(told, texts[-1])}{_unit(quantity)}"


def _same_side(rounded: float, value: float, limit: float) -> bool:
    return (rounded > limit, rounded < limit) == (value > limit, value < limit)


def _unit(quantity: Quantity) -> str:
    return "" if quantity is Quantity.RATIO else " ml"
