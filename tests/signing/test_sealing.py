"""The seal: valid for poppler, gone with one byte, PDF/A with it and without, and honest about what it lacks."""

import io
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageCms
from pyhanko.pdf_utils.reader import PdfFileReader

from gateway.jobs import sign
from gateway.processes import last_words
from gateway.signing import asking, sealing
from gateway.signing.documents import Level
from gateway.signing.settings import Signing
from tests.signing import pki
from tests.signing.conftest import DOCUMENT
from triage.errors import ConfigError, InputError, TemporaryError
from viewer_bridge.report.archival import srgb_profile, with_line_ends

VALID, TRUSTED = (
    "Signature Validation: Signature is Valid.",
    "Certificate Validation: Certificate is Trusted.",
)
PREFLIGHT = (
    *("preflight", "pdfbox2", "fontbox2", "xmpbox"),
    *("commons-logging", "commons-io", "javax.activation", "jaxb-api"),
)
JARS = [Path(f"/usr/share/java/{name}.jar") for name in PREFLIGHT]
PLACES = 12
LAB = ImageCms.createProfile("LAB")
SWATCH = Image.frombytes("RGB", (9, 9), bytes(range(243)))


def signed_bytes(pdf: bytes) -> list[int]:
    """Offsets that the last signature covers: all but the signature itself."""
    *_, last = re.finditer(rb"/ByteRange \[\s*(\d+) (\d+) (\d+) (\d+)", pdf)
    first, length, second, rest = map(int, last.groups())
    assert first == 0
    assert second + rest == len(pdf), "the signature covers the file to its end"
    return [*range(length), *range(second, second + rest)]


def flipped(pdf: bytes, place: int) -> bytes:
    return pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :]


def test_poppler_finds_the_seal_valid_and_the_signer_trusted(sealed, pdfsig):
    pdf, seal = sealed
    assert seal.level is Level.LONG
    assert seal.by == f"{pki.HOSPITAL}, Test authority"
    assert seal.remarks == ()
    assert pdfsig(pdf) == [VALID, TRUSTED]


def test_one_changed_byte_anywhere_is_found(approved, pdfsig):
    pdf, _ = approved
    assert pdfsig(pdf).count(VALID) == 2
    for place in random.Random(8).sample(signed_bytes(pdf), PLACES):
        assert pdfsig(flipped(pdf, place)).count(VALID) < 2, place


def test_a_sign_off_stands_behind_the_sealed_bytes(sealed, approved, pdfsig):
    assert approved[0].startswith(sealed[0])
    assert approved[1].level is Level.LONG
    assert pdfsig(approved[0])[:2] == [VALID, TRUSTED]


@pytest.mark.parametrize(
    ("change", "level", "remark"),
    [
        (
            {"timestamp_url": ""},
            Level.BASIC,
            "no time-stamp authority is configured: the time is this machine's",
        ),
        (
            {"timestamp_url": "http://127.0.0.1:9/"},
            Level.BASIC,
            "the time-stamp authority did not answer: the time is this machine's",
        ),
        ({"crls": []}, Level.TIME, "whether the certificate was revoked could not be looked up"),
        ({"authorities": [], "crls": []}, Level.TIME, "no authorities are configured"),
    ],
)
def test_what_cannot_be_had_is_left_out_and_said(seal_apart, report, complete, pdfsig, change, level, remark):
    pdf, seal = seal_apart(report, Signing(**{**complete, **change}))
    assert seal.level is level
    assert seal.remarks[0].startswith(remark)
    assert pdfsig(pdf)[0] == VALID


