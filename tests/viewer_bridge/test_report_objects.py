"""What machines read: maps of values, coloured slices, the measurement report, the key object note."""

import io
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import RLELossless

from gateway.alerts.message import alert_for
from gateway.emr.observations import observations
from tests.viewer_bridge.drawn import make_source, network, refused
from tests.viewer_bridge.published import BLANK, in_series, published, role_of, words_of
from tests.viewer_bridge.test_standard import complaints
from triage.results import TriageResult
from viewer_bridge.objects import codes
from viewer_bridge.objects.packing import packed
from viewer_bridge.objects.parametric_maps import PADDING
from viewer_bridge.objects.results import Extras, file_bytes, result_objects
from viewer_bridge.objects.superseding import rejects
from viewer_bridge.objects.uids import Role
from viewer_bridge.pages.colour_maps import MAP_LOOKS, MISSING_RGB, colourise
from viewer_bridge.quantities import QUANTITIES
from viewer_bridge.report.wording.language import Language

PDFTOTEXT = Path("/usr/bin/pdftotext")


def reread(ds):
    return pydicom.dcmread(io.BytesIO(file_bytes(ds)))


def code_of(sequence):
    (item,) = sequence
    return item.get("CodeValue") or item.LongCodeValue, item.CodingSchemeDesignator


def groups(report):
    """Measurement groups of a report by their tracking identifier."""
    (container,) = [item for item in report.ContentSequence if item.ValueType == "CONTAINER"]
    return {group.ContentSequence[0].TextValue: group.ContentSequence for group in container.ContentSequence}


def numbers(items):
    """Figures below some items: code to text and, where there is none, the reason's code."""
    found = {}
    for item in items:
        if item.ValueType == "NUM":
            (value,) = item.MeasuredValueSequence or [None]
            reason = item.get("NumericValueQualifierCodeSequence")
            figure = value.NumericValue.original_string if value else None
            found[code_of(item.ConceptNameCodeSequence)[0]] = figure or code_of(reason)[0]
    return found


def report_of(objects):
    (ds,) = in_series(objects, Role.MEASUREMENTS)
    return reread(ds)


@pytest.mark.parametrize(
    ("name", "quantity", "unit"),
    [
        ("tmax", "113084", "s"),
        ("cbf", "126390", "ml/[100]g/min"),
        ("cbv", "126391", "ml/[100]g"),
        ("mtt", "113052", "s"),
        ("ttp", "113069", "s"),
    ],
)
def test_a_map_holds_its_values_where_the_reference_lies(small_objects, small_analysis, name, quantity, unit):
    (ds,) = in_series(small_objects, Role(f"map {name}"))
    pm = highdicom.pm.ParametricMap.from_dataset(reread(ds))
    values = getattr(small_analysis.findings.maps, MAP_LOOKS[name].attribute)
    frames = np.frombuffer(pm.FloatPixelData, "<f4").reshape(values.shape)
    places = {image.SOPInstanceUID: z for z, image in enumerate(in_series(small_objects, Role.REFERENCE))}
    stored = np.full(values.shape, np.inf, np.float32)
    for frame, item in zip(frames, pm.PerFrameFunctionalGroupsSequence, strict=True):
        (source,) = item.DerivationImageSequence[0].SourceImageSequence
        z = places[source.ReferencedSOPInstanceUID]
        corner = np.array(item.PlanePositionSequence[0].ImagePositionPatient, float)
        assert corner == pytest.approx((small_analysis.findings.geometry.affine @ (z, 0, 0, 1))[:3])
        stored[z] = frame
    assert np.array_equal(np.where(stored == PADDING, np.nan, stored), values, equal_nan=True)
    assert pm.FloatPixelPaddingValue == PADDING < np.nanmin(values)
    (shared,) = pm.SharedFunctionalGroupsSequence
    (mapping,) = shared.RealWorldValueMappingSequence
    assert code_of(mapping.MeasurementUnitsCodeSequence) == (unit, "UCUM")
    assert code_of(mapping.QuantityDefinitionSequence[0].ConceptCodeSequence) == (quantity, "DCM")
    assert mapping.DoubleFloatRealWorldValueLastValueMapped == np.nanmax(values)
    assert pm.ContentQualification == "RESEARCH"


