"""Work on single frames, done while a scan is still being received and remembered by what it was done on.

A memory and nothing else: what is remembered is what would be computed again, bit for bit, from the same images. So a
prepared analysis equals an unprepared one, and whatever becomes of a preparation, nothing is lost but time.
"""

from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from triage import masks, motion, reduction
from triage.matching import Matcher, Pose, Window, matcher
from triage.types import Float32, FrameSource, Geometry

LARGEST_MEMORY_BYTES = 600_000_000
"""Remembered means; 16 slices of 45 frames take 190 MB. Beyond it images are read again when the scan is whole."""

Names = tuple[Hashable, ...]
"""What each slice of a frame shows, by names that no other content ever has."""


class FrameWork(NamedTuple):
    """How the work on single frames is done; by default from the beginning."""

    mean: reduction.FrameMean | None = None
    locate: motion.Locate = motion.located
    resample: motion.Resample = motion.resampled_frame
    skull: masks.SkullFinder = masks.skull_of


AFRESH = FrameWork()


class NamedFrames(FrameSource, Protocol):
    """A source whose images have names."""

    def names(self, number: int) -> Names:
        """Names of the slices of one frame."""


@dataclass(slots=True, eq=False)
class Preparation:
    """Means of slabs, poses of frames, frames brought back and the skull, as far as they are known."""

    means: dict[Hashable, Float32] = field(default_factory=dict)
    _reference: tuple[Hashable, ...] = ()
    _matcher: Matcher | None = None
    _located: dict[Names, tuple[Pose, float]] = field(default_factory=dict)
    _resampled: dict[Hashable, Float32] = field(default_factory=dict)
    _skull: tuple[Float32, Geometry, masks.Skull] | None = None

    @property
    def is_full(self) -> bool:
        """Whether no more means should be remembered."""
        return sum(mean.nbytes for mean in self.means.values()) >= LARGEST_MEMORY_BYTES

    def prepare(self, source: NamedFrames) -> None:
        """Do what can be done with the frames there are; raises like `triage.motion.aligned`."""
        work = self.of(source)
        series = reduction.reduced(source, work.mean)
        if len(series.hu) >= motion.REFERENCE_FRAMES:
            still = motion.aligned(series.hu, series.geometry, work.locate, work.resample)
            work.skull(masks.early_mean(still.hu), series.geometry)

    def take_slice(self, name: Hashable, hu: Float32, factor: int) -> None:
        """Remember the mean of one image ``(Y, X)`` in HU, where slices are not averaged."""
        if not self.is_full:
            self.means[factor, (name,)] = reduction.block_mean(hu[np.newaxis], 1, factor)[0]

    def of(self, source: NamedFrames) -> FrameWork:
        """The same work for a source, where it was not done already; what is new is remembered."""
        return FrameWork(
            partial(self._mean, source),
            partial(self._locate, source),
            partial(self._resample, source),
            self._skull_of,
        )

    def _mean(self, source: NamedFrames, number: int, slab: int, factor: int) -> Float32:
        names = source.names(number)
        keys = [(factor, names[z : z + slab]) for z in range(0, len(names) - slab + 1, slab)]
        if not all(key in self.means for key in keys):
            fresh = reduction.frame_mean(source)(number, slab, factor)
            if self.is_full:
                return fresh
            self.means.update(zip(keys, fresh, strict=True))
        return np.stack([self.means[key] for key in keys])

    def _locate(
        self, source: NamedFrames, hu: Float32, first: NDArray[np.intp], geometry: Geometry
    ) -> Sequence[tuple[Pose, float]]:
        names = [source.names(number) for number in range(len(hu))]
        reference = (geometry.affine.tobytes(), *(names[t] for t in first))
        if self._matcher is None or reference != self._reference:
            self._matcher = matcher([hu[t] for t in first], geometry)
            self._reference, self._located, self._resampled = reference, {}, {}
        unknown = [t for t, name in enumerate(names) if name not in self._located]
        with ThreadPoolExecutor(motion.THREADS) as pool:
            found = list(pool.map(self._matcher.locate, (hu[t] for t in unknown)))
        self._located |= {names[t]: pose for t, pose in zip(unknown, found, strict=True)}
        return [self._located[name] for name in names]

    def _resample(
        self, source: NamedFrames, number: int, frame: Float32, pose: Pose, geometry: Geometry, window: Window
    ) -> Float32:
        """Bring a frame back; its pose follows from the reference and the frame."""
        rows, columns = window
        key = (source.names(number), rows.start, rows.stop, columns.start, columns.stop)
        if key not in self._resampled:
            self._resampled[key] = motion.resampled(frame, pose, geometry, window)
        return self._resampled[key]

    def _skull_of(self, early_hu: Float32, geometry: Geometry) -> masks.Skull:
        """Find the skull, unless the first frames look as they did the last time."""
        known = self._skull
        same = (
            known and np.array_equal(known[0], early_hu) and np.array_equal(known[1].affine, geometry.affine)
        )
        if not known or not same:
            known = self._skull = (early_hu, geometry, masks.skull_of(early_hu, geometry))
        return known[2]
