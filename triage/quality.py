"""What a reader should know about a scan before trusting its numbers.

Severe flags are set where the volumes of simulated patients were off by more than their bounds; the good ones (bolus
200 to 450 HU, 67 s, noise up to 10 HU, motion up to 3 mm) stay clear of them by the margins said beside each limit.
"""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from triage.bolus import Bolus
from triage.masks import in_plane_cross
from triage.types import ArterialInput, Float32, Float64, Geometry, Mask, Motion, QualityFlag, Severity

MOTION_MM = (3.0, 8.0)
"""Displacement of the head that is mentioned, and that costs volume: 8 to 9 mm hid 9 of 58 ml, good scans reach 5."""

MOTION_DEG = (3.0, 8.0)
"""Rotation of the head, the same."""

DROPPED_SHARE = 0.2
"""Share of frames beyond repair above which the bolus itself is bridged: of 45 frames, as many as the first pass has."""

BOLUS_HU = (190.0, 160.0)
"""Arterial peak before scaling below which the bolus is weak, and too weak: at 150 HU a core was 10 of 24 ml too large
and 6 of 33 ml hypoperfused were missed; good scans have 182."""

CONTRAST_TO_NOISE = 19.0
"""Arterial peak over the noise of a frame below which delay is lost: 18 at 150 HU and 10 HU noise, good scans have 21."""

ARTERIAL_COVERAGE_S = (30.0, 23.0)
"""Time from the arterial peak to the end of the scan below which curves may be, and are, cut off: de la Rosa 2022 gives
20 to 25 s; with 20 to 22 s a tenth to a half of the hypoperfused volume was missed, with 24 to 29 s a thirtieth."""

BRAIN_END_SHARE = 0.5
"""Share of its peak at which the brain's curve may end: good scans reach 0.22, cores 7 ml too small 0.54."""

VENOUS_END_SHARE = 0.4
"""Share of its peak at which the venous curve may end: more means wash-out was not seen."""

VENOUS_WIDTHS = 1.6
"""Venous widths after arrival that must be scanned: Kasasbeh 2016."""

LATE_PEAK_SHARE = 2 / 3
"""An arterial peak in the last third of the scan came too late."""

UNEVEN_SHARE = 0.5
"""Deviation from the median interval that is mentioned; alternating table positions stay below it."""

SPARSE_STEP_S = 3.0
"""Median interval above which flow is under-read: Oei 2013 finds CBF within 75 % at 3 s."""

NOISE_HU = (7.0, 14.0)
"""Noise of one frame on the working grid that is mentioned, and at which maps are mostly noise."""

MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

COVERAGE_MM = 40.0
"""Scan height below which a lesion may lie outside: two detector widths of 20 mm."""

METAL_HU = 2000.0
"""Denser than bone on the working grid."""

METAL_ML = 0.02
"""Less is a single bright voxel."""

STREAK_HU = (-20.0, 120.0)
"""Unenhanced tissue, fluid, blood and calcium averaged over a voxel lie between; streaks reach beyond."""

STREAK_SHARES = (0.01, 0.1)
"""Share of the brain in streaks that is mentioned, and at which nothing else is seen."""


def of_sampling(time_s: Float64, geometry: Geometry) -> list[QualityFlag]:
    """What the headers say: coverage and the intervals of `time_s` ``(T, Z)``."""
    return [*_coverage(geometry), *_intervals(time_s)]


def of_images(motion: Motion, noise_hu: float) -> list[QualityFlag]:
    """What the aligned images say; `noise_hu` is the noise of one frame on the working grid."""
    return [*_motion(motion), *_dropped(motion), *_noise(noise_hu)]


def of_density(unenhanced_hu: Float32, inside: Mask, geometry: Geometry) -> list[QualityFlag]:
    """What the unenhanced image ``(Z, Y, X)`` says about metal, and about streaks `inside` the skull."""
    return [*_metal(unenhanced_hu, geometry), *_streaks(unenhanced_hu, inside)]


def of_bolus(bolus: Bolus, inputs: ArterialInput, noise_hu: float = 0.0) -> list[QualityFlag]:
    """What the contrast agent says: baseline, strength, also against the `noise_hu` of a frame, and truncation."""
    return [*_baseline(bolus), *_strength(inputs, noise_hu), *_truncation(bolus, inputs)]


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
    usual = float(np.median(steps))
    if float(np.abs(steps - usual).max()) > UNEVEN_SHARE * usual:
        text = f"frame intervals vary from {steps.min():.1f} to {steps.max():.1f} s"
        yield QualityFlag("uneven_frames", Severity.INFO, text)
    if usual > SPARSE_STEP_S:
        text = f"one frame every {usual:.1f} s: flow is under-read"
        yield QualityFlag("sparse_frames", Severity.WARNING, text)


def _motion(motion: Motion) -> Iterator[QualityFlag]:
    shift = float(np.linalg.norm(motion.translation_mm, axis=1).max())
    turn = float(np.linalg.norm(motion.rotation_deg, axis=1).max())
    text = f"head moved by up to {shift:.1f} mm and {turn:.1f} degrees"
    if shift > MOTION_MM[1] or turn > MOTION_DEG[1]:
        yield QualityFlag("motion", Severity.SEVERE, f"{text}: alignment is in doubt")
    elif shift > MOTION_MM[0] or turn > MOTION_DEG[0]:
        yield QualityFlag("motion", Severity.WARNING, f"{text}; frames were aligned")


