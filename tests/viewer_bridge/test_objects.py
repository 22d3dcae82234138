"""Result objects: the patient's, valid, reproducible, and true to the printed digit."""

import copy
import io
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.uid import CTImageStorage, SegmentationStorage

from tests.viewer_bridge.drawn import TILTED, make_source
from tests.viewer_bridge.published import BLANK, MAPS, in_series, of_class, published, series_of, words_of
from triage.assessment import late_areas
from triage.errors import InputError
from triage.types import Analysis, Thresholds, TissueClass
from viewer_bridge.objects.origin import PATIENT_AND_STUDY, in_zone_of
from viewer_bridge.objects.results import Extras, file_bytes
from viewer_bridge.objects.series import SERIES
from viewer_bridge.objects.uids import Role


@pytest.fixture(scope="module")
def objects(small_objects):
    return small_objects


@pytest.fixture(scope="module")
def analysis(small_analysis):
    return small_analysis


@pytest.fixture(scope="module")
def read_back(objects):
    return [pydicom.dcmread(io.BytesIO(file_bytes(ds))) for ds in objects]


SLICES = 8
ALWAYS = {Role.PAGES: 2, Role.REPORT: 1, Role.MEASUREMENTS: 1, Role.KEY_OBJECTS: 1}
COLOUR = {Role(f"colour {name}"): SLICES for name in ("tmax", "cbf", "cbv", "mtt")}
WHOLE = {
    **ALWAYS,
    Role.PAGES: 6,
    Role.REFERENCE: SLICES,
    Role.SEGMENTATION: 1,
    **COLOUR,
    **dict.fromkeys(MAPS, 1),
}


def test_every_kind_of_case_has_its_objects(objects, small_objects_of):
    """What a case has, by series; pages come first, for they stand alone."""
    not_drawn = {role: count for role, count in WHOLE.items() if role is not Role.SEGMENTATION}
    pictures_only = {role: count for role, count in not_drawn.items() if role not in MAPS}
    only_ttp = {
        **ALWAYS,
        Role.PAGES: 3,
        Role.REFERENCE: SLICES,
        Role.COLOUR_TTP: SLICES,
        Role.MAP_TTP: 1,
    }
    assert series_of(objects) == WHOLE
    assert series_of(small_objects_of("no_core")) == WHOLE
    assert series_of(small_objects_of("healthy")) == not_drawn
    assert series_of(small_objects_of("untrusted")) == pictures_only
    assert series_of(small_objects_of("time_to_peak_only")) == only_ttp
    refused = series_of(small_objects_of("not_analysed"))
    assert refused == {**ALWAYS, Role.PAGES: refused[Role.PAGES]}
    assert len({ds.SOPInstanceUID for ds in objects}) == len(objects)
    assert [ds.Modality for ds in objects[:6]] == ["OT"] * 6


def test_viewers_list_the_pages_first_and_a_newer_revision_before_the_older(objects, small_objects_of):
    """They sort by series number."""

    def by_number(objects):
        return sorted({int(ds.SeriesNumber): ds.SeriesDescription for ds in objects}.items())

    first = by_number(objects)
    assert first[0] == (99001, "CTP results - research, not for primary diagnosis")
    assert [name.split(" - ")[0] for _, name in first[1:7]] == [
        "Core and penumbra",
        "CTP mean",
        "Tmax in colour",
        "CBF in colour",
        "CBV in colour",
        "MTT in colour",
    ]
    both = by_number([*objects, *small_objects_of("revised")])
    assert both[0][1] == "REV 2: CTP results - research, not for primary diagnosis"
    assert len({kind.place for kind in SERIES.values()}) == len(SERIES) == len(Role)


def test_descriptions_fit_up_to_revision_99():
    assert max(len(f"REV 99: {kind.description}") for kind in SERIES.values()) <= 64


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
    for ds in published(analysis, pydicom.dcmread(io.BytesIO(raw)), pages=BLANK)[::9]:
        assert str(pydicom.dcmread(io.BytesIO(file_bytes(ds))).PatientName) == name


def test_utf8_without_a_declaration_is_still_read_as_utf8(analysis, source):
    raw = file_bytes_of_source(source).replace(b"ISO_IR 192", b"          ")
    undeclared = pydicom.dcmread(io.BytesIO(raw))
    assert not undeclared.get("SpecificCharacterSet")
    (page, *_) = published(analysis, undeclared, pages=BLANK)
    assert str(pydicom.dcmread(io.BytesIO(file_bytes(page))).PatientName) == "NGUYỄN^VĂN ĐỨC"


def file_bytes_of_source(source):
    source.file_meta.MediaStorageSOPClassUID = source.SOPClassUID
    source.file_meta.MediaStorageSOPInstanceUID = source.SOPInstanceUID
    return file_bytes(source)


