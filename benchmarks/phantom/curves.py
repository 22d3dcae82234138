"""Enhancement over time: arteries, veins, and tissue of any transit time and delay."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from benchmarks.phantom.choices import Residue
from triage.types import Float32, Float64

KAPPA = 0.733
"""Correction for the lower haematocrit of capillaries, (1 - 0.45) / (1 - 0.25); no dimension."""

DENSITY_G_PER_ML = 1.05
"""Of brain tissue (rho)."""

HU_PER_FLOW = DENSITY_G_PER_ML / KAPPA / 6000
"""6000 turns ml/100 g/min into ml/g/s."""

STEP_S = 0.1
"""Step of the integrals; frames are interpolated from it."""

BOLUS_ALPHA, BOLUS_BETA_S = 3.0, 2.2
"""Gamma variate: rises for alpha * beta = 6.6 s, 9 s wide at half its height (40 ml at 5 ml/s)."""

SECOND_PASS, SECOND_PASS_AFTER_S, SECOND_PASS_BETA_S = 0.16, 13.0, 4.0
"""Recirculation: height relative to the first pass, start after it, and width."""

MIXED, MIXED_AFTER_S, MIXED_RISE_S, MIXED_DECAY_S = 0.14, 8.0, 8.0, 300.0
"""Contrast mixed into the whole blood: height relative to the first pass, start, rise, clearance."""

VENOUS_DELAY_S, VENOUS_TRANSIT_S = 3.0, 4.0
"""From the carotid to the sagittal sinus: transport, then an exponential transit."""

SHOULDER = 4.0
"""Steepness of the sigmoid residue; no dimension."""

PATHS = ((0.7, 0.5), (0.3, 6.5 / 3))
"""Share and relative transit time of the two paths; their mean is 1."""

TRANSIT_S: Float64 = np.geomspace(1.5, 30.0, 64)
DELAY_S: Float64 = np.arange(0.0, 12.0, 0.1)
"""Transit times and delays that voxels can have: 5 % and 0.1 s apart. The truth is what was chosen from here."""


@dataclass(frozen=True, slots=True)
class Inflow:
    """What flows into tissue: an artery's curve, dispersed with a time constant on its way."""

    peak_hu: float
    arrival_s: float
    width: float = 1.0
    dispersion_s: float = 0.0

    def hu(self, time_s: Float64) -> Float64:
        """Enhancement at uniform times `STEP_S` apart."""
        curve = arterial_hu(time_s, self.peak_hu, self.arrival_s, self.width)
        if not self.dispersion_s:
            return curve
        kernel = np.exp(-np.arange(time_s.size) * STEP_S / self.dispersion_s)
        dispersed: Float64 = fftconvolve(curve, kernel / kernel.sum())[: time_s.size]
        return dispersed


def arterial_hu(time_s: Float64, peak_hu: float, arrival_s: float, width: float = 1.0) -> Float64:
    """Enhancement in a large artery: first pass, second pass, mixed contrast; `width` stretches them."""
    since = (time_s - arrival_s) / width
    mixing = np.maximum(since - MIXED_AFTER_S, 0.0)
    mixed = MIXED * (1 - np.exp(-mixing / MIXED_RISE_S)) * np.exp(-mixing / MIXED_DECAY_S)
    second = SECOND_PASS * _gamma_variate(since - SECOND_PASS_AFTER_S, SECOND_PASS_BETA_S)
    hu: Float64 = peak_hu * (_gamma_variate(since, BOLUS_BETA_S) + second + mixed)
    return hu


def _gamma_variate(since_s: Float64, beta_s: float) -> Float64:
    """Height 1 at alpha * beta."""
    u = np.maximum(since_s, 0.0) / (BOLUS_ALPHA * beta_s)
    curve: Float64 = u**BOLUS_ALPHA * np.exp(BOLUS_ALPHA * (1 - u))
    return curve


