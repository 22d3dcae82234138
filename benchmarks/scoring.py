"""One simulated patient through the analysis: what was true, what was found, what was said about it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.phantom import Patient, Truth, make_patient
from triage.analysis import analyse
from triage.types import Analysis, Geometry, Mask, Severity, TriageResult


@dataclass(frozen=True, slots=True)
class Case:
    """A patient of a group, by number."""

    group: str
    number: int
    patient: Patient

    @property
    def name(self) -> str:
        """For people and files."""
        return f"{self.group}, {self.patient.noise_hu:.0f} HU, number {self.number}"


@dataclass(frozen=True, slots=True)
class Score:
    """Truth and finding of one case; volumes in ml, None where nothing was found.

    `failure` says why there are no numbers. `flags` is severity by code. Dice is counted on the truth's grid, 1 where
    both masks are empty, 0 without a finding.
    """

    name: str
    group: str
    number: int
    noise_hu: float
    truth_ml: Mapping[str, float]
    truth_side: str
    seconds: float
    failure: str = ""
    found_ml: Mapping[str, float | None] = field(default_factory=dict)
    nominal_ml: Mapping[str, float] = field(default_factory=dict)
    volumes_ml: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    dice: Mapping[str, float] = field(default_factory=dict)
    side: str = ""
    flags: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    estimator: str = ""

    @property
    def distrusted(self) -> bool:
        """Whether the result says that its numbers must not be trusted: refused, or flagged severe."""
        return bool(self.failure) or Severity.SEVERE in self.flags.values()

    def error_ml(self, what: str) -> float:
        """Found minus true; a case without a finding found nothing."""
        return (self.found_ml.get(what) or 0.0) - self.truth_ml[what]

    def holds(self, what: str) -> bool:
        """Whether the interval contains the truth."""
        if what not in self.intervals:
            return False
        low, high = self.intervals[what]
        return low <= self.truth_ml[what] and (high is None or self.truth_ml[what] <= high)


VOLUMES = ("core_ml", "hypoperfused_ml")


def score(case: Case) -> Score:
    """Draw the patient, analyse the scan, compare; whatever goes wrong is part of the score."""
    start = time.perf_counter()
    phantom = make_patient(case.patient)
    truth = phantom.truth
    truth_ml = {"core_ml": truth.core_ml, "hypoperfused_ml": truth.hypoperfused_ml}
    try:
        analysis = analyse(phantom.series, clock=time.perf_counter)
    except Exception as error:  # noqa: BLE001 - a patient who breaks the analysis is counted, never dropped
        said: dict[str, Any] = {"failure": f"raised {type(error).__name__}: {error}"}
    else:
        said = _said(analysis.result) | {"dice": _dice(truth, analysis)}
    seconds = time.perf_counter() - start
    return Score(
        case.name, case.group, case.number, case.patient.noise_hu, truth_ml, str(truth.side), seconds, **said
    )


def _said(result: TriageResult) -> dict[str, Any]:
    missing = "" if result.core_ml is not None else "no core volume"
    return {
        "failure": result.reason or missing,
        "found_ml": {what: getattr(result, what) for what in VOLUMES},
        "nominal_ml": dict(result.nominal_ml),
        "volumes_ml": dict(result.volumes_ml),
        "intervals": {name: (ends.low, ends.high) for name, ends in result.intervals.items()},
        "side": str(result.side),
        "flags": _worst(result),
        "texts": {flag.code: flag.text for flag in result.quality},
        "estimator": str(result.estimator or ""),
    }


def _worst(result: TriageResult) -> dict[str, str]:
    """Severity of each code; where a code comes twice, the worse."""
    order = list(Severity)
    flags = sorted(result.quality, key=lambda flag: order.index(flag.severity))
    return {flag.code: str(flag.severity) for flag in flags}


def _dice(truth: Truth, analysis: Analysis) -> dict[str, float]:
    findings = analysis.findings
    if findings is None:
        return dict.fromkeys(VOLUMES, 0.0)
    pairs = ((truth.core, findings.core), (truth.hypoperfused, findings.hypoperfused))
    return {
        what: dice(true, on_grid(found, findings.geometry, truth.geometry))
        for what, (true, found) in zip(VOLUMES, pairs, strict=True)
    }


def dice(one: Mask, other: Mask) -> float:
    """Overlap of two masks, 1 when both are empty."""
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 1.0


def on_grid(mask: Mask, geometry: Geometry, grid: Geometry) -> Mask:
    """A mask ``(Z, Y, X)`` of one geometry seen at the voxel centres of another, nearest neighbour."""
    between = np.linalg.inv(geometry.affine) @ grid.affine
    steps = [np.arange(size) for size in grid.shape]
    seen = np.ones(grid.shape, bool)
    index = []
    for axis, size in enumerate(geometry.shape):
        z, y, x = (between[axis, i] * step for i, step in enumerate(steps))
        place = np.rint(z[:, None, None] + y[:, None] + x + between[axis, 3]).astype(np.intp)
        seen &= (place >= 0) & (place < size)
        index.append(np.clip(place, 0, size - 1))
    return np.asarray(seen & mask[tuple(index)])
