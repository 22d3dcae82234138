"""The head at rest: fractions of grey matter, white matter and fluid, and everything around them in HU."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from benchmarks.phantom.choices import Anatomy
from benchmarks.phantom.settings import Patient
from triage.types import Float32, Float64, Geometry

MNI_FILE = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
MNI_FULL = 255.0
"""Stored value of a voxel that is certainly this tissue."""

MNI_CENTRE_MM = (0.0, 16.5, 14.0)
"""MNI point (LPS) at the centre of the slab: mid brain in plane, basal ganglia along the axis."""

HEAD_SCALE, HEAD_SCALE_SD = 0.93, 0.01
"""MNI's average brain is larger than people's (Lancaster 2007, Hum Brain Mapp 28:1194)."""

POSE_SD_DEG = 2.0
"""How straight a head lies in its holder."""

DURA_CLOSING_MM, DURA_OPENING_MM = 24.0, 22.0
"""The dura bridges sulci and fissures: brain dilated by the first, then eroded by the second."""

PADDING = 20
"""Voxels (2 mm) around the brain that the dilation needs."""

INDIVIDUAL_FILE = Path("/usr/share/mricron/templates/ch2bet.nii.gz")
"""Colin 27 without skull, T1-weighted, from Debian's mricron-data."""

FLUID_TO_GREY, GREY_TO_WHITE = (45.0, 70.0), (92.0, 106.0)
"""Brightness between which a voxel turns from one to the other; the peaks of its histogram are 30, 85 and 113."""

BEND_KNOT_MM, BEND_KNOTS = 40.0, 9
"""Distance and number of the knots of a displacement, along each axis around the centre of the slab."""

PARENCHYMA = 0.5
"""Share of grey and white matter from which a voxel counts as brain."""

NO_TISSUE = 1e-3
"""Less than this share of a voxel is none."""

AIR_HU = -1000.0
DEPTH_MM = (0.0, 0.6, 2.2, 2.6, 4.4, 4.8, 6.4, 7.0, 8.0, 8.5, 11.0, 11.5, 12.5, 13.0)
DEPTH_HU = (10.0, 1000.0, 1000.0, 550.0, 550.0, 1100.0, 1100.0, 50.0, 50.0, -80.0, -80.0, 40.0, 40.0, AIR_HU)
"""From the dura outwards: inner table, diploe, outer table, muscle and galea, fat, skin, air."""

SUB_SLICES = 5
"""Thin slices averaged into one thick slice."""

RENDER_MATRIX = 256
"""MNI has 1 mm; finer pixels are interpolated from this matrix."""


@dataclass(frozen=True, slots=True)
class Head:
    """Volume fractions and surroundings, float32 ``(Z, Y, X)``; what is in no fraction is in `shell_hu`, weighted."""

    geometry: Geometry
    to_mni: sitk.AffineTransform
    grey: Float32
    white: Float32
    fluid: Float32
    shell_hu: Float32


@cache
def _brain(anatomy: Anatomy) -> tuple[sitk.Image, sitk.Image, sitk.Image]:
    """Grey and white matter fractions, and signed distance to the dura in mm (negative inside)."""
    grey, white = TISSUES[anatomy]()
    brain = sitk.BinShrink(grey + white, (2, 2, 2)) > PARENCHYMA
    distance = _distance_mm(sitk.ConstantPad(brain, [PADDING] * 3, [PADDING] * 3))
    return grey, white, _distance_mm(distance > DURA_CLOSING_MM, inside=True) + DURA_OPENING_MM


def _average() -> tuple[sitk.Image, sitk.Image]:
    grey, white = (_tissue(name) for name in ("gm", "wm"))
    return grey, white


