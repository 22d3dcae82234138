"""What the nouns promise: shapes are checked, arrays are read-only, geometry survives a round trip."""

import json
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from triage.errors import InputError
from triage.types import (
    Agreement,
    ArterialInput,
    Criterion,
    CtpSeries,
    Geometry,
    ModelFinding,
    PerfusionMaps,
    QualityFlag,
    Severity,
    Side,
    Status,
    TriageResult,
)

AXIAL = Geometry.axial((3, 4, 5), (5.0, 0.5, 0.7), (-10.0, 20.0, 30.0), "1.2.3")


def tilted():
    """A gantry tilt: slices step along a direction that is not at right angles to the rows and columns."""
    affine = np.eye(4)
    affine[:3, 0] = (0.0, 1.6, 4.7)
    affine[:3, 1] = Rotation.from_euler("x", 18.5, degrees=True).apply((0, 0.45, 0))
    affine[:3, 2] = (0.45, 0.0, 0.0)
    affine[:3, 3] = (-110.0, -95.0, 12.0)
    return Geometry((3, 4, 5), affine)


def series(hu=None, time_s=None):
    frames = np.zeros((6, *AXIAL.shape), np.float32) if hu is None else hu
    times = np.repeat(np.arange(6.0)[:, None], 3, axis=1) if time_s is None else time_s
    return CtpSeries(frames, times, AXIAL)


def test_geometry_survives_simpleitk():
    turned = AXIAL.affine.copy()
    turned[:3, :3] = Rotation.from_euler("xyz", (10, -5, 20), degrees=True).as_matrix() @ turned[:3, :3]
    for geometry in (AXIAL, Geometry(AXIAL.shape, turned)):
        image = geometry.to_sitk(np.zeros(geometry.shape, np.float32))
        back = Geometry.from_sitk(image, geometry.frame_of_reference_uid)
        assert back.shape == geometry.shape
        assert_allclose(back.affine, geometry.affine, atol=1e-9)


def test_simpleitk_sees_the_same_point_at_the_same_index():
    image = AXIAL.to_sitk(np.arange(60, dtype=np.float32).reshape(AXIAL.shape))
    assert image.GetPixel(4, 2, 1) == 1 * 20 + 2 * 5 + 4
    assert_allclose(image.TransformIndexToPhysicalPoint((4, 2, 1)), (AXIAL.affine @ (1, 2, 4, 1))[:3])


def test_a_tilted_grid_keeps_its_spacing_and_volume():
    geometry = tilted()
    assert_allclose(geometry.spacing_mm, (np.hypot(1.6, 4.7), 0.45, 0.45))
    assert geometry.voxel_ml == pytest.approx(abs(np.linalg.det(geometry.affine[:3, :3])) / 1000)
    assert geometry.voxel_ml < np.prod(geometry.spacing_mm) / 1000


def test_masks_become_small_images():
    image = AXIAL.to_sitk(np.ones(AXIAL.shape, dtype=bool))
    assert image.GetPixelID() == sitk.sitkUInt8


