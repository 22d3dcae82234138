"""The contract of ``stroke-gateway triage`` in the habits of four vendors."""

import json
import subprocess
import sys

import pytest
import SimpleITK as sitk
from pydicom import dcmread

from benchmarks.phantom import Patient, make_patient
from benchmarks.scanner import Part, write_study

VENDORS = ("siemens", "ge", "philips", "canon")
CORE_TOLERANCE_ML = 10
HYPOPERFUSED_TOLERANCE_ML = 20
KEYS = {
    "status",
    "reason",
    "study_uid",
    "series_uid",
    "side",
    "core_ml",
    "hypoperfused_ml",
    "mismatch_ml",
    "mismatch_ratio",
    "hypoperfusion_intensity_ratio",
    "cbv_index",
    "volumes_ml",
    "criteria",
    "models",
    "quality",
    "timing_s",
    "versions",
    "estimator",
    "intervals",
    "nominal_ml",
    "territories_ml",
    "reference",
    "opinions",
    "tasks",
}
VOLUMES = {f"tmax_gt_{s}" for s in (4, 6, 8, 10)} | {f"rcbf_lt_{p}" for p in (20, 30, 34, 38)}


def triage(*arguments):
    command = [sys.executable, "-m", "gateway.cli", "triage", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


FULL = "ge"
"""One vendor's study is of full size; habits do not depend on the size."""


@pytest.mark.parametrize("vendor", VENDORS)
def test_volumes_are_right_in_every_vendors_habits(tmp_path, a_phantom, vendor):
    patient = make_patient(Patient(seed=3)) if vendor == FULL else a_phantom
    written = write_study(patient, tmp_path / vendor, vendor, over_midnight=vendor == "ge")
    done = triage(tmp_path / vendor, "--json", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    result, truth = json.loads(done.stdout), patient.truth
    assert set(result) == KEYS
    assert set(result["volumes_ml"]) == VOLUMES
    assert (result["study_uid"], result["series_uid"]) == (written.study_uid, written.ctp_series_uid)
    assert result["side"] == truth.side
    assert result["core_ml"] == pytest.approx(truth.core_ml, abs=CORE_TOLERANCE_ML)
    assert result["hypoperfused_ml"] == pytest.approx(truth.hypoperfused_ml, abs=HYPOPERFUSED_TOLERANCE_ML)
    core = sitk.ReadImage(str(tmp_path / "out" / "core.nii.gz"))
    voxel_ml = float(core.GetSpacing()[0] * core.GetSpacing()[1] * core.GetSpacing()[2]) / 1000
    assert sitk.GetArrayFromImage(core).sum() * voxel_ml == pytest.approx(result["core_ml"], abs=0.05)
    assert {path.name for path in (tmp_path / "out").glob("*.nii.gz")} == {
        f"{name}.nii.gz"
        for name in (
            "cbf",
            "cbv",
            "mtt",
            "tmax",
            "ttp",
            "core",
            "core_network",
            "hypoperfused",
            "brain",
            "tissue",
        )
    }
    network = next(model for model in result["models"] if model["task"] == "infarct_core")
    assert network["core_ml"] == pytest.approx(truth.core_ml, abs=CORE_TOLERANCE_ML)
    assert network["agreement"] == "agree"
    modalities = {
        str(dcmread(path, stop_before_pixels=True).Modality)
        for path in (tmp_path / "out" / "dicom").iterdir()
    }
    assert modalities == {"CT", "SEG", "OT", "DOC", "SR", "KO"}


def test_a_folder_without_perfusion_is_not_analysed_with_a_reason(tmp_path, a_study):
    folder = tmp_path / "others"
    folder.mkdir()
    for path in set(a_study.paths) - set(a_study.files[Part.PERFUSION]):
        (folder / path.name).write_bytes(path.read_bytes())
    done = triage(folder, "--json")
    assert done.returncode == 3
    assert "perfusion" in json.loads(done.stdout)["reason"]


def test_a_path_that_is_no_folder_is_wrong_usage(tmp_path):
    done = triage(tmp_path / "none", "--json")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "not a folder" in done.stderr
