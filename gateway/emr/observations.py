"""What a report says of a result, as HL7 observations.

Every report of a study carries the same observations in the same order; what could not be obtained, or must not be
trusted, has no value. A revised report therefore replaces all of an earlier one, number by number.

References
----------
HL7 v2.5.1, 2.A.71 (SN): ``^low^-^high`` is a range, ``>=^low`` one without an upper end. OBX-7 is for reference ranges
and stays empty: an interval says how far the number may be off, not what is normal.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter

from gateway.emr.encoding import COMPONENT, coded, escaped, escaped_lines
from triage.results import Criterion, Estimator, Severity, Side, Status, Territory, TriageResult
from viewer_bridge.figures import TERRITORIES, ceiled, floored

LOCAL = "99STROKEGW"
"""Coding scheme of what no standard has a code for: perfusion volumes and ratios."""

SIDES = {
    Side.LEFT: ("7771000", "Left", "SCT"),
    Side.RIGHT: ("24028007", "Right", "SCT"),
    Side.BILATERAL: ("51440002", "Bilateral", "SCT"),
    Side.NONE: ("no-lesion", "No lesion", LOCAL),
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of a report: its code and text, its unit in UCUM, and where the result keeps it.

    With `interval`, its name in `TriageResult.intervals`, a second observation with the ends follows.
    """

    code: str
    text: str
    unit: str
    decimals: int
    of: Callable[[TriageResult], float | None]
    interval: str = ""


def _volume_at(name: str) -> Callable[[TriageResult], float | None]:
    return lambda result: result.volumes_ml.get(name)


def _nominal(name: str) -> Callable[[TriageResult], float | None]:
    return lambda result: result.nominal_ml.get(name)


def _in_territory(name: Territory) -> Callable[[TriageResult], float | None]:
    return lambda result: result.territories_ml.get(name)


RATIO = "{ratio}"
"""UCUM annotation of a number without dimension."""

LATE = "Hypoperfused volume (Tmax > 6 s)"
NOT_CALIBRATED = "trial cut-off without calibration"

QUANTITIES = (
    Quantity("core-volume", "Infarct core volume", "mL", 1, attrgetter("core_ml"), "core_ml"),
    Quantity("hypoperfused-volume", LATE, "mL", 1, attrgetter("hypoperfused_ml"), "hypoperfused_ml"),
    Quantity("mismatch-volume", "Mismatch volume", "mL", 1, attrgetter("mismatch_ml"), "mismatch_ml"),
    Quantity("mismatch-ratio", "Mismatch ratio", RATIO, 2, attrgetter("mismatch_ratio"), "mismatch_ratio"),
    Quantity(
        "hypoperfusion-intensity-ratio",
        "Hypoperfusion intensity ratio",
        RATIO,
        2,
        attrgetter("hypoperfusion_intensity_ratio"),
    ),
    Quantity("cbv-index", "CBV index", RATIO, 2, attrgetter("cbv_index")),
    *(
        Quantity(f"tmax-gt-{s}-volume", f"Volume with Tmax > {s} s", "mL", 1, _volume_at(f"tmax_gt_{s}"))
        for s in (4, 6, 8, 10)
    ),
    *(
        Quantity(f"rcbf-lt-{p}-volume", f"Volume with rCBF < {p} %", "mL", 1, _volume_at(f"rcbf_lt_{p}"))
        for p in (20, 30, 34, 38)
    ),
    Quantity("core-volume-nominal", f"Infarct core volume, {NOT_CALIBRATED}", "mL", 1, _nominal("core_ml")),
    Quantity(
        "hypoperfused-volume-nominal", f"{LATE}, {NOT_CALIBRATED}", "mL", 1, _nominal("hypoperfused_ml")
    ),
    *(
        Quantity(
            f"{name.replace('_', '-')}-territory-volume",
            f"Hypoperfused volume, {text} territory estimated from position",
            "mL",
            1,
            _in_territory(name),
        )
        for name, text in TERRITORIES.items()
    ),
)
"""Every number of a report, in its order."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One OBX: value type, coded name, value already in HL7's text (empty: not obtained), unit."""

    type: str
    name: tuple[str, str, str]
    value: str
    unit: str = ""


