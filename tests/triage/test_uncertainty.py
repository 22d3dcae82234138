"""Intervals: wide where the scan says little, narrow where it says much, and never beside the number."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from triage.record import Record
from triage.stages import (
    USUAL,
    Head,
    Perfused,
    TissueCurves,
    clean_tissue,
    find_input,
    look_at_head,
    quantify,
    take_scan,
)
from triage.types import Geometry
from triage.uncertainty import SMALLEST_HALF_ML, _surface_mm2, intervals


@dataclass(frozen=True)
class Scene:
    """What intervals are computed from."""

    head: Head
    tissue: TissueCurves
    first: Perfused

    def intervals(self):
        return intervals(self.head, self.tissue, self.first, USUAL.thresholds)


def scene_of(series):
    record = Record(lambda: 0.0)
    head = look_at_head(take_scan(series, record), record)
    inputs = find_input(head)
    tissue = clean_tissue(head, inputs, USUAL.denoise, record)
    return Scene(head, tissue, quantify(head, tissue, inputs, USUAL, record))


@pytest.fixture(scope="module")
def scene(drawn):
    return scene_of(drawn.series)


def with_noise(scene, noise_hu):
    return replace(scene, head=replace(scene.head, noise_hu=noise_hu)).intervals()


def with_candidates(scene, curves_hu):
    inputs = replace(scene.first.inputs, candidate_hu=curves_hu, candidate_scores=np.ones(len(curves_hu)))
    return replace(scene, first=replace(scene.first, inputs=inputs)).intervals()


def width(ends):
    return ends.high - ends.low


def test_more_noise_makes_the_lesion_less_certain(scene):
    quiet, loud = (with_noise(scene, noise_hu)["hypoperfused_ml"] for noise_hu in (0.5, 20.0))
    assert width(loud) > 1.5 * width(quiet)


def test_arteries_that_differ_make_the_volumes_less_certain(scene):
    curve = scene.first.inputs.arterial_hu
    alike, unlike = np.stack([curve, curve]), np.stack([curve, np.roll(curve, 4)])
    first, second = (width(with_candidates(scene, curves)["core_ml"]) for curves in (alike, unlike))
    assert second > first


def test_the_core_is_less_certain_than_its_smallest_error(scene):
    assert width(scene.intervals()["core_ml"]) >= 2 * SMALLEST_HALF_ML


def test_without_a_lesion_there_is_an_upper_end_and_no_ratio(drawing):
    ends = scene_of(drawing(side="none").series).intervals()
    assert ends["core_ml"].low == ends["hypoperfused_ml"].low == 0
    assert ends["hypoperfused_ml"].high >= SMALLEST_HALF_ML
    assert "mismatch_ratio" not in ends


def test_a_lesion_that_leaves_nothing_far_away_still_has_intervals(scene):
    everywhere = replace(scene.first.assessment, hypoperfused=scene.tissue.brain)
    ends = replace(scene, first=replace(scene.first, assessment=everywhere)).intervals()
    assert all(
        np.isfinite(one.low) and one.high is not None and np.isfinite(one.high) for one in ends.values()
    )


def test_the_surface_of_a_ball_is_that_of_a_ball():
    geometry = Geometry.axial((41, 41, 41), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    z, y, x = np.mgrid[-20:21, -20:21, -20:21]
    ball = z**2 + y**2 + x**2 <= 15**2
    assert _surface_mm2(ball, geometry) == pytest.approx(4 * np.pi * 15**2, rel=0.05)
