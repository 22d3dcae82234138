"""Measures the operating point again: which constants make the volumes right in the mean.

``.venv/bin/python -m benchmarks.calibrate [--patients N] [--first K]`` prints what `triage/calibration.py` has and what
this measurement asks for. Run it after a change to motion, masks, noise removal or deconvolution, and set the constants
by hand. Patients are numbers from `population.TUNING` on; none of the scored ones is looked at.

Giving healthy tissue a Tmax that is later by some seconds is the same as lowering the 6 s limit by as much, and an
over-read flow the same as a higher limit than 30 %: both constants are found by trying limits on the finished maps.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmarks import population
from benchmarks.phantom import Patient, make_patient
from triage.analysis import analyse
from triage.assessment import assess
from triage.calibration import CORE_FLOW_OVERREAD, HEALTHY_TMAX_S
from triage.masks import intracranial
from triage.symmetry import MidPlane, mid_plane
from triage.types import Findings, Float64, Mask, Thresholds, TissueClass

NOISE_HU = (10.0, 5.0)
PATIENTS = 10
LATER_S = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Tried on top of today's `HEALTHY_TMAX_S`."""

OVERREADS = (0.8, 0.9, 1.0, 1.1, 1.2)
"""Tried as multiples of today's `CORE_FLOW_OVERREAD`."""

NOMINAL = Thresholds()


@dataclass(frozen=True, slots=True)
class Case:
    """Finished maps of one patient, and the truth in ml."""

    findings: Findings
    tissue: Mask
    plane: MidPlane
    core_ml: float
    hypoperfused_ml: float

    def errors_ml(self, thresholds: Thresholds) -> tuple[float, float]:
        """Found minus true core and hypoperfused volume."""
        found = assess(self.findings.maps, self.tissue, self.plane, self.findings.geometry, thresholds)
        return found.core_ml - self.core_ml, found.hypoperfused_ml - self.hypoperfused_ml


def examined(patient: Patient) -> Case:
    """Draw and analyse one patient.

    Raises
    ------
    ValueError
        When the scan was refused.
    """
    phantom = make_patient(patient)
    analysis = analyse(phantom.series, clock=time.perf_counter)
    findings, truth = analysis.findings, phantom.truth
    if findings is None:
        raise ValueError(f"patient {patient.seed} was refused: {analysis.result.reason}")
    plane = mid_plane(findings.mean_hu, intracranial(findings.mean_hu, findings.geometry), findings.geometry)
    tissue = np.asarray(findings.tissue_class == TissueClass.TISSUE)
    return Case(findings, tissue, plane, truth.core_ml, truth.hypoperfused_ml)


def later(seconds: float) -> Thresholds:
    """Limits as if healthy tissue were given a Tmax later by this."""
    return replace(NOMINAL, hypoperfused_tmax_s=NOMINAL.hypoperfused_tmax_s - seconds)


def overread(ratio: float) -> Thresholds:
    """Limits as if `CORE_FLOW_OVERREAD` were this multiple of today's."""
    return replace(NOMINAL, core_relative_cbf=NOMINAL.core_relative_cbf * ratio)


def biases(cases: list[Case], tried: tuple[float, ...], limits: Callable[[float], Thresholds]) -> Float64:
    """Mean error in ml of core and hypoperfused volume, ``(tried, 2)``."""
    errors = np.array([[case.errors_ml(limits(value)) for case in cases] for value in tried])
    return np.asarray(errors.mean(axis=1))


def unbiased(tried: tuple[float, ...], bias_ml: Float64) -> float:
    """Where a bias that grows with what is tried crosses zero; the nearest end when it does not."""
    return float(np.interp(0.0, bias_ml, tried))


def main() -> None:
    """Print the constants as they are and as measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--first", type=int, default=population.TUNING)
    arguments = parser.parse_args()
    if arguments.first < population.TUNING:
        parser.error(f"numbers below {population.TUNING} are held out")
    for noise_hu in NOISE_HU:
        drawn = population.lesions(arguments.first, arguments.patients, noise_hu)
        cases = [examined(patient) for patient in drawn]
        late = biases(cases, LATER_S, later)[:, 1]
        core = biases(cases, OVERREADS, overread)[:, 0]
        print(f"{noise_hu:.0f} HU, {len(cases)} patients")
        print(
            f"  HEALTHY_TMAX_S      is {HEALTHY_TMAX_S}, unbiased {HEALTHY_TMAX_S + unbiased(LATER_S, late):.2f}"
        )
        print("    bias " + ", ".join(f"{s:+.1f} s: {b:+.1f} ml" for s, b in zip(LATER_S, late, strict=True)))
        ratio = CORE_FLOW_OVERREAD * unbiased(OVERREADS, core)
        print(f"  CORE_FLOW_OVERREAD  is {CORE_FLOW_OVERREAD}, unbiased {ratio:.2f}")
        print("    bias " + ", ".join(f"x {r}: {b:+.1f} ml" for r, b in zip(OVERREADS, core, strict=True)))


if __name__ == "__main__":
    main()
