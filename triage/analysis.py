"""The protocol of a CT perfusion analysis, from images to a result."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from triage import opinions, quality, timing
from triage.arterial import NoArterialInputError
from triage.assessment import nominal_ml
from triage.core_network import CoreReading, Inquiry
from triage.errors import AnalysisError, InputError
from triage.plausibility import Reading, of_assessment
from triage.preparation import AFRESH, FrameWork
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
    find_input,
    look_at_head,
    quantify,
    take_scan,
)
from triage.types import (
    Analysis,
    Findings,
    FrameSource,
    Interval,
    Mask,
    SecondOpinion,
)
from triage.uncertainty import intervals
from triage.without_input import times_to_peak

__all__ = ["Method", "analyse"]


def analyse(
    source: FrameSource,
    *,
    clock: Callable[[], float],
    method: Method = USUAL,
    arterial_voxels: NDArray[np.int64] | None = None,
    work: FrameWork = AFRESH,
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
    work
        How single frames are read and located; see `triage.preparation`.

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
            findings, reckoning = _protocol(source, record, method, arterial_voxels, work)
    except AnalysisError as refusal:
        return Analysis(refused(source, str(refusal), tuple(record.quality), record.timing_s), None)
    flags = tuple(record.quality)
    if reckoning is None:
        return Analysis(reported_without_input(source, flags, record.timing_s), findings)
    return Analysis(reported(source, reckoning, flags, record.timing_s), findings)


def _protocol(
    source: FrameSource,
    record: Record,
    method: Method,
    arterial_voxels: NDArray[np.int64] | None,
    work: FrameWork,
) -> tuple[Findings, Reckoning | None]:
    record.quality.extend(quality.of_sampling(source.time_s, source.geometry))
    timing.check_sampling(source.time_s)
    scan = take_scan(source, record, work)
    head = look_at_head(scan, record, work.skull)
    try:
        with record.stage("arterial_input"):
            inputs = find_input(head)
    except NoArterialInputError as absence:
        return times_to_peak(scan, head, record, str(absence)), None
    record.quality.extend(quality.of_bolus(head.bolus, inputs, head.noise_hu))
    tissue = clean_tissue(head, inputs, method.denoise, record)
    first = quantify(head, tissue, inputs, method, record)
    model = method.core_model
    network = Inquiry.begin(model, scan, head, tissue, first, record.clock) if model is not None else None
    with record.stage("second_look"), ThreadPoolExecutor(1) as pool:
        opinions_of_others = pool.submit(_opinions, head, tissue, first, method, arterial_voxels)
        ends = intervals(head, tissue, first, method.thresholds)
        beside = opinions_of_others.result()
    nominal = _nominal(head, tissue, first)
    record.quality.extend(of_assessment(_reading(head, tissue, first, nominal, beside)))
    second = _network_core(network, head, first, ends, record)
    rows = (second.finding,) if second else ()
    findings = _findings(scan, tissue, first, second.core if second else None)
    return findings, Reckoning(first.assessment, nominal, ends, beside, rows)


def _network_core(
    inquiry: Inquiry | None, head: Head, first: Perfused, ends: Mapping[str, Interval], record: Record
) -> CoreReading | None:
    """What the network answered, where there is one; its stage is what is waited for it when all else is done."""
    if inquiry is None:
        return None
    with record.stage("core_model"):
        second = inquiry.end(head, first.assessment, ends.get("core_ml"), record.clock)
    record.quality.extend(second.flags)
    return second


def _opinions(
    head: Head,
    tissue: TissueCurves,
    first: Perfused,
    method: Method,
    arterial_voxels: NDArray[np.int64] | None,
) -> tuple[SecondOpinion, ...]:
    """The same scan by a model of transit and delay and, where a caller names one, by another arterial input."""
    model = opinions.by_transit_model(head, tissue, first)
    if arterial_voxels is None:
        return (model,)
    apart = Record(clock=lambda: 0.0)  # what takes its time beside is no stage of its own
    other = quantify(head, tissue, find_input(head, arterial_voxels), method, apart).assessment
    named = opinions.compared(opinions.NAMED_ARTERY, first.assessment, other.core_ml, other.hypoperfused_ml)
    return model, named


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


def _findings(scan: Scan, tissue: TissueCurves, first: Perfused, network_core: Mask | None) -> Findings:
    return Findings(
        scan.geometry,
        scan.hu.mean(axis=0),
        first.maps,
        first.assessment.core,
        first.assessment.hypoperfused,
        tissue.classes,
        first.inputs,
        scan.motion,
        network_core,
    )
