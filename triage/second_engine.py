"""The contract of a network that looks for the core: what it may look at, and what it says.

The core by thresholds stays the first; what a network finds stands beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from triage.arrays import Float32, freeze
from triage.errors import require
from triage.geometry import Geometry
from triage.results import ModelFinding
from triage.symmetry import MidPlane


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


@dataclass(frozen=True, slots=True)
class CoreProbability:
    """What a network says of every voxel.

    Attributes
    ----------
    core, hypoperfused
        Probabilities from 0 to 1, float32 ``(Z, Y, X)`` on the grid of the evidence; NaN where it says nothing.
        `hypoperfused` is None for a network that looks for the core alone.
    core_threshold, hypoperfused_threshold
        Probabilities from which a voxel counts, by the model's own contract.
    """

    core: Float32
    hypoperfused: Float32 | None
    core_threshold: float = 0.5
    hypoperfused_threshold: float = 0.5

    def __post_init__(self) -> None:
        for threshold in (self.core_threshold, self.hypoperfused_threshold):
            require(0.0 < threshold < 1.0, f"threshold {threshold} is no probability")
        freeze(self)


class CoreModel(Protocol):
    """A network that looks for the core; safe to call from another thread."""

    @property
    def finding(self) -> ModelFinding:
        """Identity of the model, known before it has found anything."""

    def __call__(self, evidence: Evidence, deadline_s: float) -> CoreProbability:
        """Look at a scan; whoever sees that `deadline_s` seconds will not do gives up early.

        Raises
        ------
        AnalysisError
            The network failed, or cannot finish in time; the message is a sentence for people.
        InputError
            The evidence is not what the model was made for.
        """
