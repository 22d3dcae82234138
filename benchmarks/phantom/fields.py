"""Smooth random fields that depend on the place in millimetres, not on the grid that samples them."""

import numpy as np

from benchmarks.phantom.anatomy import axes_mm
from triage.types import Float32, Float64, Geometry

HALF_WIDTH_MM = 130.0
"""Knots fill a cube this far from the centre, larger than any slab."""

OVERLAP = 0.7
"""Standard deviation of a knot's Gaussian in knot distances; smooth without visible knots."""


def smooth_field(rng: np.random.Generator, geometry: Geometry, knot_mm: float) -> Float32:
    """Gaussian random field of unit variance, float32 ``(Z, Y, X)``, structures of about twice `knot_mm`."""
    knots = np.arange(-HALF_WIDTH_MM, HALF_WIDTH_MM + knot_mm, knot_mm)
    values = rng.standard_normal((knots.size,) * 3, dtype=np.float32)
    x, y, z = (_weights(axis, knots, OVERLAP * knot_mm) for axis in axes_mm(geometry))
    planes = np.einsum("za,abc->zbc", z, values)
    field: Float32 = (y @ planes) @ x.T
    return field


def _weights(position_mm: Float64, knots: Float64, width_mm: float) -> Float32:
    weights = np.exp(-0.5 * ((position_mm[:, None] - knots) / width_mm) ** 2)
    unit: Float32 = (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)
    return unit
