"""Every lossless transfer syntax that CT uses gives the same pixels; lies and losses are refused before decoding."""

import struct
import subprocess

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from dicom_scp.codestreams import CLAIMS, Claim, claim_of_jpeg, claim_of_jpeg_2000
from dicom_scp.decoding import read_hu
from dicom_scp.elements import walk_file
from dicom_scp.headers import header_of
from dicom_scp.pixels import AIR_HU, formats_of
from dicom_scp.reader import WANTED
from triage.errors import InputError

SHAPE = (64, 96)
WITH_PYDICOM = (
    RLELossless,
    JPEGLSLossless,
    JPEG2000Lossless,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
)
WITH_DCMTK = {JPEGLosslessSV1: ["dcmcjpeg", "+e1"], JPEGLossless: ["dcmcjpeg", "+el"], JPEGLSLossless: ["dcmcjpls"],
              RLELossless: ["dcmcrle"], DeflatedExplicitVRLittleEndian: ["dcmconv", "+td"]}  # fmt: skip


def hu_of(path):
    with path.open("rb") as stream:
        elements = walk_file(stream, WANTED)
    header = header_of(elements)
    images = [np.empty((header.rows, header.columns), np.float32) for _ in range(header.frames)]
    read_hu(path, formats_of(elements, header), images)
    return np.stack(images)


@pytest.fixture(scope="module")
def plain(ct_slice, write, tmp_path_factory):
    """An uncompressed slice, and what it shows."""
    path = write(tmp_path_factory.mktemp("plain") / "plain.dcm", ct_slice(shape=SHAPE, seed=9))
    return path, np.random.default_rng(9).integers(0, 3000, SHAPE, dtype=np.int16) - 1024.0


@pytest.mark.parametrize("syntax", WITH_PYDICOM, ids=lambda syntax: syntax.keyword)
def test_what_pydicom_packs_is_read_identically(ct_slice, write, plain, tmp_path, syntax):
    path = write(tmp_path / "a.dcm", ct_slice(shape=SHAPE, seed=9), syntax)
    np.testing.assert_array_equal(hu_of(path)[0], plain[1])


@pytest.mark.parametrize("syntax", WITH_DCMTK, ids=lambda syntax: syntax.keyword)
def test_what_dcmtk_packs_is_read_identically(plain, tmp_path, syntax):
    tool, *options = WITH_DCMTK[syntax]
    subprocess.run([f"/usr/bin/{tool}", *options, plain[0], tmp_path / "a.dcm"], check=True, timeout=30)
    assert dcmread(tmp_path / "a.dcm").file_meta.TransferSyntaxUID == syntax
    np.testing.assert_array_equal(hu_of(tmp_path / "a.dcm")[0], plain[1])


@pytest.mark.parametrize("syntax", [JPEG2000, JPEGLSNearLossless])
def test_a_syntax_with_loss_is_refused(ct_slice, write, tmp_path, syntax):
    data = ct_slice(shape=SHAPE)
    data.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = syntax
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match="compressed with loss: send the original"):
        hu_of(tmp_path / "a.dcm")


@pytest.mark.parametrize(
    "syntax", [JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless], ids=lambda s: s.keyword
)
def test_an_image_that_is_another_is_refused_before_decoding(ct_slice, write, plain, tmp_path, syntax):
    if syntax == JPEGLosslessSV1:
        subprocess.run(["/usr/bin/dcmcjpeg", "+e1", plain[0], tmp_path / "a.dcm"], check=True, timeout=30)
    else:
        write(tmp_path / "a.dcm", ct_slice(shape=SHAPE), syntax)
    data = dcmread(tmp_path / "a.dcm")
    data.Rows = 100
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match="the compressed image is another"):
        hu_of(tmp_path / "a.dcm")


def test_loss_inside_a_lossless_syntax_is_seen(ct_slice, write, tmp_path):
    unsigned = write(tmp_path / "plain.dcm", ct_slice(shape=SHAPE, PixelRepresentation=0))
    subprocess.run(["/usr/bin/dcmcjpls", "+en", unsigned, tmp_path / "a.dcm"], check=True, timeout=30)
    data = dcmread(tmp_path / "a.dcm")
    data.file_meta.TransferSyntaxUID = JPEGLSLossless
    data.pop("LossyImageCompression", None)
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match="with loss"):
        hu_of(tmp_path / "a.dcm")


def test_claims_are_read_from_markers():
    jpeg = b"\xff\xd8" + struct.pack(">HHBHHB", 0xFFC3, 8, 16, 512, 256, 1) + b"\xff\xda\0\x08\1\1\0\1\0\0"
    assert claim_of_jpeg(jpeg) == Claim(512, 256, 1, 16, is_lossless=True)
    assert claim_of_jpeg(jpeg[:-1] + b"\1") == Claim(512, 256, 1, 16, is_lossless=False)
    size = struct.pack(">HHH4I4IHBBB", 0xFF51, 41, 0, 256, 512, 0, 0, 256, 512, 0, 0, 1, 15, 1, 1)
    coding = b"\xff\x52\0\x0c\0\0\0\1\0\5\4\4\0"
    assert claim_of_jpeg_2000(b"\xff\x4f" + size + coding + b"\1") == Claim(512, 256, 1, 16, is_lossless=True)
    assert not claim_of_jpeg_2000(b"\xff\x4f" + size + coding + b"\0").is_lossless
    for claim in set(CLAIMS.values()):
        assert claim(b"") is claim(b"\xff\xd8\xff") is claim(bytes(100)) is None


def test_fragments_without_end_or_sense_are_refused(ct_slice, write, tmp_path):
    path = write(tmp_path / "a.dcm", ct_slice(shape=SHAPE), RLELossless)
    raw = path.read_bytes()
    path.write_bytes(raw[:-12])
    with pytest.raises(InputError, match=r"cut short|decoded"):
        hu_of(path)
    data = dcmread(write(tmp_path / "b.dcm", ct_slice(shape=SHAPE), RLELossless))
    data.PixelData = encapsulate([bytes(10 * 64 * 96 * 2 + 65_536)])
    data.save_as(path, enforce_file_format=True)
    with pytest.raises(InputError, match="larger compressed"):
        hu_of(path)


def test_high_throughput_has_a_decoder_and_a_wrong_codestream_is_refused(ct_slice, tmp_path):
    data = ct_slice(shape=SHAPE)
    data.compress(JPEG2000Lossless, generate_instance_uid=False)
    data.file_meta.TransferSyntaxUID = HTJ2KLossless
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    expected = np.random.default_rng(0).integers(0, 3000, SHAPE, dtype=np.int16) - 1024.0
    np.testing.assert_array_equal(hu_of(tmp_path / "a.dcm")[0], expected)


@pytest.mark.parametrize("image", ["CT1", "CT2"])
def test_real_images_of_other_packers_are_identical(reference_data, tmp_path, image):
    folder = reference_data("corpus/transfer_syntaxes") / "data" / "WG04"
    packed = sorted(
        path
        for path in folder.rglob(f"{image}_*")
        if path.suffix != ".zst" and "J2KI" not in path.name and "JLSN" not in path.name
    )
    found = {path.name: hu_of(path) for path in packed}
    assert len(found) >= 3
    first = next(iter(found.values()))
    assert all(np.array_equal(first, hu) for hu in found.values())
    reference = dcmread(packed[0])
    shown = reference.pixel_array * float(reference.RescaleSlope) + float(reference.RescaleIntercept)
    inside = first[0] != AIR_HU
    assert inside.mean() > 0.5
    np.testing.assert_array_equal(first[0][inside], shown[inside])
