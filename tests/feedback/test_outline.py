"""Volume and overlap of foreign cores against what they were drawn with, and hostile ones by name."""

from datetime import datetime

import numpy as np
import pytest
from highdicom.seg import SegmentationTypeValues
from pydicom.sr.coding import Code
from pydicom.uid import RLELossless, generate_uid

from gateway import findings
from gateway.feedback import edit
from gateway.feedback.comparing import finding
from gateway.feedback.judgement import EditState
from tests.feedback.drawing import TISSUE, a_core, asked, described, drawn, foreign_series, kept, our_series
from tests.viewer_bridge.drawn import make_analysis
from triage.errors import InputError
from viewer_bridge.objects import codes
from viewer_bridge.objects.results import result_objects


@pytest.fixture(scope="module")
def images(analysis, source):
    return our_series(analysis, source)


def dice(a, b):
    return 2 * np.sum(a & b) / (a.sum() + b.sum())


def found_in(ds, tmp_path, folder, **changes):
    path = kept(ds, tmp_path)
    return finding(asked(path, folder, **changes), path)


@pytest.mark.parametrize("shift", [0, 2, 30])
def test_an_edited_core_has_its_volume_and_its_overlap(analysis, images, folder, tmp_path, shift):
    core = a_core(analysis, shift)
    found = found_in(drawn(images, core), tmp_path, folder)
    assert (found.state, found.revision) == (EditState.COUNTED, 1)
    assert found.core_ml == pytest.approx(core.sum() * analysis.findings.geometry.voxel_ml, rel=1e-6)
    assert found.ours_ml == pytest.approx(analysis.result.core_ml, rel=1e-6)
    assert found.overlap == pytest.approx(dice(core.astype(bool), analysis.findings.core), abs=1e-6)


def test_a_core_on_another_grid_is_compared_in_the_patient(analysis, source, folder, tmp_path):
    other = foreign_series(analysis, source)
    coarse = np.stack([plane.reshape(32, 2, 32, 2).any(axis=(1, 3)) for plane in analysis.findings.core[::2]])
    found = found_in(drawn(other, coarse.astype(np.uint8)), tmp_path, folder)
    assert found.state is EditState.COUNTED
    geometry = analysis.findings.geometry
    assert found.core_ml == pytest.approx(coarse.sum() * geometry.voxel_ml * 8, rel=1e-6)
    fine = np.repeat(np.repeat(np.repeat(coarse, 2, axis=0), 2, axis=1), 2, axis=2)
    # A slice of twice the thickness, centred on ours, holds ours and half of each neighbour: by half-open ends the one below.
    fine = np.roll(fine, -1, axis=0)
    assert found.overlap == pytest.approx(dice(fine, analysis.findings.core), abs=1e-6)


def test_one_slice_alone_has_the_thickness_of_ours(analysis, images, folder, tmp_path):
    core = a_core(analysis)
    fullest = int(core.sum(axis=(1, 2)).argmax())
    alone = np.zeros_like(core)
    alone[fullest] = core[fullest]
    found = found_in(drawn(images, alone), tmp_path, folder)
    assert found.core_ml == pytest.approx(alone.sum() * analysis.findings.geometry.voxel_ml, rel=1e-6)


def test_two_distant_slices_do_not_fill_the_gap_between_them(analysis, source, folder, tmp_path):
    other = foreign_series(analysis, source, step=1)
    mask = np.zeros((8, 32, 32), np.uint8)
    mask[1, 10, 10] = mask[6, 10, 10] = 1
    found = found_in(drawn(other, mask), tmp_path, folder)
    assert found.core_ml == pytest.approx(2 * analysis.findings.geometry.voxel_ml * 4, rel=1e-6)


@pytest.mark.parametrize("kind", [SegmentationTypeValues.FRACTIONAL, SegmentationTypeValues.LABELMAP])
def test_other_kinds_of_segmentations_are_read(analysis, images, folder, tmp_path, kind):
    core = a_core(analysis, 1)
    mask = core.astype(np.float32) * 0.9 if kind is SegmentationTypeValues.FRACTIONAL else core
    more = {"fractional_type": "PROBABILITY"} if kind is SegmentationTypeValues.FRACTIONAL else {}
    found = found_in(drawn(images, mask, kind=kind, **more), tmp_path, folder)
    assert found.core_ml == pytest.approx(core.sum() * analysis.findings.geometry.voxel_ml, rel=1e-6)


def test_one_as_the_hosted_viewer_saves_it_is_read(analysis, images, folder, tmp_path):
    """A compressed label map whose segments are named as ours and coded as any tissue."""
    core, risk = a_core(analysis), analysis.findings.hypoperfused
    names = described(1, "Ischemic core (rCBF < 30%)"), described(2, "Penumbra (Tmax > 6 s minus core)")
    for name in names:
        name.SegmentedPropertyTypeCodeSequence = [codes.item(Code("T-D0050", "SRT", "Tissue"))]
    both = np.where(core, 1, np.where(risk, 2, 0)).astype(np.uint8)
    ds = drawn(images, both, *names, kind=SegmentationTypeValues.LABELMAP, transfer_syntax_uid=RLELossless)
    assert found_in(ds, tmp_path, folder).overlap == pytest.approx(1.0)


def test_of_several_segments_only_the_core_counts(analysis, images, folder, tmp_path):
    core, risk = a_core(analysis), analysis.findings.hypoperfused.astype(np.uint8)
    names = [
        described(1, "Penumbra (minus core)", codes.ISCHEMIA),
        described(2, "lõi nhồi máu", TISSUE),
        described(3, "score"),
    ]
    names[2].SegmentedPropertyTypeCodeSequence = [codes.item(TISSUE)]
    ds = drawn(images, np.stack([risk & ~core, core, risk], axis=-1), *names)
    found = found_in(ds, tmp_path, folder)
    assert found.overlap == pytest.approx(1.0)


