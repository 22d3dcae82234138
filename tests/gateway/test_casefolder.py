import numpy as np
import pytest

from benchmarks.phantom import Patient, make_patient
from gateway import casefolder
from gateway.analysis import refused
from triage.analysis import analyse


@pytest.fixture(scope="module")
def an_analysis():
    phantom = make_patient(Patient(matrix=128, slices=12))
    return analyse(phantom.series, clock=lambda: 0.0)


def test_an_analysis_comes_back_as_it_was(an_analysis, tmp_path):
    with casefolder.appearing(tmp_path / "r1") as scratch:
        casefolder.save(an_analysis, scratch)
    again = casefolder.load(tmp_path / "r1")
    assert again.result.to_json() == an_analysis.result.to_json()
    assert again.findings.geometry.shape == an_analysis.findings.geometry.shape
    for name in ("core", "hypoperfused", "mean_hu"):
        np.testing.assert_array_equal(getattr(again.findings, name), getattr(an_analysis.findings, name))
    np.testing.assert_array_equal(again.findings.maps.tmax_s, an_analysis.findings.maps.tmax_s)
    np.testing.assert_array_equal(
        again.findings.arterial.arterial_hu, an_analysis.findings.arterial.arterial_hu
    )


def test_a_refused_scan_has_numbers_only(tmp_path):
    with casefolder.appearing(tmp_path / "r1") as scratch:
        casefolder.save(refused("too short", "1.2", "1.2.3"), scratch)
    again = casefolder.load(tmp_path / "r1")
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
