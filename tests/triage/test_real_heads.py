"""The inside of the skull on real heads: nobody drew the truth, but a sound mask has properties."""

import numpy as np
import pytest
from scipy import ndimage

from tests.triage import real_heads
from triage.masks import BONE_HU, fluid, in_plane_cross, intracranial
from triage.symmetry import mid_plane
from triage.tissue import CALCIFIED_HU, LARGEST_CALCIFICATION_ML, calcification

WITH_BASE = pytest.mark.parametrize(
    "draw", [real_heads.stroke, real_heads.tilted_base, real_heads.tilted_vault]
)
VAULT_CM2 = 85.0
"""Above the orbits, below the vertex: one round hole in one ring of bone."""

ORBITAL_SLICES = 2
"""The lowest slices of that size may still show the roof of the orbits."""


def ml(mask, grid):
    return float(mask.sum()) * grid.voxel_ml


def vault_slices(inside, grid):
    """Numbers of the slices through the vault."""
    cm2 = inside.sum(axis=(1, 2)) * grid.voxel_ml / grid.spacing_mm[0] * 10
    return np.flatnonzero(cm2 > VAULT_CM2)[ORBITAL_SLICES:]


@pytest.mark.parametrize(
    ("draw", "lowest_ml", "highest_ml"),
    [
        (real_heads.stroke, 1050, 1250),
        (real_heads.tilted_base, 340, 420),
        (real_heads.tilted_vault, 1100, 1270),
    ],
)
def test_a_slab_of_a_head_holds_a_plausible_volume(draw, lowest_ml, highest_ml):
    hu, grid = draw()
    assert lowest_ml < ml(intracranial(hu, grid), grid) < highest_ml


def test_the_two_slabs_of_the_tilted_head_make_one_grown_ups():
    whole_ml = sum(
        ml(intracranial(*draw()), draw()[1]) for draw in (real_heads.tilted_base, real_heads.tilted_vault)
    )
    assert 1300 < whole_ml < 1700


@WITH_BASE
def test_it_is_one_space_with_at_most_the_four_fossae_in_a_slice(draw):
    hu, grid = draw()
    inside = intracranial(hu, grid)
    assert ndimage.label(inside)[1] == 1
    pieces = [ndimage.label(slice_)[1] for slice_ in inside]
    assert max(pieces) <= 4
    assert {pieces[z] for z in vault_slices(inside, grid)} <= {1}


@WITH_BASE
def test_nothing_dense_is_inside_but_lime_and_partial_bone_at_the_edge(draw):
    hu, grid = draw()
    inside = intracranial(hu, grid)
    assert not (inside & (hu > BONE_HU)).any()
    lime = calcification(hu, inside, grid)
    edge = ndimage.binary_dilation(~inside & (hu > BONE_HU), in_plane_cross(), iterations=2)
    assert ml(inside & (hu > CALCIFIED_HU) & ~lime & ~edge, grid) < 0.02 * ml(inside, grid)


@pytest.mark.parametrize("draw", [real_heads.stroke, real_heads.tilted_vault])
def test_holes_in_it_are_lime(draw):
    hu, grid = draw()
    inside = intracranial(hu, grid)
    numbers = vault_slices(inside, grid)
    holes = np.stack([ndimage.binary_fill_holes(slice_) & ~slice_ for slice_ in inside[numbers]])
    assert ml(holes, grid) < LARGEST_CALCIFICATION_ML
    assert (hu[numbers][holes] > BONE_HU).all()


@pytest.mark.parametrize("draw", [real_heads.stroke, real_heads.tilted_vault])
def test_it_ends_at_bone_neither_short_of_it_nor_beyond(draw):
    hu, grid = draw()
    inside = intracranial(hu, grid)
    for z in vault_slices(inside, grid):
        filled = ndimage.binary_fill_holes(inside[z])
        ring = ndimage.binary_dilation(filled, iterations=2) & ~ndimage.binary_dilation(filled)
        assert (hu[z][ring] > BONE_HU).mean() > 0.85, f"slice {z}"


@WITH_BASE
def test_both_sides_are_alike_and_some_of_it_is_fluid(draw):
    hu, grid = draw()
    inside = intracranial(hu, grid)
    left = mid_plane(hu, inside, grid).left(grid)
    assert ml(inside & left, grid) / ml(inside, grid) == pytest.approx(0.5, abs=0.06)
    assert 0.04 < (fluid(hu, grid) & inside).sum() / inside.sum() < 0.25


@pytest.mark.parametrize("name", ["IM-0001-0001-0001.dcm", "Registered00001.dcm"], ids=["raw", "registered"])
def test_one_slice_of_a_real_perfusion_scan_is_enough(name):
    """At 80 kV, with contrast, and through the base: the smallest head there is."""
    hu, grid = real_heads.perfusion_slice(name)
    inside = intracranial(hu, grid)
    assert 45 < ml(inside, grid) < 55
    assert ndimage.label(inside)[1] == 1
    left = mid_plane(hu, inside, grid).left(grid)
    assert ml(inside & left, grid) / ml(inside, grid) == pytest.approx(0.5, abs=0.03)


def test_it_is_what_the_priors_of_a_template_hold():
    hu, grid, prior = real_heads.template()
    inside = intracranial(hu, grid)
    assert 2 * (inside & prior).sum() / (inside.sum() + prior.sum()) > 0.96
