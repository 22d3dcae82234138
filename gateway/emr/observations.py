"""What a report says of a result, as HL7 observations.

Every report of a study carries the same observations in the same order; what could not be obtained, or must not be
trusted, has no value. A revised report therefore replaces all of an earlier one, number by number.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter

from gateway.emr.encoding import COMPONENT, coded, escaped, escaped_lines
from triage.types import Severity, Side, Status, TriageResult

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
    """One number of a report: its code and text, its unit in UCUM, and where the result keeps it."""

    code: str
    text: str
    unit: str
    decimals: int
    of: Callable[[TriageResult], float | None]


def _volume_at(name: str) -> Callable[[TriageResult], float | None]:
    return lambda result: result.volumes_ml.get(name)


QUANTITIES = (
    Quantity("core-volume", "Infarct core volume", "mL", 1, attrgetter("core_ml")),
    Quantity(
        "hypoperfused-volume", "Hypoperfused volume (Tmax > 6 s)", "mL", 1, attrgetter("hypoperfused_ml")
    ),
    Quantity("mismatch-volume", "Mismatch volume", "mL", 1, attrgetter("mismatch_ml")),
    Quantity("mismatch-ratio", "Mismatch ratio", "{ratio}", 2, attrgetter("mismatch_ratio")),
    Quantity(
        "hypoperfusion-intensity-ratio",
        "Hypoperfusion intensity ratio",
        "{ratio}",
        2,
        attrgetter("hypoperfusion_intensity_ratio"),
    ),
    Quantity("cbv-index", "CBV index", "{ratio}", 2, attrgetter("cbv_index")),
    *(
        Quantity(f"tmax-gt-{s}-volume", f"Volume with Tmax > {s} s", "mL", 1, _volume_at(f"tmax_gt_{s}"))
        for s in (4, 6, 8, 10)
    ),
    *(
        Quantity(f"rcbf-lt-{p}-volume", f"Volume with rCBF < {p} %", "mL", 1, _volume_at(f"rcbf_lt_{p}"))
        for p in (20, 30, 34, 38)
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
    yield _text("trial-criteria", "Imaging criteria of trials", _criteria(result))
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
    return "analysed" if result.trusted else "analysed; do not trust the numbers - look at the images"


def _number(result: TriageResult, quantity: Quantity) -> str:
    """The value as NM, or empty when it is undefined or must not be trusted."""
    value = quantity.of(result) if result.trusted else None
    return f"{value:.{quantity.decimals}f}" if value is not None and math.isfinite(value) else ""


def _criteria(result: TriageResult) -> str:
    return "\n".join(criterion.text for criterion in result.criteria.values()) if result.trusted else ""


def _quality(result: TriageResult) -> str:
    order = list(reversed(Severity))
    flags = sorted(result.quality, key=lambda flag: order.index(flag.severity))
    return "\n".join(f"{flag.severity}: {flag.text}" for flag in flags) or "no remarks"


def _software(result: TriageResult) -> str:
    programs = [f"{name} {version}" for name, version in sorted(result.versions.items())]
    models = [f"model {model.name} {model.version} sha256 {model.sha256}" for model in result.models]
    return "\n".join(programs + models)
