"""What can be chosen about the patient and the scan, and what comes back."""

from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np

from triage.types import CtpSeries, Float32, Float64, Geometry, Mask, Motion, Side

FIELD_OF_VIEW_MM = 230.4
"""Reconstructed square, 0.45 mm pixels at 512 x 512; head protocols use 200 to 250 mm."""

MATRICES = (64, 128, 256, 512)
"""Sizes that divide the grid on which noise is drawn."""


class Residue(StrEnum):
    """How the contrast that entered a capillary bed at once leaves it; all have the same mean transit time."""

    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    BOX = "box"


class Scheme(StrEnum):
    """When frames are taken.

    UNIFORM: one step throughout. VARIABLE: the last third at twice the step. SHUTTLE: the table toggles between a
    lower and an upper half, each seen every second step.
    """

    UNIFORM = "uniform"
    VARIABLE = "variable"
    SHUTTLE = "shuttle"


@dataclass(frozen=True, slots=True)
class Patient:
    """One patient and one scan; equal settings give equal voxels.

    Attributes
    ----------
    seed
        Draws lesion shape, head size and pose, motion, perfusion variation and noise.
    side
        Hemisphere of the lesion, LEFT or RIGHT; NONE for a patient without one.
    core_ml, hypoperfused_ml
        Requested volumes; the hypoperfused volume (true Tmax > 6 s) contains the core.
    benign_rim_ml
        Tissue around the lesion that is a second late and slightly underperfused, but not at risk.
    residue
        Shape of the residue function.
    bolus_hu, bolus_arrival_s
        Peak arterial enhancement at 80 kV and its arrival after the first frame; 0 HU means the injection failed.
    noise_hu
        Standard deviation in 0.45 mm pixels; smaller matrices average it down as a coarser reconstruction would.
    motion_mm, motion_deg
        Largest translation and rotation along and about any axis.
    slices, slice_mm, matrix
        Grid; the slab is centred on the basal ganglia.
    frames, frame_step_s, scheme
        Timing; 12 frames make a scan that is too short.
    """

    seed: int = 0
    side: Side = Side.LEFT
    core_ml: float = 35.0
    hypoperfused_ml: float = 110.0
    benign_rim_ml: float = 30.0
    residue: Residue = Residue.EXPONENTIAL
    bolus_hu: float = 350.0
    bolus_arrival_s: float = 10.0
    noise_hu: float = 5.0
    motion_mm: float = 1.0
    motion_deg: float = 1.0
    slices: int = 16
    slice_mm: float = 5.0
    matrix: int = 512
    frames: int = 45
    frame_step_s: float = 1.5
    scheme: Scheme = Scheme.UNIFORM

    def __post_init__(self) -> None:
        if self.matrix not in MATRICES:
            raise ValueError(f"matrix must be one of {MATRICES}, got {self.matrix}")
        if self.side is Side.BILATERAL:
            raise ValueError("the phantom has one lesion: side is left, right or none")
        if self.side is not Side.NONE and not 0 <= self.core_ml <= self.hypoperfused_ml:
            raise ValueError("the core is part of the hypoperfused volume: 0 <= core_ml <= hypoperfused_ml")
        if min(self.slices, self.frames) < 1 or min(self.slice_mm, self.frame_step_s) <= 0:
            raise ValueError("a scan needs slices, frames, and positive distances between them")

    def geometry(self, *, guard_slices: int = 0) -> Geometry:
        """Grid of the scan; `guard_slices` more at both ends feed motion through the plane."""
        slices = self.slices + 2 * guard_slices
        pixel_mm = FIELD_OF_VIEW_MM / self.matrix
        edge_mm = (pixel_mm - FIELD_OF_VIEW_MM) / 2
        return Geometry.axial(
            shape=(slices, self.matrix, self.matrix),
            spacing_mm=(self.slice_mm, pixel_mm, pixel_mm),
            origin_mm=(edge_mm, edge_mm, (1 - slices) / 2 * self.slice_mm),
        )

    def time_s(self) -> Float64:
        """Acquisition times, ``(T, Z)``, seconds from the first image."""
        return TIMING[self.scheme](self)


def _uniform(patient: Patient) -> Float64:
    times = np.arange(patient.frames) * patient.frame_step_s
    return np.repeat(times[:, None], patient.slices, axis=1)


def _variable(patient: Patient) -> Float64:
    late = np.arange(patient.frames) > patient.frames * 2 // 3
    times = np.cumsum(np.where(late, 2.0, 1.0)) * patient.frame_step_s
    return np.repeat(times[:, None] - times[0], patient.slices, axis=1)


def _shuttle(patient: Patient) -> Float64:
    upper = np.arange(patient.slices) >= patient.slices // 2
    return 2 * _uniform(patient) + np.where(upper, patient.frame_step_s, 0.0)


TIMING = {Scheme.UNIFORM: _uniform, Scheme.VARIABLE: _variable, Scheme.SHUTTLE: _shuttle}


@dataclass(frozen=True, slots=True)
class Truth:
    """What is so, on the scan's grid and in the pose of the frames before the bolus.

    Attributes
    ----------
    geometry
        Grid of the arrays below, all ``(Z, Y, X)``.
    side
        Hemisphere of the lesion.
    core, hypoperfused
        Parenchyma below 30 % of the other side's flow, and with Tmax above 6 s; the second contains the first.
    brain
        Parenchyma: at least half of the voxel is grey or white matter.
    vessel_share
        How much of each voxel is blood of a drawn vessel, float32; tissue curves are pure where it is 0.
    arteries, veins
        Voxels of which at least nine tenths are one of them.
    cbf_ml_per_100g_min, cbv_ml_per_100g, delay_s
        Perfusion of each voxel, float32, zero outside the brain; true Tmax is the delay (residues start at their peak).
    curve_time_s, arterial_hu, venous_hu
        Enhancement in a pure internal carotid artery and a pure sagittal sinus, ``(N,)``.
    motion
        Head pose of each frame: a point p of the resting head is at R (p - c) + c + t, c the centre of the slab.
    """

    geometry: Geometry
    side: Side
    core: Mask
    hypoperfused: Mask
    brain: Mask
    vessel_share: Float32
    arteries: Mask
    veins: Mask
    cbf_ml_per_100g_min: Float32
    cbv_ml_per_100g: Float32
    delay_s: Float32
    curve_time_s: Float64
    arterial_hu: Float64
    venous_hu: Float64
    motion: Motion

    def __post_init__(self) -> None:
        for item in fields(self):
            if isinstance(array := getattr(self, item.name), np.ndarray):
                array.flags.writeable = False

    @property
    def core_ml(self) -> float:
        """Volume of the core."""
        return float(self.core.sum() * self.geometry.voxel_ml)

    @property
    def hypoperfused_ml(self) -> float:
        """Volume with true Tmax above 6 s, core included."""
        return float(self.hypoperfused.sum() * self.geometry.voxel_ml)


@dataclass(frozen=True, slots=True)
class Phantom:
    """The scans of one patient and the truth: `non_contrast_hu` is float32 ``(Z, Y, X)`` on the series' grid."""

    patient: Patient
    series: CtpSeries
    non_contrast_hu: Float32
    truth: Truth
