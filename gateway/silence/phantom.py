"""A small made-up patient with a known lesion, for whom the whole way from the door to the numbers is walked.

Drawn with numpy alone, a head of ellipses with arteries, a sinus and a wedge that is late: its tissue curves are the
arterial curve convolved with exponential residues. Equal everywhere and always, so that its numbers are known before.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.int16]
Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """Slices, rows and columns, frames; distances in millimetres and seconds."""

    slices: int = 2
    size: int = 96
    frames: int = 36
    slice_mm: float = 8.0
    pixel_mm: float = 2.0
    frame_s: float = 1.6


USUAL = Grid()
"""The smallest scan of which other noises give the same volumes within 0.6 ml: 72 images, 1.3 MB, 56 s.

With 64 rows some noises leave the calibration too few voxels, and with 28 frames the curves count as cut off.
"""

SKULL_MM, BRAIN_MM, WHITE_MM = (74.0, 90.0), (68.0, 84.0), (50.0, 64.0)
"""Half axes across and along."""
AIR_HU, BONE_HU, FLUID_HU, GREY_HU, WHITE_HU, BLOOD_HU = -1000.0, 900.0, 7.0, 36.0, 28.0, 45.0
NOISE_HU, SEED = 1.0, 20260101
MM3_PER_ML = 1000.0

ARTERIES_MM = ((22.0, -14.0), (-22.0, -14.0), (0.0, -36.0))
ARTERY_RADIUS_MM, SINUS_MM, SINUS_RADIUS_MM = 4.0, (0.0, 78.0), 5.5
"""Middle and anterior cerebral arteries, and the sagittal sinus, as x and y from the middle, backwards."""

ARTERY_HU, ARRIVAL_S, ALPHA, BETA_S = 300.0, 9.0, 3.0, 1.6
"""A gamma variate."""
SINUS_LAG_S, SINUS_TRANSIT_S = 3.0, 3.0

STEP_S = 0.1
"""Of the convolution."""

HU_PER_FLOW = 1.05 / 0.733 / 6000
"""Density over the haematocrit correction; 6000 turns ml/100 g/min into ml/g/s."""


@dataclass(frozen=True, slots=True)
class Tissue:
    """Flow in ml/100 g/min, transit and delay in seconds."""

    flow: float
    transit_s: float
    delay_s: float


GREY, WHITE = Tissue(60.0, 4.0, 0.0), Tissue(24.0, 4.8, 0.0)
AT_RISK, CORE = Tissue(22.0, 9.0, 7.0), Tissue(5.0, 9.0, 8.5)

Place = tuple[tuple[float, float], tuple[float, float]]
AT_RISK_MM: Place = ((46.0, 10.0), (17.0, 30.0))
CORE_MM: Place = ((46.0, 10.0), (11.0, 19.0))
"""Middle and half axes, on the patient's left."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Hounsfield units int16 ``(T, Z, Y, X)`` and the time of each frame in seconds, float64 ``(T,)``."""

    hu: Volume
    time_s: Real


def draw(grid: Grid = USUAL, seed: int = SEED) -> Scan:
    """The scan; the patient's left is at the higher columns, the back at the higher rows."""
    time_s = np.arange(grid.frames, dtype=np.float64) * grid.frame_s
    x, y = _positions(grid)
    moving = np.zeros((grid.frames, grid.size, grid.size))
    for where, curve in zip(_places(x, y), _curves(time_s), strict=True):
        moving[:, where] = curve[:, None]
    shape = (grid.frames, grid.slices, grid.size, grid.size)
    noise = np.random.default_rng(seed).standard_normal(shape) * NOISE_HU
    hu = _still(x, y) + moving[:, None] + noise
    return Scan(np.rint(np.clip(hu, -1024, 3071)).astype(np.int16), time_s)


def true_ml(place: Place, grid: Grid = USUAL) -> float:
    """Volume of the lesion as it is drawn."""
    x, y = _positions(grid)
    voxel_ml = grid.pixel_mm**2 * grid.slice_mm / MM3_PER_ML
    return float(_within(x, y, *place).sum()) * grid.slices * voxel_ml


def _positions(grid: Grid) -> tuple[Real, Real]:
    along = (np.arange(grid.size) - (grid.size - 1) / 2) * grid.pixel_mm
    x, y = np.meshgrid(along, along)
    return x, y


def _within(x: Real, y: Real, middle: tuple[float, float], half: tuple[float, float]) -> NDArray[np.bool_]:
    return np.asarray(((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2 <= 1)


def _still(x: Real, y: Real) -> Real:
    """Before the contrast."""
    hu = np.full(x.shape, AIR_HU)
    middle = (0.0, 0.0)
    hu[_within(x, y, middle, (SKULL_MM[0] + 6, SKULL_MM[1] + 6))] = 20.0
    hu[_within(x, y, middle, SKULL_MM)] = BONE_HU
    hu[_within(x, y, middle, BRAIN_MM)] = GREY_HU
    hu[_within(x, y, middle, WHITE_MM)] = WHITE_HU
    for side in (-1, 1):
        hu[_within(x, y, (side * 9.0, 4.0), (5.0, 18.0))] = FLUID_HU
    return hu


def _places(x: Real, y: Real) -> list[NDArray[np.bool_]]:
    """Grey and white matter, tissue at risk, core, arteries and sinus; later ones lie over the earlier."""
    brain, white = _within(x, y, (0.0, 0.0), BRAIN_MM), _within(x, y, (0.0, 0.0), WHITE_MM)
    dry = _within(x, y, (9.0, 4.0), (5.0, 18.0)) | _within(x, y, (-9.0, 4.0), (5.0, 18.0))
    radius = (ARTERY_RADIUS_MM, ARTERY_RADIUS_MM)
    arteries = np.any([_within(x, y, middle, radius) for middle in ARTERIES_MM], axis=0)
    sinus = _within(x, y, SINUS_MM, (SINUS_RADIUS_MM, SINUS_RADIUS_MM))
    return [
        brain & ~white,
        white & ~dry,
        _within(x, y, *AT_RISK_MM) & brain,
        _within(x, y, *CORE_MM) & brain,
        arteries,
        sinus,
    ]


def _curves(time_s: Real) -> list[Real]:
    """Enhancement of each of the places."""
    fine_s: Real = np.arange(0.0, float(time_s[-1]) + STEP_S, STEP_S, dtype=np.float64)
    artery = _gamma(fine_s - ARRIVAL_S)
    tissues = [
        HU_PER_FLOW * each.flow * _washed(fine_s, artery, each.transit_s, each.delay_s)
        for each in (GREY, WHITE, AT_RISK, CORE)
    ]
    sinus = _washed(fine_s, artery, SINUS_TRANSIT_S, SINUS_LAG_S) / SINUS_TRANSIT_S
    return [np.interp(time_s, fine_s, curve) for curve in (*tissues, artery, sinus)]


def _gamma(since_s: Real) -> Real:
    u = np.maximum(since_s, 0.0) / (ALPHA * BETA_S)
    return np.asarray(ARTERY_HU * u**ALPHA * np.exp(ALPHA * (1 - u)))


def _washed(fine_s: Real, artery: Real, transit_s: float, delay_s: float) -> Real:
    """The arterial curve after an exponential residue that begins `delay_s` later, in HU s."""
    residue = np.exp(-fine_s / transit_s)
    outcome = np.convolve(artery, residue)[: fine_s.size] * STEP_S
    return np.asarray(np.interp(fine_s - delay_s, fine_s, outcome, left=0.0))
