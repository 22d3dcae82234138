"""What a network is shown, and how its answer comes back: held against slow and plain computations."""

from types import MappingProxyType

import numpy as np
import pytest

from models.image_contract import ImageContract
from models.imaging import prepared, restored
from triage.errors import ConfigError, InputError
from triage.second_engine import Evidence, Volume
from triage.symmetry import MidPlane
from triage.types import Geometry

SAGITTAL = MidPlane(np.array([1.0, 0.0, 0.0]), 0.0)


def contract(**change):
    plain = {
        "layout": "slices",
        "spacing_mm": [0, 2, 2],
        "volumes": [{"name": "tmax_s", "low": 0, "high": 10, "missing": -1}],
        "classes": [{"name": "core", "threshold": 0.5}],
    }
    return ImageContract.from_table({**plain, **change})


def evidence(values, spacing_mm=(5.0, 1.0, 1.0), plane=SAGITTAL, brain=None):
    z, y, x = (size * mm / 2 - mm / 2 for size, mm in zip(values.shape, spacing_mm, strict=True))
    geometry = Geometry.axial(values.shape, spacing_mm, origin_mm=(-x, -y, -z))
    volumes = {Volume.TMAX: values.astype(np.float32)}
    volumes[Volume.BRAIN] = (np.ones(values.shape) if brain is None else brain).astype(np.float32)
    return Evidence(geometry, plane, MappingProxyType(volumes))


def ramp(shape):
    _, y, x = np.indices(shape)
    return (0.3 + 0.5 * y / shape[1] + 0.3 * x / shape[2]).astype(np.float32)


def test_two_by_two_pixels_become_their_mean_and_gaps_are_left_out():
    values = np.arange(32.0).reshape(2, 4, 4) / 4
    values[0, 0, 0] = np.nan
    values[1, 2:, 2:] = np.nan
    values[1, 0, 1] = values[1, 1, 0] = values[1, 1, 1] = np.inf
    tensor = prepared(evidence(values), contract()).tensor
    assert tensor.shape == (2, 1, 2, 2)
    assert tensor.dtype == np.float32
    assert tensor[0, 0, 0, 0] == pytest.approx((1 + 4 + 5) / 4 / 3 / 10)
    assert tensor[0, 0, 1, 1] == pytest.approx(values[0, 2:, 2:].mean() / 10)
    assert tensor[1, 0, 0, 0] == -1, "a quarter of the square is too little"
    assert tensor[1, 0, 1, 1] == -1


@pytest.mark.parametrize(("shape", "mm"), [((3, 96, 80), 0.86), ((2, 40, 50), 3.4), ((2, 90, 77), 1.3)])
@pytest.mark.parametrize(
    "change", [{}, {"multiple": 16}, {"around_brain_mm": 5}, {"spacing_mm": [2, 1.8, 2.2]}]
)
@pytest.mark.parametrize("layout", ["slices", "volume"])
def test_a_smooth_image_comes_back_as_it_went(shape, mm, change, layout):
    brain = np.zeros(shape)
    brain[:, 8:-8, 8:-12] = 1
    values = np.where(brain > 0, ramp(shape), np.nan)
    rule = contract(
        **change, layout=layout, volumes=[{"name": "tmax_s", "low": 0, "high": 1, "missing": 0.5}]
    )
    shown = prepared(evidence(values, (5.0, mm, mm), brain=brain), rule)
    back = restored(shown.tensor, shown.grid, rule)
    inner = (slice(None), slice(14, -14), slice(14, -18))
    assert back.shape == (1, *shape)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back[0][inner], values[inner], atol=2e-3)


def test_area_counts_where_pixels_do_not_divide():
    values = np.arange(9.0)[None, None] * np.ones((1, 9, 1))
    shown = prepared(evidence(values, (5.0, 1.0, 1.0)), contract(spacing_mm=[0, 3, 1.5]))
    assert shown.tensor.shape == (1, 1, 3, 6)
    wanted = [(0 + 0.5 * 1) / 1.5, (0.5 * 1 + 2) / 1.5, (3 + 0.5 * 4) / 1.5]
    np.testing.assert_allclose(shown.tensor[0, 0, 1, :3] * 10, wanted, rtol=1e-6)


def test_only_the_brain_and_its_surroundings_are_shown_and_elsewhere_nothing_is_found():
    brain = np.zeros((2, 60, 80))
    brain[0, 20:40, 30:50] = 1
    rule = contract(around_brain_mm=4)
    shown = prepared(evidence(np.ones(brain.shape), brain=brain), rule)
    assert shown.tensor.shape == (2, 1, 14, 14)
    back = restored(np.ones_like(shown.tensor), shown.grid, rule)[0]
    assert back[0, 17:43, 27:53].min() == 1
    assert back[:, :15].max() == back[:, :, 55:].max() == 0


def test_without_any_brain_the_whole_field_is_shown():
    shown = prepared(evidence(np.ones((2, 60, 80)), brain=np.zeros((2, 60, 80))), contract(around_brain_mm=4))
    assert shown.tensor.shape == (2, 1, 30, 40)


