"""Headers from honest, sloppy and hostile files."""

import io
import json
import struct
import zlib

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom_scp import elements
from dicom_scp.elements import walk_dataset
from dicom_scp.headers import TAGS, ImageHeader, header_of, read_header
from dicom_scp.patient import Patient, read_patient
from triage.errors import InputError

UIDS = b"".join(
    struct.pack("<HH2sH", group, element, b"UI", 6) + b"1.2.3\0"
    for group, element in ((0x0008, 0x0016), (0x0008, 0x0018), (0x0020, 0x000D), (0x0020, 0x000E))
)


def element(group, number, vr, value: bytes) -> bytes:
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def header_of_bytes(dataset: bytes, syntax=ExplicitVRLittleEndian) -> ImageHeader:
    return header_of(walk_dataset(io.BytesIO(dataset), syntax, TAGS.values()))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_header_holds_what_the_file_says(ct_slice, write, tmp_path, syntax):
    nested = Dataset()
    nested.PatientName = "X"
    nested.Rows = 7
    data = ct_slice(
        TemporalPositionIdentifier=3,
        NumberOfTemporalPositions=45,
        ImagesInAcquisition=720,
        TemporalResolution=1500,
    )
    data.ReferencedImageSequence = Sequence([nested])
    data["ReferencedImageSequence"].is_undefined_length = True
    header = read_header(write(tmp_path / "a.dcm", data, syntax))
    assert header == read_header((tmp_path / "a.dcm").read_bytes())
    assert (header.rows, header.columns, header.modality) == (16, 12, "CT")
    assert header.image_type == ("ORIGINAL", "PRIMARY", "AXIAL")
    assert header.position_mm == (-100.0, -120.0, 0.0)
    assert header.pixel_spacing_mm == (0.5, 0.75)
    assert (header.temporal_position, header.temporal_positions, header.images_in_acquisition) == (3, 45, 720)
    assert header.temporal_resolution_s == 1.5
    assert ImageHeader.from_json(json.loads(json.dumps(header.to_json()))) == header


@pytest.mark.parametrize(("uid", "where"), [("sop_instance_uid", 1), ("study_uid", 2), ("series_uid", 3)])
def test_without_identity_there_is_no_header(uid, where):
    size = len(UIDS) // 4
    with pytest.raises(InputError, match=f"missing or invalid: {uid}"):
        header_of_bytes(UIDS[: where * size] + UIDS[(where + 1) * size :])


def test_a_uid_with_a_path_in_it_is_no_identity():
    evil = UIDS.replace(b"\x18\0UI\x06\x001.2.3\0", b"\x18\0UI\x06\x00../../")
    with pytest.raises(InputError, match="sop_instance_uid"):
        header_of_bytes(evil)


def moment(**clock: str) -> float | None:
    tags = {"day": (0x08, 0x22, b"DA"), "time": (0x08, 0x32, b"TM"), "whole": (0x08, 0x2A, b"DT"),
            "content_day": (0x08, 0x23, b"DA"), "content_time": (0x08, 0x33, b"TM")}  # fmt: skip
    return header_of_bytes(
        UIDS + b"".join(element(*tags[k], v.encode()) for k, v in clock.items())
    ).acquired_at_s


def test_time_is_monotonic_over_midnight_and_keeps_fractions():
    before, after = moment(day="20240229", time="235959.750000"), moment(day="20240301", time="000000.25")
    assert after - before == pytest.approx(0.5, abs=1e-5)


def test_the_most_exact_moment_wins():
    assert moment(whole="20240301120000.5+0700", day="20200101", time="010101") == moment(
        day="20240301", time="120000.5"
    )
    assert moment(content_day="20240301", content_time="120000") == moment(day="20240301", time="120000")
    assert moment(whole="2024", day="20240301", time="12:00:00") == moment(day="20240301", time="120000")


@pytest.mark.parametrize(
    "nonsense", [{"time": "noon"}, {"day": "20241341", "time": "120000"}, {"day": "20240301"}, {}]
)
def test_a_moment_that_cannot_be_is_absent(nonsense):
    assert moment(**nonsense) is None