def test_coloured_slices_lie_on_the_reference_and_come_back_pixel_by_pixel(objects_128, analysis):
    reference = in_series(objects_128, Role.REFERENCE)
    slices = [reread(ds) for ds in in_series(objects_128, Role.COLOUR_TMAX)]
    for z, (ds, below) in enumerate(zip(slices, reference, strict=True)):
        for keyword in ("FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient"):
            assert ds[keyword] == below[keyword]
        assert ds.file_meta.TransferSyntaxUID == RLELossless
        painted = colourise(analysis.findings.maps.tmax_s[z], MAP_LOOKS["tmax"])
        head = slice(0, 96)  # the scale stands beside it
        assert np.array_equal(ds.pixel_array[:, head], painted[:, head])
        scale = ds.pixel_array[:, 100:]
        assert (scale != MISSING_RGB).any(), "a scale is drawn into the margin"


@pytest.fixture(scope="module")
def objects_128(analysis, source):
    """128 columns: enough for a scale."""
    return published(analysis, source, pages=BLANK)


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 5, 3), (2, 129, 3), (40, 300, 3)])
def test_run_lengths_of_any_picture_are_read_by_others(shape, source):
    """Noise, which does not pack, and flat areas, which do; odd lengths are padded."""
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    picture[:, shape[1] // 2 :] = 7
    ds = in_series(published_pages(source, picture), Role.PAGES)[0]
    assert np.array_equal(reread(ds).pixel_array, picture)
    assert len(packed(picture)) % 2 == 0


def published_pages(source, picture):
    return published(refused(), source, pages={"summary": picture}, revision=9)


def test_orthanc_draws_packed_pages_as_they_were(orthanc, source):
    picture = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    (page,) = in_series(published_pages(source, picture), Role.PAGES)
    orthanc.upload(file_bytes(page))
    name = orthanc._lookup(page.SOPInstanceUID, "Instance")
    shown = orthanc._ask(orthanc._api.get, f"instances/{name}/preview").content
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(shown)).convert("RGB")), picture)


def test_every_report_prints_the_same_digits(a_computed_case):
    """JSON, SR, segmentation, ORU and alert of a computed case."""
    result = TriageResult.from_json(a_computed_case.result.to_json())
    source = make_source(StudyInstanceUID=result.study_uid, SeriesInstanceUID=result.series_uid)
    objects = published(a_computed_case, source, pages=BLANK)
    oru = {o.name[0]: o.value for o in observations(result, "") if o.type == "NM"}
    found = groups(report_of(objects))
    sr = {
        "core-volume": numbers(found["core"])[codes.VOLUME.value],
        "mismatch-volume": numbers(found["penumbra"])[codes.VOLUME.value],
        "hypoperfused-volume": numbers(found["hypoperfused"])[codes.VOLUME.value],
        **numbers(found["brain"]),
    }
    for quantity in QUANTITIES:
        if oru[quantity.code]:
            assert sr[quantity.code] == oru[quantity.code] == quantity.printed(result)
    (seg,) = in_series(objects, Role.SEGMENTATION)
    voxel_ml = a_computed_case.findings.geometry.voxel_ml
    counts = voxels_by_segment(seg)
    assert f"{counts[1] * voxel_ml:.1f}" == oru["core-volume"] == f"{result.core_ml:.1f}" != "0.0"
    assert f"{counts[2] * voxel_ml:.1f}" == oru["mismatch-volume"]
    assert f"{(counts[1] + counts[2]) * voxel_ml:.1f}" == oru["hypoperfused-volume"]
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    alert = alert_for(
        result, case_id="1", revision=1, link="", last_image_at=None, now=moment, language=Language.ENGLISH
    )
    for name, code in (("core_ml", "core-volume"), ("hypoperfused_ml", "hypoperfused-volume")):
        assert f"{alert.numbers[name]:.1f}" == oru[code]
    assert f"ratio {oru['mismatch-ratio']}" in alert.lines[0]


