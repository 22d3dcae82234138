"""Every voxel's kind: perfusion is judged in tissue that is neither fluid, vessel, lime nor long dead."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from triage.arterial import like_vessels
from triage.bolus import SAMPLE
from triage.masks import BONE_HU, PARTLY_BONE_HU, SOFT_HU, fluid, in_plane_cross, in_plane_mean
from triage.reduction import block_mean
from triage.symmetry import MidPlane
from triage.types import ArterialInput, Float32, Geometry, Mask, TissueClass

AIR_HU = -500.0
"""Halfway between air and the thinnest tissue."""

CALCIFIED_HU = 70.0
"""Just above clotted blood; lime in the pineal gland and choroid plexus of two real heads had 72 to 220 HU."""

LARGEST_CALCIFICATION_ML = 2.0
"""Larger dense regions are bone, blood or metal, which are not for this class to explain."""

OLD_INFARCT_HU = 20.5
"""Long dead tissue is thinner (medians 12 and 14 HU in two real heads); white matter of 28 HU and an early loss of 5 is not."""

OLD_INFARCT_GRID_MM = 1.8
"""Pixels on which old infarcts are looked for; they are centimetres wide."""

OLD_INFARCT_SMOOTHING_MM = 2.0
"""Gaussian width that takes the noise of a few frames below 1 HU."""

MIRROR_SMOOTHING_MM = 4.0
"""Gaussian width before the sides are compared: folds of the two halves do not match."""

MIRROR_CONTRAST_HU = 6.0
"""The opposite side is denser by this: ventricles and wide sulci of both sides look alike."""

OLD_INFARCT_RADIUS_MM = 3.6
"""Narrower bands are sulci and the edges of ventricles."""

SMALLEST_OLD_INFARCT_ML = 1.5
"""Smaller ones are lacunes or enlarged perivascular spaces, which change no volume."""

OLD_INFARCT_ENHANCEMENT = 0.5
"""Share of the brain's mean enhancement that dead tissue stays below; a fissure full of arteries does not."""


def classify(
    unenhanced_hu: Float32,
    enhancement_hu: Float32,
    inputs: ArterialInput,
    inside: Mask,
    geometry: Geometry,
    plane: MidPlane | None = None,
) -> NDArray[np.uint8]:
    """Give every voxel a `TissueClass`, uint8 ``(Z, Y, X)``.

    Parameters
    ----------
    unenhanced_hu
        Mean of the frames before the bolus, float32 ``(Z, Y, X)``.
    enhancement_hu
        Curves of the `inside` voxels above their baseline, float32 ``(V, N)``.
    inputs
        Arterial and venous curves, which show how much a vessel enhances.
    inside
        What the skull encloses, bool ``(Z, Y, X)``.
    geometry
        Where the volume lies.
    plane
        Mid-sagittal plane; without it no old infarct is told from fluid.
    """
    classes = np.where(inside, TissueClass.TISSUE, TissueClass.OUTSIDE).astype(np.uint8)
    classes[~inside & (unenhanced_hu > BONE_HU)] = TissueClass.BONE
    classes[~inside & (unenhanced_hu < AIR_HU)] = TissueClass.AIR
    classes[inside & (fluid(unenhanced_hu, geometry) | ~_eroded(inside))] = TissueClass.FLUID
    if plane is not None:
        thin = _one_sided_loss(unenhanced_hu, inside, plane, geometry)
        classes[_barely_enhancing(thin, enhancement_hu, inside)] = TissueClass.OLD_INFARCT
    vessels = _vessels(enhancement_hu, inputs, inside)
    classes[vessels & (classes == TissueClass.TISSUE)] = TissueClass.VESSEL
    classes[calcification(unenhanced_hu, inside, geometry)] = TissueClass.CALCIFICATION
    return classes


