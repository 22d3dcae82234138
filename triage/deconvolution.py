"""Delay-insensitive deconvolution: block-circulant inverses of the arterial input, chosen voxel by voxel.

The tissue curve is the arterial curve convolved with the flow-scaled residue ``k``. Zero-padded to twice the
scan length, that convolution is a circulant matrix, whose singular values are the magnitudes of its Fourier
transform: truncating the one is zeroing bins of the other, and every truncation level is one dense matrix.

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

from triage.errors import InputError
from triage.types import Float32, Float64, Mask

OSCILLATION_LIMIT = 0.035
"""Largest oscillation index of an accepted residue at one sample per second; no dimension. Wu 2003."""

TRUNCATIONS = (0.02, 0.05, 0.08, 0.10, 0.12, 0.15, 0.18, 0.20, 0.25, 0.30, 0.35, 0.40, 0.50, 0.60, 0.80, 0.95)
"""Truncation levels as shares of the largest singular value. Wu 2003 scans 0 to 0.95."""

LAG_RANGE_S = (-6.0, 35.0)
"""Lags in which a peak is looked for: arterial input up to 6 s late, tissue at most 35 s behind it."""

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
        Seconds between samples.
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
) -> InverseBank:
    """Regularised inverses of the block-circulant matrix of `arterial_hu` ``(N,)``; one truncation makes bSVD.

    Wu's index is a sum over the whole circulant divided by its length. Here the sum runs over the rows that are
    kept, where a peak may lie, and the limit is scaled so that the allowed sum stays the same. Second differences
    shrink with the square of the step, and the limit with them: a curve sampled twice as finely is regularised alike.

    Raises
    ------
    InputError
        When the curve is not a finite, non-zero vector or the step is not positive.
    """
    if arterial_hu.ndim != 1 or not np.isfinite(arterial_hu).all() or not arterial_hu.any() or dt_s <= 0:
        raise InputError("the arterial input must be a finite, non-zero curve with a positive time step")
    first, last = _lags(lag_range_s, dt_s, arterial_hu.size)
    inverses = [_truncated_inverse(arterial_hu, dt_s, share) for share in truncations]
    rows = np.arange(first, last + 1)[:, None] - np.arange(arterial_hu.size)[None, :]
    operators = np.stack([inverse[rows % inverse.size] for inverse in inverses]).astype(np.float32)
    limit = oscillation_limit * dt_s**2 * inverses[0].size / len(rows)
    return InverseBank(operators, dt_s, limit, first)


def deconvolve(tissue_hu: Float32, bank: InverseBank) -> FlowResidue:
    """Peak of the residue of every tissue curve, float32 ``(V, N)``.

    Of the bank's inverses the least regularised one is taken whose residue peaks above zero and oscillates less
    than the limit; the most regularised one when there is none. The place of the peak is refined by a parabola
    through the largest inner sample and its neighbours.
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


def _lags(lag_range_s: tuple[float, float], dt_s: float, samples: int) -> tuple[int, int]:
    """First and last lag in samples, within the signed half-period of the circulant."""
    first, last = (round(lag / dt_s) for lag in lag_range_s)
    return max(first, 1 - samples), min(last, samples)


def _truncated_inverse(arterial_hu: Float64, dt_s: float, share: float) -> Float64:
    """Generating column of the inverse, ``(2 N,)``, without singular values below `share` of the largest."""
    spectrum = np.fft.rfft(arterial_hu * dt_s, 2 * arterial_hu.size)
    kept = np.abs(spectrum) >= share * np.abs(spectrum).max()
    return np.fft.irfft(
        np.divide(1.0, spectrum, out=np.zeros_like(spectrum), where=kept), 2 * arterial_hu.size
    )


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
    """Height and fractional row of the peak of each residue ``(v, L)``."""
    at = np.clip(residue.argmax(axis=1), 1, residue.shape[1] - 2)
    row = np.arange(len(residue))
    before, top, after = residue[row, at - 1], residue[row, at], residue[row, at + 1]
    bend = before - 2 * top + after
    shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, -1), 0).clip(-0.5, 0.5)
    return top - 0.25 * (before - after) * shift, (at + shift).astype(np.float32)
