"""Every lossless transfer syntax that CT uses gives the same pixels; lies and losses are refused before decoding."""

import struct
import subprocess
from base64 import b85decode

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
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


HIGH_THROUGHPUT = {
    "signed": (
        "|4;u>04YEK0000O0000G00000000000000O0000G000000000000EBy0sl|{2mk^A000XAQUDA90ssL30t5s=0smY83LuD(k"
        "dTOoi2q~&7XSfIaAj^vP)HzFWpW@eE;2SQGcNyC015zL000000Ve;D015yA0003d00IA#zyL0oI=lj_!_1097L!e2ht+yf7D"
        "p1AvuP(Z=+f~F1PCP@q5uFQn*hK77R&$vbPxaqa3UfiA`$|FY1`Y|+Y34X1u|TK#~6yxxd2E6MG>p&I?IrxMKJ;4u7a%w%(I"
        "a5021VsaD}v4ngA334@?ODzyL#D%ffg7zyL1V00DZ800O8003ZO=^8W`~_U`WP?rxv}lj48=|7ZVyIdA~9lyyp5T(-1wkTeK"
        "1418slSzQpuy=&080T7r0lG~&^qAC-B86ctBq&uQ26Mz{Yq1vQ7qAC;Om7xn^fFKmyfD2?3Xd3vA0HuPu459!CKn6jHAVL5Y"
        "AJ%l?q94|D;i4XlvMg6AoB@9z{qyi5IZNjN|Je"
    ),
    "unsigned": (
        "|4;u>04YEK0000O0000G00000000000000O0000G0000000000009pH0sl|{2mk^A000XAQUDA90ssL30t5s=0smY83LuD(k"
        "dTOoi2q~&7XSfIaAj^vP)HzFWpW@eE;2SQGcNyC015zL000000XYAV015yA0003v00IA#zyL1bQ|Jox0rVR56uJ&Ql&(fktE"
        "<v!?FjXSy6F8hJ)M1x&P<=4ugVwZ67cl+ANw7Cvg!sx05Q4%zyKD^00DFm00nR&A|fIZ0)uJW+uPd<IsgSST!6<IiqN?LNCZ"
        "U@tLi$-kfcR10pYHKtp?1qkn;c%<dkrQv{{+}6aNoP2>!qTLte|mcmTivF4_PAdW--9r~m*U0MzpT2U_;-?(Xhxpa7HNfBye"
        "x|9?4f0JM~KN?TmEv~rL%2s8|QWtLf85XQZ0(6|8*m;sX8q&uQ26Mz{Yq1vQ7qAC-B86ctBq&uQ26XKPj3t@mD6x@IdWD{r_"
        "_>KUjg1QW%00=+^L5Uzj02LqBbm5{O)^y>b9*nXqS1FtUe<1zy@FF=&=K%lN"
    ),
    "with loss": (
        "|4;u>04YEK0000O0000G00000000000000O0000G000000000000EBy0sl|{2mk^A001igQUDA90ssL30t5s=0RLP75h9<4k"
        "OPndkVco%m(rJE|6~9c00B>MWo}APNFY{aav(4+GBz$VF8@^k3IJdL00000^Z$?l3IG5A008p<0soW001K=3w3ec9OzawV{0"
        "P-PfP0pGopb>Q`5Oi8NvG6+#w5-R1Q;b8!UPZ^n*hK77Q_GnbT9w~a0X&1oCxHg3XTzyiZ=cLWP<{$Ag2R*0G3bzoPhG@Fi{"
        "o<@v9D`knngu#QH$M5)cVO5U3-&JOIPP8pL?v@DYb|w2Wr}zyKEf00DL|00l^ZhjKX^M~Mn=W(Yi1P1e8_@N+p4CG;en=n$m"
        "?eE^~W0TZXaKytd$oJbUt90HnSF-7tl3X3?cviVQg0uTyh#sCS^5WuGDTE|Rq(RBfo^7GUH&ugau|Je"
    ),
}
"""`high_throughput_image` as OpenJPH 0.26.3 packs it (through imagecodecs 2026.3.6; 16 bits, RPCL, TLM, two resolutions),
in base 85: an encoder that shares nothing with the decoder."""


def high_throughput_image(*, signed: bool) -> np.ndarray:
    y, x = np.mgrid[:16, :24]
    return (x - 9) * (y - 5) * (x + 2 * y) // 2 + (0 if signed else 3000)


def high_throughput_file(ct_slice, path, kind: str, syntax):
    data = ct_slice(shape=(16, 24), PixelRepresentation=int(kind != "unsigned"))
    data.PixelData = encapsulate([b85decode(HIGH_THROUGHPUT[kind])])
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = syntax
    data.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2KLosslessRPCL], ids=lambda s: s.keyword)
@pytest.mark.parametrize("kind", ["signed", "unsigned"])
def test_high_throughput_images_of_another_maker_are_read_identically(ct_slice, tmp_path, kind, syntax):
    path = high_throughput_file(ct_slice, tmp_path / "a.dcm", kind, syntax)
    np.testing.assert_array_equal(hu_of(path)[0], high_throughput_image(signed=kind == "signed") - 1024.0)


@pytest.mark.parametrize(
    ("kind", "syntax"), [("with loss", HTJ2KLossless), ("with loss", HTJ2K), ("signed", HTJ2K)]
)
def test_high_throughput_with_loss_is_refused(ct_slice, tmp_path, kind, syntax):
    with pytest.raises(InputError, match="compressed with loss: send the original images"):
        hu_of(high_throughput_file(ct_slice, tmp_path / "a.dcm", kind, syntax))


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless], ids=lambda s: s.keyword)
@pytest.mark.parametrize("instead", [b"", bytes(8), bytes(30)], ids=len)
def test_pixels_without_their_delimiter_are_read(ct_slice, write, plain, tmp_path, syntax, instead):
    path = write(tmp_path / "a.dcm", ct_slice(shape=SHAPE, seed=9), syntax)
    path.write_bytes(path.read_bytes()[:-8] + instead)
    np.testing.assert_array_equal(hu_of(path)[0], plain[1])
    path.write_bytes(path.read_bytes()[: -len(instead) - 2])
    with pytest.raises(InputError, match="cut short"):
        hu_of(path)


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
