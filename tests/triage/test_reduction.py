"""The working grid: local means, asked for frame by frame."""

import weakref
from dataclasses import dataclass, field

import numpy as np
import pytest

from triage.errors import InputError, TemporaryError
from triage.reduction import THREADS, block_mean, reduced
from triage.types import CtpSeries, Geometry

FRAMES = 12


@dataclass
class Source:
    """A `FrameSource` that makes its frames on demand and counts how many are alive at once."""

    geometry: Geometry
    time_s: np.ndarray
    study_uid: str = "1.2"
    series_uid: str = "1.2.3"
    fault: Exception | None = None
    alive: int = 0
    most: int = 0
    asked: list = field(default_factory=list)

    def frame(self, number):
        if self.fault and number == 7:
            raise self.fault
        self.asked.append(number)
        self.alive += 1
        self.most = max(self.most, self.alive)
        hu = np.random.default_rng(number).normal(0, 900, self.geometry.shape).astype(np.float32)
        weakref.finalize(hu, self._forget)
        return hu

    def _forget(self):
        self.alive -= 1


def source(shape=(9, 512, 512), slice_mm=1.25, **settings):
    geometry = Geometry.axial(shape, (slice_mm, 0.45, 0.45), (0.0, 0.0, 0.0))
    time_s = np.arange(FRAMES)[:, None] * 1.5 + np.linspace(0, 0.8, shape[0])
    return Source(geometry, time_s, **settings)


def test_frames_are_asked_for_once_and_never_held():
    frames = source()
    reduced(frames)
    assert sorted(frames.asked) == list(range(FRAMES))
    assert frames.most <= THREADS


def test_a_source_and_the_same_scan_in_memory_give_the_same_series():
    frames = source(shape=(8, 512, 512))
    whole = CtpSeries(np.stack([frames.frame(t) for t in range(FRAMES)]), frames.time_s, frames.geometry)
    one, other = reduced(frames), reduced(whole)
    np.testing.assert_array_equal(one.hu, other.hu)
    np.testing.assert_array_equal(one.time_s, other.time_s)
    assert (one.study_uid, one.series_uid) == ("1.2", "1.2.3")


def test_thin_slices_become_slabs_with_their_mean_place_and_time():
    frames = source()
    series = reduced(frames)
    assert series.geometry.shape == (2, 256, 256)
    np.testing.assert_allclose(series.geometry.spacing_mm, (5.0, 0.9, 0.9))
    np.testing.assert_allclose(series.geometry.affine[:3, 3], (0.225, 0.225, 1.875))
    np.testing.assert_allclose(series.time_s[:, 1], frames.time_s[:, 4:8].mean(axis=1))
    np.testing.assert_allclose(
        series.hu[3, 1, 5, 6], np.maximum(frames.frame(3)[4:8, 10:12, 12:14], -1000).mean(), rtol=1e-5
    )


@pytest.mark.parametrize("steps", [(1, 1), (1, 3), (2, 2), (4, 5)])
def test_incomplete_blocks_are_left_out(steps):
    slab, factor = steps
    volume = np.random.default_rng(0).normal(0, 100, (5, 11, 13)).astype(np.float32)
    z, y, x = 5 // slab, 11 // factor, 13 // factor
    blocks = volume[: z * slab, : y * factor, : x * factor].reshape(z, slab, y, factor, x, factor)
    np.testing.assert_allclose(block_mean(volume, slab, factor), blocks.mean(axis=(1, 3, 5)), atol=1e-4)


@pytest.mark.parametrize("fault", [InputError("cut short"), TemporaryError("cannot read")])
def test_what_a_source_raises_is_raised(fault):
    with pytest.raises(type(fault), match=str(fault)):
        reduced(source(shape=(4, 16, 16), fault=fault))


def test_a_frame_that_is_not_finite_or_has_another_shape_is_named():
    frames = source(shape=(4, 16, 16))
    hu = np.stack([frames.frame(t) for t in range(FRAMES)])
    hu[5, 1, 2, 3] = np.nan
    with pytest.raises(InputError, match="NaN or infinity"):
        reduced(CtpSeries(hu, frames.time_s, frames.geometry))
    frames.frame = lambda _: np.zeros((4, 16, 15), np.float32)
    with pytest.raises(InputError, match=r"frame \(4, 16, 15\)"):
        reduced(frames)
