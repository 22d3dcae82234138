"""What a reader should know about a scan before trusting its numbers."""

from collections.abc import Iterator

import numpy as np

from triage.bolus import Bolus
from triage.types import ArterialInput, Float32, Float64, Geometry, Mask, Motion, QualityFlag, Severity

MOTION_MM = (3.0, 12.0)
"""Displacement of the head that is mentioned, and beyond which alignment itself is in doubt."""

MOTION_DEG = (3.0, 12.0)
"""Rotation of the head, the same."""

BOLUS_HU = (150.0, 110.0)
"""Arterial peak before scaling below which the bolus is weak, and too weak."""

ARTERIAL_COVERAGE_S = 20.0
"""Time from the arterial peak to the end of the scan below which curves are cut off: de la Rosa 2022."""

VENOUS_END_SHARE = 0.4
"""Share of its peak at which the venous curve may end: more means wash-out was not seen."""

VENOUS_WIDTHS = 1.6
"""Venous widths after arrival that must be scanned: Kasasbeh 2016."""

LATE_PEAK_SHARE = 2 / 3
"""An arterial peak in the last third of the scan came too late."""

UNEVEN_SHARE = 0.5
"""Deviation from the median interval that is mentioned; alternating table positions stay below it."""

NOISE_HU = (7.0, 14.0)
"""Noise of one frame on the working grid that is mentioned, and at which maps are mostly noise."""

MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

COVERAGE_MM = 40.0
"""Scan height below which a lesion may lie outside: two detector widths of 20 mm."""


def of_sampling(time_s: Float64, geometry: Geometry) -> list[QualityFlag]:
    """What the headers say: coverage and the intervals of `time_s` ``(T, Z)``."""
    return [*_coverage(geometry), *_intervals(time_s)]


def of_images(motion: Motion, noise_hu: float) -> list[QualityFlag]:
    """What the aligned images say; `noise_hu` is the noise of one frame on the working grid."""
    return [*_motion(motion), *_noise(noise_hu)]


def of_bolus(bolus: Bolus, inputs: ArterialInput) -> list[QualityFlag]:
    """What the contrast agent says: baseline, strength, truncation."""
    return [*_baseline(bolus), *_strength(inputs), *_truncation(bolus, inputs)]


def frame_noise_hu(hu: Float32, inside: Mask) -> float:
    """Noise of one of the frames ``(T, Z, Y, X)``, from the difference of the first two inside the head."""
    difference = hu[1][inside] - hu[0][inside]
    return float(np.median(np.abs(difference - np.median(difference))) * MAD_TO_SD / np.sqrt(2))


def _coverage(geometry: Geometry) -> Iterator[QualityFlag]:
    covered_mm = geometry.shape[0] * geometry.spacing_mm[0]
    severity = Severity.WARNING if covered_mm < COVERAGE_MM else Severity.INFO
    yield QualityFlag("coverage", severity, f"scan covers {covered_mm:.0f} mm; a lesion outside is not seen")


def _intervals(time_s: Float64) -> Iterator[QualityFlag]:
    steps = np.diff(time_s, axis=0)
    worst = float(np.abs(steps - np.median(steps)).max() / np.median(steps))
    if worst > UNEVEN_SHARE:
        yield QualityFlag(
            "uneven_frames",
            Severity.INFO,
            f"frame intervals vary from {steps.min():.1f} to {steps.max():.1f} s",
        )


def _motion(motion: Motion) -> Iterator[QualityFlag]:
    shift = float(np.linalg.norm(motion.translation_mm, axis=1).max())
    turn = float(np.linalg.norm(motion.rotation_deg, axis=1).max())
    text = f"head moved by up to {shift:.1f} mm and {turn:.1f} degrees"
    if shift > MOTION_MM[1] or turn > MOTION_DEG[1]:
        yield QualityFlag("motion", Severity.SEVERE, f"{text}: alignment is in doubt")
    elif shift > MOTION_MM[0] or turn > MOTION_DEG[0]:
        yield QualityFlag("motion", Severity.WARNING, f"{text}; frames were aligned")


def _noise(noise_hu: float) -> Iterator[QualityFlag]:
    if noise_hu > NOISE_HU[0]:
        severity = Severity.SEVERE if noise_hu > NOISE_HU[1] else Severity.WARNING
        yield QualityFlag("noise", severity, f"noise of {noise_hu:.1f} HU in a frame of about 1 mm pixels")


def _baseline(bolus: Bolus) -> Iterator[QualityFlag]:
    if bolus.cut_off:
        yield QualityFlag(
            "short_baseline",
            Severity.WARNING,
            "contrast arrives with the first frames: the scan started late",
        )


def _strength(inputs: ArterialInput) -> Iterator[QualityFlag]:
    peak_hu = float(inputs.arterial_hu.max() / inputs.venous_scale)
    if peak_hu < BOLUS_HU[0]:
        severity = Severity.SEVERE if peak_hu < BOLUS_HU[1] else Severity.WARNING
        yield QualityFlag("weak_bolus", severity, f"arterial enhancement peaks at {peak_hu:.0f} HU only")


def _truncation(bolus: Bolus, inputs: ArterialInput) -> Iterator[QualityFlag]:
    time_s = inputs.time_s
    end_s, peak_s = float(time_s[-1]), float(time_s[inputs.arterial_hu.argmax()])
    vein = inputs.venous_hu
    width_s = float((vein > vein.max() / 2).sum() * inputs.dt_s)
    findings = (
        (peak_s - time_s[0] > LATE_PEAK_SHARE * (end_s - time_s[0]), "the artery peaks in the last third"),
        (end_s - peak_s < ARTERIAL_COVERAGE_S, f"only {end_s - peak_s:.0f} s follow the arterial peak"),
        (vein[-3:].mean() > VENOUS_END_SHARE * vein.max(), "the vein is still full of contrast at the end"),
        (end_s < bolus.arrival_s + VENOUS_WIDTHS * width_s, "the venous pass is not covered"),
    )
    reasons = [text for found, text in findings if found]
    if reasons:
        severity = (
            Severity.SEVERE
            if findings[0][0] or end_s - peak_s < ARTERIAL_COVERAGE_S / 2
            else Severity.WARNING
        )
        yield QualityFlag("truncated", severity, f"scan ends early: {'; '.join(reasons)}")
