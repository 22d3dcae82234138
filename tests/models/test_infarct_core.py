"""The network that this distribution brings: what was trained is what is shipped, and it sees what it should."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cohort import shown
from benchmarks.phantom import Patient, make_patient
from models.infarct_core import load_core_model
from triage.core_network import areas
from triage.types import Side

MODELS = Path(__file__).parents[2] / "models"
NAME = "simulated-core"
PATIENT_S = 60.0


def entry():
    tables = tomllib.loads((MODELS / "manifest.toml").read_text())["models"]
    return next(table for table in tables if table["name"] == NAME)


def test_it_is_shown_what_it_was_trained_on():
    trained = tomllib.loads((MODELS / "training" / "infarct_core.toml").read_text())["image"]
    shipped = entry()["image"]
    assert {key: shipped[key] for key in trained if key != "classes"} == {
        key: value for key, value in trained.items() if key != "classes"
    }


def test_it_is_the_one_whose_training_is_kept():
    run = json.loads((MODELS / "training" / "infarct_core_run.json").read_text())
    assert run["sha256"] == entry()["sha256"]
    thresholds = {one["name"]: one["threshold"] for one in entry()["image"]["classes"]}
    assert thresholds == {name: run[name]["threshold"] for name in thresholds}
    losses = [point["loss"] for point in run["curve"]]
    assert losses[-1] < losses[0] / 2


def test_every_word_about_it_says_that_its_patients_were_simulated():
    card = (MODELS / "cards" / "infarct_core.md").read_text()
    assert entry()["training_data"].startswith("simulated patients:")
    assert "not for primary diagnosis" in card
    assert "never seen a real patient" in card


@pytest.mark.parametrize(("core_ml", "side"), [(12.0, Side.RIGHT), (0.0, Side.NONE)])
def test_it_finds_a_core_where_there_is_one_and_none_elsewhere(core_ml, side):
    patient = Patient(seed=77, side=side, core_ml=core_ml, hypoperfused_ml=40, matrix=128, noise_hu=6.0)
    phantom = make_patient(patient)
    evidence, tissue, _ = shown(phantom)
    said = load_core_model(threads=1)(evidence, PATIENT_S)
    core = areas(said, tissue.brain, tissue.tissue, evidence.geometry).core
    found_ml, truth = core.sum() * evidence.geometry.voxel_ml, phantom.truth.core
    assert found_ml == pytest.approx(phantom.truth.core_ml, abs=4.0)
    if side is not Side.NONE:
        assert 2 * (core & truth).sum() / (core.sum() + truth.sum()) > 0.7
        assert np.nanmax(said.core) > 0.9