@pytest.mark.parametrize("factor", [2, 3])
def test_reduced_centres_are_the_means_of_their_blocks(factor):
    geometry = Geometry.axial((2, 6, 6), (5.0, 0.5, 0.7), (1.0, 2.0, 3.0))
    first_block = [(geometry.affine @ (0, y, x, 1))[:3] for y in range(factor) for x in range(factor)]
    assert_allclose(geometry.reduced(factor).affine[:3, 3], np.mean(first_block, axis=0))
    assert geometry.reduced(factor).voxel_ml == pytest.approx(factor**2 * geometry.voxel_ml)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: series(hu=np.zeros((6, 3, 4), np.float32)), "4 axes|axes"),
        (lambda: series(hu=np.zeros((6, *AXIAL.shape))), "float32"),
        (lambda: series(hu=np.zeros((6, 3, 4, 6), np.float32)), "does not fit"),
        (lambda: series(time_s=np.zeros((6, 2))), "time_s must be"),
        (lambda: series(time_s=np.zeros((6, 3))), "increase"),
        (lambda: series(time_s=np.full((6, 3), np.nan)), "NaN"),
        (lambda: Geometry((0, 4, 4), np.eye(4)), "positive sizes"),
        (lambda: Geometry((1, 4, 4), np.eye(3)), "4 x 4"),
        (lambda: Geometry((1, 4, 4), np.diag([1.0, 0.0, 1.0, 1.0])), "degenerate"),
        (lambda: Geometry((1, 4, 4), np.full((4, 4), np.nan)), "NaN"),
        (lambda: AXIAL.to_sitk(np.zeros((1, 1, 1))), "does not fit"),
        (lambda: inputs(time_s=np.array([0.0, 1.0, 3.0])), "uniform"),
        (lambda: inputs(arterial_hu=np.zeros(2)), "differ in length"),
        (lambda: maps(mtt_s=np.zeros((1, 2, 3), np.float32)), "differ in shape"),
        (lambda: maps(brain=np.zeros((2, 2, 2), np.uint8)), "bool mask"),
        (lambda: TriageResult(Status.NOT_ANALYSED, None, "", ""), "needs a reason"),
        (lambda: TriageResult(Status.ANALYSED, None, "", ""), "needs its volumes"),
    ],
)
def test_what_cannot_be_is_refused(broken, message):
    with pytest.raises(InputError, match=message):
        broken()


def inputs(**replaced):
    curve, nowhere = np.array([0.0, 5.0, 1.0]), np.zeros((0, 3), dtype=np.int64)
    curves = {"time_s": np.arange(3.0), "arterial_hu": curve.copy(), "venous_hu": curve.copy(), **replaced}
    return ArterialInput(**curves, arterial_voxels=nowhere, venous_voxels=nowhere)


def maps(**replaced):
    names = ("cbf_ml_per_100g_min", "cbv_ml_per_100g", "mtt_s", "tmax_s", "ttp_s")
    volumes = {name: np.zeros((2, 2, 2), np.float32) for name in names}
    return PerfusionMaps(**{**volumes, "brain": np.ones((2, 2, 2), dtype=bool), **replaced})


@pytest.mark.parametrize(
    "array",
    [series().hu, series().time_s, AXIAL.affine, inputs().arterial_hu, maps().tmax_s, maps().brain],
    ids=["hu", "time_s", "affine", "arterial_hu", "tmax_s", "brain"],
)
def test_arrays_are_read_only(array):
    with pytest.raises(ValueError, match="read-only"):
        array[...] = 0


def test_values_are_frozen():
    with pytest.raises(FrozenInstanceError):
        AXIAL.shape = (1, 1, 1)


def result(**replaced):
    values = {
        "status": Status.ANALYSED,
        "reason": None,
        "study_uid": "1.2",
        "series_uid": "1.2.3",
        "side": Side.LEFT,
        "core_ml": 12.5,
        "hypoperfused_ml": 60.0,
        "volumes_ml": {"tmax_gt_6": 60.0},
        "criteria": {"defuse_3": Criterion(True, ("age",), "met")},
        "models": (ModelFinding("core", "1", "ab" * 32, 11.0, agreement=Agreement.DIFFER),),
        "quality": (QualityFlag("motion", Severity.WARNING, "moved"),),
        "timing_s": {"total": 3.0},
        **replaced,
    }
    return TriageResult(**values)


def test_a_result_survives_json():
    original = result()
    assert TriageResult.from_json(json.loads(json.dumps(original.to_json()))) == original


def test_one_severe_flag_takes_the_trust_away():
    assert result().trusted
    assert not result(quality=(QualityFlag("motion", Severity.SEVERE, "moved"),)).trusted
    assert not TriageResult(Status.NOT_ANALYSED, "no bolus", "", "").trusted
