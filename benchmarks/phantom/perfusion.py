"""Flow, volume and delay of every voxel, healthy and in the lesion, and the truth masks that follow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.phantom.anatomy import PARENCHYMA, Head, mni_ras_mm
from benchmarks.phantom.choices import Lesion
from benchmarks.phantom.curves import DELAY_S, TRANSIT_S, nearest_delay, nearest_transit
from benchmarks.phantom.fields import smooth_field
from benchmarks.phantom.lesions import Place, Regions, bumps_of, ellipsoid, innermost, lesion_regions
from benchmarks.phantom.settings import Patient
from triage.types import Float32, Mask, Side

GREY_FLOW, WHITE_FLOW = 53.0, 25.0
GREY_VOLUME, WHITE_VOLUME = 3.3, 1.9
"""Healthy CBF (ml/100 g/min) and CBV (ml/100 g), Manhart 2013."""

VARIATION = 0.10
"""Largest relative deviation of healthy flow and volume from place to place."""

VARIATION_KNOT_MM = 15.0
HEALTHY_DELAY_S = 0.4
"""Mean arrival after the carotid; varies between 0 and twice this."""

CORE_FLOW_RANGE, CORE_VOLUME = 0.05, 0.22
"""Of healthy tissue of the same kind (Manhart's severe reduction: flow .10, volume .22); `Lesion` has the mean flow."""

PENUMBRA_FLOW_RANGE, PENUMBRA_VOLUME = 0.10, 0.95
"""Of healthy tissue of the same kind: flow usually .35 to .55, volume maintained by vasodilatation."""

PENUMBRA_FLOOR = 0.36
"""Of the other side's median flow: keeps white-matter penumbra clearly above the core's limit of .30."""

RIM_FLOW, RIM_VOLUME, RIM_LATER_S = 0.80, 1.10, 1.0
"""Benign oligaemia: late, not at risk; more delay would reach an estimated Tmax of 6 s."""

CORE_DELAY_S, PENUMBRA_DELAY_S, LESION_DELAY_RANGE_S = 8.0, 7.2, 0.6

CORE_HU = -2.5
"""Early ischaemic oedema."""

OLD_FLOW, OLD_VOLUME, OLD_HU = 0.10, 0.15, -18.0
"""Of an old infarct: flow and volume left of healthy tissue's, and density lost: it is between tissue and fluid."""

OLD_SITES_MM = ((25.0, -76.0, 4.0), (46.0, -44.0, 26.0), (36.0, 32.0, 16.0), (28.0, -8.0, 20.0))
OLD_RADII_MM = (14.0, 20.0, 16.0)
"""Where an old infarct may be (MNI, right): posterior, parietal, frontal, deep; half axes of its ellipsoid."""

OLD_ALLOWED = 1.8
"""Irregular outline may reach this far, in radii; larger infarcts than that are not drawn."""


@dataclass(frozen=True, slots=True)
class Perfusion:
    """State of every voxel on the head's grid; arrays ``(Z, Y, X)``; `choice` indexes the columns of the tissue table."""

    cbf: Float32
    cbv: Float32
    delay_s: Float32
    choice: NDArray[np.int16]
    brain: Mask
    core: Mask
    hypoperfused: Mask
    old_infarct: Mask


def perfuse(patient: Patient, head: Head, rng: np.random.Generator, past: np.random.Generator) -> Perfusion:
    """Give every voxel its flow, volume and delay, and mark what the rules should find; `past` draws old infarcts."""
    brain = head.grey + head.white >= PARENCHYMA
    varied = [1 + _bounded(rng, head, VARIATION_KNOT_MM) * VARIATION for _ in range(2)]
    cbf = varied[0] * (head.grey * GREY_FLOW + head.white * WHITE_FLOW)
    cbv = varied[1] * (head.grey * GREY_VOLUME + head.white * WHITE_VOLUME)
    delay = HEALTHY_DELAY_S * (1 + _bounded(rng, head, VARIATION_KNOT_MM))
    place_mm = mni_ras_mm(head)
    nothing = np.zeros(brain.shape, bool)
    regions = Regions(nothing, nothing, nothing)
    if patient.side is not Side.NONE:
        lateral = _outward(place_mm, patient.side)
        regions = lesion_regions(patient, head, brain, lateral, rng)
        floor = PENUMBRA_FLOOR * float(np.median(cbf[brain & (lateral[0] < 0)]))
        _injure(
            cbf, cbv, delay, brain, regions, patient.lesion, floor, _bounded(rng, head, VARIATION_KNOT_MM)
        )
    old = nothing
    if patient.old_infarct_ml:
        old = _old_infarct(patient, head, brain & ~(regions.hypoperfused | regions.rim), place_mm, past)
        cbf[old], cbv[old] = cbf[old] * OLD_FLOW, cbv[old] * OLD_VOLUME
    delay += _narrowed_s(patient, place_mm[0], regions.rim)
    return _settled(cbf, cbv, delay, brain, regions, old)


def _outward(place_mm: Place, side: Side) -> Place:
    """Coordinates (lateral, anterior, superior), lateral positive on this side."""
    right, anterior, superior = place_mm
    return (right if side is Side.RIGHT else -right), anterior, superior


def _old_infarct(
    patient: Patient, head: Head, allowed: Mask, place_mm: Place, past: np.random.Generator
) -> Mask:
    """An irregular blob in any territory of any side that leaves the fresh lesion alone."""
    side = (Side.LEFT, Side.RIGHT)[int(past.integers(2))]
    centre_mm = OLD_SITES_MM[int(past.integers(len(OLD_SITES_MM)))]
    place_mm = _outward(place_mm, side)
    outline = ellipsoid(place_mm, centre_mm, OLD_RADII_MM) + bumps_of(past, head)
    guard = patient.guard_slices
    scanned = np.zeros(allowed.shape, bool)
    scanned[guard:-guard] = allowed[guard:-guard]
    near = allowed & (place_mm[0] > 0) & (outline < OLD_ALLOWED)
    return innermost(outline, near, scanned, patient.old_infarct_ml / head.geometry.voxel_ml)


def _narrowed_s(patient: Patient, right_mm: Float32, rim: Mask) -> Float32:
    """Delay behind narrow carotids; the benign rim is late already, and stays below 6 s."""
    behind = {
        Side.NONE: np.zeros(rim.shape, bool),
        Side.LEFT: right_mm < 0,
        Side.RIGHT: right_mm >= 0,
        Side.BILATERAL: np.ones(rim.shape, bool),
    }[patient.stenosis]
    later = np.where(rim, max(patient.stenosis_s - RIM_LATER_S, 0.0), patient.stenosis_s)
    return np.where(behind, later, 0.0).astype(np.float32)


def _bounded(rng: np.random.Generator, head: Head, knot_mm: float) -> Float32:
    """Smooth field between -1 and 1."""
    return np.clip(smooth_field(rng, head.geometry, knot_mm) / 2, -1.0, 1.0)


def _injure(
    cbf: Float32,
    cbv: Float32,
    delay: Float32,
    brain: Mask,
    regions: Regions,
    lesion: Lesion,
    floor: float,
    varied: Float32,
) -> None:
    """Change flow, volume and delay in the lesion, in place."""
    core, rim = regions.core, regions.rim
    penumbra = regions.hypoperfused & ~core
    delay[core] = CORE_DELAY_S + lesion.later_s + LESION_DELAY_RANGE_S * varied[core]
    delay[penumbra] = PENUMBRA_DELAY_S + lesion.later_s + LESION_DELAY_RANGE_S * varied[penumbra]
    delay[rim] += RIM_LATER_S
    cbf[core] *= lesion.core_flow + CORE_FLOW_RANGE * varied[core]
    cbf[penumbra] *= lesion.penumbra_flow + PENUMBRA_FLOW_RANGE * varied[penumbra]
    cbf[rim] *= RIM_FLOW
    kept = penumbra & brain
    cbf[kept] = np.maximum(cbf[kept], floor)
    for region, share in ((core, CORE_VOLUME), (penumbra, PENUMBRA_VOLUME), (rim, RIM_VOLUME)):
        cbv[region] *= share


def _settled(
    cbf: Float32, cbv: Float32, delay: Float32, brain: Mask, regions: Regions, old_infarct: Mask
) -> Perfusion:
    """Snap to the transit times and delays that curves exist for, so that the truth is exact."""
    transit, later = (
        nearest_transit((60 * cbv / np.maximum(cbf, 1e-3)).astype(np.float32)),
        nearest_delay(delay),
    )
    cbv = (cbf * TRANSIT_S.astype(np.float32)[transit] / 60).astype(np.float32)
    late = np.where(cbf > 0, DELAY_S.astype(np.float32)[later], np.float32(0))
    choice = transit * np.int16(DELAY_S.size) + later
    return Perfusion(
        cbf.astype(np.float32),
        cbv,
        late,
        choice,
        brain,
        regions.core & brain,
        regions.hypoperfused & brain,
        old_infarct,
    )
