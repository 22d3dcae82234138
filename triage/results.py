"""The numbers of a case: no arrays, no person."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from triage.errors import require


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


class Estimator(StrEnum):
    """Where delay and flow come from; without an arterial input there is only the time to peak, and no flow."""

    DECONVOLUTION = "deconvolution"
    TIME_TO_PEAK = "time_to_peak"


class Territory(StrEnum):
    """Vascular territory, by position in the head alone: an estimate, not angiography."""

    ANTERIOR = "anterior_cerebral"
    MIDDLE = "middle_cerebral"
    POSTERIOR = "posterior_cerebral"
    CEREBELLAR = "posterior_fossa"


@dataclass(frozen=True, slots=True)
class QualityFlag:
    """One thing a reader should know about the scan; `code` is stable, `text` is for people."""

    code: str
    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """A trial's imaging rule: met or not, which clinical items are missing, and the sentence that says so.

    `changes_if` names the nearest volume at which the answer turns; `certain` is false when that volume lies inside the
    interval of the measured one.
    """

    met: bool
    missing: tuple[str, ...]
    text: str
    changes_if: str = ""
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Interval:
    """Ends of a 90 % interval, in the unit of what it belongs to; `high` is None when there is no upper end."""

    low: float
    high: float | None

    def __post_init__(self) -> None:
        require(self.high is None or self.low <= self.high, f"interval from {self.low} to {self.high}")

    def holds(self, value: float) -> bool:
        """Whether `value` lies inside, ends included."""
        return self.low <= value and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """The same scan by another method: volumes in ml, whether they agree with the first, and a sentence."""

    name: str
    core_ml: float | None
    hypoperfused_ml: float | None
    agrees: bool
    text: str


INFARCT_CORE = "infarct_core"
"""Task of a network whose core stands beside the first."""

NO_MODEL = "no model installed"
"""Said of a task that nothing does; it is never made up by other means."""

NO_TASKS: Mapping[str, str] = dict.fromkeys(
    (INFARCT_CORE, "hemorrhage", "large_vessel_occlusion", "aspects"), NO_MODEL
)
"""What a network could be asked of a head CT, where none is installed."""


class Agreement(StrEnum):
    """How a network's core stands to the first method's; the rule is in `triage.disagreement`."""

    AGREE = "agree"
    DIFFER = "differ"
    CONTRADICT = "contradict"


@dataclass(frozen=True, slots=True)
class ModelFinding:
    """What one model contributed: its identity and, for a network that looks for the core, what it found.

    Attributes
    ----------
    task
        What it was asked, by the name in the manifest.
    trained_on
        What its weights were fitted to: a few words that stand wherever its numbers do, and details after a colon;
        empty for a computation.
    core_ml, hypoperfused_ml
        Its volumes; None where it does not look for them, or gave no number.
    expected_core_ml
        Sum of its probabilities of core, whatever its threshold.
    overlap
        Dice coefficient of its core and the first method's, None where neither found any.
    agreement
        None where there is nothing to compare.
    text
        What came of it, or why there is no number.
    """

    name: str
    version: str
    sha256: str
    core_ml: float | None = None
    hypoperfused_ml: float | None = None
    expected_core_ml: float | None = None
    overlap: float | None = None
    agreement: Agreement | None = None
    text: str = ""
    task: str = ""
    trained_on: str = ""

    @property
    def learned_from(self) -> str:
        """What it was trained on, without the details."""
        return self.trained_on.partition(":")[0]

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Inverse of ``asdict`` and of a way through JSON."""
        agreement = plain.get("agreement")
        return cls(**{**plain, "agreement": Agreement(agreement) if agreement else None})


@dataclass(frozen=True, slots=True)
class TriageResult:
    """The numbers of one case: no arrays, no person. Volumes in ml, ratios without dimension.

    Attributes
    ----------
    intervals
        90 % intervals by name of the number: ``core_ml``, ``hypoperfused_ml``, ``mismatch_ml``, ``mismatch_ratio`` and
        the keys of `volumes_ml`.
    nominal_ml
        ``core_ml`` and ``hypoperfused_ml`` by the trials' cut-offs without calibration.
    territories_ml
        Hypoperfused volume by `Territory`.
    reference
        What relative flow was compared with, in words.
    opinions
        The same scan by other methods or another arterial input.
    models
        What ran, with what it found.
    tasks
        What a network could be asked of a head CT, and which one is installed for it, or `NO_MODEL`.
    """

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
    estimator: Estimator | None = None
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    nominal_ml: Mapping[str, float] = field(default_factory=dict)
    territories_ml: Mapping[str, float] = field(default_factory=dict)
    reference: str = ""
    opinions: tuple[SecondOpinion, ...] = ()
    tasks: Mapping[str, str] = field(default_factory=lambda: dict(NO_TASKS))

    def __post_init__(self) -> None:
        analysed = self.status is Status.ANALYSED
        require(analysed or bool(self.reason), "a result that is not analysed needs a reason")
        require(self.core_ml is not None or not self.trusted, "a result that is trusted needs its volumes")

    @property
    def trusted(self) -> bool:
        """Whether the numbers may be shown as numbers: analysed, and no severe quality flag."""
        return self.status is Status.ANALYSED and all(q.severity is not Severity.SEVERE for q in self.quality)

    @property
    def networks(self) -> tuple[ModelFinding, ...]:
        """Networks that looked for the core, with or without an answer."""
        return tuple(model for model in self.models if model.task == INFARCT_CORE)

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for ``json.dumps``; the object of ``stroke-gateway triage --json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Inverse of `to_json`."""
        values = dict(plain)
        values["status"], values["side"] = Status(values["status"]), Side(values["side"])
        values["criteria"] = {
            name: Criterion(**{**c, "missing": tuple(c["missing"])}) for name, c in values["criteria"].items()
        }
        values["estimator"] = Estimator(values["estimator"]) if values["estimator"] else None
        values["intervals"] = {name: Interval(**ends) for name, ends in values["intervals"].items()}
        values["opinions"] = tuple(SecondOpinion(**o) for o in values["opinions"])
        values["models"] = tuple(ModelFinding.from_json(m) for m in values["models"])
        values["quality"] = tuple(
            QualityFlag(q["code"], Severity(q["severity"]), q["text"]) for q in values["quality"]
        )
        return cls(**values)