@pytest.mark.parametrize("value", [b"NaN\\0\\0 ", b"1\\2", b"inf\\1\\1 ", b"1e400\\1\\1 ", b"a\\b\\c ", b""])
def test_a_position_that_cannot_be_is_absent(value):
    assert header_of_bytes(UIDS + element(0x20, 0x32, b"DS", value)).position_mm is None


@pytest.mark.parametrize("value", [b"0\\0\\0\\0\\0\\0 ", b"1\\0\\0\\1\\0\\0 ", b"2\\0\\0\\0\\1\\0 "])
def test_direction_cosines_that_are_none_are_absent(value):
    assert header_of_bytes(UIDS + element(0x20, 0x37, b"DS", value)).orientation is None


def sequence_of(content: bytes, *, told: bool) -> bytes:
    """A sequence of one item, its lengths told or left to delimiters."""
    item, end = (0xFFFE, 0xE000), struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    if told:
        inside = struct.pack("<HHI", *item, len(content)) + content
        return struct.pack("<HH2sHI", 0x08, 0x1140, b"SQ", 0, len(inside)) + inside
    inside = struct.pack("<HHI", *item, 0xFFFFFFFF) + content + end
    closing = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return struct.pack("<HH2sHI", 0x08, 0x1140, b"SQ", 0, 0xFFFFFFFF) + inside + closing


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("levels", [32, 33])
def test_nesting_has_a_limit_however_lengths_are_told(told, levels):
    content = element(0x08, 0x16, b"UI", b"1.2.3\0")
    for _ in range(levels):
        content = sequence_of(content, told=told)
    if levels == 32:
        assert header_of_bytes(UIDS + content).study_uid == "1.2.3"
    else:
        with pytest.raises(InputError, match="nest deeper than 32 levels"):
            header_of_bytes(UIDS + content)


def test_an_unknown_sequence_is_looked_into_for_its_nesting():
    content = element(0x08, 0x16, b"UI", b"1.2.3\0")
    implicit = struct.pack("<HHI", 0x08, 0x16, 6) + b"1.2.3\0"
    for _ in range(33):
        inside = struct.pack("<HHI", 0xFFFE, 0xE000, len(implicit)) + implicit
        implicit = struct.pack("<HHI", 0x08, 0x1140, len(inside)) + inside
    unknown = struct.pack("<HH2sHI", 0x09, 0x1001, b"UN", 0, len(implicit) - 8) + implicit[8:]
    with pytest.raises(InputError, match="nest deeper"):
        header_of_bytes(UIDS + unknown)
    with pytest.raises(InputError, match="longer than the sequence"):
        header_of_bytes(UIDS + sequence_of(content[:-6] + b"\0", told=True))


def test_deep_nesting_is_refused_quickly():
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    sequence = struct.pack("<HH2sHI", 0x08, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    with pytest.raises(InputError, match="nest"):
        header_of_bytes(UIDS + (sequence + item) * 100_000)


def test_elements_without_end_are_refused(monkeypatch):
    monkeypatch.setattr(elements, "MOST_ELEMENTS", 1000)
    with pytest.raises(InputError, match="more than 1000 elements"):
        header_of_bytes(UIDS + element(0x09, 0x1001, b"LO", b"") * 1001)


def deflated(dataset: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(dataset) + packer.flush()


def test_a_deflated_header_is_read_and_its_bombs_are_not_inflated():
    syntax = "1.2.840.10008.1.2.1.99"
    assert header_of_bytes(deflated(UIDS), syntax).study_uid == "1.2.3"
    bomb = struct.pack("<HH2sHI", 0x09, 0x1001, b"OB", 0, 400 << 20) + bytes(400 << 20)
    with pytest.raises(InputError, match="grows from"):
        header_of_bytes(deflated(bomb + UIDS), syntax)
    with pytest.raises(InputError, match="inflated"):
        header_of_bytes(UIDS, syntax)


def test_big_endian_is_refused():
    with pytest.raises(InputError, match="not supported"):
        header_of_bytes(UIDS, "1.2.840.10008.1.2.2")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian]))
