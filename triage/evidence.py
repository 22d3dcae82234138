"""What a model may look at: the volumes of an analysis by name, on one grid."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np

from triage.errors import require
from triage.stages import Head, Perfused, Scan, TissueCurves
from triage.symmetry import MidPlane
from triage.types import Float32, Geometry, Mask


class Volume(StrEnum):
    """Volumes by the names that models ask for; units as the names say, none means no dimension.

    `RELATIVE_CBF` and `RELATIVE_CBV` are shares of normal tissue, `BRAIN` and `TISSUE` are 1 and 0. `MEAN_HU` is the
    temporal mean, `UNENHANCED_HU` the mean of the frames before the bolus, `NOISE_HU` the noise of one frame, the same
    everywhere. `NON_CONTRAST_HU` is there when the study has such a series.
    """

    CBF = "cbf_ml_per_100g_min"
    CBV = "cbv_ml_per_100g"
    MTT = "mtt_s"
    TMAX = "tmax_s"
    TTP = "ttp_s"
    RELATIVE_CBF = "relative_cbf"
    RELATIVE_CBV = "relative_cbv"
    MEAN_HU = "mean_hu"
    UNENHANCED_HU = "unenhanced_hu"
    NOISE_HU = "noise_hu"
    BRAIN = "brain"
    TISSUE = "tissue"
    NON_CONTRAST_HU = "non_contrast_hu"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Volumes float32 ``(Z, Y, X)`` on `geometry`, NaN where there is no value; `plane` tells what lies opposite."""

    geometry: Geometry
    plane: MidPlane
    volumes: Mapping[Volume, Float32]

    def __post_init__(self) -> None:
        for name, volume in self.volumes.items():
            require(
                volume.shape == self.geometry.shape,
                f"{name} {volume.shape} does not fit geometry {self.geometry.shape}",
            )
            volume.flags.writeable = False


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
