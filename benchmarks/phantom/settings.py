"""What can be chosen about the patient and the scan, and what comes back."""

from dataclasses import dataclass, fields

import numpy as np

from benchmarks.phantom.choices import Anatomy, Grain, Lesion, Residue, Ruin
from benchmarks.phantom.schemes import Pace, Scheme, times_s
from triage.types import CtpSeries, Float32, Float64, Geometry, Mask, Motion, Side

FIELD_OF_VIEW_MM = 230.4
"""Reconstructed square, 0.45 mm pixels at 512 x 512; head protocols use 200 to 250 mm."""

GUARD_MM, FARTHEST_GUARD_MM = 5.0, 60.0
"""Anatomy drawn beyond both ends of the scan: for ordinary motion, and at most."""

HEAD_RADIUS_MM = 80.0
"""Arm of a rotation."""

MOST_ATROPHY = 0.6

MATRICES = (64, 128, 256, 512)
"""Sizes that divide the grid on which noise is drawn."""


USUAL_LESION = Lesion()


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
    missing
        Frames that were lost, not the first: the scan has no images of them, all others are what they would have been.
    tilt_deg
        Gantry tilt about the patient's left-right axis; images lie one above the other along the table, which makes the
        grid a sheared one. `slice_mm` stays the distance between neighbouring planes.
    old_infarct_ml
        An old infarct outside the lesion: hypodense, hardly perfused, in time. It is neither core nor hypoperfused.
    calcifications
        How many dense spots there are, where people have them.
    stenosis, stenosis_s
        Hemisphere whose carotid is narrow below the scan (BILATERAL: both) and how much later it fills: 2 to 4 s.
    metal
        A clip at the base with streaks around it that change a little from frame to frame.
    atrophy
        Share of tissue, 0 to 0.6, below which a voxel of the average brain becomes fluid: sulci and ventricles widen.
    lesion
        Where the lesion is and what it is like.
    anatomy, deformation_mm
        Whose brain, and how far points of it are displaced: standard deviation of a smooth random field along each axis.
    bolus_width
        Duration of the bolus relative to the usual one.
    dispersion_s
        Time constant by which blood is dispersed between the measured artery and the tissue; delay is what comes on top.
    grain
        How the images are reconstructed.
    ruin, ruined_share, jerk
        Share of the frames that are beyond repair, how, and the displacement in mm and degrees.
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
    missing: tuple[int, ...] = ()
    tilt_deg: float = 0.0
    old_infarct_ml: float = 0.0
    calcifications: int = 0
    stenosis: Side = Side.NONE
    stenosis_s: float = 3.0
    metal: bool = False
    atrophy: float = 0.0
    lesion: Lesion = USUAL_LESION
    anatomy: Anatomy = Anatomy.AVERAGE
    deformation_mm: float = 0.0
    bolus_width: float = 1.0
    dispersion_s: float = 0.0
    grain: Grain = Grain.FILTERED
    ruin: Ruin = Ruin.JERKS
    ruined_share: float = 0.0
    jerk: float = 20.0

    def __post_init__(self) -> None:
        if self.matrix not in MATRICES:
            raise ValueError(f"matrix must be one of {MATRICES}, got {self.matrix}")
        if self.side is Side.BILATERAL:
            raise ValueError("the phantom has one lesion: side is left, right or none")
        if self.side is not Side.NONE and not 0 <= self.core_ml <= self.hypoperfused_ml:
            raise ValueError("the core is part of the hypoperfused volume: 0 <= core_ml <= hypoperfused_ml")
        if min(self.slices, self.frames) < 1 or min(self.slice_mm, self.frame_step_s) <= 0:
            raise ValueError("a scan needs slices, frames, and positive distances between them")
        if not set(self.missing) <= set(range(1, self.frames)):
            raise ValueError(f"frames 1 to {self.frames - 1} may be missing, got {self.missing}")
        if not (0 <= self.atrophy <= MOST_ATROPHY and 0 <= self.ruined_share <= 1):
            raise ValueError(f"atrophy is 0 to {MOST_ATROPHY}, the ruined share 0 to 1")

    @property
    def guard_slices(self) -> int:
        """Slices beyond both ends of the scan that motion through the plane brings into it."""
        reach_mm = GUARD_MM
        if self.ruined_share and self.ruin is not Ruin.BLANK:
            reach_mm += self.jerk + HEAD_RADIUS_MM * np.sin(np.radians(self.jerk))
        return max(1, round(min(reach_mm, FARTHEST_GUARD_MM) / self.slice_mm))

    def grid(self) -> Geometry:
        """Grid that is drawn, guard slices included, before the gantry is tilted."""
        slices = self.slices + 2 * self.guard_slices
        pixel_mm = FIELD_OF_VIEW_MM / self.matrix
        edge_mm = (pixel_mm - FIELD_OF_VIEW_MM) / 2
        return Geometry.axial(
            shape=(slices, self.matrix, self.matrix),
            spacing_mm=(self.slice_mm, pixel_mm, pixel_mm),
            origin_mm=(edge_mm, edge_mm, (1 - slices) / 2 * self.slice_mm),
        )

    def tilt(self) -> Float64:
        """Matrix ``(3, 3)`` from points (x, y, z) of the drawn grid to the patient's; it keeps volumes."""
        cosine, sine = np.cos(np.radians(self.tilt_deg)), np.sin(np.radians(self.tilt_deg))
        return np.array([[1.0, 0.0, 0.0], [0.0, cosine, 0.0], [0.0, sine, 1 / cosine]])

    def geometry(self) -> Geometry:
        """Grid of the scan."""
        drawn = self.grid()
        affine = drawn.affine.copy()
        affine[2, 3] += self.guard_slices * self.slice_mm
        affine[:3] = self.tilt() @ affine[:3]
        return Geometry((self.slices, *drawn.shape[1:]), affine)

    def time_s(self) -> Float64:
        """Acquisition times, ``(T, Z)``, seconds from the first image."""
        times = times_s(self.scheme, Pace(self.frames, self.slices, self.frame_step_s, self.seed))
        return np.delete(times, self.missing, axis=0)


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
    old_infarct
        Parenchyma that died long ago; part of `brain`, of no other mask.
    inside, solid
        At least half of the voxel is within the dura; and at least half is there and no fluid: tissue, blood, lime.
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
    old_infarct: Mask
    inside: Mask
    solid: Mask

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
