"""The nouns of an analysis: frozen, self-checking, arrays read-only."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from triage.geometry import ML_PER_MM3, Float32, Float64, Geometry, Mask, freeze, require

__all__ = [
    "ML_PER_MM3",
    "Analysis",
    "ArterialInput",
    "Criterion",
    "CtpSeries",
    "Findings",
    "Float32",
    "Float64",
    "Geometry",
    "Mask",
    "ModelFinding",
    "Motion",
    "PerfusionMaps",
    "QualityFlag",
    "Severity",
    "Side",
    "Status",
    "Thresholds",
    "TriageResult",
]


class Side(StrEnum):
    """Hemisphere of a lesion, as the patient's own left and right."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"
    NONE = "none"


class Status(StrEnum):
    """How an analysis ended; refusing is a result."""

    ANALYSED = "analysed"
    NOT_ANALYSED = "not_analysed"


class Severity(StrEnum):
    """How far a quality flag reaches: SEVERE means the numbers must not be trusted."""

    INFO = "info"
    WARNING = "warning"
    SEVERE = "severe"


@dataclass(frozen=True, slots=True)
class CtpSeries:
    """One CT perfusion series.

    Attributes
    ----------
    hu
        float32 ``(T, Z, Y, X)``, Hounsfield units.
    time_s
        float64 ``(T, Z)``, seconds since the earliest image, strictly increasing along T in every slice.
    geometry
        Geometry of one frame; frames share it.
    study_uid, series_uid
        DICOM instance UIDs, kept for the result; never a person.
    """

    hu: Float32
    time_s: Float64
    geometry: Geometry
    study_uid: str = ""
    series_uid: str = ""

    def __post_init__(self) -> None:
        require(self.hu.ndim == 4, f"hu must be (T, Z, Y, X), got {self.hu.ndim} axes")
        require(self.hu.dtype == np.float32, f"hu must be float32, got {self.hu.dtype}")
        require(
            self.hu.shape[1:] == self.geometry.shape,
            f"hu {self.hu.shape[1:]} does not fit {self.geometry.shape}",
        )
        require(
            self.time_s.shape == self.hu.shape[:2],
            f"time_s must be {self.hu.shape[:2]}, got {self.time_s.shape}",
        )
        require(bool(np.isfinite(self.time_s).all()), "time_s contains NaN or infinity")
        require(bool((np.diff(self.time_s, axis=0) > 0).all()), "time_s must increase from frame to frame")
        freeze(self)


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
    """

    time_s: Float64
    arterial_hu: Float64
    venous_hu: Float64
    arterial_voxels: NDArray[np.int64]
    venous_voxels: NDArray[np.int64]
    venous_scale: float = 1.0

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
    """Parametric maps, float32 ``(Z, Y, X)``, NaN outside `brain` (bool, same shape)."""

    cbf_ml_per_100g_min: Float32
    cbv_ml_per_100g: Float32
    mtt_s: Float32
    tmax_s: Float32
    brain: Mask

    def __post_init__(self) -> None:
        shapes = {getattr(self, item.name).shape for item in fields(self)}
        require(len(shapes) == 1, f"maps differ in shape: {sorted(shapes)}")
        require(self.brain.dtype == bool, "brain must be a bool mask")
        freeze(self)


@dataclass(frozen=True, slots=True)
class Motion:
    """Rigid motion of every frame against the reference.

    `translation_mm` and `rotation_deg` are float64 ``(T, 3)`` along/about LPS x, y, z.
    """

    translation_mm: Float64
    rotation_deg: Float64

    def __post_init__(self) -> None:
        require(
            self.translation_mm.shape == self.rotation_deg.shape, "translation and rotation differ in length"
        )
        freeze(self)


@dataclass(frozen=True, slots=True)
class Findings:
    """The arrays behind a result, on the working grid `geometry`.

    `mean_hu` is the temporal mean after alignment, float32 ``(Z, Y, X)``; `core` and `hypoperfused` are bool masks.
    """

    geometry: Geometry
    mean_hu: Float32
    maps: PerfusionMaps
    core: Mask
    hypoperfused: Mask
    arterial: ArterialInput
    motion: Motion

    def __post_init__(self) -> None:
        for name in ("mean_hu", "core", "hypoperfused"):
            shape = getattr(self, name).shape
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
class QualityFlag:
    """One thing a reader should know about the scan; `code` is stable, `text` is for people."""

    code: str
    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """A trial's imaging rule: met or not, which clinical items are missing, and the sentence that says so."""

    met: bool
    missing: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class ModelFinding:
    """What one model contributed: its identity and, for core models, its volume."""

    name: str
    version: str
    sha256: str
    core_ml: float | None = None


@dataclass(frozen=True, slots=True)
class TriageResult:
    """The numbers of one case: no arrays, no person. Volumes in ml, ratios without dimension."""

    status: Status
    reason: str | None
    study_uid: str
    series_uid: str
    side: Side = Side.NONE
    core_ml: float | None = None
    hypoperfused_ml: float | None = None
    mismatch_ml: float | None = None
    mismatch_ratio: float | None = None
    hypoperfusion_intensity_ratio: float | None = None
    cbv_index: float | None = None
    volumes_ml: Mapping[str, float] = field(default_factory=dict)
    criteria: Mapping[str, Criterion] = field(default_factory=dict)
    models: tuple[ModelFinding, ...] = ()
    quality: tuple[QualityFlag, ...] = ()
    timing_s: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        analysed = self.status is Status.ANALYSED
        require(analysed or bool(self.reason), "a result that is not analysed needs a reason")
        require(not analysed or self.core_ml is not None, "an analysed result needs its volumes")

    @property
    def trusted(self) -> bool:
        """Whether the numbers may be shown as numbers: analysed, and no severe quality flag."""
        return self.status is Status.ANALYSED and all(q.severity is not Severity.SEVERE for q in self.quality)

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for ``json.dumps``; the object of ``stroke-gateway triage --json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Inverse of `to_json`."""
        values = dict(plain)
        values["status"], values["side"] = Status(values["status"]), Side(values["side"])
        values["criteria"] = {
            name: Criterion(c["met"], tuple(c["missing"]), c["text"])
            for name, c in values["criteria"].items()
        }
        values["models"] = tuple(ModelFinding(**m) for m in values["models"])
        values["quality"] = tuple(
            QualityFlag(q["code"], Severity(q["severity"]), q["text"]) for q in values["quality"]
        )
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Analysis:
    """A result and, when the scan was analysed, the arrays behind it."""

    result: TriageResult
    findings: Findings | None
