"""A result for a person at a terminal: the numbers with their ends, or why there are none."""

from collections.abc import Iterator

from triage.results import (
    NO_MODEL,
    Agreement,
    Criterion,
    Estimator,
    Interval,
    ModelFinding,
    Status,
    TriageResult,
)
from viewer_bridge.figures import (
    AGREEMENTS,
    ONLY_TIME_TO_PEAK,
    floored,
    named,
    network_said,
    ratio_span,
    shown_flags,
    span,
    territories,
    without_model,
)

DISCLAIMER = "Research use. Not for primary diagnosis."
COLUMN = 20
"""Width of the names in front of the values."""

VOLUMES = {"core": "core_ml", "hypoperfused": "hypoperfused_ml", "mismatch": "mismatch_ml"}


def report(result: TriageResult) -> str:
    """Write the result, one fact a line; numbers appear only when they can be trusted."""
    return "".join(f"{line}\n" for line in (*_lines(result), DISCLAIMER))


def _lines(result: TriageResult) -> Iterator[str]:
    if result.status is Status.NOT_ANALYSED:
        yield f"not analysed: {result.reason}"
        return
    yield from (_row(name, text) for name, text in (_numbers(result) if result.trusted else _doubt(result)))
    for flag in shown_flags(result):
        yield _row(flag.severity, flag.text)
    if "total" in result.timing_s:
        yield _row("time", f"{result.timing_s['total']:.1f} s")


def _doubt(result: TriageResult) -> Iterator[tuple[str, str]]:
    yield "do not trust", "no numbers are shown: look at the images"
    if result.estimator is Estimator.TIME_TO_PEAK:
        yield "map", ONLY_TIME_TO_PEAK


def _numbers(result: TriageResult) -> Iterator[tuple[str, str]]:
    yield "side", result.side
    for name, key in VOLUMES.items():
        yield name, f"{_ml(getattr(result, key))}{_ends(result.intervals.get(key))}{_nominal(result, key)}"
    yield "mismatch ratio", _ratio(result)
    if result.intervals:
        yield "", "in brackets: 90 % interval"
    places = ", ".join(f"{name} {_ml(ml)}" for name, ml in territories(result.territories_ml))
    if places:
        yield "territory", f"{places} (hypoperfused, by position: an estimate)"
    if result.reference:
        yield "compared with", result.reference
    for title, criterion in result.criteria.items():
        yield title, _judged(criterion)
    for opinion in result.opinions:
        yield ("other method" if opinion.agrees else "METHODS DIFFER"), f"{opinion.name}: {opinion.text}"
    for model in result.networks:
        yield _verdict(model), f"{named(model)}: {network_said(model)}"
    if missing := without_model(result.tasks):
        yield NO_MODEL, ", ".join(missing)


def _verdict(model: ModelFinding) -> str:
    """An agreement is calm; what does not agree stands in capitals."""
    if model.agreement is None:
        return "network"
    word = f"network {AGREEMENTS[model.agreement]}"
    return word if model.agreement is Agreement.AGREE else word.upper()


def _judged(criterion: Criterion) -> str:
    turns = f"; changes if {criterion.changes_if}" if criterion.changes_if else ""
    return f"{criterion.text}{turns}{'' if criterion.certain else '; UNCERTAIN, inside the 90 % interval'}"


def _nominal(result: TriageResult, key: str) -> str:
    ml = result.nominal_ml.get(key)
    return "" if ml is None else f"; by the trials' cut-offs, not calibrated: {_ml(ml)}"


def _ratio(result: TriageResult) -> str:
    if result.mismatch_ratio is None:
        return "not defined: no core"
    ends = result.intervals.get("mismatch_ratio")
    return f"{floored(result.mismatch_ratio)}{f' ({ratio_span(ends)})' if ends else ''}"


def _ends(ends: Interval | None) -> str:
    return f" ({span(ends)})" if ends else ""


def _ml(value: float | None) -> str:
    return "not known" if value is None else f"{value:.1f} ml"


def _row(name: str, text: str) -> str:
    return f"{name:{COLUMN}s}{text}"
