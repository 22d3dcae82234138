"""How far the volumes could be off: a bootstrap over arterial candidates, noise and thresholds.

Each draw takes other arterial candidates, adds noise that the denoising could have left, and moves the cut-offs by what
calibration could not fix; the change of the volumes is counted on a sample of voxels around the lesion. The spread of
the cut-offs and outlines was set on 108 simulated scans so that nine intervals in ten hold the truth: 91 % there.

References
----------
Efron 1979, Ann Stat 7:1 (bootstrap).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triage.assessment import CBF_STEPS, TMAX_STEPS_S, Assessment
from triage.deconvolution import deconvolve, inverse_bank
from triage.denoise import RANK
from triage.stages import Head, Perfused, TissueCurves
from triage.types import ML_PER_MM3, ArterialInput, Float32, Float64, Geometry, Interval, Mask, Thresholds

DRAWS = 40
"""Draws of the bootstrap: the ends of a 90 % interval lie two draws from either end."""

ENDS = (5.0, 95.0)
"""Percentiles at the ends of a 90 % interval."""

TMAX_DEVIATION_S = 0.5
"""Standard deviation of the delay's cut-off between patients."""

FLOW_DEVIATION = 0.05
"""Standard deviation of the relative flow's cut-off between patients."""

EDGE_MM = 0.2
"""Standard deviation of a lesion's outline between patients: the denoising's reach blurs it."""

SMALLEST_HALF_ML = 1.6
"""Least distance of an end from the volume: what cleaning takes from small lesions."""

NEAR_MM = 12.0
"""Distance from the lesion within which other draws may find lesion."""

SAMPLE = 4000
"""Voxels that stand for all near the lesion."""

NORMAL_SAMPLE = 800
"""Voxels that stand for healthy tissue."""

SMOOTH_SHARE = 2 / 3
"""Area of a smooth surface over the area of the voxel faces that stand for it, averaged over directions."""

SMALLEST_FLOW = np.float32(1e-6)
"""Keeps the ratio of two flows finite where there is none."""

GRAIN_MM = 8.0
"""Size of the grains of noise that denoising leaves: twice its reach is one neighbourhood."""

GRAIN_VOXELS = 25.0
"""Voxels whose noise a denoised curve averages: an estimate from the filter's reach. The spreads above were set with it."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """Voxels around the lesion, then healthy ones: curves ``(S, N)``, delay and flow of the first ``(K,)``."""

    curves_hu: Float32
    late_s: Float32
    relative: Float32
    grain: NDArray[np.int64]
    voxel_ml: float

    @property
    def near(self) -> int:
        """Number of voxels around the lesion."""
        return self.late_s.size


def intervals(
    head: Head, curves: TissueCurves, perfused: Perfused, thresholds: Thresholds
) -> Mapping[str, Interval]:
    """90 % intervals of all volumes, of the mismatch and its ratio; the same scan gives the same intervals."""
    first, geometry = perfused.assessment, head.geometry
    sample = _sampled(head, curves, first)
    if sample.near == 0:
        return {}
    rng = np.random.default_rng(DRAWS)
    counts = [
        _beyond(late, relative, thresholds, rng)
        for late, relative in _draws(sample, perfused.inputs, head.noise_hu, rng)
    ]
    found = {**first.volumes_ml, "core_ml": first.core_ml, "hypoperfused_ml": first.hypoperfused_ml}
    edge_ml = {
        True: _outlines_ml(first.core, geometry, rng),
        False: _outlines_ml(first.hypoperfused, geometry, rng),
    }
    drawn = {
        name: _around(value, np.array([count[name] for count in counts]) * sample.voxel_ml)
        + edge_ml[_is_core(name)]
        for name, value in found.items()
    }
    ends = {name: _interval(np.maximum(values, 0.0), found[name]) for name, values in drawn.items()}
    late, core = drawn["hypoperfused_ml"], drawn["core_ml"]
    ends["mismatch_ml"] = _interval(late - core, first.mismatch_ml)
    return ends | _ratio(late, core, ends["core_ml"])


def _is_core(name: str) -> bool:
    """Whether the outline of the core, not that of all late tissue, bounds this volume."""
    return name.startswith(("rcbf", "core"))


def _around(found_ml: float, drawn_ml: Float64) -> Float64:
    """Draws ``(R,)`` about the volume that was found: added noise moves their middle, and that is not uncertainty."""
    return np.asarray(found_ml + drawn_ml - np.median(drawn_ml))


def _outlines_ml(area: Mask, geometry: Geometry, rng: np.random.Generator) -> Float64:
    """What moving the outline of an area adds to its volume in each draw, ``(R,)``."""
    return np.asarray(rng.standard_normal(DRAWS) * EDGE_MM * _surface_mm2(area, geometry) * ML_PER_MM3)


def _surface_mm2(area: Mask, geometry: Geometry) -> float:
    """Surface of an area: its voxels' outer faces, which a smooth surface has two thirds of."""
    z_mm, y_mm, x_mm = geometry.spacing_mm
    faces = (y_mm * x_mm, z_mm * x_mm, z_mm * y_mm)
    padded = np.pad(area.astype(np.int8), 1)
    steps = (float(np.abs(np.diff(padded, axis=axis)).sum()) for axis in range(3))
    return SMOOTH_SHARE * sum(step * face for step, face in zip(steps, faces, strict=True))


def _interval(drawn_ml: Float64, found_ml: float) -> Interval:
    low, high = np.percentile(drawn_ml, ENDS)
    return Interval(
        max(0.0, min(float(low), found_ml - SMALLEST_HALF_ML)), max(float(high), found_ml + SMALLEST_HALF_ML)
    )


