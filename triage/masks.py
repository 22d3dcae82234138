"""What is what in the head: the inside of the skull and the fluid in it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from triage.errors import AnalysisError
from triage.types import Float32, Geometry, Mask

EARLY_FRAMES = 3
"""First frames, before any bolus, that show where the brain is."""

BONE_HU = 150.0
"""Bone is denser; unenhanced brain and blood never are."""

SOFT_HU = (-10.0, 100.0)
"""Unenhanced brain, blood and fluid lie between; fat, air and bone outside."""

CSF_HU = 19.0
"""Half way between fluid (5 to 10 HU) and its mixture with cortex or white matter; infarcted white matter has 22."""

PARTLY_BONE_HU = 60.0
"""Unenhanced soft tissue is thinner: denser voxels hold bone or lime and say nothing about their neighbours."""

HEAD_HU = -300.0
"""Everything of a head is denser; air, foam and the carbon of a holder are not."""

SKULL_GAP_MM = 7.0
"""Half the width of holes in the skull that are bridged: sutures, burr holes, foramina."""

SMOOTHING_MM = 0.7
"""Gaussian width before fluid is told from tissue; 1.5 mm fills the sulci and counts a tenth more brain."""

BONE_MARGIN_MM = 2.0
"""Distance to bone at which its edge no longer shows in a voxel."""

LEAST_BONY = 0.5
"""Share of what surrounds the brain that is bone; the rest may be where the image cuts the head."""

COARSE_MM = 3.5
"""Pixel size for finding the inside of the skull; a skull is thicker."""

SMALLEST_BRAIN_ML = 40.0
"""Less is not a head scan: one 5 mm slice of a real perfusion scan shows 50 ml through the base, and more above."""


class Skull(NamedTuple):
    """What lies inside the skull, and what of the scan is neither near bone nor fluid; both bool ``(Z, Y, X)``."""

    inside: Mask
    solid: Mask


SkullFinder = Callable[[Float32, Geometry], Skull]


def early_mean(hu: Float32) -> Float32:
    """Mean ``(Z, Y, X)`` of the first of some frames ``(T, Z, Y, X)``."""
    return np.asarray(hu[:EARLY_FRAMES].mean(axis=0))


def skull_of(early_hu: Float32, geometry: Geometry) -> Skull:
    """Find the skull in the mean of the first frames ``(Z, Y, X)``."""
    solid = away_from_bone(early_hu, geometry) & ~fluid(early_hu, geometry)
    return Skull(intracranial(early_hu, geometry), solid)


def intracranial(unenhanced_hu: Float32, geometry: Geometry) -> Mask:
    """All that the skull encloses, bool ``(Z, Y, X)``, from an unenhanced image of the same shape.

    Raises
    ------
    AnalysisError
        When no brain inside a skull is found.
    """
    inside = _enclosed(unenhanced_hu > BONE_HU, unenhanced_hu > HEAD_HU, geometry)
    soft = inside & (unenhanced_hu > SOFT_HU[0]) & (unenhanced_hu < SOFT_HU[1])
    brain = _closed(_largest(ndimage.binary_opening(soft, in_plane_cross())))
    if brain.sum() * geometry.voxel_ml < SMALLEST_BRAIN_ML:
        raise AnalysisError("no brain found inside a skull: check that the series is a head perfusion scan")
    return brain & (unenhanced_hu <= BONE_HU)


def fluid(unenhanced_hu: Float32, geometry: Geometry) -> Mask:
    """Cerebrospinal fluid, bool ``(Z, Y, X)``; air and fat are below its range and count as fluid too."""
    soft = unenhanced_hu < PARTLY_BONE_HU
    weight = in_plane_mean(soft.astype(np.float32), SMOOTHING_MM, geometry)
    total = in_plane_mean(np.where(soft, np.maximum(unenhanced_hu, SOFT_HU[0]), 0), SMOOTHING_MM, geometry)
    return np.asarray(soft & (total < CSF_HU * weight))


def in_plane_mean(volume: Float32, width_mm: float, geometry: Geometry) -> Float32:
    """Gaussian mean ``(Z, Y, X)`` of this width within each slice."""
    width = (0.0, width_mm / geometry.spacing_mm[1], width_mm / geometry.spacing_mm[2])
    return np.asarray(ndimage.gaussian_filter(volume, width, truncate=3.0), dtype=np.float32)


def away_from_bone(unenhanced_hu: Float32, geometry: Geometry) -> Mask:
    """Voxels ``(Z, Y, X)`` so far from bone in their slice that no remaining motion mixes it in."""
    reach = max(1, round(BONE_MARGIN_MM / geometry.spacing_mm[2]))
    return np.asarray(~ndimage.binary_dilation(unenhanced_hu > BONE_HU, in_plane_cross(), iterations=reach))


def _enclosed(bone: Mask, head: Mask, geometry: Geometry) -> Mask:
    """Largest space that bone, thickened to bridge its gaps, separates from the air slice by slice."""
    factor = max(1, round(COARSE_MM / geometry.spacing_mm[2]))
    reach = max(1, round(SKULL_GAP_MM / (geometry.spacing_mm[2] * factor)))
    wall = ndimage.binary_dilation(_any_in_blocks(bone, factor), in_plane_cross(), iterations=reach)
    closed = wall | _cut_off(_any_in_blocks(head, factor))
    space = _largest(np.stack([ndimage.binary_fill_holes(slice_) for slice_ in closed]) & ~closed)
    around = ndimage.binary_dilation(space, in_plane_cross()) & ~space
    if (around & wall).sum() < LEAST_BONY * around.sum():
        return np.zeros(bone.shape, dtype=bool)
    room = ndimage.binary_dilation(space, in_plane_cross(), iterations=reach + 1)
    fine = np.zeros(bone.shape, dtype=bool)
    repeated = room.repeat(factor, axis=1).repeat(factor, axis=2)
    fine[:, : repeated.shape[1], : repeated.shape[2]] = repeated
    return fine & ~bone


def _any_in_blocks(mask: Mask, factor: int) -> Mask:
    """Whether any pixel of a block is set; an incomplete last block is left out."""
    z, y, x = mask.shape[0], mask.shape[1] // factor, mask.shape[2] // factor
    blocks = mask[:, : y * factor, : x * factor].reshape(z, y, factor, x, factor)
    return np.asarray(blocks.any(axis=(2, 4)))


def _cut_off(head: Mask) -> Mask:
    """Where the head leaves the image: the border stands in for the skull beyond it."""
    border = np.ones(head.shape, dtype=bool)
    border[:, 1:-1, 1:-1] = False
    return border & head


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
