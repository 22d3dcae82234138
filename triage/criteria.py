"""Imaging rules of the trials, as a table; no rule decides about a treatment."""

from collections.abc import Mapping
from dataclasses import dataclass

from triage.types import Criterion


@dataclass(frozen=True, slots=True)
class Rule:
    """Imaging limits of one trial: core below, mismatch ratio and volume at least; `missing` are clinical items."""

    title: str
    core_below_ml: float
    ratio_at_least: float
    mismatch_at_least_ml: float
    missing: tuple[str, ...]
    source: str


RULES: Mapping[str, Rule] = {
    "defuse_3": Rule(
        title="DEFUSE 3",
        core_below_ml=70.0,
        ratio_at_least=1.8,
        mismatch_at_least_ml=15.0,
        missing=("age", "NIHSS", "time since last known well", "vessel occlusion"),
        source="Albers 2018, NEJM 378:708",
    ),
}


def judged(core_ml: float, mismatch_ml: float, mismatch_ratio: float | None) -> Mapping[str, Criterion]:
    """Every rule applied to the volumes; a missing ratio, without a core, counts as infinite.

    Examples
    --------
    >>> judged(20.0, 60.0, 4.0)["defuse_3"].met
    True
    >>> judged(80.0, 160.0, 3.0)["defuse_3"].text
    'DEFUSE 3 imaging criteria not met: core 80 ml is not below 70 ml (Albers 2018, NEJM 378:708)'
    """
    return {name: _judged(rule, core_ml, mismatch_ml, mismatch_ratio) for name, rule in RULES.items()}


def _judged(rule: Rule, core_ml: float, mismatch_ml: float, mismatch_ratio: float | None) -> Criterion:
    ratio = float("inf") if mismatch_ratio is None else mismatch_ratio
    checks = (
        (core_ml < rule.core_below_ml, f"core {core_ml:.0f} ml is not below {rule.core_below_ml:.0f} ml"),
        (ratio >= rule.ratio_at_least, f"mismatch ratio {ratio:.1f} is below {rule.ratio_at_least:.1f}"),
        (
            mismatch_ml >= rule.mismatch_at_least_ml,
            f"mismatch {mismatch_ml:.0f} ml is below {rule.mismatch_at_least_ml:.0f} ml",
        ),
    )
    failures = [text for passed, text in checks if not passed]
    verdict = f"not met: {'; '.join(failures)}" if failures else "met; clinical criteria are not known here"
    return Criterion(not failures, rule.missing, f"{rule.title} imaging criteria {verdict} ({rule.source})")
