"""The protocol of a CT perfusion analysis, from images to a result."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from triage import masks, opinions, quality, timing
from triage.artefacts import cleaned
from triage.arterial import NoArterialInputError
from triage.assessment import nominal_ml
from triage.denoise import denoised
from triage.errors import AnalysisError, InputError
from triage.first_moment import LATE_TTP_S, relative_delay, time_to_peak
from triage.maps import only_time_to_peak
from triage.plausibility import Reading, of_assessment
from triage.record import Record
from triage.report import Reckoning, refused, reported, reported_without_input
from triage.stages import (
    USUAL,
    Head,
    Method,
    Perfused,
    Scan,
    TissueCurves,
    clean_tissue,
    enhancement_of,
    find_input,
    look_at_head,
    quantify,
    take_scan,
)
from triage.types import (
    Analysis,
    Findings,
    FrameSource,
    QualityFlag,
    SecondOpinion,
    Severity,
    Thresholds,
    TissueClass,
)
from triage.uncertainty import Scene, intervals

__all__ = ["Method", "analyse"]


def analyse(
    source: FrameSource,
    *,
    clock: Callable[[], float],
    method: Method = USUAL,
    arterial_voxels: NDArray[np.int64] | None = None,
) -> Analysis:
    """Analyse one CT perfusion series; a scan that cannot be analysed is a result that says why.

    Parameters
    ----------
    source
        The scan, whole or frame by frame; it is not changed.
    clock
        Seconds from an arbitrary origin, for the times in the result.
    method
        What can be chosen about the computation.
    arterial_voxels
        int64 ``(K, 3)``, indices (z, y, x) on the working grid; the result of this arterial input stands beside that of
        the one found.

    Raises
    ------
    InputError
        When the series has fewer than two frames, its images contain NaN or infinity, or a named voxel is no voxel of
        the brain.
    """
    if len(source.time_s) < 2:
        raise InputError(
            "a perfusion series has at least two frames; this one has a single image per position"
        )
    record = Record(clock)
    try:
        with record.stage("total"):
            findings, reckoning = _protocol(source, record, method, arterial_voxels)
    except AnalysisError as refusal:
        return Analysis(refused(source, str(refusal), tuple(record.quality), record.timing_s), None)
    flags = tuple(record.quality)
    if reckoning is None:
        return Analysis(reported_without_input(source, flags, record.timing_s), findings)
    return Analysis(reported(source, reckoning, flags, record.timing_s), findings)


def _protocol(
    source: FrameSource, record: Record, method: Method, arterial_voxels: NDArray[np.int64] | None
) -> tuple[Findings, Reckoning | None]:
    record.quality.extend(quality.of_sampling(source.time_s, source.geometry))
    timing.check_sampling(source.time_s)
    scan = take_scan(source, record)
    head = look_at_head(scan, record)
    try:
        with record.stage("arterial_input"):
            inputs = find_input(head)
    except NoArterialInputError as absence:
        return _without_input(scan, head, record, str(absence)), None
    record.quality.extend(quality.of_bolus(head.bolus, inputs, head.noise_hu))
    tissue = clean_tissue(head, inputs, method.denoise, record)
    first = quantify(head, tissue, inputs, method, record)
    beside = _opinions(head, tissue, first, method, arterial_voxels, record)
    with record.stage("uncertainty"):
        ends = intervals(_scene(head, tissue, first, method.thresholds))
    nominal = _nominal(head, tissue, first)
    record.quality.extend(of_assessment(_reading(head, tissue, first, nominal, beside)))
    return _findings(scan, tissue, first), Reckoning(first.assessment, nominal, ends, beside)


def _opinions(
    head: Head,
    tissue: TissueCurves,
    first: Perfused,
    method: Method,
    arterial_voxels: NDArray[np.int64] | None,
    record: Record,
) -> tuple[SecondOpinion, ...]:
    """The same scan by a model of transit and delay and, where a caller names one, by another arterial input."""
    with record.stage("second_opinion"):
        model = opinions.by_transit_model(
            tissue.clean_hu,
            tissue.brain,
            tissue.tissue,
            first.inputs,
            head.plane,
            head.geometry,
            first.assessment,
        )
    if arterial_voxels is None:
        return (model,)
    named = quantify(head, tissue, find_input(head, arterial_voxels), method, record).assessment
    return model, opinions.compared(
        opinions.NAMED_ARTERY, first.assessment, named.core_ml, named.hypoperfused_ml
    )


def _scene(head: Head, tissue: TissueCurves, first: Perfused, thresholds: Thresholds) -> Scene:
    return Scene(
        enhancement_hu=tissue.clean_hu,
        brain=tissue.brain,
        tissue=tissue.tissue,
        inputs=first.inputs,
        assessment=first.assessment,
        noise_hu=head.noise_hu,
        geometry=head.geometry,
        thresholds=thresholds,
    )


def _nominal(head: Head, tissue: TissueCurves, first: Perfused) -> dict[str, float]:
    """The trials' rule without calibration."""
    uncorrected = replace(first.maps, tmax_s=first.maps.tmax_s + np.float32(first.offset_s))
    return dict(nominal_ml(uncorrected, tissue.tissue, head.plane, head.geometry, USUAL.thresholds))


def _reading(
    head: Head,
    tissue: TissueCurves,
    first: Perfused,
    nominal: dict[str, float],
    beside: tuple[SecondOpinion, ...],
) -> Reading:
    return Reading(
        first.assessment,
        first.maps,
        tissue.tissue,
        head.plane,
        head.geometry,
        first.offset_s,
        nominal,
        beside,
    )


def _findings(scan: Scan, tissue: TissueCurves, first: Perfused) -> Findings:
    return Findings(
        scan.geometry,
        scan.hu.mean(axis=0),
        first.maps,
        first.assessment.core,
        first.assessment.hypoperfused,
        tissue.classes,
        first.inputs,
        scan.motion,
    )


def _without_input(scan: Scan, head: Head, record: Record, reason: str) -> Findings:
    """What can be said without an artery: which tissue peaks late. It is labelled as such, and never a volume."""
    geometry = head.geometry
    brain = head.inside & ~masks.fluid(head.unenhanced_hu, geometry)
    tissue = brain & masks.away_from_bone(head.unenhanced_hu, geometry)
    with record.stage("denoise"):
        curves = denoised(head.enhancement_hu[brain[head.inside]], brain, tissue, geometry)
        clean = enhancement_of(curves, head.bolus)
    with record.stage("assessment"):
        ttp_s = time_to_peak(clean, head.bolus.time_s, head.bolus.arrival_s)
        maps = only_time_to_peak(ttp_s, brain)
        delay_s = relative_delay(maps.ttp_s[tissue], head.plane.left(geometry)[tissue])
        late = np.zeros(brain.shape, dtype=bool)
        late[tissue] = delay_s > LATE_TTP_S
        late = cleaned(late, geometry)
    late_ml = float(late.sum()) * geometry.voxel_ml
    text = f"{reason}; time to peak only: {late_ml:.0f} ml peak more than {LATE_TTP_S:.1f} s late, which is not Tmax"
    record.quality.append(QualityFlag("no_arterial_input", Severity.SEVERE, text))
    classes = np.where(tissue, TissueClass.TISSUE, TissueClass.OUTSIDE).astype(np.uint8)
    nothing = np.zeros(brain.shape, dtype=bool)
    return Findings(geometry, scan.hu.mean(axis=0), maps, nothing, late, classes, None, scan.motion)