@pytest.mark.skipif(not PDFTOTEXT.is_file(), reason="poppler-utils is not installed")
def test_the_report_in_the_study_prints_the_same_digits(a_computed_case, build_source):
    result = a_computed_case.result
    english = Extras(language=Language.ENGLISH)
    objects = published(a_computed_case, build_source(), pages=BLANK, extras=english)
    (ds,) = in_series(objects, Role.REPORT)
    pdf = reread(ds).EncapsulatedDocument[: ds.EncapsulatedDocumentLength]
    run = subprocess.run([PDFTOTEXT, "-layout", "-", "-"], input=pdf, capture_output=True, check=True)
    text = run.stdout.decode()
    for quantity in QUANTITIES[:4]:
        unit = "" if quantity.code == "mismatch-ratio" else r"\s+ml"
        assert re.search(rf"(?<![\d.]){re.escape(quantity.printed(result))}(?![\d]){unit}", text), (
            quantity.code
        )


def voxels_by_segment(ds):
    seg = highdicom.seg.segread(io.BytesIO(file_bytes(ds)))
    counts = dict.fromkeys((1, 2), 0)
    for frame, item in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        counts[int(item.SegmentIdentificationSequence[0].ReferencedSegmentNumber)] += int(frame.sum())
    return counts


def test_highdicom_reads_the_report_back(small_objects, small_analysis):
    (ds,) = in_series(small_objects, Role.MEASUREMENTS)
    report = highdicom.sr.srread(io.BytesIO(file_bytes(ds))).content
    core, penumbra = report.get_volumetric_roi_measurement_groups()
    for group, segment, name in ((core, 1, "core_ml"), (penumbra, 2, "mismatch_ml")):
        (volume,) = group.get_measurements(name=codes.VOLUME)
        assert f"{volume.value:.1f}" == f"{getattr(small_analysis.result, name):.1f}"
        (seg,) = in_series(small_objects, Role.SEGMENTATION)
        assert group.referenced_segment.referenced_sop_instance_uid == seg.SOPInstanceUID
        assert group.referenced_segment.referenced_segment_numbers == [segment]
        assert group.tracking_uid == seg.SegmentSequence[segment - 1].TrackingUID
    assert core.finding_type == codes.INFARCT
    assert core.finding_sites[0].laterality == codes.SIDES["left"]


def test_an_interval_is_value_and_distance_to_its_printed_ends(small_objects, small_analysis):
    found = groups(report_of(small_objects))
    for quantity in QUANTITIES[:4]:
        ends = quantity.ends(small_analysis.result)
        group = {"core-volume": "core", "mismatch-volume": "penumbra", "hypoperfused-volume": "hypoperfused"}
        items = [i for i in found[group.get(quantity.code, "brain")] if i.ValueType == "NUM"]
        properties = numbers(items[0].ContentSequence)
        figure = Decimal(quantity.printed(small_analysis.result))
        assert str(figure - Decimal(properties[codes.LOWER_UNCERTAINTY.value])) == ends[0]
        assert properties[codes.COVERAGE.value] == "90"
        above = properties.get(codes.UPPER_UNCERTAINTY.value)
        assert (str(figure + Decimal(above)) if above else "") == ends[1]
    assert quantity.code == "mismatch-ratio"
    assert ends[1] == "", "this one has no upper end"


def test_thresholds_and_algorithms_are_told(small_objects, small_analysis):
    found = groups(report_of(small_objects))
    (volume,) = [item for item in found["core"] if item.ValueType == "NUM"]
    assert numbers(volume.ContentSequence)[codes.THRESHOLD.value] == "30"
    texts = {group: [i.TextValue for i in items if i.ValueType == "TEXT"] for group, items in found.items()}
    (model,) = small_analysis.result.models
    assert f"model {model.name} {model.version} sha256 {model.sha256}" in texts["core"]
    assert {model.name, model.version, f"sha256 {model.sha256}"} < {*texts[f"model {model.name}"]}
    assert "fixed threshold" in texts["other method 1"]
    assert numbers(found["other method 1"])["core-volume"] == f"{small_analysis.result.core_ml:.1f}"


