"""From what was found to the result that leaves the engine; a refusal is a result too."""

from collections.abc import Mapping
from dataclasses import dataclass

from triage import criteria
from triage.assessment import Assessment
from triage.types import (
    Estimator,
    FrameSource,
    Interval,
    ModelFinding,
    QualityFlag,
    SecondOpinion,
    Status,
    TriageResult,
)


@dataclass(frozen=True, slots=True)
class Reckoning:
    """The first assessment with all that stands beside it."""

    assessment: Assessment
    nominal_ml: Mapping[str, float]
    intervals: Mapping[str, Interval]
    opinions: tuple[SecondOpinion, ...]
    models: tuple[ModelFinding, ...] = ()


def reported(
    source: FrameSource,
    reckoning: Reckoning,
    quality: tuple[QualityFlag, ...],
    timing_s: Mapping[str, float],
) -> TriageResult:
    """The numbers of a case."""
    first = reckoning.assessment
    return TriageResult(
        status=Status.ANALYSED,
        reason=None,
        study_uid=source.study_uid,
        series_uid=source.series_uid,
        side=first.side,
        core_ml=first.core_ml,
        hypoperfused_ml=first.hypoperfused_ml,
        mismatch_ml=first.mismatch_ml,
        mismatch_ratio=first.mismatch_ratio,
        hypoperfusion_intensity_ratio=first.hypoperfusion_intensity_ratio,
        cbv_index=first.cbv_index,
        volumes_ml=first.volumes_ml,
        criteria=criteria.judged(first.core_ml, first.hypoperfused_ml, reckoning.intervals),
        models=reckoning.models,
        quality=quality,
        timing_s=timing_s,
        estimator=Estimator.DECONVOLUTION,
        intervals=reckoning.intervals,
        nominal_ml=reckoning.nominal_ml,
        territories_ml={str(name): volume for name, volume in first.territories_ml.items()},
        reference=first.reference,
        opinions=reckoning.opinions,
    )


def reported_without_input(
    source: FrameSource, quality: tuple[QualityFlag, ...], timing_s: Mapping[str, float]
) -> TriageResult:
    """A result without numbers: there is a time to peak, and no flow, no Tmax and no volume."""
    return TriageResult(
        status=Status.ANALYSED,
        reason=None,
        study_uid=source.study_uid,
        series_uid=source.series_uid,
        quality=quality,
        timing_s=timing_s,
        estimator=Estimator.TIME_TO_PEAK,
    )


def refused(
    source: FrameSource, reason: str, quality: tuple[QualityFlag, ...], timing_s: Mapping[str, float]
) -> TriageResult:
    """A scan that cannot be analysed, and why."""
    return TriageResult(
        status=Status.NOT_ANALYSED,
        reason=reason,
        study_uid=source.study_uid,
        series_uid=source.series_uid,
        quality=quality,
        timing_s=timing_s,
    )
