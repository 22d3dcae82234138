"""The measurement of the masks: its figures mean what they say, and a small patient meets the bound."""

import numpy as np
import pytest

pytest.importorskip("nilearn", reason="the phantom's anatomy comes with the demo extra")
masks = pytest.importorskip("benchmarks.masks", reason="benchmarks are not part of the distribution")

from benchmarks.phantom import Patient, make_patient  # noqa: E402 - only where they are installed
from triage.types import Geometry  # noqa: E402

GRID = Geometry.axial((3, 64, 64), (5.0, 2.0, 2.0), (0.0, 0.0, 0.0))
SQUARE = np.zeros(GRID.shape, bool)
SQUARE[:, 10:50, 10:50] = True


@pytest.fixture(scope="module")
def found():
    phantom = make_patient(Patient(seed=5, matrix=128, slices=6, frames=24, core_ml=8, hypoperfused_ml=30))
    return masks.overlaps(phantom.series, phantom.truth)


def test_equal_masks_overlap_wholly():
    same = masks.compare(SQUARE, SQUARE, GRID)
    assert (same.dice, same.slice_dice, same.distance_mm) == (1.0, 1.0, 0.0)
    assert same.found_ml == pytest.approx(3 * 40 * 40 * 20 / 1000)


def test_one_shifted_slice_shows_in_its_dice_and_in_the_distance():
    shifted = SQUARE.copy()
    shifted[1] = np.roll(SQUARE[1], 6, axis=1)
    moved = masks.compare(shifted, SQUARE, GRID)
    assert moved.slice_dice == pytest.approx(1 - 6 / 40)
    assert moved.dice == pytest.approx(1 - 6 / 120)
    assert moved.distance_mm == pytest.approx(12.0)


def test_the_bound_is_met_by_the_masks_of_a_small_patient(found):
    assert found[masks.INSIDE].dice > masks.LEAST_DICE
    assert found[masks.BRAIN].dice > masks.LEAST_DICE
    assert found[masks.INSIDE].distance_mm < 5


def test_a_refused_patient_counts_as_missed(found):
    outcomes = [masks.Outcome(group, 0, found) for group in (*masks.PLAIN, "metal")]
    refused = masks.Outcome(next(iter(masks.PLAIN)), 1, refused="no brain")
    met = {row.what: row.met for row in masks.rows([*outcomes, refused])}
    assert met[f"{masks.INSIDE}: lowest of them"] is False
    assert met[f"{masks.INSIDE}: lowest of 1 unusual scans (metal)"] is True
    assert "refused: no brain" in next(masks.details([*outcomes, refused]))[0]


def test_truths_lie_within_each_other(small):
    truth = small.truth
    assert not (truth.brain & ~truth.solid).any()
    assert not (truth.solid & ~truth.inside).any()
