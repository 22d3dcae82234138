import subprocess
import sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from benchmarks.phantom import Patient, Scheme, make_patient
from benchmarks.scanner import NOT_PERFUSION, VENDORS, Part, write_study
from dicom_scp.reader import read_ctp

SECOND_TOLERANCE_S = 0.011
"""Philips writes hundredths; Siemens and GE let a frame's slices follow within milliseconds."""

DCIODVFY = Path(sys.executable).parent / "dciodvfy"


@pytest.fixture(scope="module", params=VENDORS)
def sent(request, small, tmp_path_factory):
    """One study of each vendor: name, what was written, datasets of the perfusion series."""
    written = write_study(small, tmp_path_factory.mktemp(request.param), request.param, study="test")
    return request.param, written, [pydicom.dcmread(path) for path in written.files[Part.PERFUSION]]


def when(dataset):
    text = dataset.AcquisitionDate + dataset.AcquisitionTime
    return datetime.strptime(text, "%Y%m%d%H%M%S.%f")  # noqa: DTZ007 - DICOM times are local times


def by_place_and_time(datasets):
    """Rows of datasets, one for each slice from foot to head, in order of acquisition."""
    places = defaultdict(list)
    for dataset in datasets:
        places[float(dataset.ImagePositionPatient[2])].append(dataset)
    return [sorted(places[z], key=when) for z in sorted(places)]


def in_circle(rows):
    y, x = np.indices((rows, rows)) - (rows - 1) / 2
    return np.hypot(y, x) < rows / 2 - 1


def hu(dataset):
    return dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)


def test_files_hold_the_phantom_at_its_place(sent, small):
    _, _, datasets = sent
    series = small.series
    for z, row in enumerate(by_place_and_time(datasets)):
        assert len(row) == series.hu.shape[0]
        for t, dataset in enumerate(row):
            circle = in_circle(dataset.Rows)
            assert np.array_equal(hu(dataset)[circle], np.rint(series.hu[t, z])[circle])
            np.testing.assert_allclose(
                dataset.ImagePositionPatient, series.geometry.affine[:3] @ [z, 0, 0, 1], atol=1e-4
            )
            assert list(dataset.PixelSpacing) == pytest.approx(series.geometry.spacing_mm[1:])


def test_acquisition_times_are_those_of_the_scan(sent, small):
    rows = by_place_and_time(sent[2])
    start = min(when(row[0]) for row in rows)
    time_s = np.array([[(when(d) - start).total_seconds() for d in row] for row in rows]).T
    np.testing.assert_allclose(time_s, small.series.time_s, atol=SECOND_TOLERANCE_S)


@pytest.mark.parametrize("vendor", VENDORS)
def test_over_midnight_the_date_rolls_over_and_time_goes_on(vendor, tmp_path):
    phantom = make_patient(
        Patient(seed=4, matrix=64, slices=2, frames=30, core_ml=1, hypoperfused_ml=4, scheme=Scheme.SHUTTLE)
    )
    written = write_study(phantom, tmp_path, vendor, over_midnight=True)
    rows = by_place_and_time(pydicom.dcmread(p) for p in written.files[Part.PERFUSION])
    assert when(rows[0][0]).strftime("%H%M%S") == "235940"
    assert len({d.AcquisitionDate for d in rows[0]}) == 2
    start = when(rows[0][0])
    time_s = np.array([[(when(d) - start).total_seconds() for d in row] for row in rows]).T
    np.testing.assert_allclose(time_s, phantom.series.time_s, atol=SECOND_TOLERANCE_S)


def test_instance_numbers_and_uids_are_unique(sent):
    _, written, datasets = sent
    assert sorted(int(d.InstanceNumber) for d in datasets) == list(range(1, len(datasets) + 1))
    uids = [str(pydicom.dcmread(p, stop_before_pixels=True).SOPInstanceUID) for p in written.paths]
    assert len(set(uids)) == len(uids)
    assert {str(d.SeriesInstanceUID) for d in datasets} == {written.ctp_series_uid}
    assert {str(d.StudyInstanceUID) for d in datasets} == {written.study_uid}


HABITS = {
    "siemens": (ExplicitVRLittleEndian, 0, False, False, "time within slice"),
    "ge": (ImplicitVRLittleEndian, 1, True, True, "time within slice"),
    "philips": (ExplicitVRLittleEndian, 0, True, False, "slice within time"),
    "canon": (ExplicitVRLittleEndian, 1, False, False, "slice within time"),
}


