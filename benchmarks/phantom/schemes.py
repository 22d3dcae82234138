"""When the images of a scan are taken: one time for every frame and slice."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np

from triage.types import Float64, Mask

LATE_STEP = 2.0
"""Distance of the frames in the last third of a variable scan, in steps."""

SWEEP_SHARE = 0.9
"""Of one step the table moves; the rest is turning round (a 4-D spiral of 1.5 s has 0.15 s for it)."""

BURST_FRAMES = 2
"""Frames the table stays for at one end of a burst scan."""

JITTER = 0.4
"""Largest deviation of an uneven scan's frames from the regular grid, in steps."""

JITTER_STREAM = 3
"""Keeps the draw of uneven times apart from the draws of the patient."""


class Scheme(StrEnum):
    """When frames are taken.

    UNIFORM: one step throughout. VARIABLE: the last third at twice the step. SHUTTLE: the table toggles between a
    lower and an upper half, each seen every second step. SWEEP: the table moves back and forth without a stop, one
    sweep a step, so that slices near its ends see short and long intervals in turn. BURSTS: two frames a step apart of
    the lower half, then two of the upper; a half waits three steps between its bursts. UNEVEN: every frame up to 0.4
    steps early or late.
    """

    UNIFORM = "uniform"
    VARIABLE = "variable"
    SHUTTLE = "shuttle"
    SWEEP = "sweep"
    BURSTS = "bursts"
    UNEVEN = "uneven"


@dataclass(frozen=True, slots=True)
class Pace:
    """How many frames of how many slices, at which step; `seed` draws what is irregular."""

    frames: int
    slices: int
    step_s: float
    seed: int


def times_s(scheme: Scheme, pace: Pace) -> Float64:
    """Acquisition times ``(T, Z)``, seconds from the first image."""
    return TIMING[scheme](pace)


def _uniform(pace: Pace) -> Float64:
    return _everywhere(np.arange(pace.frames) * np.float64(pace.step_s), pace)


def _variable(pace: Pace) -> Float64:
    late = np.arange(pace.frames) > pace.frames * 2 // 3
    times = np.cumsum(np.where(late, LATE_STEP, 1.0)) * pace.step_s
    return _everywhere(times - times[0], pace)


def _shuttle(pace: Pace) -> Float64:
    return 2 * _uniform(pace) + np.where(_upper(pace), pace.step_s, 0.0)


def _sweep(pace: Pace) -> Float64:
    upwards = SWEEP_SHARE * (np.arange(pace.slices) + 0.5) / pace.slices
    turn, along = np.arange(pace.frames)[:, None], np.stack([upwards, upwards[::-1]])
    times: Float64 = pace.step_s * (turn + along[turn[:, 0] % 2] - upwards[0])
    return times


def _bursts(pace: Pace) -> Float64:
    burst, within = np.divmod(np.arange(pace.frames), BURST_FRAMES)
    steps = _everywhere(2 * BURST_FRAMES * burst + within, pace) + np.where(_upper(pace), BURST_FRAMES, 0)
    return steps * pace.step_s


def _uneven(pace: Pace) -> Float64:
    jitter = np.random.default_rng([pace.seed, JITTER_STREAM]).uniform(-JITTER, JITTER, pace.frames)
    times = (np.arange(pace.frames) + jitter) * pace.step_s
    return _everywhere(times - times[0], pace)


def _everywhere(times: Float64, pace: Pace) -> Float64:
    return np.repeat(times[:, None], pace.slices, axis=1)


def _upper(pace: Pace) -> Mask:
    return np.arange(pace.slices) >= pace.slices // 2


TIMING: Mapping[Scheme, Callable[[Pace], Float64]] = MappingProxyType(
    {
        Scheme.UNIFORM: _uniform,
        Scheme.VARIABLE: _variable,
        Scheme.SHUTTLE: _shuttle,
        Scheme.SWEEP: _sweep,
        Scheme.BURSTS: _bursts,
        Scheme.UNEVEN: _uneven,
    }
)