def test_any_bytes_make_a_header_or_an_input_error(noise, syntax):
    for dataset in (noise, UIDS + noise):
        try:
            header_of_bytes(dataset, syntax)
        except InputError:
            continue


@settings(max_examples=100, deadline=None)
@given(
    cut=st.integers(0, 900), flips=st.lists(st.tuples(st.integers(0, 899), st.integers(0, 255)), max_size=4)
)
def test_damaged_headers_make_a_header_or_an_input_error(whole_file, cut, flips):
    damaged = bytearray(whole_file[: len(whole_file) - cut])
    for place, value in flips:
        damaged[place % len(damaged)] = value
    try:
        read_header(bytes(damaged))
    except InputError:
        return


@pytest.fixture(scope="module")
def whole_file(ct_slice, write, tmp_path_factory):
    return write(tmp_path_factory.mktemp("whole") / "a.dcm", ct_slice()).read_bytes()


def test_hostile_files_end_in_a_header_or_an_input_error(reference_data):
    files = list(reference_data("corpus/hostile").rglob("*.dcm"))
    refused = 0
    for path in files:
        try:
            read_header(path)
        except InputError:
            refused += 1
        try:
            read_patient(path)
        except InputError:
            continue
    assert len(files) > 300
    assert 0 < refused < len(files)


def test_headers_agree_with_an_independent_reader(reference_data):
    for path in sorted(reference_data("ncct_dicom_ge_tilt").rglob("*.dcm")):
        header, data = read_header(path), pydicom.dcmread(path, stop_before_pixels=True)
        assert header.sop_instance_uid == data.SOPInstanceUID
        assert header.position_mm == tuple(data.ImagePositionPatient)
        assert (header.rows, header.columns, header.instance_number) == (
            data.Rows,
            data.Columns,
            data.InstanceNumber,
        )


def test_a_patient_never_shows_in_a_repr(ct_slice, write, tmp_path):
    patient = read_patient(write(tmp_path / "a.dcm", ct_slice(AccessionNumber="CANARY-ACC")))
    assert (patient.name, patient.patient_id, patient.accession_number) == (
        "CANARY^NAME",
        "CANARY-ID",
        "CANARY-ACC",
    )
    assert "CANARY" not in repr(patient)


VIETNAMESE = "Nguyễn^Văn Ánh"


@pytest.mark.parametrize(
    ("declared", "encoded", "name", "uncertain"),
    [
        ("ISO_IR 192", VIETNAMESE.encode(), VIETNAMESE, False),
        ("GB18030", VIETNAMESE.encode("gb18030"), VIETNAMESE, False),
        ("ISO IR 192", VIETNAMESE.encode(), VIETNAMESE, False),
        (None, VIETNAMESE.encode(), VIETNAMESE, True),
        ("ISO_IR 100", VIETNAMESE.encode(), VIETNAMESE, True),
        ("ISO_IR 100", "Müller^Jörg".encode("latin-1"), "Müller^Jörg", False),
        ("KLINGON", b"Doe^J\xf6rg", "Doe^Jörg", True),
        (
            r"\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
            "Yamada^Tarou=山田^太郎",
            False,
        ),
    ],
)
def test_names_are_decoded_as_declared_and_doubts_are_told(
    ct_slice, write, tmp_path, declared, encoded, name, uncertain
):
    data = ct_slice(SpecificCharacterSet=None, PatientName="PLACEHOLDER")
    raw = write(tmp_path / "a.dcm", data).read_bytes()
    charset = element(0x08, 0x05, b"CS", _even(declared.encode())) if declared else b""
    raw = raw.replace(element(0x10, 0x10, b"PN", b"PLACEHOLDER "), element(0x10, 0x10, b"PN", _even(encoded)))
    start = raw.index(struct.pack("<HH2s", 0x08, 0x08, b"CS"))
    (tmp_path / "a.dcm").write_bytes(raw[:start] + charset + raw[start:])
    patient = read_patient(tmp_path / "a.dcm")
    assert (patient.name, patient.text_uncertain) == (name, uncertain)


def _even(value: bytes) -> bytes:
    return value + b" " * (len(value) % 2)


def test_a_patient_without_anything_is_empty():
    assert Patient().name == ""
