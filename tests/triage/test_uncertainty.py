"""Intervals: wide where the scan says little, narrow where it says much, and never beside the number."""

from dataclasses import replace

import numpy as np
import pytest

from triage.deconvolution import InverseBank
from triage.record import Record
from triage.stages import USUAL, clean_tissue, find_input, look_at_head, quantify, take_scan
from triage.types import Geometry
from triage.uncertainty import SMALLEST_HALF_ML, Scene, _surface_mm2, intervals


def scene_of(series):
    record = Record(lambda: 0.0)
    scan = take_scan(series, record)
    head = look_at_head(scan, record)
    inputs = find_input(head)
    tissue = clean_tissue(head, inputs, USUAL.denoise, record)
    first = quantify(head, tissue, inputs, USUAL, record)
    assert isinstance(first.bank, InverseBank)
    return Scene(
        tissue.clean_hu,
        tissue.brain,
        tissue.tissue,
        inputs,
        first.assessment,
        head.noise_hu,
        head.geometry,
        USUAL.thresholds,
    )


@pytest.fixture(scope="module")
def scene(drawn):
    return scene_of(drawn.series)


def width(ends):
    return ends.high - ends.low


def test_more_noise_makes_the_lesion_less_certain(scene):
    quiet, loud = (
        intervals(replace(scene, noise_hu=noise_hu))["hypoperfused_ml"] for noise_hu in (0.5, 20.0)
    )
    assert width(loud) > 1.5 * width(quiet)


def test_arteries_that_differ_make_the_volumes_less_certain(scene):
    curve = scene.inputs.arterial_hu
    alike, unlike = np.stack([curve, curve]), np.stack([curve, np.roll(curve, 4)])
    both = [
        replace(
            scene,
            noise_hu=0.1,
            inputs=replace(scene.inputs, candidate_hu=curves, candidate_scores=np.ones(2)),
        )
        for curves in (alike, unlike)
    ]
    first, second = (width(intervals(one)["core_ml"]) for one in both)
    assert second > first


def test_the_core_is_less_certain_than_its_smallest_error(scene):
    assert width(intervals(scene)["core_ml"]) >= 2 * SMALLEST_HALF_ML


def test_without_a_lesion_there_is_an_upper_end_and_no_ratio(drawing):
    ends = intervals(scene_of(drawing(side="none").series))
    assert ends["core_ml"].low == ends["hypoperfused_ml"].low == 0
    assert ends["hypoperfused_ml"].high >= SMALLEST_HALF_ML
    assert "mismatch_ratio" not in ends


def test_the_surface_of_a_ball_is_that_of_a_ball():
    geometry = Geometry.axial((41, 41, 41), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    z, y, x = np.mgrid[-20:21, -20:21, -20:21]
    ball = z**2 + y**2 + x**2 <= 15**2
    assert _surface_mm2(ball, geometry) == pytest.approx(4 * np.pi * 15**2, rel=0.05)
