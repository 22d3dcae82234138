"""What one analysis has to show to a model: its volumes by name, on one grid."""

from types import MappingProxyType

import numpy as np

from triage.second_engine import Evidence, Volume
from triage.stages import Head, Perfused, Scan, TissueCurves
from triage.types import Float32, Mask

__all__ = ["Evidence", "Volume", "of_perfusion"]


def of_perfusion(scan: Scan, head: Head, tissue: TissueCurves, first: Perfused) -> Evidence:
    """What one perfusion analysis has to show."""
    maps, shape = first.maps, head.geometry.shape
    volumes = {
        Volume.CBF: maps.cbf_ml_per_100g_min,
        Volume.CBV: maps.cbv_ml_per_100g,
        Volume.MTT: maps.mtt_s,
        Volume.TMAX: maps.tmax_s,
        Volume.TTP: maps.ttp_s,
        Volume.RELATIVE_CBF: first.assessment.relative_cbf,
        Volume.RELATIVE_CBV: _relative(maps.cbv_ml_per_100g, tissue.tissue, first.assessment.hypoperfused),
        Volume.MEAN_HU: scan.hu.mean(axis=0),
        Volume.UNENHANCED_HU: head.unenhanced_hu,
        Volume.NOISE_HU: np.full(shape, head.noise_hu, np.float32),
        Volume.BRAIN: tissue.brain.astype(np.float32),
        Volume.TISSUE: tissue.tissue.astype(np.float32),
    }
    return Evidence(head.geometry, head.plane, MappingProxyType(volumes))


def _relative(values: Float32, tissue: Mask, hypoperfused: Mask) -> Float32:
    """Share of the median of `tissue` that is not `hypoperfused`, NaN outside tissue."""
    normal = values[tissue & ~hypoperfused]
    share = np.full(values.shape, np.nan, np.float32)
    if normal.size and (median := np.median(normal)) > 0:
        share[tissue] = values[tissue] / median
    return share
