"""The stages of an analysis, each from one frozen value to the next: scan, head, tissue, perfusion."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triage import masks, motion, quality, timing
from triage.arterial import find_inputs
from triage.assessment import Assessment, assess
from triage.bolus import Bolus, find_bolus, typical_curve
from triage.calibration import tmax_offset_s
from triage.deconvolution import Deconvolver, InverseBank, deconvolve, inverse_bank
from triage.denoise import Denoiser, denoised
from triage.errors import AnalysisError
from triage.first_moment import time_to_peak
from triage.maps import as_maps, perfusion
from triage.preparation import AFRESH, FrameWork
from triage.record import Record
from triage.reduction import reduced
from triage.second_engine import CoreModel
from triage.symmetry import MidPlane, mid_plane
from triage.tissue import classify
from triage.types import (
    ArterialInput,
    Float32,
    Float64,
    FrameSource,
    Geometry,
    Mask,
    Motion,
    PerfusionMaps,
    Thresholds,
    TissueClass,
)

LEAST_TISSUE_ML = 20.0
"""Less is a few centimetres of a single slice: nothing in it could serve as normal."""

NOMINAL = Thresholds()
"""Cut-offs of the trials."""


@dataclass(frozen=True, slots=True)
class Method:
    """How to analyse: how noise is taken out, where residues come from and by which inverses, and the cut-offs.

    `deconvolve` is numpy's or a graph that equals it; `bank` is `inverse_bank`, or `fast_bank` with one fixed threshold.
    `core_model` is a network whose core stands beside the first, None where none is installed.
    """

    denoise: Denoiser = denoised
    deconvolve: Deconvolver = deconvolve
    bank: Callable[[Float64, float], InverseBank] = inverse_bank
    thresholds: Thresholds = NOMINAL
    core_model: CoreModel | None = None


USUAL = Method()
"""Delay-insensitive deconvolution in numpy with the trials' cut-offs."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Frames `hu` ``(T, Z, Y, X)`` in one pose on the working grid, taken at `time_s` and `seen`, both ``(T, Z)``."""

    hu: Float32
    seen: Mask
    time_s: Float64
    geometry: Geometry
    motion: Motion


@dataclass(frozen=True, slots=True)
class Head:
    """What lies `inside` the skull ``(Z, Y, X)``: unenhanced, and as enhancement over time ``(V, N)``."""

    geometry: Geometry
    inside: Mask
    unenhanced_hu: Float32
    noise_hu: float
    plane: MidPlane
    bolus: Bolus
    enhancement_hu: Float32


@dataclass(frozen=True, slots=True)
class TissueCurves:
    """Denoised enhancement ``(V, N)`` of the `brain`; perfusion is judged in its `tissue`; classes ``(Z, Y, X)``."""

    classes: NDArray[np.uint8]
    brain: Mask
    tissue: Mask
    clean_hu: Float32


@dataclass(frozen=True, slots=True)
class Perfused:
    """Maps by one arterial input, and what calibration took off their Tmax."""

    inputs: ArterialInput
    bank: InverseBank
    maps: PerfusionMaps
    offset_s: float
    assessment: Assessment


def take_scan(source: FrameSource, record: Record, work: FrameWork = AFRESH) -> Scan:
    """Read frame by frame, average to the working grid, bring every frame into the pose of the first ones."""
    with record.stage("reduce"):
        series = reduced(source, work.mean)
    with record.stage("motion"):
        hu, seen, moved = motion.aligned(series.hu, series.geometry, work.locate, work.resample)
    return Scan(hu, seen, series.time_s, series.geometry, moved)


