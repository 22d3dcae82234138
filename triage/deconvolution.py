"""Delay-insensitive deconvolution: block-circulant inverses of the arterial input, chosen voxel by voxel.

The tissue curve is the arterial curve convolved with the flow-scaled residue ``k``. Zero-padded to twice the
scan length, that convolution is a circulant matrix, whose singular values are the magnitudes of its Fourier
transform: truncating the one is zeroing bins of the other, and every truncation level is one dense matrix.
The cut has a soft edge and follows the height of the spectrum, not single waves; residues are evaluated on fixed
lags, so that the maps do not depend on the sampling.

References
----------
Wu 2003, Magn Reson Med 50:164 (block-circulant SVD, oscillation index).
Ostergaard 1996, Magn Reson Med 36:715 (truncated SVD).
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from triage.errors import InputError
from triage.types import Float32, Float64, Mask

Complex128 = NDArray[np.complex128]

OSCILLATION_LIMIT = 0.035
"""Largest oscillation index of an accepted residue at one sample per second; no dimension. Wu 2003."""

TRUNCATIONS = (0.02, 0.05, 0.08, 0.10, 0.12, 0.15, 0.18, 0.20, 0.25, 0.30, 0.35, 0.40, 0.50, 0.60, 0.80, 0.95)
"""Truncation levels as shares of the largest singular value. Wu 2003 scans 0 to 0.95."""

FAST_TRUNCATION = 0.15
"""The one truncation level of the fast mode; CT practice lies between 0.10 and 0.20."""

SOFT_EDGE = 0.3
"""Relative half-width of the cut around a truncation level; no dimension.

A hard cut keeps or drops a whole wave by a difference of a thousandth: halving the time step of the noise-free design
of Kudo 2013 then moved the flow of single voxels by up to 10 %, with edges of 0.2 to 0.4 by 0.6 %."""

HOLLOW = 0.3
"""Share of a truncation level below which a single wave is not divided by, however high its neighbours stand.

The level is held against the height of the spectrum, which falls with the frequency of a bolus: a wave that sticks out
where the others have sunk is noise of the artery's own curve, and would ring through every voxel's residue alike: one
simulated healthy brain had 153 ml of late tissue by it. A soft edge of 0 cuts wave by wave, as Wu 2003 does."""

LAG_STEP_S = 1.0
"""Distance of the lags at which residues are evaluated, however finely the curves are sampled.

A truncated residue is a sum of few slow waves, so that it is known between its samples; on fixed lags its oscillation
and its peak are judged alike at every sampling. Wu 2003 set the oscillation index at one sample per second."""

LAG_RANGE_S = (-6.0, 35.0)
"""Lags in which a peak is looked for: arterial input up to 6 s late, tissue at most 35 s behind it."""

PEAKED = np.float32(0.97)
"""Share of its maximum at which a residue has peaked. A box is as high at its end as at its front: of ripples alike,
the first tells the delay. Noise-free, Tmax of the design of Kudo 2013 then follows the delay with r 0.94, not 0.39."""

FRONT_LAGS = 3
"""The front's own peak lies at most this many lags behind the first that has peaked."""

BLOCK_VOXELS = 2048
"""Voxels handled at once, so that their residues stay in the processor's cache."""

THREADS = 2
"""Blocks handled side by side."""


@dataclass(frozen=True, slots=True)
class InverseBank:
    """Regularised inverses of one arterial input.

    Attributes
    ----------
    operators
        float32 ``(P, L, N)``, least to most regularised; row ``l`` times a tissue curve of ``N`` samples is
        the residue, in 1/s, at lag ``(first_lag + l) * dt_s``. Lags are contiguous and signed.
    dt_s
        Seconds between lags.
    oscillation_limit
        Largest accepted mean absolute second difference of the residue relative to its peak.
    first_lag
        Lag of the first row in samples; negative when the arterial input may come after the tissue.
    """

    operators: Float32
    dt_s: float
    oscillation_limit: float
    first_lag: int

    def __post_init__(self) -> None:
        if self.operators.ndim != 3 or self.operators.shape[1] < 3:
            raise InputError(f"operators must be (P, L >= 3, N), got {self.operators.shape}")
        self.operators.flags.writeable = False


