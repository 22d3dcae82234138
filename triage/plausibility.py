"""What speaks against the areas that were found: another cause of delay or low flow, or another method's answer.

None of these doubts is severe: each is a reason to look at the maps, and a stroke may still be there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from triage.artefacts import REASONS, Cause, cleaned, mirrored_share
from triage.assessment import NORMAL_TMAX_S, Assessment
from triage.criteria import judged
from triage.symmetry import MidPlane
from triage.types import Float32, Geometry, Mask, PerfusionMaps, QualityFlag, SecondOpinion, Severity

LARGE_OFFSET_S = 2.3
"""Tmax taken off healthy tissue above which it is hardly healthy: 1.0 to 1.6 s among simulated patients."""

UNEQUAL_S = 0.8
"""Difference of the hemispheres' median Tmax outside the lesion; below 0.1 s among simulated patients."""

MIRRORED_SHARE = 0.5
"""Share of the late area whose opposite is as late: a lesion on one side has next to none."""

GHOST_VOLUME_SHARE = 0.75
"""Blood volume of a core over normal; 0.28 to 0.53 in simulated cores, lowered in true ones (Campbell 2011)."""

LOW_FLOW = 0.3
"""Relative CBF of a core: Campbell 2011."""

LOW_FLOW_ML = 3.0
"""Low flow that is not late, beside the lesion; after cleaning 0 ml among simulated patients."""

SCATTERED_ML = 20.0
"""Late voxels that were dropped as noise; 0 to 10 ml among simulated patients."""

CALIBRATION_ML = 10.0
"""Calibrated and nominal volumes that differ by more are told; they differ by up to 5 ml among simulated patients."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What `of_assessment` judges: the maps, what was found in them, and what other ways of reading them find.

    `offset_s` was taken off Tmax; `nominal_ml` and `opinions` as in `TriageResult`.
    """

    assessment: Assessment
    maps: PerfusionMaps
    tissue: Mask
    plane: MidPlane
    geometry: Geometry
    offset_s: float = 0.0
    nominal_ml: Mapping[str, float] = field(default_factory=dict)
    opinions: tuple[SecondOpinion, ...] = ()


def of_assessment(reading: Reading) -> list[QualityFlag]:
    """What speaks against the areas that were found."""
    return [
        *_symmetry(reading),
        *_ghost_core(reading),
        *_removed(reading.assessment),
        *_calibration(reading),
        *(
            QualityFlag("second_method", Severity.WARNING, f"{opinion.name} disagrees: {opinion.text}")
            for opinion in reading.opinions
            if not opinion.agrees
        ),
    ]


def _symmetry(reading: Reading) -> Iterator[QualityFlag]:
    first, left = reading.assessment, reading.plane.left(reading.geometry)
    share = mirrored_share(first.late_s, first.hypoperfused, reading.plane, reading.geometry)
    around = reading.tissue & ~first.hypoperfused & np.isfinite(first.late_s)
    on_left, on_right = (_median(first.late_s[around & half]) for half in (left, ~left))
    later = "left" if on_left > on_right else "right"
    findings = (
        (share > MIRRORED_SHARE, f"{share:.0%} of the late area is as late on the other side"),
        (
            reading.offset_s > LARGE_OFFSET_S,
            f"healthy tissue measures {reading.offset_s:.1f} s later than expected on both sides",
        ),
        (
            abs(on_left - on_right) > UNEQUAL_S,
            f"all of the {later} hemisphere is {abs(on_left - on_right):.1f} s late",
        ),
    )
    reasons = [text for found, text in findings if found]
    if reasons:
        text = f"{'; '.join(reasons)}: a narrow carotid or a weak heart delays flow without a stroke"
        yield QualityFlag("delayed_inflow", Severity.WARNING, text)


def _median(values: Float32) -> float:
    return float(np.median(values)) if values.size else 0.0


def _ghost_core(reading: Reading) -> Iterator[QualityFlag]:
    first, volume = reading.assessment, reading.maps.cbv_ml_per_100g
    normal = reading.tissue & (first.late_s < NORMAL_TMAX_S)
    share = float(volume[first.core].mean() / volume[normal].mean()) if first.core.any() else 0.0
    if share > GHOST_VOLUME_SHARE:
        text = f"blood volume in the core is {share:.0%} of normal: it may not be infarcted"
        yield QualityFlag("ghost_core", Severity.WARNING, text)
    starved = normal & first.affected & (first.relative_cbf < LOW_FLOW)
    low_ml = float(cleaned(starved, reading.geometry).sum()) * reading.geometry.voxel_ml
    if low_ml > LOW_FLOW_ML:
        text = f"flow is low in {low_ml:.0f} ml that are not late: old infarct, white matter or artefact"
        yield QualityFlag("low_flow_without_delay", Severity.WARNING, text)


def _removed(assessment: Assessment) -> Iterator[QualityFlag]:
    scattered_ml = assessment.removed_ml.get(Cause.SCATTERED, 0.0)
    if scattered_ml > SCATTERED_ML:
        text = f"{scattered_ml:.0f} ml of late voxels were not counted: {REASONS[Cause.SCATTERED]}"
        yield QualityFlag("scattered_delay", Severity.WARNING, text)
    if fluid_ml := assessment.removed_ml.get(Cause.FLUID, 0.0):
        text = f"{fluid_ml:.1f} ml of late voxels were not counted: {REASONS[Cause.FLUID]}"
        yield QualityFlag("artefact_removed", Severity.INFO, text)


def _calibration(reading: Reading) -> Iterator[QualityFlag]:
    first, nominal = reading.assessment, reading.nominal_ml
    if not {"core_ml", "hypoperfused_ml"} <= nominal.keys():
        return
    core_ml, late_ml = nominal["core_ml"], nominal["hypoperfused_ml"]
    rules = zip(
        judged(first.core_ml, first.hypoperfused_ml, {}).values(),
        judged(core_ml, late_ml, {}).values(),
        strict=True,
    )
    turned = any(one.met is not other.met for one, other in rules)
    apart_ml = max(abs(core_ml - first.core_ml), abs(late_ml - first.hypoperfused_ml))
    if turned or apart_ml > CALIBRATION_ML:
        text = f"without calibration core is {core_ml:.0f} ml and hypoperfused {late_ml:.0f} ml"
        severity = Severity.WARNING if turned else Severity.INFO
        verdict = ", which changes a trial's answer" if turned else ""
        yield QualityFlag("calibration", severity, text + verdict)
