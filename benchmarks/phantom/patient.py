"""From settings to a scanned patient: anatomy, blood, perfusion, motion, noise."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.phantom.anatomy import AIR_HU, PARENCHYMA, Head, axes_mm, draw_head, place_head
from benchmarks.phantom.curves import STEP_S, Inflow, arterial_hu, tissue_table, venous_hu
from benchmarks.phantom.foreign import draw_streaks, with_calcifications, with_metal
from benchmarks.phantom.motion import draw_exposure, draw_motion, moved
from benchmarks.phantom.noise import NoisePool
from benchmarks.phantom.perfusion import CORE_HU, OLD_HU, Perfusion, perfuse
from benchmarks.phantom.settings import Patient, Phantom, Truth
from benchmarks.phantom.vessels import Blood, draw_vessels, filled_with, filling
from triage.types import CtpSeries, Float32, Float64, Geometry, Mask, Motion

GREY_HU, WHITE_HU, FLUID_HU = 37.0, 29.5, 10.0
LOWEST_HU, HIGHEST_HU = -1024.0, 3071.0
"""Twelve-bit range of a CT scanner."""

NON_CONTRAST_NOISE = 0.5
"""The non-contrast scan has four times the dose."""

CURVES = {False: arterial_hu, True: venous_hu}
PURE_VESSEL = 0.9
"""Filling from which a voxel counts as vessel."""

CROP_MARGIN_MM = 6.0
"""Air around the head that moves with it."""

HOLDER_AXES_MM, HOLDER_WIDTH_MM, HOLDER_BEHIND_MM, HOLDER_HU = (94.0, 109.0), 3.0, 30.0, 220.0
"""Carbon shell behind the head: half axes, thickness, where it begins, HU above air."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """The resting head, cropped to its rectangle, guard slices included.

    `flow` scales the column `choice` of the tissue table; `blood` indexes the cropped grid; `streaks` are those of a
    frame around metal, if there is any.
    """

    base_hu: Float32
    geometry: Geometry
    window: tuple[slice, slice, slice]
    flow: Float32
    choice: NDArray[np.int16]
    blood: list[Blood]
    guard_slices: int
    streaks: Callable[[int], Float32] | None


def make_patient(patient: Patient) -> Phantom:
    """Scan one patient; equal settings give equal voxels.

    Raises
    ------
    ValueError
        The lesion does not fit into the slab.

    Examples
    --------
    >>> phantom = make_patient(Patient(matrix=64, slices=4, frames=8, core_ml=5, hypoperfused_ml=20))
    >>> phantom.series.hu.shape, phantom.truth.side.value, round(phantom.truth.core_ml)
    ((8, 4, 64, 64), 'left', 5)
    """
    complete = _taken(replace(patient, missing=()))
    return _without_missing(complete, patient) if patient.missing else complete


def _taken(patient: Patient) -> Phantom:
    """Scan a patient of whom no frame is missing."""
    pose, lesion, drift, grain, past, spots, rays, ruin, shape = (
        np.random.default_rng(s) for s in np.random.SeedSequence(patient.seed).spawn(9)
    )
    bloodless = draw_head(patient, place_head(pose), shape)
    blood = draw_vessels(bloodless, patient)
    head = with_metal(with_calcifications(filled_with(bloodless, blood), patient, spots), patient)
    perfusion = perfuse(patient, head, lesion, past)
    motion, exposure = draw_exposure(patient, draw_motion(patient, drift), ruin)
    scene = _scene(patient, head, perfusion, blood, rays)
    hu = _background(patient)
    _scan(patient, scene, exposure, hu[:-1])
    _show(hu[-1], scene, scene.base_hu + (scene.streaks(0) if scene.streaks else 0))
    _expose(hu[:-1], NoisePool(grain, patient.matrix, patient.noise_hu, patient.grain))
    _expose(hu[-1:], NoisePool(grain, patient.matrix, patient.noise_hu * NON_CONTRAST_NOISE, patient.grain))
    series = CtpSeries(hu[:-1], patient.time_s(), patient.geometry())
    truth = _truth(patient, perfusion, blood, motion, _enclosed(bloodless, head))
    return Phantom(patient, series, hu[-1].copy(), truth)


def _without_missing(complete: Phantom, patient: Patient) -> Phantom:
    """The same scan after some frames were lost."""
    lost, motion = patient.missing, complete.truth.motion
    hu = np.delete(complete.series.hu, lost, axis=0)
    kept = Motion(
        np.delete(motion.translation_mm, lost, axis=0), np.delete(motion.rotation_deg, lost, axis=0)
    )
    series = CtpSeries(hu, patient.time_s(), complete.series.geometry)
    return Phantom(patient, series, complete.non_contrast_hu, replace(complete.truth, motion=kept))


def _scene(
    patient: Patient, head: Head, perfusion: Perfusion, blood: list[Blood], rays: np.random.Generator
) -> _Scene:
    base = head.shell_hu + head.grey * GREY_HU + head.white * WHITE_HU + head.fluid * FLUID_HU
    base += CORE_HU * perfusion.core
    if patient.old_infarct_ml:
        base += np.float32(OLD_HU) * perfusion.old_infarct
    window = (slice(None), _extent(base, 1, head.geometry), _extent(base, 2, head.geometry))
    parts = (np.ascontiguousarray(array[window]) for array in (base, perfusion.cbf, perfusion.choice))
    base, flow, choice = parts
    affine = head.geometry.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [0, window[1].start, window[2].start]
    cropped = [replace(b, index=_reindexed(b.index, head.geometry.shape, window, base.shape)) for b in blood]
    inner = Geometry(base.shape, affine)
    streaks = draw_streaks(inner, head.to_mni, patient.frames, rays) if patient.metal else None
    return _Scene(base, inner, window, flow, choice, cropped, patient.guard_slices, streaks)


def _extent(base_hu: Float32, axis: int, geometry: Geometry) -> slice:
    """Rows or columns that the head fills, with a margin of air."""
    other = tuple({0, 1, 2} - {axis})
    filled = np.flatnonzero((base_hu > AIR_HU + 1).any(axis=other))
    margin = int(np.ceil(CROP_MARGIN_MM / geometry.spacing_mm[axis]))
    return slice(max(filled[0] - margin, 0), min(filled[-1] + margin + 1, geometry.shape[axis]))


def _reindexed(
    index: NDArray[np.int64],
    shape: tuple[int, int, int],
    window: tuple[slice, slice, slice],
    cropped: tuple[int, ...],
) -> NDArray[np.int64]:
    z, y, x = np.unravel_index(index, shape)
    return np.ravel_multi_index((z, y - window[1].start, x - window[2].start), cropped)


def _background(patient: Patient) -> Float32:
    """Air and the head holder, ``(T + 1, Z, Y, X)``: the frames, and the non-contrast scan as the last."""
    x, y, _ = axes_mm(patient.grid())
    a, b = HOLDER_AXES_MM
    behind = y[:, None] * patient.tilt()[1, 1]
    outside = (np.hypot(x / a, behind / b) - 1) * min(a, b)
    shell = (outside > 0) & (outside < HOLDER_WIDTH_MM) & (behind > HOLDER_BEHIND_MM)
    still = np.where(shell, AIR_HU + HOLDER_HU, AIR_HU).astype(np.float32)
    return np.broadcast_to(still, (patient.frames + 1, patient.slices, *still.shape)).copy()


def _scan(patient: Patient, scene: _Scene, exposure: list[Motion], hu: Float32) -> None:
    """Put the enhanced head in its poses into every frame of `hu`, in place."""
    times = np.pad(patient.time_s(), ((0, 0), (scene.guard_slices,) * 2), mode="edge")
    slabs = [_slab(patient, times, slab_s) for slab_s in np.unique(times, axis=1).T]
    streams = [_stream(patient, times, blood, scene.geometry.shape) for blood in scene.blood]
    tilt = patient.tilt()
    for t, poses in enumerate(exposure):
        volume = scene.base_hu.copy()
        for slices, table in slabs:
            volume[slices] += scene.flow[slices] * table[t][scene.choice[slices]]
        for index, enhancement in streams:
            volume.reshape(-1)[index] += enhancement(t)
        if scene.streaks:
            volume += scene.streaks(t)
        seen = [
            moved(volume, scene.geometry, shift, turn, AIR_HU, tilt)
            for shift, turn in zip(poses.translation_mm, poses.rotation_deg, strict=True)
        ]
        if seen:
            _show(hu[t], scene, seen[0] if len(seen) == 1 else np.mean(seen, axis=0))


def _slab(patient: Patient, times: Float64, slab_s: Float64) -> tuple[slice, Float32]:
    """Slices that are scanned at the same times, and their tissue table."""
    slices = np.flatnonzero((times == slab_s[:, None]).all(axis=0))
    inflow = Inflow(patient.bolus_hu, patient.bolus_arrival_s, patient.bolus_width, patient.dispersion_s)
    table = tissue_table(slab_s, inflow, patient.residue)
    return slice(slices[0], slices[-1] + 1), table


def _stream(
    patient: Patient, times: Float64, blood: Blood, shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], Callable[[int], Float32]]:
    """Voxels of a vessel, and their enhancement in a frame."""
    curve = CURVES[blood.venous](
        times - blood.delay_s, patient.bolus_hu, patient.bolus_arrival_s, patient.bolus_width
    )
    slices = blood.index // (shape[1] * shape[2])
    return blood.index, lambda t: blood.fraction * (blood.share * curve[t, slices]).astype(np.float32)


def _show(frame_hu: Float32, scene: _Scene, head_hu: Float32) -> None:
    """Draw the head over the background; whatever is denser is seen."""
    place = frame_hu[scene.window]
    np.maximum(place, head_hu[scene.guard_slices : -scene.guard_slices], out=place)


def _expose(hu: Float32, noise: NoisePool) -> None:
    """Add noise to every image and clip to the scanner's range, in place."""
    for image in hu.reshape(-1, *hu.shape[2:]):
        noise.add_to(image)
        np.clip(image, LOWEST_HU, HIGHEST_HU, out=image)


