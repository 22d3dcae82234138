"""A revision on disk is the revision that was analysed, whatever it holds and whatever it lacks."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from gateway import casefolder, findings
from gateway.refusal import refused
from tests.viewer_bridge.drawn import make_analysis, make_findings, make_result, without_input
from triage.types import Analysis, Estimator, Motion, Territory


@pytest.fixture(scope="module")
def an_analysis():
    return make_analysis((8, 32, 32))


def stored(analysis, folder):
    with casefolder.appearing(folder / "r1") as scratch:
        findings.save(analysis, scratch)
    return findings.load(folder / "r1")


def assert_same(again, before, path="findings"):
    """Every field of every part: value, shape, kind."""
    assert type(again) is type(before), path
    if is_dataclass(before):
        for item in fields(before):
            assert_same(getattr(again, item.name), getattr(before, item.name), f"{path}.{item.name}")
    elif isinstance(before, np.ndarray):
        assert again.dtype == before.dtype, path
        np.testing.assert_array_equal(again, before, err_msg=path)
    else:
        assert again == before, path


def test_an_analysis_comes_back_as_it_was(an_analysis, tmp_path):
    again = stored(an_analysis, tmp_path)
    assert again.result == an_analysis.result
    assert again.result.to_json() == an_analysis.result.to_json()
    assert again.result.territories_ml[Territory.MIDDLE] > 0
    assert_same(again.findings, an_analysis.findings)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_any_number_of_dropped_frames_comes_back(an_analysis, tmp_path, count):
    """Three of them are as long as a shape, and must not become one."""
    motion = Motion(np.zeros((40, 3)), np.zeros((40, 3)), np.arange(count))
    findings = replace(an_analysis.findings, motion=motion)
    assert_same(stored(Analysis(an_analysis.result, findings), tmp_path).findings, findings)


def test_an_input_without_candidates_comes_back(an_analysis, tmp_path):
    bare = replace(
        an_analysis.findings.arterial,
        candidate_hu=np.empty((0, 0)),
        candidate_scores=np.empty(0),
        candidate_voxels=np.empty((0, 3), np.int64),
    )
    findings = replace(an_analysis.findings, arterial=bare)
    assert_same(stored(Analysis(an_analysis.result, findings), tmp_path).findings, findings)


def test_a_case_without_an_arterial_input_comes_back_without_one(an_analysis, tmp_path):
    before = without_input(an_analysis)
    again = stored(before, tmp_path)
    assert again.findings.arterial is None
    assert again.result == before.result
    assert again.result.estimator is Estimator.TIME_TO_PEAK
    assert_same(again.findings, before.findings)


def test_a_patient_without_a_lesion_comes_back(tmp_path):
    findings = make_findings((8, 32, 32), lesion=False)
    result = replace(make_result(findings), opinions=(), intervals={}, territories_ml={}, nominal_ml={})
    assert stored(Analysis(result, findings), tmp_path).result == result


def test_a_damaged_folder_is_not_taken_for_a_case_without_motion(an_analysis, tmp_path):
    stored(an_analysis, tmp_path)
    with np.load(tmp_path / "r1" / "findings.npz") as whole:
        kept = {name: whole[name] for name in whole.files if not name.startswith("motion.")}
    np.savez(tmp_path / "r1" / "findings.npz", **kept)
    with pytest.raises(TypeError):
        findings.load(tmp_path / "r1")


def test_a_networks_core_comes_back_and_so_does_its_absence(an_analysis, tmp_path):
    assert stored(an_analysis, tmp_path).findings.network_core.any()
    findings = replace(an_analysis.findings, network_core=None)
    again = stored(Analysis(an_analysis.result, findings), tmp_path)
    assert again.findings.network_core is None
    assert again.result.models == an_analysis.result.models


def test_a_refused_scan_has_numbers_only(tmp_path):
    again = stored(Analysis(refused("too short", "1.2", "1.2.3"), findings=None), tmp_path)
    assert again.findings is None
    assert again.result.reason == "too short"


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(RuntimeError), casefolder.appearing(tmp_path / "r1") as scratch:  # noqa: PT012
        (scratch / "half").write_text("half")
        raise RuntimeError("killed here")
    assert list(tmp_path.iterdir()) == []


def test_a_repeat_takes_the_place_of_the_first(tmp_path):
    for text in ("first", "second"):
        with casefolder.appearing(tmp_path / "r1") as scratch:
            (scratch / "text").write_text(text)
    assert (tmp_path / "r1" / "text").read_text() == "second"