def test_patient_fields_that_the_scanner_left_out_are_present_and_empty(analysis, build_source):
    source = build_source()
    del source.PatientBirthDate, source.AccessionNumber
    for ds in published(analysis, source, pages=BLANK):
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
    revised = published(analysis, source, revision=2, former=[objects], pages=BLANK)
    result = replace(analysis.result, series_uid="2.25.999")
    other = published(
        Analysis(result, analysis.findings), build_source(SeriesInstanceUID="2.25.999"), pages=BLANK
    )
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
        elsewhere = words_of(ds).replace(ds.SeriesDescription, "").lower()
        assert "not for primary diagnosis" in elsewhere


def test_the_time_of_the_analysis_is_written_when_given(analysis, source):
    moment = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC).astimezone()
    for ds in published(analysis, source, created_at=moment, pages=BLANK)[::5]:
        assert ds.ContentDate == moment.strftime("%Y%m%d")
        assert ds.ContentTime == moment.strftime("%H%M%S.%f")


@pytest.mark.parametrize(("offset", "shown"), [("+0700", "010203"), ("-0330", "143203"), ("nonsense", None)])
def test_times_are_those_of_the_scanners_clock(source, offset, shown):
    """A scanner in Viet Nam: 18:02 UTC is the next day there."""
    moment = datetime(2026, 11, 22, 18, 2, 3, tzinfo=UTC)
    source = copy.deepcopy(source)
    source.add_new("TimezoneOffsetFromUTC", "SH", offset)
    assert in_zone_of(source, moment).strftime("%H%M%S") == (shown or moment.astimezone().strftime("%H%M%S"))


@pytest.mark.parametrize("geometry", [None, TILTED])
def test_the_segmentation_holds_the_printed_volumes(build, source, geometry):
    analysis = build((8, 64, 64), geometry=geometry)
    objects = published(analysis, source, pages=BLANK)
    (ds,) = of_class(objects, SegmentationStorage)
    seg = highdicom.seg.segread(io.BytesIO(file_bytes(ds)))
    reference = of_class(objects, CTImageStorage)
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
    images = of_class(published(analysis, source, pages=BLANK), CTImageStorage)
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


def test_hypoperfusion_without_core_keeps_number_two(build, source):
    case = build((8, 64, 64))
    findings = replace(case.findings, core=np.zeros_like(case.findings.core))
    (ds,) = of_class(published(Analysis(case.result, findings), source, pages=BLANK), SegmentationStorage)
    assert [item.SegmentLabel[:4] for item in ds.SegmentSequence] == ["Isch", "Penu"]
    numbers = {
        f.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for f in ds.PerFrameFunctionalGroupsSequence
    }
    assert numbers == {2}


def test_further_regions_are_an_object_of_their_own_with_the_reported_volumes(a_computed_case):
    """On a computed case: the areas behind ``tmax_gt_4`` and its like, and where the curves come from."""
    result, findings = a_computed_case.result, a_computed_case.findings
    source = make_source(StudyInstanceUID=result.study_uid, SeriesInstanceUID=result.series_uid)
    objects = published(a_computed_case, source, pages=BLANK, extras=Extras(regions=True))
    assert series_of(objects)[Role.SEGMENTATION] == 1
    (ds,) = in_series(objects, Role.REGIONS)
    seg = highdicom.seg.segread(io.BytesIO(file_bytes(ds)))
    uids = [image.SOPInstanceUID for image in in_series(objects, Role.REFERENCE)]
    masks = seg.get_pixels_by_source_instance(
        uids, combine_segments=False, assert_missing_frames_are_empty=True
    )
    volumes = {item.TrackingID: masks[..., n].sum() for n, item in enumerate(ds.SegmentSequence)}
    for name in ("tmax_gt_4", "tmax_gt_8", "tmax_gt_10"):
        printed = f"{result.volumes_ml[name]:.1f}"
        assert f"{volumes[name] * findings.geometry.voxel_ml:.1f}" == printed
    assert volumes["arterial"] == len({*map(tuple, findings.arterial.arterial_voxels)})
    assert volumes["venous"] == len({*map(tuple, findings.arterial.venous_voxels)})


def test_later_tissue_leaves_out_what_was_taken_off_as_an_artefact(monkeypatch, a_computed_case):
    """Whatever `counted` takes off, here all that is late in the upper half."""
    findings, limits = a_computed_case.findings, Thresholds()
    beside = np.zeros_like(findings.core)
    beside[3:] = True
    monkeypatch.setattr("triage.assessment.counted", lambda *_: SimpleNamespace(beside=beside))
    tissue = findings.tissue_class == TissueClass.TISSUE
    (area, *_) = late_areas(findings.maps, tissue, findings.geometry, limits).values()
    assert area.any()
    assert not (area & beside).any()
