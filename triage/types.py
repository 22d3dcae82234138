"""The nouns of an analysis: frozen, self-checking, arrays read-only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from triage.arrays import Float32, Float64, Mask, freeze
from triage.errors import require
from triage.geometry import ML_PER_MM3, Geometry
from triage.results import (
    Agreement,
    Criterion,
    Estimator,
    Interval,
    ModelFinding,
    QualityFlag,
    SecondOpinion,
    Severity,
    Side,
    Status,
    Territory,
    TriageResult,
)
from triage.series import CtpSeries, FrameSource

__all__ = [
    "ML_PER_MM3",
    "Agreement",
    "Analysis",
    "ArterialInput",
    "Criterion",
    "CtpSeries",
    "Estimator",
    "Findings",
    "Float32",
    "Float64",
    "FrameSource",
    "Geometry",
    "Interval",
    "Mask",
    "ModelFinding",
    "Motion",
    "PerfusionMaps",
    "QualityFlag",
    "SecondOpinion",
    "Severity",
    "Side",
    "Status",
    "Territory",
    "Thresholds",
    "TissueClass",
    "TriageResult",
]


class TissueClass(IntEnum):
    """What a voxel of the working grid is; perfusion is judged in TISSUE alone, OUTSIDE is what else there is of a head."""

    OUTSIDE = 0
    TISSUE = 1
    FLUID = 2
    VESSEL = 3
    OLD_INFARCT = 4
    CALCIFICATION = 5
    BONE = 6
    AIR = 7


@dataclass(frozen=True, slots=True)
class ArterialInput:
    """What flowed in and what flowed out, on a uniform time grid.

    Attributes
    ----------
    time_s
        float64 ``(N,)``, uniform.
    arterial_hu, venous_hu
        float64 ``(N,)``, enhancement above baseline.
    arterial_voxels, venous_voxels
        int64 ``(K, 3)``, indices (z, y, x) on the working grid the curves were averaged over.
    venous_scale
        Factor applied to the arterial curve for partial volume, at least 1.
    candidate_hu, candidate_scores, candidate_voxels
        Arterial candidates, best first: curves float64 ``(C, N)`` before scaling, scores float64 ``(C,)`` without
        dimension, and the voxel int64 ``(C, 3)`` at the heart of each.
    """

    time_s: Float64
    arterial_hu: Float64
    venous_hu: Float64
    arterial_voxels: NDArray[np.int64]
    venous_voxels: NDArray[np.int64]
    venous_scale: float = 1.0
    candidate_hu: Float64 = field(default_factory=lambda: np.empty((0, 0)))
    candidate_scores: Float64 = field(default_factory=lambda: np.empty(0))
    candidate_voxels: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 3), np.int64))

    def __post_init__(self) -> None:
        n = self.time_s.shape
        require(len(n) == 1 and n[0] >= 2, "time_s must be one axis of at least two samples")
        require(self.arterial_hu.shape == n == self.venous_hu.shape, "curves and times differ in length")
        steps = np.diff(self.time_s)
        require(bool(np.allclose(steps, steps[0]) and steps[0] > 0), "time_s must be uniform")
        freeze(self)

    @property
    def dt_s(self) -> float:
        """Time between two samples."""
        return float(self.time_s[1] - self.time_s[0])


@dataclass(frozen=True, slots=True)
class PerfusionMaps:
    """Parametric maps, float32 ``(Z, Y, X)``, NaN outside `brain` (bool, same shape).

    `ttp_s` is the time to peak of the tissue's own curve after the bolus arrived. Without an arterial input it is the
    only map there is: the others are NaN everywhere.
    """

    cbf_ml_per_100g_min: Float32
    cbv_ml_per_100g: Float32
    mtt_s: Float32
    tmax_s: Float32
    ttp_s: Float32
    brain: Mask

    def __post_init__(self) -> None:
        shapes = {getattr(self, item.name).shape for item in fields(self)}
        require(len(shapes) == 1, f"maps differ in shape: {sorted(shapes)}")
        require(self.brain.dtype == bool, "brain must be a bool mask")
        freeze(self)


@dataclass(frozen=True, slots=True)
class Motion:
    """Rigid motion of every frame against the reference.

    `translation_mm` and `rotation_deg` are float64 ``(T, 3)`` along/about LPS x, y, z; `dropped` int64 ``(D,)`` are the
    frames beyond repair, which were not used and are bridged in time.
    """

    translation_mm: Float64
    rotation_deg: Float64
    dropped: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        require(
            self.translation_mm.shape == self.rotation_deg.shape, "translation and rotation differ in length"
        )
        freeze(self)


@dataclass(frozen=True, slots=True)
class Findings:
    """The arrays behind a result, on the working grid `geometry`.

    `mean_hu` is the temporal mean after alignment, float32 ``(Z, Y, X)``; `core` and `hypoperfused` are bool masks;
    `tissue_class` is uint8, one `TissueClass` a voxel. `network_core` is the bool mask of a network's core, None where
    there is none.
    """

    geometry: Geometry
    mean_hu: Float32
    maps: PerfusionMaps
    core: Mask
    hypoperfused: Mask
    tissue_class: NDArray[np.uint8]
    arterial: ArterialInput | None
    motion: Motion
    network_core: Mask | None = None

    def __post_init__(self) -> None:
        for name in ("mean_hu", "core", "hypoperfused", "tissue_class", "network_core"):
            shape = np.shape(getattr(self, name)) or self.geometry.shape
            require(
                shape == self.geometry.shape, f"{name} {shape} does not fit geometry {self.geometry.shape}"
            )
        require(self.maps.brain.shape == self.geometry.shape, "maps do not fit the geometry")
        freeze(self)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Cut-offs and where they come from (`sources`: name of the field to citation)."""

    core_relative_cbf: float = 0.30
    hypoperfused_tmax_s: float = 6.0
    severe_tmax_s: float = 10.0
    sources: Mapping[str, str] = field(
        default_factory=lambda: {
            "core_relative_cbf": "Campbell 2011, Stroke 42:3435; used by DEFUSE 3 (Albers 2018, NEJM 378:708)",
            "hypoperfused_tmax_s": "Olivot 2009, Stroke 40:469; used by DEFUSE 3 (Albers 2018, NEJM 378:708)",
            "severe_tmax_s": "Olivot 2014, Stroke 45:1018 (hypoperfusion intensity ratio)",
        }
    )


@dataclass(frozen=True, slots=True)
class Analysis:
    """A result and, when the scan was analysed, the arrays behind it."""

    result: TriageResult
    findings: Findings | None