def test_a_networks_group_says_what_it_found_whether_it_agrees_and_what_it_learned_from(small_objects):
    found = groups(report_of(small_objects))["model ctp-core-unet"]
    figures = numbers(found)
    assert (figures["hypoperfused-volume"], figures["overlap"]) == ("88.8", "0.71")
    stated = {code_of(i.ConceptNameCodeSequence)[0]: i for i in found if i.ValueType in {"CODE", "TEXT"}}
    agreement = stated["agreement"]
    assert code_of(agreement.ConceptCodeSequence) == ("agrees", codes.LOCAL)
    assert agreement.ContentSequence[0].TextValue == "volume and place agree"
    assert stated["trained-on"].TextValue == "simulated patients"
    brain = groups(report_of(small_objects))["brain"]
    without = [i.TextValue for i in brain if code_of(i.ConceptNameCodeSequence)[0] == "no-model"]
    assert without == ["hemorrhage", "large vessel occlusion", "ASPECTS"]


def test_a_network_that_failed_has_a_group_without_a_number(small_analysis, source, tmp_path):
    late = replace(network(0.0, None, "no answer within 1.5 s"), core_ml=None, overlap=None)
    late = replace(late, hypoperfused_ml=None, expected_core_ml=None)
    result = replace(small_analysis.result, models=(late,))
    made = result_objects(replace(small_analysis, result=result), source, revision=1, software_version="1")
    report = report_of(made)
    found = groups(report)["model ctp-core-unet"]
    (volume,) = [item for item in found if item.ValueType == "NUM"]
    assert not volume.MeasuredValueSequence
    assert code_of(volume.NumericValueQualifierCodeSequence) == ("114006", "DCM")
    assert "no answer within 1.5 s" in [i.TextValue for i in found if i.ValueType == "TEXT"]
    (tmp_path / "report.dcm").write_bytes(file_bytes(report))
    assert complaints(tmp_path / "report.dcm") == []


def test_quality_criteria_and_side_are_coded_with_their_words(small_objects):
    found = groups(report_of(small_objects))["brain"]
    stated = {code_of(item.ConceptNameCodeSequence)[0]: item for item in found if item.ValueType == "CODE"}
    assert code_of(stated[codes.LATERALITY.value].ConceptCodeSequence) == ("7771000", "SCT")
    assert code_of(stated[codes.STATUS.value].ConceptCodeSequence) == ("111222", "DCM")
    criterion = stated["criterion-defuse3"]
    assert code_of(criterion.ConceptCodeSequence) == ("met", codes.LOCAL)
    words = [item.TextValue for item in criterion.ContentSequence]
    assert words == [
        "DEFUSE 3 imaging criteria met; age and NIHSS are not known here",
        "core > 70 ml",
        "age",
        "NIHSS",
    ]
    flags = [item for item in found if code_of(item.ConceptNameCodeSequence)[0] == "111052"]
    severities = {
        code_of(flag.ConceptCodeSequence)[0]: code_of(flag.ContentSequence[0].ConceptCodeSequence)[0]
        for flag in flags
    }
    assert severities == {"motion": "warning", "simulated": "info"}


def test_an_undefined_ratio_is_coded_and_a_true_zero_is_a_number(small_objects_of):
    found = groups(report_of(small_objects_of("no_core")))
    assert numbers(found["core"])[codes.VOLUME.value] == "0.0"
    assert numbers(found["brain"])["mismatch-ratio"] == codes.DIVIDE_BY_ZERO.value
    (ratio,) = [
        item
        for item in found["brain"]
        if item.ValueType == "NUM" and code_of(item.ConceptNameCodeSequence)[0] == "mismatch-ratio"
    ]
    assert len(ratio.MeasuredValueSequence) == 0