def _dropped(motion: Motion) -> Iterator[QualityFlag]:
    if count := motion.dropped.size:
        frames = len(motion.translation_mm)
        severity = Severity.SEVERE if count > DROPPED_SHARE * frames else Severity.WARNING
        numbers = ", ".join(str(index + 1) for index in motion.dropped)
        text = f"{count} of {frames} frames are beyond repair and were not used: number {numbers}"
        yield QualityFlag("dropped_frames", severity, text)


def _noise(noise_hu: float) -> Iterator[QualityFlag]:
    if noise_hu > NOISE_HU[0]:
        severity = Severity.SEVERE if noise_hu > NOISE_HU[1] else Severity.WARNING
        yield QualityFlag("noise", severity, f"noise of {noise_hu:.1f} HU in a frame of about 1 mm pixels")


def _metal(unenhanced_hu: Float32, geometry: Geometry) -> Iterator[QualityFlag]:
    metal = unenhanced_hu > METAL_HU
    if metal.sum() * geometry.voxel_ml > METAL_ML:
        text = f"metal in {_slices(np.asarray(metal.any(axis=(1, 2))))}: its surroundings cannot be read"
        yield QualityFlag("metal", Severity.WARNING, text)


def _streaks(unenhanced_hu: Float32, inside: Mask) -> Iterator[QualityFlag]:
    brain = ndimage.binary_erosion(inside, in_plane_cross(), iterations=2)
    wrong = brain & ((unenhanced_hu < STREAK_HU[0]) | (unenhanced_hu > STREAK_HU[1]))
    share = wrong.sum(axis=(1, 2)) / np.maximum(brain.sum(axis=(1, 2)), 1)
    if share.max() > STREAK_SHARES[0]:
        whole = float(wrong.sum()) / max(int(brain.sum()), 1)
        severity = Severity.SEVERE if whole > STREAK_SHARES[1] else Severity.WARNING
        text = f"streaks or blank areas in {_slices(share > STREAK_SHARES[0])}"
        yield QualityFlag("streaks", severity, text)


def _slices(affected: Mask) -> str:
    """Numbers of the slices ``(Z,)``, counted from one."""
    numbers = np.flatnonzero(affected) + 1
    return f"slice{'s' if numbers.size > 1 else ''} {', '.join(map(str, numbers))}"


def _baseline(bolus: Bolus) -> Iterator[QualityFlag]:
    if bolus.cut_off:
        text = "contrast arrives with the first frames: the scan started late"
        yield QualityFlag("short_baseline", Severity.WARNING, text)


def _strength(inputs: ArterialInput, noise_hu: float) -> Iterator[QualityFlag]:
    peak_hu = float(inputs.arterial_hu.max() / inputs.venous_scale)
    drowned = peak_hu < CONTRAST_TO_NOISE * noise_hu
    if peak_hu < BOLUS_HU[0] or drowned:
        severity = Severity.SEVERE if peak_hu < BOLUS_HU[1] or drowned else Severity.WARNING
        noise = f", {peak_hu / noise_hu:.0f} times the noise" if drowned else ""
        yield QualityFlag(
            "weak_bolus", severity, f"arterial enhancement peaks at {peak_hu:.0f} HU only{noise}"
        )


def _truncation(bolus: Bolus, inputs: ArterialInput) -> Iterator[QualityFlag]:
    time_s, vein = inputs.time_s, inputs.venous_hu
    end_s, peak_s = float(time_s[-1]), float(time_s[inputs.arterial_hu.argmax()])
    width_s = float((vein > vein.max() / 2).sum() * inputs.dt_s)
    covered_s, brain_end = end_s - peak_s, float(bolus.curve_hu[-3:].mean() / bolus.curve_hu.max())
    late, severe, mild = "the artery peaks in the last third", Severity.SEVERE, Severity.WARNING
    findings = (
        (peak_s - time_s[0] > LATE_PEAK_SHARE * (end_s - time_s[0]), severe, late),
        (covered_s < ARTERIAL_COVERAGE_S[1], severe, f"only {covered_s:.0f} s follow the arterial peak"),
        (brain_end > BRAIN_END_SHARE, severe, "the brain is still full of contrast at the end"),
        (
            ARTERIAL_COVERAGE_S[1] <= covered_s < ARTERIAL_COVERAGE_S[0],
            mild,
            f"{covered_s:.0f} s follow the arterial peak",
        ),
        (
            vein[-3:].mean() > VENOUS_END_SHARE * vein.max(),
            mild,
            "the vein is still full of contrast at the end",
        ),
        (end_s < bolus.arrival_s + VENOUS_WIDTHS * width_s, mild, "the venous pass is not covered"),
    )
    found = [(severity, text) for true, severity, text in findings if true]
    if found:
        worst = severe if any(severity is severe for severity, _ in found) else mild
        yield QualityFlag("truncated", worst, f"scan ends early: {'; '.join(text for _, text in found)}")