def _enclosed(bloodless: Head, head: Head) -> tuple[Mask, Mask]:
    """Voxels of which half is within the dura, and those of which half is there and no fluid."""
    within = bloodless.grey + bloodless.white + bloodless.fluid
    return within >= PARENCHYMA, within - head.fluid >= PARENCHYMA


def _truth(
    patient: Patient,
    perfusion: Perfusion,
    blood: list[Blood],
    motion: Motion,
    enclosed: tuple[Mask, Mask],
) -> Truth:
    time_s = np.arange(0.0, float(patient.time_s().max()) + STEP_S, STEP_S)
    curve = (time_s, patient.bolus_hu, patient.bolus_arrival_s, patient.bolus_width)
    shape, guard = perfusion.brain.shape, patient.guard_slices
    scanned = slice(guard, -guard)
    artery, vein = (
        filling(shape, [b for b in blood if b.venous is venous])[scanned] for venous in (False, True)
    )
    return Truth(
        geometry=patient.geometry(),
        side=patient.side,
        core=perfusion.core[scanned],
        hypoperfused=perfusion.hypoperfused[scanned],
        brain=perfusion.brain[scanned],
        vessel_share=artery + vein,
        arteries=artery >= PURE_VESSEL,
        veins=vein >= PURE_VESSEL,
        cbf_ml_per_100g_min=perfusion.cbf[scanned],
        cbv_ml_per_100g=perfusion.cbv[scanned],
        delay_s=perfusion.delay_s[scanned],
        curve_time_s=time_s,
        arterial_hu=arterial_hu(*curve),
        venous_hu=venous_hu(*curve),
        motion=motion,
        old_infarct=perfusion.old_infarct[scanned],
        inside=enclosed[0][scanned],
        solid=enclosed[1][scanned],
    )