def observations(result: TriageResult, link: str) -> Iterator[Observation]:
    """Every observation of a report, in its order; `link` leads to the case's page."""
    side = coded(*SIDES[result.side]) if result.trusted else ""
    yield _text("analysis-status", "Analysis status", _status(result))
    yield Observation("CWE", ("lesion-side", "Side of the perfusion lesion", LOCAL), side)
    for quantity in QUANTITIES:
        name = (quantity.code, quantity.text, LOCAL)
        yield Observation("NM", name, _number(result, quantity), quantity.unit)
        if quantity.interval:
            ends = (f"{quantity.code}-interval", f"{quantity.text}, 90 % interval", LOCAL)
            yield Observation("SN", ends, _interval(result, quantity), quantity.unit)
    yield _text("trial-criteria", "Imaging criteria of trials", _criteria(result))
    yield _text("other-methods", "The same scan by other methods", _opinions(result))
    yield _text("normal-reference", "What flow was compared with", result.reference if result.trusted else "")
    yield _text("quality", "Image quality", _quality(result))
    yield _text("software", "Software", _software(result))
    yield Observation("ST", ("113014", "DICOM Study", "DCM"), escaped(result.study_uid))
    viewer = COMPONENT.join((escaped(link), "STROKEGW", "TEXT", "HTML")) if link else ""
    yield Observation("RP", ("case-page", "Images and maps of the case", LOCAL), viewer)


def _text(code: str, text: str, value: str) -> Observation:
    return Observation("TX", (code, text, LOCAL), escaped_lines(value))


def _status(result: TriageResult) -> str:
    if result.status is Status.NOT_ANALYSED:
        return f"not analysed: {result.reason} - look at the images"
    if result.estimator is Estimator.TIME_TO_PEAK:
        return "time to peak only, no arterial input: no volumes - look at the images"
    return "analysed" if result.trusted else "analysed; do not trust the numbers - look at the images"


def _number(result: TriageResult, quantity: Quantity) -> str:
    """The value as NM, or empty when it is undefined or must not be trusted; a ratio is cut at its limit's side."""
    value = quantity.of(result) if result.trusted else None
    if value is None or not math.isfinite(value):
        return ""
    is_ratio = quantity.unit == RATIO
    return floored(value, quantity.decimals) if is_ratio else f"{value:.{quantity.decimals}f}"


def _interval(result: TriageResult, quantity: Quantity) -> str:
    """The ends as SN, rounded outwards; empty without a value, without an interval or without trust."""
    ends = result.intervals.get(quantity.interval)
    if ends is None or not _number(result, quantity):
        return ""
    low = floored(ends.low, quantity.decimals)
    if ends.high is None or not math.isfinite(ends.high):
        return COMPONENT.join((">=", low))
    return COMPONENT.join(("", low, "-", ceiled(ends.high, quantity.decimals)))


def _criteria(result: TriageResult) -> str:
    return "\n".join(map(_judged, result.criteria.values())) if result.trusted else ""


def _judged(criterion: Criterion) -> str:
    turns = f"; changes if {criterion.changes_if}" if criterion.changes_if else ""
    return f"{criterion.text}{turns}{'' if criterion.certain else '; uncertain, inside the 90 % interval'}"


def _opinions(result: TriageResult) -> str:
    if not result.trusted:
        return ""
    verdicts = {True: "agrees", False: "differs"}
    return "\n".join(f"{verdicts[o.agrees]}: {o.name}: {o.text}" for o in result.opinions)


def _quality(result: TriageResult) -> str:
    order = list(reversed(Severity))
    flags = sorted(result.quality, key=lambda flag: order.index(flag.severity))
    return "\n".join(f"{flag.severity}: {flag.text}" for flag in flags) or "no remarks"


def _software(result: TriageResult) -> str:
    programs = [f"{name} {version}" for name, version in sorted(result.versions.items())]
    models = [f"model {model.name} {model.version} sha256 {model.sha256}" for model in result.models]
    return "\n".join(programs + models)
