"""Real heads beside the checkout, on the working grid; a test is skipped where there are none."""

from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from triage.reduction import block_mean
from triage.types import Geometry

DATA = Path(__file__).parents[3] / "shared" / "data"
THIN_SLICES = 14
"""Of the tilted head: the first are 4 mm thick and show the base, as many of 7 mm follow."""

VAULT = slice(32, 72)
"""Slices of the template from MNI -8 to 70 mm; its skull base is an average of many and nowhere closed."""


@cache
def stroke():
    """Old and new infarct, 17 slices of 8 mm from the foramen magnum to the vertex."""
    return _scan("ncct_acute_stroke/CT")


@cache
def tilted_base():
    return _scan("ncct_dicom_ge_tilt/In/GE", chosen=slice(0, THIN_SLICES))


@cache
def tilted_vault():
    return _scan("ncct_dicom_ge_tilt/In/GE", chosen=slice(THIN_SLICES, None))


def perfusion_slice(name):
    """One slice with contrast at 80 kV, through the temporal lobes and the pons."""
    return _scan("ctp_slices_ge", name)


def template():
    """CT of many older adults averaged, in HU, and what their priors call grey, white or fluid at least by half.

    Its densities between -124 and 76 HU are stretched elevenfold, and zero is -1024 HU (Rorden 2012, clinical toolbox).
    """
    folder = _folder("ct_template")
    image = sitk.ReadImage(str(folder / "scct.nii"))
    stretched = sitk.GetArrayFromImage(image)
    hu = np.interp(stretched, (0, 900, 3100, 5100), (-1024, -124, 76, 2076)).astype(np.float32)[VAULT]
    priors = [
        sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"sc{n}.nii"))) for n in ("grey", "white", "csf")
    ]
    whole = Geometry.from_sitk(image)
    affine = whole.affine.copy()
    affine[:3, 3] += affine[:3, 0] * VAULT.start
    return hu, Geometry(hu.shape, affine), np.sum(priors, axis=0)[VAULT] >= 0.5


def _folder(name):
    if not (DATA / name).is_dir():
        pytest.skip(f"the real head {name!r} is not on this machine")
    return DATA / name


def _scan(folder, pattern="*.dcm", chosen=slice(None)):
    """Slices from foot to head, and where they lie; a tilted gantry makes a sheared grid."""
    images = [pydicom.dcmread(path) for path in _folder(folder).glob(pattern)]
    images.sort(key=lambda image: image.ImagePositionPatient[2])
    images = images[chosen]
    hu = np.stack([image.pixel_array * image.RescaleSlope + image.RescaleIntercept for image in images])
    first, last = (np.array(image.ImagePositionPatient, float) for image in (images[0], images[-1]))
    axes = np.array(images[0].ImageOrientationPatient, float)
    rows_mm, columns_mm = (float(size) for size in images[0].PixelSpacing)
    affine = np.eye(4)
    thick = np.array([0.0, 0.0, float(images[0].SliceThickness)])
    affine[:3, 0] = (last - first) / (len(images) - 1) if len(images) > 1 else thick
    affine[:3, 1], affine[:3, 2], affine[:3, 3] = axes[3:] * rows_mm, axes[:3] * columns_mm, first
    return block_mean(hu.astype(np.float32), slab=1, factor=2), Geometry(hu.shape, affine).reduced(2)
