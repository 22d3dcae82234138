"""The grid of voxels that a stack of slices makes, or why it makes none."""

import numpy as np

from dicom_scp.slices import EVEN_SPACING_MM, GAP_RATIO, Stack
from triage.arrays import Float64
from triage.errors import InputError
from triage.geometry import Geometry


def geometry_of(ordered: Stack) -> Geometry:
    """Geometry of one frame; the step from slice to slice keeps the gantry tilt.

    Raises
    ------
    InputError
        If the slices do not lie on an even grid along one line.
    """
    header = ordered.headers[0]
    rows, columns, spacing, orientation = (
        header.rows,
        header.columns,
        header.pixel_spacing_mm,
        header.orientation,
    )
    if rows is None or columns is None or spacing is None or orientation is None:
        raise InputError("an image has no rows, columns, pixel spacing or orientation")
    corners = np.array([h.position_mm for h in ordered.headers])
    firsts = np.array([corners[ordered.position == z][0] for z in range(len(ordered.position_mm))])
    _require_one_place(corners, firsts, ordered)
    step = (firsts[-1] - firsts[0]) / (len(firsts) - 1)
    expected = firsts[0] + np.arange(len(firsts))[:, None] * step
    off_mm = float(np.linalg.norm(firsts - expected, axis=1).max())
    if off_mm > EVEN_SPACING_MM:
        raise InputError(_unevenness(ordered.position_mm, off_mm))
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = np.array(orientation[3:]) * spacing[0]
    affine[:3, 2] = np.array(orientation[:3]) * spacing[1]
    affine[:3, 3] = firsts[0]
    shape = (len(firsts), rows, columns)
    return Geometry(shape, affine, header.frame_of_reference_uid)


def _require_one_place(corners: Float64, firsts: Float64, ordered: Stack) -> None:
    """All images of a slice show the same place: another field of view at the same height is another series."""
    apart_mm = np.linalg.norm(corners - firsts[ordered.position], axis=1)
    worst = int(np.argmax(apart_mm))
    if apart_mm[worst] > EVEN_SPACING_MM:
        where = f"{ordered.position_mm[ordered.position[worst]]:.1f} mm"
        raise InputError(
            f"images of the slice at {where} lie {apart_mm[worst]:.1f} mm apart: the field of view changed"
        )


def _unevenness(position_mm: Float64, off_mm: float) -> str:
    """What is wrong with slices off the grid; two slabs are not one volume, and one affine cannot describe them.

    >>> _unevenness(np.array([0.0, 5.0, 10.0, 40.0, 45.0]), 22.5)
    'two slabs with a gap from 10.0 to 40.0 mm: send each slab as a series of its own'
    """
    steps = np.diff(position_mm)
    widest = int(np.argmax(steps))
    rest = np.delete(steps, widest)
    if len(rest) and np.ptp(rest) <= EVEN_SPACING_MM and steps[widest] > GAP_RATIO * rest.max():
        gap = f"{position_mm[widest]:.1f} to {position_mm[widest + 1]:.1f} mm"
        return f"two slabs with a gap from {gap}: send each slab as a series of its own"
    if np.ptp(steps) <= 2 * EVEN_SPACING_MM:
        return f"the slices do not lie on one line: one is shifted by {off_mm:.2f} mm"
    spread = f"{steps.min():.1f} to {steps.max():.1f} mm"
    return f"slice distances are uneven, {spread}: send a reconstruction with one distance"
