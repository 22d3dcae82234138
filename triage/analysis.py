"""The protocol of a CT perfusion analysis, from images to a result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from triage import arterial, criteria, masks, motion, quality, timing
from triage.assessment import Assessment, assess
from triage.bolus import Bolus, find_bolus, typical_curve
from triage.deconvolution import Deconvolver, deconvolve, inverse_bank
from triage.denoise import denoised
from triage.errors import AnalysisError, InputError
from triage.maps import as_maps, perfusion
from triage.reduction import reduced
from triage.symmetry import mid_plane
from triage.types import (
    Analysis,
    ArterialInput,
    CtpSeries,
    Findings,
    Float32,
    Float64,
    Mask,
    QualityFlag,
    Status,
    Thresholds,
    TissueClass,
    TriageResult,
)

EARLY_FRAMES = 3
"""First frames, before any bolus, that show where the brain is."""

NOMINAL = Thresholds()
"""Cut-offs of the trials."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What is written down on the way, also when the scan is refused."""

    clock: Callable[[], float]
    timing_s: dict[str, float] = field(default_factory=dict)
    quality: list[QualityFlag] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent in the block to the stage's time."""
        start = self.clock()
        try:
            yield
        finally:
            self.timing_s[name] = self.timing_s.get(name, 0.0) + self.clock() - start


def analyse(
    series: CtpSeries,
    *,
    clock: Callable[[], float],
    deconvolve: Deconvolver = deconvolve,
    thresholds: Thresholds = NOMINAL,
) -> Analysis:
    """Analyse one CT perfusion series; a scan that cannot be analysed is a result that says why.

    Parameters
    ----------
    series
        The scan; it is not changed.
    clock
        Seconds from an arbitrary origin, for the times in the result.
    deconvolve
        Where the residues come from: numpy, or a graph that equals it.
    thresholds
        Cut-offs of core and hypoperfusion.

    Raises
    ------
    InputError
        When the series has fewer than two frames, or its images contain NaN or infinity.
    """
    if len(series.hu) < 2:
        raise InputError(
            "a perfusion series has at least two frames; this one has a single image per position"
        )
    record = _Record(clock)
    try:
        with record.stage("total"):
            findings, assessment = _protocol(series, record, deconvolve, thresholds)
    except AnalysisError as refusal:
        return Analysis(_refused(series, record, str(refusal)), None)
    return Analysis(_result(series, record, assessment), findings)


def _protocol(
    series: CtpSeries, record: _Record, deconvolve: Deconvolver, thresholds: Thresholds
) -> tuple[Findings, Assessment]:
    record.quality.extend(quality.of_sampling(series.time_s, series.geometry))
    timing.check_sampling(series.time_s)
    with record.stage("reduce"):
        series = reduced(series)
    geometry, time_s = series.geometry, timing.uniform_times(series.time_s)
    with record.stage("motion"):
        hu, seen, moved = motion.aligned(series.hu, geometry)
        mean_hu = hu.mean(axis=0)
    with record.stage("masks"):
        early = hu[:EARLY_FRAMES].mean(axis=0)
        inside = masks.intracranial(early, geometry)
        solid = masks.away_from_bone(early, geometry) & ~masks.fluid(early, geometry)
        record.quality.extend(quality.of_images(moved, quality.frame_noise_hu(hu, inside)))
        curves = timing.curves(hu, series.time_s, seen, time_s, inside)
        bolus = find_bolus(typical_curve(curves[solid[inside]]), time_s)
        unenhanced = hu[_before(bolus, series.time_s)].mean(axis=0)
        brain = inside & ~masks.fluid(unenhanced, geometry)
        plane = mid_plane(unenhanced, inside, geometry)
    with record.stage("arterial_input"):
        enhancement = _enhancement(curves, bolus)
        allowed = masks.away_from_bone(unenhanced, geometry)
        inputs = arterial.find_inputs(enhancement, bolus, inside, allowed)
        record.quality.extend(quality.of_bolus(bolus, inputs))
        tissue = brain & ~_vessels(enhancement, inputs, inside)
    with record.stage("denoise"):
        clean = _enhancement(denoised(curves[brain[inside]], brain, tissue, geometry), bolus)
    with record.stage("deconvolution"):
        residue = deconvolve(clean, inverse_bank(inputs.arterial_hu, inputs.dt_s))
        values = perfusion(clean, inputs.arterial_hu, residue)
        ttp_s = time_to_peak(clean, bolus)
        maps = as_maps(values, ttp_s, brain, tissue, plane.left(geometry))
    with record.stage("assessment"):
        assessment = assess(maps, tissue, plane, geometry, thresholds)
    labels = np.where(tissue, TissueClass.TISSUE, np.where(brain, TissueClass.VESSEL, TissueClass.OUTSIDE))
    findings = Findings(
        geometry,
        mean_hu,
        maps,
        assessment.core,
        assessment.hypoperfused,
        labels.astype(np.uint8),
        inputs,
        moved,
    )
    return findings, assessment


def _before(bolus: Bolus, time_s: Float64) -> Mask:
    """Frames ``(T,)`` before the bolus, the first two at least."""
    early = time_s.mean(axis=1) <= bolus.arrival_s
    early[:2] = True
    return np.asarray(early)


def _enhancement(curves_hu: Float32, bolus: Bolus) -> Float32:
    """Curves ``(V, N)`` above their own mean before the bolus."""
    return np.asarray(curves_hu - curves_hu[:, bolus.baseline].mean(axis=1, keepdims=True))


def time_to_peak(enhancement_hu: Float32, bolus: Bolus) -> Float32:
    """Time from the bolus' arrival to the peak of each curve ``(V, N)``, float32 ``(V,)``."""
    peak_s = bolus.time_s[enhancement_hu.argmax(axis=1)] - bolus.arrival_s
    return np.asarray(np.maximum(peak_s, 0), dtype=np.float32)


def _vessels(enhancement_hu: Float32, inputs: ArterialInput, inside: Mask) -> Mask:
    """Vessels ``(Z, Y, X)`` with the pixels around them, which they bleed into."""
    volume = np.zeros(inside.shape, dtype=bool)
    volume[inside] = arterial.like_vessels(enhancement_hu, inputs)
    return ndimage.binary_dilation(volume, masks.in_plane_cross())


def _result(series: CtpSeries, record: _Record, assessment: Assessment) -> TriageResult:
    return TriageResult(
        status=Status.ANALYSED,
        reason=None,
        study_uid=series.study_uid,
        series_uid=series.series_uid,
        side=assessment.side,
        core_ml=assessment.core_ml,
        hypoperfused_ml=assessment.hypoperfused_ml,
        mismatch_ml=assessment.mismatch_ml,
        mismatch_ratio=assessment.mismatch_ratio,
        hypoperfusion_intensity_ratio=assessment.hypoperfusion_intensity_ratio,
        cbv_index=assessment.cbv_index,
        volumes_ml=assessment.volumes_ml,
        criteria=criteria.judged(assessment.core_ml, assessment.mismatch_ml, assessment.mismatch_ratio),
        quality=tuple(record.quality),
        timing_s=record.timing_s,
    )


def _refused(series: CtpSeries, record: _Record, reason: str) -> TriageResult:
    return TriageResult(
        status=Status.NOT_ANALYSED,
        reason=reason,
        study_uid=series.study_uid,
        series_uid=series.series_uid,
        quality=tuple(record.quality),
        timing_s=record.timing_s,
    )