@pytest.mark.parametrize("around", [{}, {"around_brain_mm": 3}])
def test_the_opposite_side_is_what_the_mirror_of_the_analysis_shows(around):
    rng = np.random.default_rng(4)
    normal = np.array([0.99, 0.1, 0.08])
    plane = MidPlane(normal / np.linalg.norm(normal), 3.0)
    shape = (6, 64, 64)
    values = rng.random(shape).astype(np.float32) * 8
    brain = np.zeros(shape)
    brain[:, 6:-6, 6:-6] = 1
    given = evidence(values, (5.0, 2.0, 2.0), plane, brain)
    rule = contract(
        **around,
        volumes=[{"name": "tmax_s", "low": 0, "high": 100, "scale": 1, "mirrored": True, "missing": -5}],
    )
    shown = prepared(given, rule)
    y, x = shown.grid.first[1:]
    rows, columns = shown.grid.network_shape[1:]
    wanted = plane.mirrored(values, given.geometry)[:, y : y + rows, x : x + columns]
    found = shown.tensor[:, 0]
    inner = (slice(1, -1), slice(10, -10), slice(12, -12))
    np.testing.assert_allclose(found[inner], wanted[inner], atol=1e-3)


def test_what_lies_opposite_to_the_outside_is_missing():
    plane = MidPlane(np.array([1.0, 0.0, 0.0]), -12.0)
    rule = contract(volumes=[{"name": "tmax_s", "low": 0, "high": 10, "mirrored": True, "missing": -1}])
    tensor = prepared(evidence(np.full((2, 32, 32), 5.0), plane=plane), rule).tensor
    assert (tensor[..., -8:] == -1).all()
    assert (tensor[..., :3] == 0.5).all()


def test_channels_are_clipped_then_scaled_and_neighbours_come_in_order():
    values = np.arange(3.0)[:, None, None] * np.ones((3, 4, 4)) * 10
    rule = contract(
        neighbours=1,
        volumes=[
            {"name": "tmax_s", "low": 5, "high": 15, "offset": 10, "scale": 5},
            {"name": "brain", "low": 0, "high": 2},
        ],
    )
    tensor = prepared(evidence(values), rule).tensor
    assert tensor.shape == (3, 6, 2, 2)
    assert tensor[0, :, 0, 0].tolist() == [-1, 0.5, -1, 0.5, 0, 0.5]
    assert tensor[1, :, 0, 0].tolist() == [-1, 0.5, 0, 0.5, 1, 0.5]
    assert tensor[2, :, 0, 0].tolist() == [0, 0.5, 1, 0.5, 1, 0.5]


def test_slices_are_taken_from_the_nearest_and_padding_is_missing():
    values = np.arange(4.0)[:, None, None] * np.ones((4, 6, 6))
    rule = contract(layout="volume", spacing_mm=[2.5, 2, 2], multiple=[16, 4, 4])
    shown = prepared(evidence(values), rule)
    assert shown.tensor.shape == (1, 1, 16, 4, 4)
    np.testing.assert_allclose(shown.tensor[0, 0, :8, 0, 0] * 10, [0, 0, 1, 1, 2, 2, 3, 3])
    assert (shown.tensor[0, 0, 8:] == -1).all()
    assert (shown.tensor[0, 0, :, 3] == -1).all()
    np.testing.assert_allclose(restored(shown.tensor, shown.grid, rule)[0, :, 0, 0] * 10, [0, 1, 2, 3])


def test_a_volume_that_the_study_lacks_is_named():
    rule = contract(volumes=[{"name": "non_contrast_hu", "low": 0, "high": 80}])
    with pytest.raises(InputError, match="this study has no non_contrast_hu"):
        prepared(evidence(np.ones((2, 4, 4))), rule)


def test_the_evidence_is_left_as_it_was():
    given = evidence(np.where(ramp((2, 20, 20)) > 0.6, np.nan, 1))
    before = given.volumes[Volume.TMAX].copy()
    prepared(given, contract())
    np.testing.assert_array_equal(given.volumes[Volume.TMAX], before)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layout": "sausage"}, "layout must be one of slices, volume"),
        ({"spacing_mm": [0, 1.8]}, "spacing_mm must be 3 numbers"),
        ({"spacing_mm": [0, 0.1, 1]}, "pixels of"),
        ({"spacing_mm": [20, 1, 1]}, "slices of 20.0 mm"),
        ({"neighbours": 9}, "neighbours must be 0 to 5"),
        ({"neighbours": True}, "neighbours must be a whole number, not True"),
        ({"layout": "volume", "neighbours": 1}, "neighbours are for the layout slices"),
        ({"multiple": [4, 16, 16]}, "has no multiple along z"),
        ({"multiple": 1000}, "multiple must be 1 to 128"),
        ({"around_brain_mm": -1}, "must not be negative"),
        ({"volumes": []}, "needs volumes"),
        ({"classes": []}, "needs classes"),
        ({"classes": [{"name": "core", "threshold": 1.5}]}, "is no probability"),
        ({"classes": [{"name": "core", "threshold": 0.5}] * 2}, "repeat a name"),
        ({"volumes": [{"name": "horoscope", "low": 0, "high": 1}]}, "'horoscope' is unknown; there are cbf"),
        ({"volumes": [{"name": "tmax_s", "low": 1, "high": 1}]}, "low must be below high"),
        ({"volumes": [{"name": "tmax_s", "low": 0, "high": 1, "scale": 0}]}, "scale must be positive"),
        ({"volumes": [{"name": "tmax_s", "low": 0, "high": float("inf")}]}, "must be finite"),
        ({"volumes": [{"name": "tmax_s", "low": "a", "high": 1}]}, "low must be a number, not 'a'"),
        ({"volumes": ["tmax_s"]}, "is not a table"),
        ({"colour": "red"}, "unknown keys colour"),
    ],
)
def test_a_contract_that_is_not_sound_is_refused(change, said):
    with pytest.raises(ConfigError, match=said):
        contract(**change)