def test_each_vendor_keeps_its_habits(sent):
    vendor, _, datasets = sent
    first, second = sorted(datasets, key=lambda d: int(d.InstanceNumber))[:2]
    order = "time within slice" if first.SliceLocation == second.SliceLocation else "slice within time"
    assert HABITS[vendor] == (
        first.file_meta.TransferSyntaxUID,
        first.PixelRepresentation,
        "TemporalPositionIdentifier" in first,
        "NumberOfTemporalPositions" in first,
        order,
    )
    assert any(element.tag.is_private for element in first)


def test_canon_counts_frames_as_acquisitions(sent, small):
    numbers = {int(d.AcquisitionNumber) for d in sent[2]}
    assert numbers == (set(range(1, 1 + small.series.hu.shape[0])) if sent[0] == "canon" else {1})


def test_names_are_valid_utf_8(sent):
    _, written, datasets = sent
    assert datasets[0].SpecificCharacterSet == "ISO_IR 192"
    name = str(datasets[0].PatientName)
    assert name == "HOÀNG^NGỌC ÁNH"
    assert name.encode() in written.paths[-1].read_bytes()


def test_dcmtk_reads_every_series(sent):
    for paths in sent[1].files.values():
        dump = subprocess.run(
            ["/usr/bin/dcmdump", "--quote-as-octal", paths[0]], capture_output=True, text=True, check=False
        )
        assert dump.returncode == 0, dump.stderr
        assert "=CTImageStorage" in dump.stdout
        assert not dump.stderr


def faults(path):
    verdict = subprocess.run([DCIODVFY, path], capture_output=True, text=True, check=False)
    return [line for line in verdict.stderr.splitlines() if line.startswith("Error")]


def test_dciodvfy_finds_no_error(sent):
    for paths in sent[1].files.values():
        assert not faults(paths[-1])


def test_dciodvfy_would_find_one(sent, tmp_path):
    dataset = sent[2][0].copy()
    del dataset.ImageOrientationPatient
    dataset.save_as(tmp_path / "broken.dcm")
    assert faults(tmp_path / "broken.dcm")


def test_the_scout_is_a_localizer_and_the_non_contrast_scan_has_no_contrast(sent, small):
    written = sent[1]
    (scout,) = [pydicom.dcmread(p) for p in written.files[Part.SCOUT]]
    assert list(scout.ImageType) == ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    plain = [pydicom.dcmread(p) for p in written.files[Part.NON_CONTRAST]]
    assert len(plain) == small.series.hu.shape[1]
    assert not any("ContrastBolusAgent" in d for d in plain)
    assert len({d.FrameOfReferenceUID for d in (scout, *plain, sent[2][0])}) == 1


def test_our_own_reader_gets_the_phantom_back(sent, small):
    series = read_ctp(sent[1].files[Part.PERFUSION])
    circle = in_circle(series.hu.shape[-1])
    np.testing.assert_allclose(series.hu[..., circle], small.series.hu[..., circle], atol=0.5001)
    np.testing.assert_allclose(series.time_s, small.series.time_s, atol=SECOND_TOLERANCE_S)
    np.testing.assert_allclose(series.geometry.affine, small.series.geometry.affine, atol=1e-4)


def test_a_study_key_repeats_uids_and_no_key_makes_new_ones(small, tmp_path):
    def uid(name, study):
        return write_study(small, tmp_path / name, "ge", study=study, parts=(Part.SCOUT,)).study_uid

    assert uid("a", "1") == uid("b", "1")
    assert len({uid("c", "1"), uid("d", "11"), uid("e", None), uid("f", None)}) == 4


def test_a_study_without_perfusion_has_none(small, tmp_path):
    written = write_study(small, tmp_path, "philips", parts=NOT_PERFUSION)
    assert not written.ctp_series_uid
    assert set(written.files) == {Part.SCOUT, Part.NON_CONTRAST}


def test_mixed_geometry_has_two_fields_of_view(small, tmp_path):
    written = write_study(small, tmp_path, "canon", mixed_geometry=True)
    spacings = [pydicom.dcmread(p).PixelSpacing[0] for p in written.files[Part.PERFUSION]]
    assert sorted(set(spacings)) == pytest.approx([3.6, 3.96])


def test_plain_names_tell_the_order_and_shuffled_ones_do_not(small, tmp_path):
    plain = write_study(small, tmp_path / "plain", "siemens", shuffled_names=False)
    shuffled = write_study(small, tmp_path / "shuffled", "siemens")
    assert list(plain.files[Part.PERFUSION]) == sorted(plain.files[Part.PERFUSION])
    assert list(shuffled.files[Part.PERFUSION]) != sorted(shuffled.files[Part.PERFUSION])
    assert len(set(shuffled.paths)) == len(shuffled.paths) == len(list((tmp_path / "shuffled").iterdir()))