class FlowResidue(NamedTuple):
    """Height and place of the residue's peak: `peak_per_s` and `tmax_s`, float32 ``(V,)``; lags are signed."""

    peak_per_s: Float32
    tmax_s: Float32


Deconvolver = Callable[[Float32, InverseBank], FlowResidue]
"""Tissue float32 ``(V, N)`` and a bank to the residue's peak: `deconvolve` or a graph that equals it."""


def inverse_bank(
    arterial_hu: Float64,
    dt_s: float,
    *,
    truncations: Sequence[float] = TRUNCATIONS,
    oscillation_limit: float = OSCILLATION_LIMIT,
    lag_range_s: tuple[float, float] = LAG_RANGE_S,
    soft_edge: float = SOFT_EDGE,
) -> InverseBank:
    """Regularised inverses of the block-circulant matrix of `arterial_hu` ``(N,)``; a soft edge of 0 cuts hard.

    Wu's index is a sum over the whole circulant divided by its length. Here the sum runs over the rows that are
    kept, where a peak may lie, and the limit is scaled so that the allowed sum stays the same.

    Raises
    ------
    InputError
        When the curve is not a finite, non-zero vector or the step is not positive.
    """
    if arterial_hu.ndim != 1 or not np.isfinite(arterial_hu).all() or not arterial_hu.any() or dt_s <= 0:
        raise InputError("the arterial input must be a finite, non-zero curve with a positive time step")
    period_s = 2 * arterial_hu.size * dt_s
    first, last = _lags(lag_range_s, period_s)
    lags_s = np.arange(first, last + 1, dtype=np.float64) * LAG_STEP_S
    wave = _waves(arterial_hu, dt_s)
    operators = np.stack([wave.inverse(share, soft_edge, lags_s) for share in truncations])
    limit = oscillation_limit * LAG_STEP_S * period_s / lags_s.size
    return InverseBank(operators, LAG_STEP_S, limit, first)


def fast_bank(arterial_hu: Float64, dt_s: float, truncation: float = FAST_TRUNCATION) -> InverseBank:
    """One inverse for all voxels (block-circulant SVD with a fixed threshold): a third of the time, flow read lower.

    Raises
    ------
    InputError
        When the curve is not a finite, non-zero vector or the step is not positive.
    """
    return inverse_bank(arterial_hu, dt_s, truncations=(truncation,))