def broken(authority, complete, how):
    wrong = authority.folder / "wrong"
    wrong.write_text("falsch\n")
    wrong.chmod(0o600)
    readable = authority.folder / "readable"
    readable.write_text(pki.PASSPHRASE)
    readable.chmod(0o644)
    return {
        "wrong passphrase": {**complete, "passphrase_file": str(wrong)},
        "passphrase for everybody": {**complete, "passphrase_file": str(readable)},
        "expired": authority.settings("expired"),
        "revoked": authority.settings("revoked"),
        "no file": {**complete, "pkcs12": "/nowhere/seal.p12"},
        "no authority": {**complete, "authorities": [str(wrong)]},
    }[how]


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("wrong passphrase", "wrong passphrase, or no file with key and certificate"),
        ("passphrase for everybody", "can be read by others"),
        ("no file", "cannot be read"),
        ("no authority", "holds no certificate"),
    ],
)
def test_a_key_that_cannot_work_stops_the_start_with_a_sentence(authority, complete, how, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        sign.prove(b"", {}, Signing(**broken(authority, complete, how)))
    assert "falsch" not in str(caught.value)
    assert pki.PASSPHRASE not in str(caught.value)


def test_a_start_asks_a_child_and_hears_its_sentence(authority, complete):
    asking.require_key(Signing())
    asking.require_key(Signing(**complete))
    with pytest.raises(ConfigError, match="wrong passphrase"):
        asking.require_key(Signing(**broken(authority, complete, "wrong passphrase")))


def test_an_expired_certificate_lets_the_gateway_start_and_is_waited_for(authority, complete):
    expired = broken(authority, complete, "expired")
    asking.require_key(Signing(**expired))
    with pytest.raises(TemporaryError, match=r"the certificate expired on .*: renew it"):
        asking.prove(expired)


def test_a_revoked_certificate_seals_nothing(seal_apart, report, authority, complete):
    with pytest.raises(ConfigError, match="revoked"):
        seal_apart(report, Signing(**broken(authority, complete, "revoked")))


def test_without_a_usable_key_the_report_goes_unsealed_and_says_so(report, authority, complete):
    pdf, seal = asking.sealed(report, broken(authority, complete, "expired"))
    assert pdf == report
    assert seal.level is Level.NONE
    assert seal.remarks[0].startswith("not sealed: signing.pkcs12: the certificate expired")


def test_a_child_that_dies_or_hangs_is_a_passing_fault():
    with pytest.raises(TemporaryError, match="died"):
        asking.ask(asking.SIGNER, {"no": "task"}, b"", 30)
    with pytest.raises(TemporaryError, match="within 0 s"):
        asking.ask(asking.SIGNER, {"task": "prove", "signing": {}}, b"", 0.01)
    assert last_words(b"") == ""


def test_a_file_of_somebody_else_is_not_signed(report):
    with pytest.raises(InputError, match="no report of ours"):
        sealing.signature_place(report.replace(b"physician-signature", b"nobodys-signaturee"))


def preflight(pdf: bytes, path: Path) -> str:
    """What PDFBox says of a file by PDF/A-1b, the only part it knows: the same file, but for the part that it names."""
    if not (shutil.which("java") and all(jar.exists() for jar in JARS)):
        pytest.skip(
            "PDFBox Preflight is not installed (Debian packages libpdfbox2-java, libactivation-java, libjaxb-api-java)"
        )
    path.write_bytes(re.sub(rb"(pdfaid:part(?:>|=\"))2", rb"\g<1>1", pdf))
    command = [
        "java",
        "-cp",
        ":".join(map(str, JARS)),
        "org.apache.pdfbox.preflight.Validator_A1b",
        str(path),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout


def test_preflight_finds_the_report_right(report, tmp_path):
    assert "is a valid PDF/A-1b file" in preflight(report, tmp_path / "report.pdf")


def test_preflight_objects_to_the_signed_report_only_where_the_second_part_does_not(approved, tmp_path):
    """ISO 19005-2, 6.3.3 wants no appearance of a field of no size; 6.6.3 asks nothing of the information dictionary."""
    said = preflight(approved[0], tmp_path / "approved.pdf")
    objections = {line.split(" on page")[0] for line in said.splitlines() if re.match(r"\d", line)}
    assert objections <= {
        "5.3.1 : Invalid field value in an annotation definition, widget annotation lacks an appearance dictionary",
        "7.2 : Error on MetaData, Producer present in the document catalog dictionary doesn't match with XMP information",
    }


def test_preflight_can_object(report, tmp_path):
    assert "1.2.2" in preflight(report.replace(b"\nendstream", b"endstream ", 1), tmp_path / "bad.pdf")


def test_the_file_says_which_part_it_keeps_and_shows_its_colours(approved):
    reader = PdfFileReader(io.BytesIO(approved[0]))
    (intent,) = reader.root["/OutputIntents"]
    assert intent["/S"] == "/GTS_PDFA1"
    assert intent["/DestOutputProfile"].data == srgb_profile()
    packet = reader.root["/Metadata"].data.decode("utf-8")
    assert re.search(r"pdfaid:part(>|=\")2", packet)
    assert re.search(r"pdfaid:conformance(>|=\")B", packet)
    assert DOCUMENT in packet
    assert "/Encrypt" not in reader.trailer
    assert len(reader.trailer["/ID"]) == 2


def test_the_profile_is_srgb_for_others():
    profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    assert (profile.profile.version, profile.profile.xcolor_space.strip()) == (2.1, "RGB")
    own, theirs = (
        ImageCms.applyTransform(SWATCH, ImageCms.buildTransform(one, LAB, "RGB", "LAB")).tobytes()
        for one in (profile, ImageCms.createProfile("sRGB"))
    )
    assert all(abs(mine - other) <= 1 for mine, other in zip(own, theirs, strict=True))


def test_line_ends_change_nothing_but_line_ends(report):
    reader = PdfFileReader(io.BytesIO(report))
    assert b"\nendstream" in report
    assert reader.root["/Lang"] == "vi"
    with pytest.raises(InputError):
        with_line_ends(report[:-1] + b"x")