def venous_hu(time_s: Float64, peak_hu: float, arrival_s: float, width: float = 1.0) -> Float64:
    """Enhancement in the sagittal sinus: the arterial curve after one transit, of the same area."""
    inflow = Inflow(peak_hu, arrival_s, width)
    return (
        _after_transit(time_s - VENOUS_DELAY_S, inflow, VENOUS_TRANSIT_S, Residue.EXPONENTIAL)
        / VENOUS_TRANSIT_S
    )


def tissue_table(time_s: Float64, inflow: "Inflow", residue: Residue) -> Float32:
    """Enhancement per unit of flow (ml/100 g/min), float32 ``(T, transit * delay)``; see `table_index`."""
    rows = [_after_transit(time_s[:, None] - DELAY_S, inflow, transit, residue) for transit in TRANSIT_S]
    table = HU_PER_FLOW * np.stack(rows, axis=1).reshape(time_s.size, -1)
    return table.astype(np.float32)


def nearest_transit(transit_s: Float32) -> NDArray[np.int16]:
    """Index into `TRANSIT_S`."""
    position = np.log(np.maximum(transit_s, TRANSIT_S[0]) / TRANSIT_S[0]) / np.log(
        TRANSIT_S[1] / TRANSIT_S[0]
    )
    index: NDArray[np.int16] = np.clip(np.rint(position), 0, TRANSIT_S.size - 1).astype(np.int16)
    return index


def nearest_delay(delay_s: Float32) -> NDArray[np.int16]:
    """Index into `DELAY_S`."""
    index: NDArray[np.int16] = np.clip(np.rint(delay_s / DELAY_S[1]), 0, DELAY_S.size - 1).astype(np.int16)
    return index


def _after_transit(time_s: Float64, inflow: "Inflow", transit_s: float, residue: Residue) -> Float64:
    """Integral of the arterial curve with a residue of this mean transit time, in HU s."""
    grid = np.arange(0.0, max(float(time_s.max()), 1.0) + STEP_S, STEP_S)
    area = AREA[residue](np.append(grid, grid[-1] + STEP_S), transit_s)
    outcome = fftconvolve(inflow.hu(grid - STEP_S / 2), np.diff(area))[: grid.size]
    curve: Float64 = np.interp(time_s, grid, outcome)
    return curve


def _exponential_area(time_s: Float64, transit_s: float) -> Float64:
    area: Float64 = transit_s * (1 - np.exp(-time_s / transit_s))
    return area


def _linear_area(time_s: Float64, transit_s: float) -> Float64:
    until = np.minimum(time_s, 2 * transit_s)
    area: Float64 = until - until**2 / (4 * transit_s)
    return area


def _box_area(time_s: Float64, transit_s: float) -> Float64:
    return np.minimum(time_s, transit_s)


def _sigmoid_area(time_s: Float64, transit_s: float) -> Float64:
    """Of (1 + e^-k) / (1 + e^(k (t/a - 1))): a plateau with a soft shoulder."""
    scale = 1 + np.exp(-SHOULDER)
    until = transit_s * SHOULDER / (scale * np.log1p(np.exp(SHOULDER)))
    bend = np.logaddexp(0.0, SHOULDER * (time_s / until - 1)) - np.log1p(np.exp(-SHOULDER))
    area: Float64 = scale * (time_s - until / SHOULDER * bend)
    return area


def _two_paths_area(time_s: Float64, transit_s: float) -> Float64:
    """Of two exponential paths, one faster and one slower."""
    area: Float64 = np.zeros_like(time_s)
    for share, relative in PATHS:
        area += share * _exponential_area(time_s, relative * transit_s)
    return area


AREA: dict[Residue, Callable[[Float64, float], Float64]] = {
    Residue.EXPONENTIAL: _exponential_area,
    Residue.LINEAR: _linear_area,
    Residue.BOX: _box_area,
    Residue.SIGMOID: _sigmoid_area,
    Residue.TWO_PATHS: _two_paths_area,
}
"""Integral of each residue function from 0 to t; all end at the mean transit time, so volume is conserved."""
