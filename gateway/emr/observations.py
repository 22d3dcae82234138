"""What a report says of a result, as HL7 observations.

Every report of a study carries the same observations in the same order; what could not be obtained, or must not be
trusted, has no value. A revised report therefore replaces all of an earlier one, number by number.

References
----------
HL7 v2.5.1, 2.A.71 (SN): ``^low^-^high`` is a range, ``>=^low`` one without an upper end. OBX-7 is for reference ranges
and stays empty: an interval says how far the number may be off, not what is normal.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.emr.encoding import COMPONENT, coded, escaped, escaped_lines
from triage.results import Criterion, Estimator, Side, Status, TriageResult
from viewer_bridge.figures import shown_flags
from viewer_bridge.quantities import QUANTITIES, Quantity

LOCAL = "99STROKEGW"
"""Coding scheme of what no standard has a code for: perfusion volumes and ratios."""

SIDES = {
    Side.LEFT: ("7771000", "Left", "SCT"),
    Side.RIGHT: ("24028007", "Right", "SCT"),
    Side.BILATERAL: ("51440002", "Bilateral", "SCT"),
    Side.NONE: ("no-lesion", "No lesion", LOCAL),
}


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
        yield Observation("NM", name, quantity.printed(result), quantity.unit)
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


def _interval(result: TriageResult, quantity: Quantity) -> str:
    """The ends as SN, rounded outwards; empty without a value, without an interval or without trust."""
    ends = quantity.ends(result)
    if ends is None:
        return ""
    low, high = ends
    return COMPONENT.join(("", low, "-", high)) if high else COMPONENT.join((">=", low))


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
    return "\n".join(f"{flag.severity}: {flag.text}" for flag in shown_flags(result)) or "no remarks"


def _software(result: TriageResult) -> str:
    programs = [f"{name} {version}" for name, version in sorted(result.versions.items())]
    models = [f"model {model.name} {model.version} sha256 {model.sha256}" for model in result.models]
    return "\n".join(programs + models)
