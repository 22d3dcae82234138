"""Files to arrays and back: times, positions, Hounsfield units, and a reason for every refusal."""

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from dicom_scp import reader
from dicom_scp.finding import find_perfusion
from dicom_scp.reader import open_ctp, read_ctp
from triage.errors import InputError, TemporaryError
from triage.reduction import reduced


def shuffled(paths):
    return [paths[k] for k in np.random.default_rng(1).permutation(len(paths))]


def assert_same(series, study):
    np.testing.assert_array_equal(series.hu, study.hu)
    np.testing.assert_allclose(series.time_s, study.time_s, atol=1e-4)


def test_any_order_of_files_gives_the_same_series_over_midnight(write_ctp, tmp_path):
    study = write_ctp(tmp_path)
    series = read_ctp(shuffled(study.paths))
    assert_same(series, study)
    expected = [[0, 0, 0.75, -100], [0, 0.5, 0, -120], [5, 0, 0, 7.5], [0, 0, 0, 1]]
    np.testing.assert_allclose(series.geometry.affine, expected)
    assert series.study_uid
    assert series.geometry.frame_of_reference_uid


def test_an_opened_series_decodes_one_frame_at_a_time(write_ctp, tmp_path):
    study = write_ctp(tmp_path, step_mm=(0.0, 0.0, -5.0))
    stored = open_ctp(shuffled(study.paths))
    for number in (7, 0, 11):
        np.testing.assert_array_equal(stored.frame(number), study.hu[number, ::-1])
    np.testing.assert_allclose(stored.time_s, study.time_s[:, ::-1], atol=1e-4)
    np.testing.assert_array_equal(reduced(stored).hu, reduced(read_ctp(study.paths)).hu)


def test_a_fault_in_the_pixels_surfaces_when_its_frame_is_decoded(write_ctp, tmp_path):
    study = write_ctp(tmp_path)
    with study.paths[8].open("r+b") as stream:
        stream.truncate(study.paths[8].stat().st_size - 2)
    stored = open_ctp(study.paths)
    study.paths[-1].unlink()
    stored.frame(3)
    with pytest.raises(InputError, match="cut short"):
        stored.frame(2)
    with pytest.raises(TemporaryError, match="cannot read a stored instance"):
        stored.frame(11)
    with pytest.raises(InputError, match="cut short"):
        reduced(stored)


def test_a_frame_that_does_not_fit_into_memory_is_refused_at_opening(write_ctp, tmp_path, monkeypatch):
    study = write_ctp(tmp_path)
    frame_bytes = study.hu[0].nbytes
    monkeypatch.setattr(reader, "LARGEST_FRAME_BYTES", frame_bytes)
    open_ctp(study.paths)
    monkeypatch.setattr(reader, "LARGEST_FRAME_BYTES", frame_bytes - 1)
    with pytest.raises(InputError, match="memory"):
        open_ctp(study.paths)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, RLELossless, JPEGLSLossless])
def test_other_encodings_give_the_same_values(write_ctp, tmp_path, syntax):
    study = write_ctp(tmp_path, syntax=syntax)
    assert_same(read_ctp(study.paths), study)


def test_decoded_reference_images_are_identical_in_all_syntaxes(reference_data, ct_slice, write, tmp_path):
    """JPEG 2000 needs more than the tiny images above."""
    for syntax in (JPEG2000Lossless, ImplicitVRLittleEndian):
        for k in range(4):
            clock = ("20240301", f"12000{k // 2}")
            data = ct_slice((0, 0, 5.0 * (k % 2)), clock, k + 1, seed=k, shape=(64, 64))
            write(tmp_path / syntax / f"{k}.dcm", data, syntax)
    packed, plain = (
        read_ctp(sorted((tmp_path / s).iterdir())) for s in (JPEG2000Lossless, ImplicitVRLittleEndian)
    )
    np.testing.assert_array_equal(packed.hu, plain.hu)


def test_gantry_tilt_stays_in_the_affine(write_ctp, tmp_path):
    study = write_ctp(tmp_path, step_mm=(0.0, -1.5, 4.8))
    np.testing.assert_allclose(read_ctp(study.paths).geometry.affine[:3, 0], [0, -1.5, 4.8])


def test_slices_written_from_the_top_are_sorted_from_below(write_ctp, tmp_path):
    study = write_ctp(tmp_path, step_mm=(0.0, 0.0, -5.0))
    series = read_ctp(study.paths)
    np.testing.assert_array_equal(series.hu, study.hu[:, ::-1])
    np.testing.assert_allclose(series.time_s, study.time_s[:, ::-1], atol=1e-4)
    assert series.geometry.affine[2, 0] == 5.0


def test_rescale_padding_and_unused_bits_are_applied(ct_slice, write, tmp_path):
    stored = np.arange(192, dtype=np.uint16).reshape(16, 12)
    for k in range(4):
        pixels = stored | 0xF000
        pixels[0, :3] = 63536
        changes = {
            "BitsStored": 12,
            "HighBit": 11,
            "PixelRepresentation": 0,
            "RescaleSlope": 2,
            "RescaleIntercept": -10,
        }
        data = ct_slice(
            (0, 0, 5.0 * (k % 2)),
            ("20240301", f"12000{k // 2}"),
            k + 1,
            PixelData=pixels.tobytes(),
            **changes,
        )
        data.PixelPaddingValue = 63536
        write(tmp_path / f"{k}.dcm", data)
    hu = read_ctp(sorted(tmp_path.iterdir())).hu[0, 0]
    np.testing.assert_array_equal(hu[0, :3], -1000)
    np.testing.assert_array_equal(hu.ravel()[3:], 2.0 * np.arange(3, 192) - 10)


