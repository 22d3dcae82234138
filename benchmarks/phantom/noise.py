"""Noise of a filtered back-projection: Gaussian, correlated in plane, independent between slices and frames."""

import numpy as np
from scipy import fft

from benchmarks.phantom.choices import Grain
from benchmarks.phantom.settings import FIELD_OF_VIEW_MM
from triage.types import Float32, Float64

DRAWN_MATRIX = 512
"""Noise is drawn on this matrix and averaged to smaller ones."""

CUTOFF_PER_MM = 0.344
"""Apodisation: with the ramp it gives autocorrelations of .65 and .11 at .49 and .98 mm, as raw CT perfusion has."""

COARSE_CUTOFF_PER_MM = 0.28
"""Of iterative reconstruction: at the same deviation of pixels, a third more noise is left after 5 mm of smoothing."""

CUTOFFS_PER_MM = {Grain.FILTERED: CUTOFF_PER_MM, Grain.ITERATIVE: COARSE_CUTOFF_PER_MM}

CENTRE_HEIGHT, CENTRE_MM = (0.75, 1.25), 70.0
"""Iterative noise relative to its mean, far from the middle and in it, and the radius of the middle: few photons pass."""

FIELDS, FIELD_SIZE = 8, 2
"""Independent fields, and their width in images."""


class NoisePool:
    """Images of noise cut from a few large fields.

    Each image is the scaled sum of two windows at random places of two different fields, so the marginal is exactly
    Gaussian, the in-plane spectrum is that of the fields, and two images share a sample only where their windows
    overlap, at places that do not correspond: the same pixel in two images is uncorrelated.
    """

    def __init__(
        self, rng: np.random.Generator, matrix: int, sd_hu: float, grain: Grain = Grain.FILTERED
    ) -> None:
        self._rng, self._matrix = rng, matrix
        self._height = _central(matrix) if grain is Grain.ITERATIVE else None
        self._fields = [
            _field(rng, matrix, CUTOFFS_PER_MM[grain]) * np.float32(sd_hu / np.sqrt(2))
            for _ in range(FIELDS if sd_hu else 0)
        ]

    def add_to(self, image_hu: Float32) -> None:
        """Add one image of noise to a ``(Y, X)`` image, in place."""
        if not self._fields:
            return
        for field in self._rng.choice(FIELDS, 2, replace=False):
            row, column = self._rng.integers(0, self._matrix * (FIELD_SIZE - 1) + 1, 2)
            window = self._fields[field][row : row + self._matrix, column : column + self._matrix]
            image_hu += window if self._height is None else self._height * window


def _field(rng: np.random.Generator, matrix: int, cutoff_per_mm: float) -> Float32:
    """Unit variance in drawn pixels, averaged to the pixels of `matrix`."""
    size, factor = FIELD_SIZE * DRAWN_MATRIX, DRAWN_MATRIX // matrix
    white = rng.standard_normal((size, size), dtype=np.float32)
    drawn = fft.irfft2(
        fft.rfft2(white, workers=2) * _amplitude(size, cutoff_per_mm), s=(size, size), workers=2
    )
    averaged: Float32 = drawn.reshape(size // factor, factor, size // factor, factor).mean(axis=(1, 3))
    return averaged


def _amplitude(size: int, cutoff_per_mm: float) -> Float32:
    """Root of the noise power spectrum (ramp times Gaussian), normalised to unit variance."""
    pixel_mm = FIELD_OF_VIEW_MM / DRAWN_MATRIX
    per_mm = np.hypot(fft.fftfreq(size, pixel_mm)[:, None], fft.fftfreq(size, pixel_mm))
    power: Float64 = per_mm * np.exp(-((per_mm / cutoff_per_mm) ** 2))
    amplitude: Float32 = np.sqrt(power / power.mean())[:, : size // 2 + 1].astype(np.float32)
    return amplitude


def _central(matrix: int) -> Float32:
    """Height of the noise over the image ``(Y, X)``: most in the middle of the head."""
    at_mm = (np.arange(matrix) + 0.5) * FIELD_OF_VIEW_MM / matrix - FIELD_OF_VIEW_MM / 2
    outer, middle = CENTRE_HEIGHT
    bell = np.exp(-0.5 * (np.hypot(at_mm[:, None], at_mm) / CENTRE_MM) ** 2)
    height: Float32 = (outer + (middle - outer) * bell).astype(np.float32)
    return height