@pytest.mark.parametrize(
    ("kind", "status", "why"),
    [
        ("not_analysed", "111224", "114007"),
        ("untrusted", "111223", "114011"),
        ("time_to_peak_only", "111223", "114011"),
    ],
)
def test_numbers_that_must_not_be_used_have_no_value(small_objects_of, kind, status, why):
    report = report_of(small_objects_of(kind))
    found = groups(report)
    assert {*found} == {"core", "penumbra", "hypoperfused", "brain"}
    measured = {name: numbers(items) for name, items in found.items()}
    assert {value for group in measured.values() for value in group.values()} == {why}
    (said,) = [
        item
        for item in found["brain"]
        if item.ValueType == "CODE" and code_of(item.ConceptNameCodeSequence) == ("111064", "DCM")
    ]
    assert code_of(said.ConceptCodeSequence) == (status, "DCM")
    if kind == "not_analysed":
        assert "Not analysed: Only 12 frames" in words_of(report)


def test_the_report_is_preliminary_and_names_the_one_before(small_objects, small_objects_of):
    former, report = report_of(small_objects), report_of(small_objects_of("revised"))
    for ds in (former, report):
        flags = (ds.CompletionFlag, ds.PreliminaryFlag, ds.VerificationFlag)
        assert flags == ("COMPLETE", "PRELIMINARY", "UNVERIFIED")
    assert "PredecessorDocumentsSequence" not in former
    (study,) = report.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (one,) = series.ReferencedSOPSequence
    assert one.ReferencedSOPInstanceUID == former.SOPInstanceUID


def test_a_series_supersedes_the_former_one_of_its_own_role(small_objects, small_objects_of):
    """Six series share the modality OT: each names its own former self and nothing else."""
    former = {role_of(ds): ds.SeriesInstanceUID for ds in small_objects}
    for ds in small_objects_of("revised"):
        related = [item.SeriesInstanceUID for item in ds.get("RelatedSeriesSequence", ())]
        if ds.Modality in {"SR", "KO", "DOC"}:
            assert related == []
        else:
            assert related == ["2.25.200", former[role_of(ds)]]


def test_the_rejection_names_all_former_objects_but_former_rejections(
    small_objects, small_objects_of, source, not_analysed
):
    second = small_objects_of("revised")
    third = published(not_analysed, source, revision=3, former=[small_objects, second], pages=BLANK)
    assert [rejects(ds) for ds in third] == [False] * (len(third) - 1) + [True]
    (study,) = third[-1].CurrentRequestedProcedureEvidenceSequence
    named = {
        item.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert named == {ds.SOPInstanceUID for ds in [*small_objects, *second] if not rejects(ds)}


def test_the_key_object_note_points_at_the_pages_to_read_first(small_objects, small_objects_of):
    for objects, expected in ((small_objects, 2), (small_objects_of("not_analysed"), None)):
        (note,) = in_series(objects, Role.KEY_OBJECTS)
        assert code_of(note.ConceptNameCodeSequence) == ("113000", "DCM")
        named = [
            item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
            for item in note.ContentSequence
            if item.ValueType == "IMAGE"
        ]
        pages = [ds.SOPInstanceUID for ds in in_series(objects, Role.PAGES)]
        assert named == pages[: expected or len(pages)]


def test_local_codes_are_declared_where_they_are_used(small_objects):
    for ds in small_objects:
        used = {str(e.value) for e in ds.iterall() if e.keyword == "CodingSchemeDesignator"}
        declared = [item.CodingSchemeDesignator for item in ds.get("CodingSchemeIdentificationSequence", ())]
        assert declared == ([codes.LOCAL] if codes.LOCAL in used else [])
    (report,) = in_series(small_objects, Role.MEASUREMENTS)
    assert report.CodingSchemeIdentificationSequence[0].CodingSchemeResponsibleOrganization


def test_no_local_code_is_cut():
    assert max(len(quantity.text) for quantity in QUANTITIES) <= codes.LONGEST_MEANING
