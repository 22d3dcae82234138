"""The plain Gaussian filter, against which every other way to remove noise is measured."""

import numpy as np
from scipy import ndimage

from triage.types import Float32, Geometry, Mask

FWHM_MM = 5.0
"""Width in plane at half height."""

FWHM_THROUGH_MM = 4.0
"""The same through the plane: a fifth from the neighbouring slices of 5 mm."""

FWHM_TO_SD = 1 / np.sqrt(8 * np.log(2))
"""Standard deviation of a Gaussian over its width at half height."""


def gaussian(curves_hu: Float32, voxels: Mask, tissue: Mask, geometry: Geometry) -> Float32:
    """Curves ``(V, N)`` of `voxels` ``(Z, Y, X)``, averaged by distance alone over `tissue` (same shape)."""
    width = FWHM_TO_SD * np.array([FWHM_THROUGH_MM, FWHM_MM, FWHM_MM]) / geometry.spacing_mm
    weight = ndimage.gaussian_filter(tissue.astype(np.float32), width)[tissue]
    of_tissue = tissue[voxels]
    smooth = curves_hu.copy()
    frame = np.zeros(voxels.shape, np.float32)
    for instant in range(curves_hu.shape[1]):
        frame[tissue] = curves_hu[of_tissue, instant]
        smooth[of_tissue, instant] = ndimage.gaussian_filter(frame, width)[tissue] / weight
    return smooth
