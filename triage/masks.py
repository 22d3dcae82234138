"""What is what in the head: the inside of the skull and the fluid in it."""

import numpy as np
from scipy import ndimage

from triage.errors import AnalysisError
from triage.types import Float32, Geometry, Mask

BONE_HU = 150.0
"""Bone is denser; unenhanced brain and blood never are."""

SOFT_HU = (-10.0, 100.0)
"""Unenhanced brain, blood and fluid lie between; fat, air and bone outside."""

CSF_HU = 17.0
"""Unenhanced fluid is thinner; white matter, infarcted too, lies above 20 HU."""

SKULL_GAP_MM = 7.0
"""Half the width of holes in the skull that are bridged: sutures, burr holes, foramina."""

SMOOTHING_MM = 1.5
"""Gaussian width before fluid is told from tissue, well below the width of a sulcus."""

BONE_MARGIN_MM = 2.0
"""Distance to bone at which its edge no longer shows in a voxel."""

COARSE_MM = 3.5
"""Pixel size for finding the inside of the skull; a skull is thicker."""

SMALLEST_BRAIN_ML = 50.0
"""Less brain than a single 5 mm slice shows is not a head scan."""


def intracranial(unenhanced_hu: Float32, geometry: Geometry) -> Mask:
    """All that the skull encloses, bool ``(Z, Y, X)``, from an unenhanced image of the same shape.

    Raises
    ------
    AnalysisError
        When no brain inside a skull is found.
    """
    inside = _enclosed(unenhanced_hu > BONE_HU, geometry)
    soft = inside & (unenhanced_hu > SOFT_HU[0]) & (unenhanced_hu < SOFT_HU[1])
    brain = _closed(_largest(ndimage.binary_opening(soft, in_plane_cross())))
    if brain.sum() * geometry.voxel_ml < SMALLEST_BRAIN_ML:
        raise AnalysisError("no brain found inside a skull: check that the series is a head perfusion scan")
    return brain & (unenhanced_hu <= BONE_HU)


def fluid(unenhanced_hu: Float32, geometry: Geometry) -> Mask:
    """Cerebrospinal fluid, bool ``(Z, Y, X)``; air and fat are below its range and count as fluid too."""
    width = (0.0, SMOOTHING_MM / geometry.spacing_mm[1], SMOOTHING_MM / geometry.spacing_mm[2])
    return np.asarray(ndimage.gaussian_filter(np.minimum(unenhanced_hu, SOFT_HU[1]), width) < CSF_HU)


def away_from_bone(unenhanced_hu: Float32, geometry: Geometry) -> Mask:
    """Voxels ``(Z, Y, X)`` so far from bone in their slice that no remaining motion mixes it in."""
    reach = max(1, round(BONE_MARGIN_MM / geometry.spacing_mm[2]))
    return np.asarray(~ndimage.binary_dilation(unenhanced_hu > BONE_HU, in_plane_cross(), iterations=reach))


def _enclosed(bone: Mask, geometry: Geometry) -> Mask:
    """Largest space that bone, thickened to bridge its gaps, separates from the image border slice by slice."""
    factor = max(1, round(COARSE_MM / geometry.spacing_mm[2]))
    z, y, x = geometry.reduced(factor).shape
    blocks = bone[:, : y * factor, : x * factor].reshape(z, y, factor, x, factor)
    coarse = np.asarray(blocks.any(axis=(2, 4)))
    reach = max(1, round(SKULL_GAP_MM / (geometry.spacing_mm[2] * factor)))
    wall = ndimage.binary_dilation(coarse, in_plane_cross(), iterations=reach)
    space = _largest(np.stack([ndimage.binary_fill_holes(slice_) for slice_ in wall]) & ~wall)
    room = ndimage.binary_dilation(space, in_plane_cross(), iterations=reach + 1)
    fine = np.zeros(bone.shape, dtype=bool)
    fine[:, : y * factor, : x * factor] = room.repeat(factor, axis=1).repeat(factor, axis=2)
    return fine & ~bone


def _largest(mask: Mask) -> Mask:
    """Largest connected component; empty when there is none."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def _closed(brain: Mask) -> Mask:
    """Brain without holes: calcification, vessels and fluid inside belong to it."""
    bridged = ndimage.binary_closing(np.pad(brain, ((0, 0), (3, 3), (3, 3))), in_plane_cross(), iterations=3)
    return np.asarray([ndimage.binary_fill_holes(slice_) for slice_ in bridged[:, 3:-3, 3:-3]])


def in_plane_cross() -> Mask:
    """Structuring element of the four neighbours within a slice."""
    return np.asarray(ndimage.generate_binary_structure(3, 1) & np.array([False, True, False])[:, None, None])
