"""Perfusion maps from the residue's peak and the area under the curves."""

from dataclasses import dataclass

import numpy as np

from triage.deconvolution import FlowResidue
from triage.types import Float32, Float64, Mask, PerfusionMaps

CBF_PER_S = 6000.0
"""One ml per ml and second in ml per 100 ml and minute."""

PERCENT = 100.0
"""One ml per ml in ml per 100 ml."""

SECONDS_PER_MINUTE = 60.0

LONGEST_MTT_S = 40.0
"""Display limit; longer transit than the scan lasts cannot be measured."""

LONGEST_TMAX_S = 30.0
"""Display limit of the delay; beyond it there is no flow to be late."""


@dataclass(frozen=True, slots=True)
class Constants:
    """Haematocrit ratio of large to small vessels, and density of brain in g/ml. Fieselmann 2011."""

    kappa: float = 0.733
    rho_g_per_ml: float = 1.05

    @property
    def per_100g(self) -> float:
        """Factor from blood volume per ml of voxel to blood volume per g of brain."""
        return self.kappa / self.rho_g_per_ml


@dataclass(frozen=True, slots=True)
class Perfusion:
    """CBF in ml/100 g/min, CBV in ml/100 g, MTT and Tmax in seconds, each float32 ``(V,)``."""

    cbf: Float32
    cbv: Float32
    mtt_s: Float32
    tmax_s: Float32


def perfusion(
    tissue_hu: Float32, arterial_hu: Float64, residue: FlowResidue, constants: Constants = Constants()
) -> Perfusion:
    """Perfusion of tissue curves ``(V, N)`` on the time axis of `arterial_hu` ``(N,)``.

    References
    ----------
    Ostergaard 1996 (CBF from the residue's peak); Fieselmann 2011, Int J Biomed Imaging 467563 (constants);
    central volume theorem, Meier and Zierler 1954 (MTT).
    """
    cbf = CBF_PER_S * constants.per_100g * np.maximum(residue.peak_per_s, 0)
    area = tissue_hu.sum(axis=1, dtype=np.float64) / arterial_hu.sum()
    cbv = PERCENT * constants.per_100g * np.maximum(area, 0)
    limit = SECONDS_PER_MINUTE * cbv / LONGEST_MTT_S
    mtt_s = SECONDS_PER_MINUTE * cbv / np.maximum(np.maximum(cbf, limit), np.finfo(np.float32).tiny)
    tmax_s = np.clip(residue.tmax_s, 0, LONGEST_TMAX_S)
    return Perfusion(*(values.astype(np.float32) for values in (cbf, cbv, mtt_s, tmax_s)))


def as_maps(values: Perfusion, ttp_s: Float32, offset_s: float, brain: Mask) -> PerfusionMaps:
    """Values of the voxels of `brain` ``(Z, Y, X)`` as maps, NaN elsewhere; Tmax without its offset."""
    tmax_s = np.maximum(values.tmax_s - np.float32(offset_s), 0)
    cbf, cbv, mtt_s, late_s, peak_s = (
        _volume(column, brain) for column in (values.cbf, values.cbv, values.mtt_s, tmax_s, ttp_s)
    )
    return PerfusionMaps(cbf, cbv, mtt_s, late_s, peak_s, brain)


def only_time_to_peak(ttp_s: Float32, brain: Mask) -> PerfusionMaps:
    """Maps of a scan without an arterial input: all but the time to peak are missing."""
    cbf, cbv, mtt_s, tmax_s = (np.full(brain.shape, np.nan, np.float32) for _ in range(4))
    return PerfusionMaps(cbf, cbv, mtt_s, tmax_s, _volume(ttp_s, brain), brain)


def _volume(column: Float32, brain: Mask) -> Float32:
    volume = np.full(brain.shape, np.nan, np.float32)
    volume[brain] = column
    return volume