def _ratio(late_ml: Float64, core_ml: Float64, core: Interval) -> dict[str, Interval]:
    """Interval of the mismatch ratio: without an upper end where the core may be nothing, none without a lesion."""
    if (late_ml <= 0).any():
        return {}
    low, high = np.percentile(late_ml / np.maximum(core_ml, SMALLEST_HALF_ML / 2), ENDS)
    return {"mismatch_ratio": Interval(float(low), None if core.low <= 0 else float(high))}


def _sampled(head: Head, curves: TissueCurves, first: Assessment) -> _Sample:
    """Every so many-th voxel around the lesion and of healthy tissue."""
    brain, geometry = curves.brain, head.geometry
    tissue = curves.tissue[brain]
    late, relative = first.late_s[brain], first.relative_cbf[brain]
    around = _near(first.hypoperfused, geometry)[brain] if first.hypoperfused.any() else tissue
    near = np.flatnonzero(around & tissue)
    stride = max(1, near.size // SAMPLE)
    away = np.flatnonzero(tissue & ~around)
    normal = away if away.size else near
    chosen = near[stride // 2 :: stride]
    healthy = normal[:: max(1, normal.size // NORMAL_SAMPLE)]
    place = np.argwhere(brain)[np.concatenate([chosen, healthy])] * geometry.spacing_mm
    _, grain = np.unique((place // GRAIN_MM).astype(np.int64), axis=0, return_inverse=True)
    return _Sample(
        curves.clean_hu[np.concatenate([chosen, healthy])],
        late[chosen],
        relative[chosen],
        grain.ravel(),
        geometry.voxel_ml * stride,
    )


def _near(area: Mask, geometry: Geometry) -> Mask:
    """Voxels within reach of the area, in plane and one slice through it."""
    reach = [1, *(max(1, round(NEAR_MM / size)) for size in geometry.spacing_mm[1:])]
    grown = area
    for axis, count in enumerate(reach):
        grown = ndimage.maximum_filter1d(grown, 2 * count + 1, axis=axis)
    return np.asarray(grown)


def _draws(
    sample: _Sample, inputs: ArterialInput, noise_hu: float, rng: np.random.Generator
) -> Iterator[tuple[Float32, Float32]]:
    """Delay and relative flow of the voxels around the lesion, each ``(K,)``, in each draw."""
    shapes = _shapes(sample.curves_hu)
    late_0, flow_0 = _estimated(sample.curves_hu, inputs.arterial_hu, inputs.dt_s, sample.near)
    deviation = noise_hu / np.sqrt(GRAIN_VOXELS)
    for _ in range(DRAWS):
        white = rng.standard_normal((int(sample.grain.max()) + 1, shapes.shape[1])).astype(np.float32)
        noisy = sample.curves_hu + np.float32(deviation) * (white @ shapes.T)[sample.grain]
        artery = _another_artery(inputs, rng)
        late, flow = _estimated(noisy, artery, inputs.dt_s, sample.near)
        yield (
            sample.late_s + (late - late_0),
            np.asarray(sample.relative * flow / np.maximum(flow_0, SMALLEST_FLOW), np.float32),
        )


def _shapes(curves_hu: Float32) -> Float32:
    """Orthonormal shapes ``(N, RANK)`` in which denoised curves, and so their noise, live."""
    _, vectors = np.linalg.eigh((curves_hu.T @ curves_hu).astype(np.float64))
    return np.asarray(vectors[:, -RANK:], dtype=np.float32)


def _another_artery(inputs: ArterialInput, rng: np.random.Generator) -> Float64:
    """Mean of candidates drawn with replacement by their scores, of the chosen curve's area."""
    if not len(inputs.candidate_scores):
        return inputs.arterial_hu
    weight = inputs.candidate_scores / inputs.candidate_scores.sum()
    drawn = inputs.candidate_hu[rng.choice(weight.size, weight.size, p=weight)].mean(axis=0)
    return np.asarray(drawn * inputs.arterial_hu.sum() / drawn.sum())


def _estimated(curves_hu: Float32, artery_hu: Float64, dt_s: float, near: int) -> tuple[Float32, Float32]:
    """Delay after, and flow relative to, the healthy voxels at the end of the sample; both of the first `near`."""
    residue = deconvolve(curves_hu, inverse_bank(artery_hu, dt_s))
    late = residue.tmax_s - np.median(residue.tmax_s[near:])
    flow = np.maximum(residue.peak_per_s, 0) / max(np.median(residue.peak_per_s[near:]), SMALLEST_FLOW)
    return late[:near].astype(np.float32), flow[:near].astype(np.float32)


def _beyond(
    late_s: Float32, relative: Float32, limits: Thresholds, rng: np.random.Generator
) -> dict[str, float]:
    """Sampled voxels beyond each cut-off, all moved by one draw of what calibration could not fix."""
    later, more = rng.standard_normal(2) * (TMAX_DEVIATION_S, FLOW_DEVIATION)
    starved = late_s > limits.hypoperfused_tmax_s + later
    beyond = {
        **{f"tmax_gt_{step:.0f}": late_s > step + later for step in TMAX_STEPS_S},
        **{f"rcbf_lt_{step:02d}": starved & (relative < step / 100 + more) for step in CBF_STEPS},
        "core_ml": starved & (relative < limits.core_relative_cbf + more),
        "hypoperfused_ml": starved,
    }
    return {name: float(voxels.sum()) for name, voxels in beyond.items()}