def deconvolve(tissue_hu: Float32, bank: InverseBank) -> FlowResidue:
    """Peak of the residue of every tissue curve, float32 ``(V, N)``.

    Of the bank's inverses the least regularised one is taken whose residue peaks above zero and oscillates less
    than the limit; the most regularised one when there is none. Of peaks as high as one another the first is taken;
    its place is refined by a parabola through the inner sample and its neighbours.
    """
    if tissue_hu.ndim != 2 or tissue_hu.shape[1] != bank.operators.shape[2]:
        raise InputError(
            f"tissue curves {tissue_hu.shape} do not fit a bank of {bank.operators.shape[2]} samples"
        )
    blocks = [
        tissue_hu[start : start + BLOCK_VOXELS] for start in range(0, max(1, len(tissue_hu)), BLOCK_VOXELS)
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        peaks = list(pool.map(partial(_block_peaks, bank=bank), blocks))
    peak, place = np.concatenate(peaks, axis=1)
    return FlowResidue(peak, (place + np.float32(bank.first_lag)) * np.float32(bank.dt_s))


def _lags(lag_range_s: tuple[float, float], period_s: float) -> tuple[int, int]:
    """First and last lag in steps, within the signed half-period of the circulant."""
    first, last = (round(lag / LAG_STEP_S) for lag in lag_range_s)
    half = int(period_s / 2 / LAG_STEP_S)
    return max(first, 1 - half), min(last, half)


@dataclass(frozen=True, slots=True)
class _Waves:
    """Fourier transform of a zero-padded curve of `samples`: complex `spectrum` in HU s at frequencies `per_s`."""

    spectrum: Complex128
    per_s: Float64
    samples: int
    dt_s: float

    def inverse(self, share: float, soft_edge: float, lags_s: Float64) -> Float32:
        """Inverse ``(L, N)`` at the lags ``(L,)`` without singular values below `share` of the largest."""
        weight = self._passed(share, soft_edge)
        kept = weight > 0
        both_signs = np.where((self.per_s == 0) | (self.per_s == self.per_s[-1]), 1, 2)
        gain = (weight * both_signs)[kept] / self.spectrum[kept] / (2 * self.samples)
        sampled_s = self.dt_s * np.arange(self.samples)
        seen = np.exp(-2j * np.pi * np.outer(self.per_s[kept], sampled_s))
        shown = np.exp(2j * np.pi * np.outer(lags_s, self.per_s[kept]))
        return np.asarray(((shown * gain) @ seen).real, dtype=np.float32)

    def height(self) -> Float64:
        """How high the spectrum stands relative to its largest value: over three neighbours, never rising again."""
        size = np.abs(self.spectrum) / np.abs(self.spectrum).max()
        near = np.pad(size**2, 1, mode="edge")
        mean = np.sqrt((near[:-2] + near[1:-1] + near[2:]) / 3)
        mean[0] = size[0]
        return np.asarray(np.minimum.accumulate(mean))

    def _passed(self, share: float, soft_edge: float) -> Float64:
        """How much of each wave passes, 0 to 1; none that the lags are too coarse for."""
        size = np.abs(self.spectrum) / np.abs(self.spectrum).max()
        height = self.height() if soft_edge else size
        first, last = share * (1 - soft_edge), min(share * (1 + soft_edge), 1.0)
        rise = np.clip((height - first) / (last - first), 0, 1) if last > first else (size >= share) * 1.0
        carried = (self.per_s <= 0.5 / LAG_STEP_S) & (size > HOLLOW * share)
        return np.asarray(np.where(carried, rise**2 * (3 - 2 * rise), 0))


def _waves(arterial_hu: Float64, dt_s: float) -> _Waves:
    samples = arterial_hu.size
    spectrum = np.fft.rfft(arterial_hu * dt_s, 2 * samples)
    per_s = np.arange(samples + 1, dtype=np.float64) / (2 * samples * dt_s)
    return _Waves(spectrum, per_s, samples, dt_s)


def _block_peaks(block: Float32, bank: InverseBank) -> Float32:
    """Height and fractional row of the accepted residue's peak, ``(2, V)``."""
    peaks = np.empty((2, len(block)), np.float32)
    for chosen, residue in _accepted(block, bank):
        peaks[:, chosen] = _peak(residue)
    return peaks


def _accepted(block: Float32, bank: InverseBank) -> Iterator[tuple[np.ndarray, Float32]]:
    """Indices into `block` and residues ``(v, L)`` of the voxels each inverse is accepted for."""
    waiting = np.arange(len(block))
    for operator in bank.operators[:-1]:
        residue = block[waiting] @ operator.T
        calm = _calm(residue, bank.oscillation_limit)
        yield waiting[calm], residue[calm]
        waiting = waiting[~calm]
        if not waiting.size:
            return
    yield waiting, block[waiting] @ bank.operators[-1].T


def _calm(residue: Float32, limit: float) -> Mask:
    """Whether each residue ``(v, L)`` has a positive peak and an oscillation index below `limit`."""
    bend = np.abs(np.diff(np.diff(residue, axis=1), axis=1)).sum(axis=1)
    top = residue.max(axis=1)
    return np.asarray((top > 0) & (bend < limit * residue.shape[1] * top))


def _peak(residue: Float32) -> tuple[Float32, Float32]:
    """Height and fractional row of the first peak of each residue ``(v, L)``."""
    at = _first_peak(residue)
    row = np.arange(len(residue))
    before, top, after = residue[row, at - 1], residue[row, at], residue[row, at + 1]
    bend = before - 2 * top + after
    shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, -1), 0).clip(-0.5, 0.5)
    return top - 0.25 * (before - after) * shift, (at + shift).astype(np.float32)


def _first_peak(residue: Float32) -> NDArray[np.intp]:
    """Inner row of the highest sample at the first front that comes near the maximum, ``(v,)``."""
    inner = residue[:, 1:-1]
    reached = (inner >= PEAKED * inner.max(axis=1, keepdims=True)).argmax(axis=1)
    rows = np.minimum(reached[:, None] + np.arange(1, FRONT_LAGS + 2), inner.shape[1])
    highest = np.take_along_axis(residue, rows, axis=1).argmax(axis=1)
    return np.asarray(rows[np.arange(len(rows)), highest])