def _individual() -> tuple[sitk.Image, sitk.Image]:
    """Fractions by the brightness of a T1-weighted image without its skull."""
    if not INDIVIDUAL_FILE.exists():
        raise FileNotFoundError(f"{INDIVIDUAL_FILE} is missing: install the Debian package mricron-data")
    bright = sitk.Cast(sitk.ReadImage(str(INDIVIDUAL_FILE)), sitk.sitkFloat32)
    tissue, white = (
        sitk.Clamp((bright - low) / (high - low), sitk.sitkFloat32, 0.0, 1.0)
        for low, high in (FLUID_TO_GREY, GREY_TO_WHITE)
    )
    return tissue - white, white


def _tissue(name: str) -> sitk.Image:
    with as_file(files("nilearn") / "datasets" / "data" / MNI_FILE.format(name)) as path:
        return sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkFloat32) / MNI_FULL


def _distance_mm(mask: sitk.Image, *, inside: bool = False) -> sitk.Image:
    return sitk.SignedMaurerDistanceMap(mask, inside, False, True)  # noqa: FBT003 - not squared, in millimetres


TISSUES: Mapping[Anatomy, Callable[[], tuple[sitk.Image, sitk.Image]]] = {
    Anatomy.AVERAGE: _average,
    Anatomy.INDIVIDUAL: _individual,
}
"""Where grey and white matter fractions come from, both in MNI space at 1 mm."""


@cache
def dura_distance_mm(anatomy: Anatomy = Anatomy.AVERAGE) -> sitk.Image:
    """Signed distance to the dura in MNI space, millimetres, negative inside."""
    return _brain(anatomy)[2]


def place_head(rng: np.random.Generator) -> sitk.AffineTransform:
    """Draw size and pose of a head: maps patient to MNI points, both LPS, the slab's centre to `MNI_CENTRE_MM`."""
    scale = HEAD_SCALE + HEAD_SCALE_SD * rng.standard_normal()
    pose = sitk.Euler3DTransform((0.0, 0.0, 0.0), *np.radians(POSE_SD_DEG * rng.standard_normal(3)))
    rotation = np.array(pose.GetMatrix()).reshape(3, 3)
    return sitk.AffineTransform((rotation / scale).ravel().tolist(), MNI_CENTRE_MM)


def draw_head(patient: Patient, to_mni: sitk.AffineTransform, rng: np.random.Generator) -> Head:
    """Average the anatomy over thick slices on the grid that is drawn; a tilted gantry shears the head in it.

    `rng` draws how tissue is displaced; vessels and lesions keep their places.
    """
    geometry, to_mni = patient.grid(), _tilted(to_mni, patient.tilt())
    thin, bent = _thin(geometry), _bent(to_mni, patient.deformation_mm, rng)
    grey, white, distance = (
        sitk.GetArrayFromImage(_sample(image, thin, bent, outside))
        for image, outside in zip(_brain(patient.anatomy), (0.0, 0.0, 100.0), strict=True)
    )
    if patient.atrophy:
        left = _atrophied(grey + white, patient.atrophy)
        grey, white = grey * left, white * left
    inside = np.clip(0.5 - distance, 0.0, 1.0)
    fluid = np.clip(inside - grey - white, 0.0, 1.0)
    rest = np.clip(1.0 - grey - white - fluid, 0.0, 1.0)
    shell = rest * np.interp(distance, DEPTH_MM, DEPTH_HU).astype(np.float32)
    return Head(geometry, to_mni, *(_thick(part, thin, geometry) for part in (grey, white, fluid, shell)))


def _tilted(to_mni: sitk.AffineTransform, tilt: Float64) -> sitk.AffineTransform:
    matrix = np.array(to_mni.GetMatrix()).reshape(3, 3) @ tilt
    return sitk.AffineTransform(matrix.ravel().tolist(), to_mni.GetTranslation())


