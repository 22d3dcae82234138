"""Slices for the case page: the right values at the right places, and never more than the result allows."""

import gzip
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from triage.geometry import Geometry
from viewer_bridge.pages.colour_maps import MAP_LOOKS
from viewer_bridge.pages.pictures import (
    CT_RANGE_HU,
    HIGHEST,
    LOWEST,
    MISSING,
    case_stack,
    manifest,
    tile_files,
)
from viewer_bridge.pages.tiles import CORE_RGB, HYPOPERFUSED_RGB, NETWORK_RGB

FIRST_PICTURE_BYTES = 100_000
"""What a phone on a slow line gets in half a second."""


def opened(content):
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.fixture(scope="module")
def drawn(build):
    """Findings, manifest and files of a small case."""
    analysis = build((6, 64, 64))
    stack = case_stack(analysis)
    return analysis, manifest(stack), dict(tile_files(stack))


def test_every_slice_has_every_layer_and_the_first_picture_is_small(drawn):
    _, said, files = drawn
    layers = ["ct", "overlay", *(shown["name"] for shown in said["maps"])]
    assert layers == ["ct", "overlay", "tmax", "cbf", "cbv", "mtt", "ttp"]
    for z in range(1, 7):
        assert all(f"{layer}-{z:03d}.webp" in files for layer in layers)
    assert len(said["numbers"]) == 6
    assert 1 <= said["first"] <= 6
    first = f"{said['first']:03d}"
    assert len(files[f"ct-{first}.webp"]) + len(files[f"overlay-{first}.webp"]) < FIRST_PICTURE_BYTES


def test_the_ct_keeps_every_hu_of_its_range(drawn):
    analysis, said, files = drawn
    crop, (low, high) = case_stack(analysis).crop, CT_RANGE_HU
    grey = opened(files["ct-003.webp"])[..., 0]
    assert grey.shape == (said["height"], said["width"])
    wanted = np.clip(np.rint(analysis.findings.mean_hu[2]), low, high) - low
    rows, columns = np.mgrid[0 : said["height"], 0 : said["width"]]
    rows, columns = rows + crop.top, columns + crop.left
    known = (rows >= 0) & (rows < 64) & (columns >= 0) & (columns < 64)
    assert known.any()
    assert np.array_equal(grey[known], wanted[rows[known], columns[known]].astype(np.uint8))


def test_the_values_are_those_of_the_maps_to_half_a_level(drawn):
    analysis, said, files = drawn
    crop = case_stack(analysis).crop
    planes = np.frombuffer(gzip.decompress(files["values-003.gz"]), np.uint8)
    planes = planes.reshape(-1, said["height"], said["width"])
    assert len(planes) == 1 + len(said["maps"])
    assert np.array_equal(planes[0], opened(files["ct-003.webp"])[..., 0])
    for plane, shown in zip(planes[1:], said["maps"], strict=True):
        look = MAP_LOOKS[shown["name"]]
        wanted = crop.cut(getattr(analysis.findings.maps, look.attribute)[2], np.nan)
        assert np.array_equal(plane == MISSING, np.isnan(wanted))
        read = shown["low"] + (plane - float(LOWEST)) / (HIGHEST - LOWEST) * (shown["high"] - shown["low"])
        half = (shown["high"] - shown["low"]) / (HIGHEST - LOWEST) / 2
        known = ~np.isnan(wanted)
        assert np.abs(read - np.clip(wanted, look.low, look.high))[known].max() < half + 1e-4


def test_core_is_red_and_the_rest_of_the_lesion_green_over_the_same_place(drawn):
    analysis, said, files = drawn
    crop, picture = case_stack(analysis).crop, opened(files[f"overlay-{said['first']:03d}.webp"])
    small = np.asarray(Image.fromarray(picture).resize((said["width"], said["height"]), Image.Resampling.BOX))
    findings, z = analysis.findings, said["first"] - 1
    core = crop.cut(findings.core[z], 0).astype(bool)
    penumbra = crop.cut((findings.hypoperfused & ~findings.core)[z], 0).astype(bool)
    assert core.any()
    assert penumbra.any()
    opaque = picture[..., 3] > 0
    red, green, blue = (
        (picture[..., :3] == rgb).all(axis=-1) & opaque for rgb in (CORE_RGB, HYPOPERFUSED_RGB, NETWORK_RGB)
    )
    assert np.array_equal(opaque, red | green | blue)
    assert red.any()
    assert blue.any()
    assert said["network"]
    assert (small[..., 0] > small[..., 1])[core].mean() > 0.9
    assert (small[..., 1] > small[..., 0])[penumbra].mean() > 0.8
    assert small[..., 3][~(core | penumbra)].mean() < 10


def test_the_patients_left_is_on_the_right_whatever_the_scanners_axes(drawn, build):
    straight = drawn[0].findings
    affine = straight.geometry.affine.copy()
    affine[:3, 3] += affine[:3, 2] * 63
    affine[:3, 2] *= -1
    geometry = Geometry(straight.geometry.shape, affine, straight.geometry.frame_of_reference_uid)
    maps = replace(
        straight.maps,
        **{f: np.flip(getattr(straight.maps, f), 2) for f in straight.maps.__dataclass_fields__},
    )
    flipped = replace(
        straight,
        geometry=geometry,
        maps=maps,
        **{
            name: np.flip(getattr(straight, name), 2)
            for name in ("mean_hu", "core", "hypoperfused", "tissue_class", "network_core")
        },
    )
    files = dict(tile_files(case_stack(replace(drawn[0], findings=flipped))))
    assert np.array_equal(opened(files["ct-003.webp"]), opened(drawn[2]["ct-003.webp"]))
    assert np.array_equal(opened(files["overlay-003.webp"]), opened(drawn[2]["overlay-003.webp"]))


def test_what_cannot_be_trusted_has_neither_overlays_nor_values(untrusted):
    stack = case_stack(untrusted)
    names = {name.partition("-")[0] for name, _ in tile_files(stack)}
    assert names == {"ct", "tmax", "cbf", "cbv", "mtt", "ttp"}
    assert manifest(stack)["trusted"] is False


def test_without_an_arterial_input_there_is_the_time_to_peak_alone(time_to_peak_only):
    stack = case_stack(time_to_peak_only)
    assert [shown["name"] for shown in manifest(stack)["maps"]] == ["ttp"]


def test_a_scan_that_was_not_analysed_has_no_slices(not_analysed):
    assert case_stack(not_analysed) is None


@pytest.mark.parametrize("name", sorted(MAP_LOOKS))
def test_ticks_are_even_from_one_end_of_the_scale_to_the_other(name):
    """The page spreads them evenly."""
    look = MAP_LOOKS[name]
    assert np.allclose(look.ticks, np.linspace(look.low, look.high, len(look.ticks)))
