"""From the scanner's instants, slice by slice, to one uniform time axis."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from triage.errors import AnalysisError
from triage.types import Float32, Float64, Mask

STEP_S = 1.0
"""Working time step: finer than any perfusion scan is sampled, so that linear interpolation loses nothing."""

FEWEST_FRAMES = 20
"""Fewer instants do not describe a first pass."""

SHORTEST_S = 35.0
"""Shorter scans end before the tissue has been washed through: Kasasbeh 2016 needs 33 s in the median."""

LONGEST_STEP_S = 4.0
"""Median interval above which flow is lost: Oei 2013 finds CBF within 85 % and MTT doubled at 4 s."""

THREADS = 2
"""Slices handled side by side."""


def check_sampling(time_s: Float64) -> None:
    """Refuse scans that are too short or too sparse; `time_s` is ``(T, Z)``.

    Raises
    ------
    AnalysisError
        Naming what is too short or too sparse.
    """
    frames, duration_s = len(time_s), float(np.ptp(time_s, axis=0).min())
    step_s = float(np.median(np.diff(time_s, axis=0)))
    refusals = (
        (frames < FEWEST_FRAMES, f"only {frames} frames: at least {FEWEST_FRAMES} are needed"),
        (
            duration_s < SHORTEST_S,
            f"scan of {duration_s:.0f} s is too short: at least {SHORTEST_S:.0f} s are needed",
        ),
        (
            step_s > LONGEST_STEP_S,
            f"one frame every {step_s:.1f} s is too sparse: at most {LONGEST_STEP_S:.0f} s apart",
        ),
    )
    for refused, reason in refusals:
        if refused:
            raise AnalysisError(reason)


def uniform_times(time_s: Float64) -> Float64:
    """Instants ``(N,)`` one step apart that every slice of ``(T, Z)`` was seen around."""
    return np.arange(time_s[0].max(), time_s[-1].min() + STEP_S / 2, STEP_S)


def interpolation(time_s: Float64, seen: Mask, at_s: Float64) -> Float32:
    """Weights ``(N, T)`` that carry one slice's curves, seen bool ``(T,)`` at `time_s` ``(T,)``, to `at_s`."""
    weights = np.zeros((at_s.size, time_s.size))
    known = np.flatnonzero(seen)
    weights[:, known] = np.stack([np.interp(at_s, time_s[known], row) for row in np.eye(known.size)], axis=1)
    return weights.astype(np.float32)


def curves(hu: Float32, time_s: Float64, seen: Mask, at_s: Float64, voxels: Mask) -> Float32:
    """Curves of the chosen `voxels` at common instants, ``(V, N)`` in C order; unseen slices are bridged in time."""
    ends = np.cumsum(voxels.sum(axis=(1, 2)))
    found = np.empty((int(ends[-1]), at_s.size), dtype=np.float32)

    def carry(z: int) -> None:
        chosen = np.flatnonzero(voxels[z])
        measured = hu[:, z].reshape(len(hu), -1).take(chosen, axis=1)
        weights = interpolation(time_s[:, z], seen[:, z], at_s)
        np.matmul(measured.T, weights.T, out=found[ends[z] - chosen.size : ends[z]])

    with ThreadPoolExecutor(THREADS) as pool:
        deque(pool.map(carry, range(len(voxels))), maxlen=0)
    return found
