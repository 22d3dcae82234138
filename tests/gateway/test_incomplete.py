"""A perfusion series that did not come whole: its result says so, or there is a refusal with its reason."""

import pytest
from pydicom import dcmread

from benchmarks.phantom import Patient, make_patient
from benchmarks.scanner import Part, write_study
from gateway.analysis import analyse_files
from triage.types import Severity, Status

SLICES, FRAMES = 4, 30


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """In the order in which they were acquired; the maker counts its images."""
    small = {"matrix": 64, "slices": SLICES, "frames": FRAMES, "core_ml": 5, "hypoperfused_ml": 20}
    written = write_study(make_patient(Patient(**small)), tmp_path_factory.mktemp("scanner"), "ge")
    return sorted(written.files[Part.PERFUSION], key=lambda path: dcmread(path).AcquisitionTime)


def analysed(paths):
    return analyse_files(paths, "1.2", "1.2.3", threads=1).result


def remarks(result) -> list[tuple[Severity, str]]:
    return [(flag.severity, flag.text) for flag in result.quality if flag.code == "incomplete"]


def test_the_result_of_a_part_says_what_is_missing(images):
    part = analysed(images[: -2 * SLICES])
    assert part.status is Status.ANALYSED
    assert remarks(part) == [
        (Severity.WARNING, "2 of 30 frames of every slice did not come, by the scanner's own count")
    ]
    assert remarks(analysed(images)) == []


@pytest.mark.parametrize(
    ("count", "reason"),
    [(5 * SLICES + 3, "frames are missing: 5 of 6 frames"), (6 * SLICES, "only 6 frames")],
)
def test_a_beginning_is_refused_with_its_reason(images, count, reason):
    result = analysed(images[:count])
    assert result.status is Status.NOT_ANALYSED
    assert reason in result.reason