def look_at_head(scan: Scan, record: Record, find_skull: masks.SkullFinder = masks.skull_of) -> Head:
    """Find the inside of the skull, the mid-sagittal plane and the bolus; carry the curves to one time axis."""
    geometry, at_s = scan.geometry, timing.uniform_times(scan.time_s)
    with record.stage("masks"):
        inside, solid = find_skull(masks.early_mean(scan.hu), geometry)
        noise_hu = quality.frame_noise_hu(scan.hu, inside)
        record.quality.extend(quality.of_images(scan.motion, noise_hu))
        curves = timing.curves(scan.hu, scan.time_s, scan.seen, at_s, inside)
        bolus = find_bolus(typical_curve(curves[solid[inside]]), at_s)
        unenhanced = scan.hu[_before(bolus, scan.time_s)].mean(axis=0)
        record.quality.extend(quality.of_density(unenhanced, inside, geometry))
        plane = mid_plane(unenhanced, inside, geometry)
    return Head(geometry, inside, unenhanced, noise_hu, plane, bolus, enhancement_of(curves, bolus))


def find_input(head: Head, named: NDArray[np.int64] | None = None) -> ArterialInput:
    """Arterial and venous curves; voxels `named` by a caller, int64 ``(K, 3)``, take the place of those found."""
    allowed = masks.away_from_bone(head.unenhanced_hu, head.geometry)
    return find_inputs(head.enhancement_hu, head.bolus, head.inside, allowed, named)


def clean_tissue(head: Head, inputs: ArterialInput, denoise: Denoiser, record: Record) -> TissueCurves:
    """Tell tissue from fluid, vessels and what is long dead, and take the noise out of its curves."""
    with record.stage("masks"):
        classes = classify(
            head.unenhanced_hu, head.enhancement_hu, inputs, head.inside, head.geometry, head.plane
        )
        brain = head.inside & (classes != TissueClass.FLUID)
        tissue = classes == TissueClass.TISSUE
        _require_tissue(float(tissue.sum()) * head.geometry.voxel_ml)
    with record.stage("denoise"):
        curves = denoise(head.enhancement_hu[brain[head.inside]], brain, tissue, head.geometry)
        clean = enhancement_of(curves, head.bolus)
    return TissueCurves(classes, brain, tissue, clean)


def quantify(
    head: Head, tissue: TissueCurves, inputs: ArterialInput, method: Method, record: Record
) -> Perfused:
    """Deconvolve, calibrate, apply the thresholds."""
    left = head.plane.left(head.geometry)
    with record.stage("deconvolution"), ThreadPoolExecutor(1) as pool:
        peak_s = pool.submit(time_to_peak, tissue.clean_hu, head.bolus.time_s, head.bolus.arrival_s)
        bank = method.bank(inputs.arterial_hu, inputs.dt_s)
        values = perfusion(tissue.clean_hu, inputs.arterial_hu, method.deconvolve(tissue.clean_hu, bank))
    with record.stage("assessment"):
        ttp_s = peak_s.result()
        offset_s = tmax_offset_s(values.tmax_s, tissue.tissue[tissue.brain], left[tissue.brain])
        maps = as_maps(values, ttp_s, offset_s, tissue.brain)
        assessment = assess(maps, tissue.tissue, head.plane, head.geometry, method.thresholds)
    return Perfused(inputs, bank, maps, offset_s, assessment)


def _require_tissue(tissue_ml: float) -> None:
    """Refuse a scan in which next to nothing is brain tissue."""
    if tissue_ml < LEAST_TISSUE_ML:
        raise AnalysisError(
            f"only {tissue_ml:.0f} ml of brain tissue seen, the rest is fluid, vessels or metal: "
            f"at least {LEAST_TISSUE_ML:.0f} ml are needed"
        )


def _before(bolus: Bolus, time_s: Float64) -> Mask:
    """Frames ``(T,)`` before the bolus, the first two at least."""
    early = time_s.mean(axis=1) <= bolus.arrival_s
    early[:2] = True
    return np.asarray(early)


def enhancement_of(curves_hu: Float32, bolus: Bolus) -> Float32:
    """Curves ``(V, N)`` above their own mean before the bolus."""
    return np.asarray(curves_hu - curves_hu[:, bolus.baseline].mean(axis=1, keepdims=True))