def test_numbered_frames_replace_a_clock_that_was_removed(ct_slice, write, tmp_path):
    for k in range(12):
        gone = ("AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime", "InstanceNumber")
        changes = dict.fromkeys(gone)
        data = ct_slice((0, 0, 5.0 * (k % 2)), instance=12 - k, seed=k, TemporalResolution=1500, **changes)
        data.TemporalPositionIdentifier = k // 2 + 1
        write(tmp_path / f"{k:02}.dcm", data)
    series = read_ctp(sorted(tmp_path.iterdir()))
    np.testing.assert_allclose(series.time_s[:, 0], 1.5 * np.arange(6))
    first = np.random.default_rng(0).integers(0, 3000, (16, 12), dtype=np.int16)
    np.testing.assert_array_equal(series.hu[0, 0], first - 1024.0)


def rewrite(write, path, **changes):
    data = dcmread(path)
    for keyword, value in changes.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    write(path, data)


FAULTS = {
    "orientations": {"ImageOrientationPatient": [1, 0, 0, 0, 0.6, 0.8]},
    "pixel spacings": {"PixelSpacing": [0.5, 0.7]},
    "numbers of rows and columns": {"Rows": 12, "Columns": 16},
    "frames of reference": {"FrameOfReferenceUID": "1.2.3.4"},
    "series": {"SeriesInstanceUID": "1.2.3.4"},
    "studies": {"StudyInstanceUID": "1.2.3.4"},
    "frames are missing: 11 of 12 frames": {"ImagePositionPatient": None},
    "not CT": {"Modality": "MR"},
    "lie 1.0 mm apart: the field of view changed": {"ImagePositionPatient": [-99, -120, 7.5]},
    "compressed with loss": {"LossyImageCompression": "01"},
    "cut short|do not fit": {"PixelData": b"\0\0"},
    "rescale": {"RescaleSlope": None},
    "16-bit grey": {"BitsAllocated": 8},
    "told apart in time": {"AcquisitionTime": "235951.750000"},
    "multi-frame": {"NumberOfFrames": 2},
    "span": {"AcquisitionDate": "20240101"},
    "share one SOP instance UID": {"SOPInstanceUID": "1.2.826.0.1.1.1.8"},
}


@pytest.mark.parametrize("reason", FAULTS)
def test_a_faulty_image_is_refused_with_its_reason(write_ctp, write, tmp_path, reason):
    study = write_ctp(tmp_path)
    assert read_ctp(study.paths).hu.shape == (12, 3, 16, 12)
    rewrite(write, study.paths[0], **FAULTS[reason])
    with pytest.raises(InputError, match=reason):
        read_ctp(study.paths)


def test_missing_images_are_refused_wherever_they_are(write_ctp, tmp_path):
    study = write_ctp(tmp_path)
    with pytest.raises(InputError, match=r"frames are missing: 11 of 12 frames at 12\.5 mm"):
        read_ctp([path for k, path in enumerate(study.paths) if k != 4])


def test_slices_that_lack_different_frames_are_refused_where_frames_are_numbered(ct_slice, write, tmp_path):
    for k in range(24):
        clock = ("20240301", f"1200{k // 2:02}.{k % 2}")
        data = ct_slice((0, 0, 5.0 * (k % 2)), clock, k + 1, seed=k, TemporalPositionIdentifier=k // 2 + 1)
        write(tmp_path / f"{k:02}.dcm", data)
    paths = sorted(tmp_path.iterdir())
    assert read_ctp(paths).hu.shape[0] == 12
    with pytest.raises(InputError, match="temporal positions"):
        read_ctp([path for k, path in enumerate(paths) if k not in {6, 15}])


def test_uneven_slices_with_tilt_are_refused_with_the_reason(reference_data):
    with pytest.raises(InputError, match=r"no perfusion series|told apart|frames"):
        read_ctp(sorted(reference_data("ncct_dicom_ge_tilt").rglob("*.dcm")))


def test_the_perfusion_series_is_found_in_any_mixture(write_ctp, ct_slice, write, tmp_path):
    study = write_ctp(tmp_path / "a" / "deep")
    scout = ct_slice(
        SeriesInstanceUID="1.2.9", SOPInstanceUID="1.2.9.1", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]
    )
    write(tmp_path / "scout", scout)
    (tmp_path / "readme.txt").write_text("not an image")
    assert sorted(find_perfusion(tmp_path)) == sorted(study.paths)
    assert_same(read_ctp(find_perfusion(tmp_path)), study)


def test_a_folder_without_perfusion_says_what_it_holds(reference_data, tmp_path):
    (tmp_path / "readme.txt").write_text("not an image")
    with pytest.raises(InputError, match="no CT perfusion series found; 1 files are not DICOM instances"):
        find_perfusion(tmp_path)
    with pytest.raises(InputError, match="1 static series"):
        find_perfusion(reference_data("ncct_dicom_ge_tilt"))


@pytest.mark.parametrize(
    ("counted", "missing"),
    [
        ({}, ""),
        ({"NumberOfTemporalPositions": 12, "ImagesInAcquisition": 36}, ""),
        ({"NumberOfTemporalPositions": 14}, "2 of 14 frames of every slice"),
        ({"ImagesInAcquisition": 48}, "12 of 48 images"),
        ({"ImagesInAcquisition": 1}, ""),
    ],
)
def test_what_the_scanner_counted_and_did_not_send_is_told(write_ctp, tmp_path, counted, missing):
    assert open_ctp(write_ctp(tmp_path, **counted).paths).missing == missing
