"""Numbers as people read them: pages, alerts, reports and the terminal write the same figure the same way."""

import math
from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from triage.results import (
    NO_MODEL,
    Agreement,
    Interval,
    ModelFinding,
    QualityFlag,
    SecondOpinion,
    Severity,
    Territory,
    TriageResult,
)

RATIO_DECIMALS = 2

WHOLE_FROM_ML = 10
"""Interval ends are written in whole ml from here on; a tenth of a small volume still matters."""

AGREEMENTS = {
    Agreement.AGREE: "agrees",
    Agreement.DIFFER: "differs",
    Agreement.CONTRADICT: "contradicts",
}
"""The light of a network, in one word: a colour never stands alone."""

TASKS = {
    "infarct_core": "infarct core",
    "hemorrhage": "hemorrhage",
    "large_vessel_occlusion": "large vessel occlusion",
    "aspects": "ASPECTS",
}
"""What a network could be asked, as people say it; another task is shown as it is called."""

TERRITORIES = {
    Territory.ANTERIOR: "anterior cerebral",
    Territory.MIDDLE: "middle cerebral",
    Territory.POSTERIOR: "posterior cerebral",
    Territory.CEREBELLAR: "posterior fossa",
}

ABOUT_VOLUMES = frozenset(
    {
        "artefact_removed",
        "calibration",
        "ghost_core",
        "low_flow_without_delay",
        "scattered_delay",
        "second_method",
    }
)
"""Codes of flags that judge the volumes or give others: where no volume may be shown they would give it away."""

GRAVEST_FIRST = tuple(reversed(Severity))

ONLY_TIME_TO_PEAK = "Time to peak, no arterial input: not Tmax"
"""Title of the only map there is without an arterial input."""


def volume(ml: float | None) -> str:
    """A volume, to the same digit wherever it stands.

    >>> volume(33.62), volume(0.0), volume(None)
    ('33.6 ml', '0.0 ml', 'not known')
    """
    return "not known" if ml is None or not math.isfinite(ml) else f"{ml:.1f} ml"


def floored(value: float, decimals: int = RATIO_DECIMALS) -> str:
    """Cut, not rounded, so that a ratio below a limit never reads as the limit.

    >>> floored(1.799), floored(1.8), floored(2.3), floored(6.125)
    ('1.79', '1.80', '2.30', '6.12')
    """
    return _cut(value, decimals, ROUND_FLOOR)


def ceiled(value: float, decimals: int = RATIO_DECIMALS) -> str:
    """Cut upwards: the upper end of what was computed.

    >>> ceiled(38.61, 1), ceiled(2.3)
    ('38.7', '2.30')
    """
    return _cut(value, decimals, ROUND_CEILING)


def span(interval: Interval, decimals: int | None = None) -> str:
    """Ends of an interval, rounded outwards: what is written holds what was computed.

    >>> span(Interval(28.4, 38.7)), span(Interval(0.0, 1.22)), span(Interval(2.109, None), 2)
    ('28-39', '0-1.3', '2.10 or more')
    """
    if interval.high is None or math.isinf(interval.high):
        return f"{floored(interval.low, _decimals(interval.low, decimals))} or more"
    places = _decimals(interval.high, decimals)
    low = floored(interval.low, places) if interval.low else "0"
    high = ceiled(interval.high, places)
    return f"{low} to {high}" if interval.low < 0 else f"{low}-{high}"


def ratio_span(interval: Interval) -> str:
    """Interval of a ratio."""
    return span(interval, RATIO_DECIMALS)


def territories(volumes_ml: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Territories with their volume in ml, the largest first; those with none are left out.

    >>> list(territories({"posterior_cerebral": 0.0, "middle_cerebral": 80.2}))
    [('middle cerebral', 80.2)]
    """
    for name, ml in sorted(volumes_ml.items(), key=lambda item: -item[1]):
        if ml > 0:
            yield TERRITORIES[Territory(name)], ml


def shown_flags(result: TriageResult) -> list[QualityFlag]:
    """Quality flags, the gravest first; without trust those that rest on the volumes are left out."""
    shown = (flag for flag in result.quality if result.trusted or flag.code not in ABOUT_VOLUMES)
    return sorted(shown, key=lambda flag: GRAVEST_FIRST.index(flag.severity))


def disagreeing(result: TriageResult) -> list[SecondOpinion]:
    """Other methods that do not agree with the result."""
    return [opinion for opinion in result.opinions if not opinion.agrees]


def network_said(model: ModelFinding) -> str:
    """What became of a network, for a list: its core, or why it has none.

    >>> network_said(ModelFinding("ctp-core", "1", "", text="no answer within 1.5 s"))
    'no core: no answer within 1.5 s'
    """
    if model.core_ml is None:
        return f"no core: {model.text}"
    late = "" if model.hypoperfused_ml is None else f", hypoperfused {volume(model.hypoperfused_ml)}"
    shared = "" if model.overlap is None else f", overlap {model.overlap:.2f}"
    return f"core {volume(model.core_ml)}{late}{shared}: {model.text}"


def named(model: ModelFinding) -> str:
    """A network with its version, and beside it what it learned from.

    >>> named(ModelFinding("ctp-core", "0.1.0", "", trained_on="simulated patients: 4000 of them"))
    'ctp-core 0.1.0 (trained on simulated patients)'
    """
    learned = f" (trained on {model.learned_from})" if model.trained_on else ""
    return f"{model.name} {model.version}{learned}"


def two_cores(result: TriageResult, model: ModelFinding) -> str:
    """Both cores side by side, the threshold's first."""
    return f"core {volume(result.core_ml)} by threshold, {volume(model.core_ml)} by network {named(model)}"


def without_model(tasks: Mapping[str, str]) -> list[str]:
    """Tasks that no installed model does.

    >>> without_model({"aspects": NO_MODEL, "infarct_core": "ctp-core"})
    ['ASPECTS']
    """
    return [TASKS.get(task, task) for task, model in tasks.items() if model == NO_MODEL]


def _decimals(end: float, wanted: int | None) -> int:
    return wanted if wanted is not None else int(end < WHOLE_FROM_ML)


def _cut(value: float, decimals: int, direction: str) -> str:
    """Round the shortest decimal that is `value`, so that 2.3 is not 2.29."""
    if not math.isfinite(value):
        return str(value)
    return str(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), direction))
