"""What the offline command prints and writes, without reading a single image."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from gateway import offline
from gateway.cli import parser
from gateway.exports import export
from gateway.refusal import refused
from gateway.terminal import report
from tests.viewer_bridge.drawn import distrusted, make_analysis, network, without_input
from triage.errors import InputError
from triage.types import Agreement, Criterion, Interval, SecondOpinion


@pytest.fixture(scope="module")
def an_analysis():
    return make_analysis((8, 32, 32))


@pytest.fixture
def a_result(an_analysis):
    return replace(
        an_analysis.result,
        core_ml=32.94,
        mismatch_ratio=1.796,
        intervals={"core_ml": Interval(28.4, 38.7), "mismatch_ratio": Interval(1.61, None)},
        nominal_ml={"core_ml": 25.0},
    )


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_numbers_carry_their_interval_and_what_the_trials_rule_gives(a_result):
    text = report(a_result)
    assert "core                32.9 ml (28-39); by the trials' cut-offs, not calibrated: 25.0 ml\n" in text
    assert "mismatch ratio      1.79 (1.61 or more)\n" in text
    assert "territory           middle cerebral" in text
    assert "compared with       the other hemisphere's tissue with Tmax below 4 s\n" in text
    assert "changes if core > 70 ml\n" in text
    assert "other method        fixed threshold: same volumes\n" in text
    assert "UNCERTAIN" not in text
    assert text.endswith("Research use. Not for primary diagnosis.\n")


def test_what_is_uncertain_or_differs_is_said_in_capitals(a_result):
    unsure = Criterion(met=True, missing=(), text="DEFUSE 3 met", changes_if="core > 37 ml", certain=False)
    differs = SecondOpinion("other", None, None, agrees=False, text="core 60 ml")
    text = report(replace(a_result, criteria={"defuse_3": unsure}, opinions=(differs,)))
    assert "DEFUSE 3 met; changes if core > 37 ml; UNCERTAIN, inside the 90 % interval\n" in text
    assert "METHODS DIFFER      other: core 60 ml\n" in text


def test_a_network_stands_beside_with_its_training_and_what_has_no_model_is_named(a_result):
    text = report(a_result)
    found = "ctp-core-unet 0.1.0 (trained on simulated patients): core "
    assert f"network agrees      {found}" in text
    assert ", hypoperfused 88.8 ml, overlap 0.71: volume and place agree\n" in text
    assert "no model installed  hemorrhage, large vessel occlusion, ASPECTS\n" in text
    opposed = replace(a_result, models=(network(48.0, Agreement.CONTRADICT, "only one method finds a core"),))
    assert f"NETWORK CONTRADICTS {found}48.0 ml" in report(opposed)


def test_without_a_core_the_ratio_is_not_a_number(a_result):
    text = report(replace(a_result, core_ml=0.0, mismatch_ratio=None))
    assert "mismatch ratio      not defined: no core\n" in text


def test_a_severe_flag_takes_every_number_away(an_analysis):
    text = report(distrusted(an_analysis).result)
    assert "do not trust        no numbers are shown: look at the images\n" in text
    assert "severe              The scan ended before the bolus had passed.\n" in text
    for word in (" ml", "left", "DEFUSE", "middle cerebral"):
        assert word not in text
        assert word in report(an_analysis.result), "the search must be able to find it"


def test_without_an_arterial_input_only_the_map_is_named(an_analysis):
    text = report(without_input(an_analysis).result)
    assert "map                 Time to peak, no arterial input: not Tmax\n" in text
    assert " ml" not in text


def test_a_refused_scan_prints_its_reason():
    assert report(refused("too short", "", "")).startswith("not analysed: too short\n")


def test_volumes_and_tables_are_written(an_analysis, tmp_path):
    export(an_analysis.findings, tmp_path)
    volumes = ("cbf", "cbv", "mtt", "tmax", "ttp", "core", "hypoperfused", "core_network", "brain", "tissue")
    tables = {"aif.csv", "aif_voxels.csv", "quality.csv"}
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.nii.gz" for name in volumes} | tables
    tissue = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "tissue.nii.gz")))
    np.testing.assert_array_equal(np.sort(tissue.ravel()), np.sort(an_analysis.findings.tissue_class.ravel()))


def test_tables_hold_curves_candidates_motion_and_dropped_frames(an_analysis, tmp_path):
    export(an_analysis.findings, tmp_path)
    curves, voxels, quality = (rows(tmp_path / f"{name}.csv") for name in ("aif", "aif_voxels", "quality"))
    assert curves[0] == ["time_s", "arterial_hu", "venous_hu", "candidate_1_hu", "candidate_2_hu"]
    assert curves[13] == ["12.0000", "200.0000", "240.0000", "200.0000", "140.0000"]
    assert voxels == [
        ["curve", "z", "y", "x", "score"],
        ["arterial", "4", "16", "16", ""],
        ["venous", "4", "16", "16", ""],
        ["candidate_1", "4", "16", "16", "0.9000"],
        ["candidate_2", "5", "17", "17", "0.4000"],
    ]
    assert quality[1] == ["0", *["0.0000"] * 3, *["1.0000"] * 3, "0"]
    assert [row[0] for row in quality if row[-1] == "1"] == ["12", "13", "30"]


def test_what_the_scan_did_not_give_is_not_written(an_analysis, tmp_path):
    export(without_input(an_analysis).findings, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"ttp.nii.gz", "brain.nii.gz", "tissue.nii.gz", "quality.csv"}


def test_voxels_on_the_command_line_reach_the_analysis(an_analysis, monkeypatch, tmp_path, capsys):
    seen = []
    monkeypatch.setattr(offline, "find_perfusion", lambda folder: [folder / "1.dcm"])
    monkeypatch.setattr(offline, "read_header", lambda _: an_analysis.result)
    monkeypatch.setattr(
        offline,
        "analyse_files",
        lambda *_, arterial_voxels=None: seen.append(arterial_voxels) or an_analysis,
    )
    command = ["triage", str(tmp_path), "--json", "--aif", "7,120,96", "--aif", "7, 121,96"]
    assert offline.run(parser().parse_args(command)) == 0
    np.testing.assert_array_equal(seen[0], [(7, 120, 96), (7, 121, 96)])
    assert offline.run(parser().parse_args(command[:3])) == 0
    assert seen[1] is None
    assert json.loads(capsys.readouterr().out.splitlines()[0])["side"] == "left"


@pytest.mark.parametrize("text", ["1,2", "1,2,3,4", "a,b,c", "1,-2,3", "1.5,2,3", ""])
def test_what_is_no_voxel_is_wrong_usage(text, capsys):
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["triage", "folder", f"--aif={text}"])
    assert ended.value.code == offline.USAGE_EXIT
    assert "is no voxel" in capsys.readouterr().err


def test_a_voxel_outside_the_grid_is_wrong_usage(monkeypatch, tmp_path, capsys):
    def outside(*_):
        raise InputError("arterial voxel (99, 0, 0) lies outside the grid (8, 32, 32)")

    monkeypatch.setattr(offline, "_analyse", outside)
    code = offline.run(parser().parse_args(["triage", str(tmp_path), "--aif", "99,0,0"]))
    assert code == offline.USAGE_EXIT
    assert "outside the grid" in capsys.readouterr().err