def calcification(unenhanced_hu: Float32, inside: Mask, geometry: Geometry) -> Mask:
    """Small dense spots that brain surrounds, with the pixels around them, bool ``(Z, Y, X)``."""
    dense = unenhanced_hu > CALCIFIED_HU
    labels, _ = ndimage.label(dense)
    small = np.bincount(labels.ravel()) * geometry.voxel_ml <= LARGEST_CALCIFICATION_ML
    small[0] = False
    small[labels[dense & ndimage.binary_dilation(~(inside | dense), in_plane_cross())]] = False
    return np.asarray(ndimage.binary_dilation(small[labels], in_plane_cross()))


def _eroded(inside: Mask) -> Mask:
    """Without the outermost pixels, which hold some of the skull and lie in the fluid beneath it."""
    return np.asarray(ndimage.binary_erosion(inside, in_plane_cross()))


def _vessels(enhancement_hu: Float32, inputs: ArterialInput, inside: Mask) -> Mask:
    """Vessels with the pixels around them, which they bleed into."""
    volume = np.zeros(inside.shape, dtype=bool)
    volume[inside] = like_vessels(enhancement_hu, inputs)
    return np.asarray(ndimage.binary_dilation(volume, in_plane_cross()))


def _one_sided_loss(unenhanced_hu: Float32, inside: Mask, plane: MidPlane, geometry: Geometry) -> Mask:
    """Thin regions of some width that have no counterpart on the other side."""
    factor = max(1, round(OLD_INFARCT_GRID_MM / geometry.spacing_mm[2]))
    coarse = geometry.reduced(factor)
    soft = inside & (unenhanced_hu < PARTLY_BONE_HU)
    weight = block_mean(soft.astype(np.float32), slab=1, factor=factor)
    total = block_mean(np.where(soft, np.maximum(unenhanced_hu, SOFT_HU[0]), 0), slab=1, factor=factor)
    near, wide = (
        _ratio(in_plane_mean(total, width, coarse), in_plane_mean(weight, width, coarse))
        for width in (OLD_INFARCT_SMOOTHING_MM, MIRROR_SMOOTHING_MM)
    )
    asymmetric = plane.mirrored(wide, coarse) - wide > MIRROR_CONTRAST_HU
    thin = (weight > 0.5) & (near < OLD_INFARCT_HU)
    found = _sizeable(ndimage.binary_opening(thin & asymmetric, _disc(coarse)), coarse)
    fine = np.zeros(inside.shape, dtype=bool)
    _, y, x = coarse.shape
    fine[:, : y * factor, : x * factor] = found.repeat(factor, axis=1).repeat(factor, axis=2)
    return fine & inside


def _ratio(total: Float32, weight: Float32) -> Float32:
    """Mean where there is something to average, zero elsewhere."""
    return np.asarray(np.where(weight > 0.05, total / np.maximum(weight, np.float32(0.05)), 0))


def _sizeable(area: Mask, geometry: Geometry) -> Mask:
    """Connected regions that are large enough."""
    labels, _ = ndimage.label(area)
    large = np.bincount(labels.ravel()) * geometry.voxel_ml >= SMALLEST_OLD_INFARCT_ML
    large[0] = False
    return np.asarray(large[labels])


def _disc(geometry: Geometry) -> Mask:
    """In-plane structuring element of the least width of an old infarct."""
    reach = max(1, round(OLD_INFARCT_RADIUS_MM / geometry.spacing_mm[2]))
    y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    return np.asarray(y**2 + x**2 <= reach**2)[None]


def _barely_enhancing(area: Mask, enhancement_hu: Float32, inside: Mask) -> Mask:
    """Connected regions whose mean curve, of ``(V, N)``, stays well below that of all."""
    labels, count = ndimage.label(area)
    region = labels[inside]
    typical = float(enhancement_hu[:: max(1, len(enhancement_hu) // SAMPLE)].mean())
    kept = np.zeros(count + 1, dtype=bool)
    for number in range(1, count + 1):
        kept[number] = enhancement_hu[region == number].mean() < OLD_INFARCT_ENHANCEMENT * typical
    return np.asarray(kept[labels])