def test_an_erased_core_is_an_edit_to_nothing(analysis, images, folder, tmp_path):
    ds = drawn(images, a_core(analysis))
    del ds.PerFrameFunctionalGroupsSequence, ds.PixelData
    ds.NumberOfFrames = 0
    found = found_in(ds, tmp_path, folder)
    assert (found.state, found.core_ml, found.overlap) == (EditState.COUNTED, 0.0, 0.0)


def test_the_revision_is_that_of_the_images_it_was_drawn_on(analysis, source, folder, tmp_path):
    second = drawn(our_series(analysis, source, revision=2), a_core(analysis))
    assert found_in(second, tmp_path, folder, revisions=(1, 2, 3)).revision == 2
    unnamed = drawn(our_series(analysis, source, revision=2), a_core(analysis))
    del unnamed.ReferencedSeriesSequence
    assert found_in(unnamed, tmp_path, folder, revisions=(1, 2, 3)).revision == 3


def test_what_is_not_counted_says_why(analysis, source, images, folder, tmp_path):
    core = a_core(analysis)
    segment = described(1, "Hypoperfusion", codes.ISCHEMIA)
    assert found_in(drawn(images, core, segment), tmp_path, folder).state is EditState.NOT_CORE
    ds = drawn(images, core)
    assert found_in(ds, tmp_path, folder, study_uid="1.2.3").state is EditState.ELSEWHERE
    assert found_in(ds, tmp_path, folder, revisions=()).state is EditState.NO_RESULT
    ds.FrameOfReferenceUID, ds.ReferencedSeriesSequence[0].SeriesInstanceUID = generate_uid(), generate_uid()
    assert found_in(ds, tmp_path, folder).state is EditState.ELSEWHERE
    at = datetime(2026, 1, 1, 10, 15)  # noqa: DTZ001 - DICOM times are local
    ours = next(
        each
        for each in result_objects(analysis, source, revision=1, software_version="1", created_at=at)
        if each.Modality == "SEG"
    )
    assert found_in(ours, tmp_path, folder).state is EditState.OURS
    saved = drawn(images, core)
    saved.SeriesInstanceUID = ours.SeriesInstanceUID
    assert found_in(saved, tmp_path, folder).state is EditState.COUNTED, (
        "saved into our own series by a viewer"
    )


def test_without_a_core_of_ours_the_volume_alone_is_known(source, tmp_path, analysis, images):
    empty = tmp_path / "r1"
    empty.mkdir()
    (empty / "result.json").write_text("{}")
    found = found_in(drawn(images, a_core(analysis)), tmp_path, empty)
    assert (found.state, found.ours_ml, found.overlap) == (EditState.COUNTED, None, None)


def spoilt(ds, **changes):
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def spoilt_place(ds, place):
    frame = ds.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
    frame["ImagePositionPatient"]._value = place
    return ds


def spoilt_measures(ds, spacing):
    ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = spacing
    return ds


def unplaced(ds):
    for frame in ds.PerFrameFunctionalGroupsSequence:
        del frame.PlanePositionSequence
    return ds


HOSTILE = {
    "another class": lambda ds: spoilt(ds, SOPClassUID="1.2.840.10008.5.1.4.1.1.2"),
    "no segments": lambda ds: spoilt(ds, SegmentSequence=[]),
    "a billion columns": lambda ds: spoilt(ds, Rows=65535, Columns=65535),
    "frames that are not there": lambda ds: spoilt(ds, NumberOfFrames=4000),
    "short pixels": lambda ds: spoilt(ds, PixelData=bytes(10)),
    "a place that is none": lambda ds: spoilt_place(ds, ["nan", "0", "0"]),
    "two numbers for a place": lambda ds: spoilt_place(ds, ["1", "0"]),
    "voxels of no size": lambda ds: spoilt_measures(ds, [0, 0]),
    "no place at all": unplaced,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_segmentations_are_refused_by_the_reader(analysis, images, folder, tmp_path, name):
    ds = HOSTILE[name](drawn(images, a_core(analysis)))
    path = kept(ds, tmp_path)
    with pytest.raises((InputError, ValueError, TypeError, AttributeError)):
        finding(asked(path, folder), path)


def test_the_child_answers_as_the_function_does_and_names_what_it_cannot_read(
    analysis, images, folder, tmp_path
):
    path = kept(drawn(images, a_core(analysis, 2)), tmp_path)
    found = edit.read(asked(path, folder))
    assert found == finding(asked(path, folder), path)
    spoiled = kept(HOSTILE["short pixels"](drawn(images, a_core(analysis))), tmp_path)
    found = edit.read(asked(spoiled, folder))
    assert found.state is EditState.UNREADABLE
    assert found.reason.startswith("it cannot be read as a segmentation (")
    gone = edit.read(asked(tmp_path / "gone.dcm", folder))
    assert gone.state is EditState.UNREADABLE


def test_a_head_without_a_lesion_has_nothing_to_overlap_with(source, tmp_path):
    healthy = make_analysis((8, 64, 64), lesion=False)
    folder = tmp_path / "r1"
    folder.mkdir()
    findings.save(healthy, folder)
    mask = np.zeros((8, 64, 64), np.uint8)
    mask[3, 20:24, 20:24] = 1
    found = found_in(drawn(our_series(healthy, source), mask), tmp_path, folder)
    assert (found.ours_ml, found.overlap) == (0.0, 0.0)
    assert found.core_ml > 0