def _bent(to_mni: sitk.AffineTransform, amount_mm: float, rng: np.random.Generator) -> sitk.Transform:
    """`to_mni` after a smooth random displacement of this standard deviation along each axis."""
    if not amount_mm:
        return to_mni
    half = BEND_KNOTS // 2
    knots = amount_mm * rng.standard_normal((BEND_KNOTS,) * 3 + (3,))
    field = sitk.GetImageFromArray(knots, isVector=True)
    field.SetSpacing([BEND_KNOT_MM] * 3)
    field.SetOrigin([-half * BEND_KNOT_MM] * 3)
    fine = sitk.Resample(
        field,
        [4 * BEND_KNOTS] * 3,
        sitk.Transform(),
        sitk.sitkBSpline,
        field.GetOrigin(),
        [BEND_KNOT_MM / 4] * 3,
    )
    return sitk.CompositeTransform([to_mni, sitk.DisplacementFieldTransform(fine)])


def _atrophied(tissue: Float32, share: float) -> Float32:
    """Factor that takes the tissue's fractions below `share` to nothing and leaves whole ones whole."""
    left: Float32 = np.clip((tissue - share) / (1 - share), 0.0, 1.0) / np.maximum(tissue, NO_TISSUE)
    return left.astype(np.float32)


def _thin(geometry: Geometry) -> Geometry:
    slices, rows, _ = geometry.shape
    matrix = min(rows, RENDER_MATRIX)
    step_z, step_y, _ = geometry.spacing_mm
    step = step_y * rows / matrix
    x, y, z = geometry.affine[:3, 3]
    shift = (step - step_y) / 2
    return Geometry.axial(
        (slices * SUB_SLICES, matrix, matrix),
        (step_z / SUB_SLICES, step, step),
        (x + shift, y + shift, z - step_z * (SUB_SLICES - 1) / SUB_SLICES / 2),
    )


def _sample(image: sitk.Image, grid: Geometry, transform: sitk.Transform, outside: float) -> sitk.Image:
    z, y, x = grid.shape
    spacing, origin = grid.spacing_mm[::-1], grid.affine[:3, 3].tolist()
    axes = np.eye(3).ravel().tolist()
    return sitk.Resample(image, (x, y, z), transform, sitk.sitkLinear, origin, spacing, axes, outside)


def _thick(thin_array: Float32, thin: Geometry, geometry: Geometry) -> Float32:
    slices = geometry.shape[0]
    mean: Float32 = thin_array.reshape(slices, SUB_SLICES, *thin_array.shape[1:]).mean(
        axis=1, dtype=np.float32
    )
    if mean.shape == geometry.shape:
        return mean
    step = thin.spacing_mm[1]
    coarse = Geometry.axial(
        mean.shape,
        (geometry.spacing_mm[0], step, step),
        (*thin.affine[:2, 3], geometry.affine[2, 3]),
    )
    array: Float32 = sitk.GetArrayFromImage(_sample(coarse.to_sitk(mean), geometry, sitk.Transform(), 0.0))
    return array


def mni_ras_mm(head: Head) -> tuple[Float32, Float32, Float32]:
    """MNI coordinates (right, anterior, superior) of every voxel, float32 ``(Z, Y, X)`` each."""
    matrix = np.array(head.to_mni.GetMatrix()).reshape(3, 3) * [[-1.0], [-1.0], [1.0]]
    offset = np.array(head.to_mni.GetTranslation()) * [-1.0, -1.0, 1.0]
    x, y, z = axes_mm(head.geometry)
    right, anterior, superior = (
        np.asarray(
            row[0] * x[None, None, :] + row[1] * y[None, :, None] + row[2] * z[:, None, None] + start,
            np.float32,
        )
        for row, start in zip(matrix, offset, strict=True)
    )
    return right, anterior, superior


def axes_mm(geometry: Geometry) -> tuple[Float64, Float64, Float64]:
    """LPS positions of columns, rows and slices of an axial grid."""
    origin, steps = geometry.affine[:3, 3], geometry.spacing_mm[::-1]
    x, y, z = (
        start + step * np.arange(size)
        for start, step, size in zip(origin, steps, geometry.shape[::-1], strict=True)
    )
    return x, y, z
