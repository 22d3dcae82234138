"""A key that stays on its token: SoftHSM plays the token."""

import os
import subprocess
from pathlib import Path

import pytest
from certomancer.registry import CertLabel

from gateway.signing import asking, sealing
from gateway.signing.documents import Level
from gateway.signing.settings import Signing
from triage.errors import ConfigError, TemporaryError

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN, LABEL, TOKEN = "4711-thử", "seal", "gateway"


@pytest.fixture(scope="module")
def token(authority, tmp_path_factory):
    """The table ``[signing.pkcs11]`` of a token with the authority's signer."""
    pkcs11 = pytest.importorskip("pkcs11", reason="the extra pkcs11 is not installed")
    if not MODULE.exists():
        pytest.skip("SoftHSM is not installed (Debian package softhsm2)")
    folder = tmp_path_factory.mktemp("token")
    settings = folder / "softhsm2.conf"
    (folder / "tokens").mkdir()
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    begin = [
        "softhsm2-util",
        "--init-token",
        "--free",
        "--label",
        TOKEN,
        "--pin",
        PIN,
        "--so-pin",
        "12345678",
    ]
    subprocess.run(begin, check=True, capture_output=True)
    kept = ["softhsm2-util", "--import", authority.folder / "signer.pem", "--token", TOKEN]
    subprocess.run([*kept, "--label", LABEL, "--id", "01", "--pin", PIN], check=True, capture_output=True)
    _store_certificate(pkcs11, authority)
    pin_file = folder / "pin"
    pin_file.write_text(PIN)
    pin_file.chmod(0o600)
    yield {"module": str(MODULE), "token": TOKEN, "pin_file": str(pin_file), "key_label": LABEL}
    os.environ.pop("SOFTHSM2_CONF")
    if before is not None:
        os.environ["SOFTHSM2_CONF"] = before


def _store_certificate(pkcs11, authority):
    """In this process, once: the children open the token by themselves."""
    certificate = authority.architecture.get_cert(CertLabel("signer"))
    attribute = pkcs11.Attribute
    with pkcs11.lib(str(MODULE)).get_token(token_label=TOKEN).open(user_pin=PIN, rw=True) as session:
        session.create_object(
            {
                attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
                attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                attribute.TOKEN: True,
                attribute.LABEL: LABEL,
                attribute.ID: b"\x01",
                attribute.SUBJECT: certificate.subject.dump(),
                attribute.VALUE: certificate.dump(),
            }
        )


def settings_of(authority, table, **changes):
    tables = {"authorities": [str(authority.root)], "crls": [str(authority.crl)]}
    return {**tables, "pkcs11": {**table, **changes}}


def test_a_key_on_a_token_seals_a_report(authority, token, report, pdfsig, here):
    asking.prove(settings_of(authority, token))
    pdf, seal = asking.sealed(report, settings_of(authority, token))
    assert (seal.level, seal.remarks[0][:12]) == (Level.BASIC, "no time-stam")
    assert pdfsig(pdf) == [
        "Signature Validation: Signature is Valid.",
        "Certificate Validation: Certificate is Trusted.",
    ]


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"token": "another"}, TemporaryError, "token 'another' does not answer"),
        ({"module": "/nowhere/lib.so"}, ConfigError, "there is no /nowhere/lib.so"),
        ({"certificate_label": "another"}, ConfigError, "the token holds no certificate 'another'"),
    ],
)
def test_what_is_wrong_with_a_token_is_said(authority, token, report, changes, error, sentence):
    with pytest.raises(error, match=sentence):
        sealing.seal(report, Signing(**settings_of(authority, token, **changes)))


def test_a_wrong_pin_is_refused_and_not_repeated(authority, token, report, tmp_path):
    wrong = tmp_path / "pin"
    wrong.write_text("0000")
    wrong.chmod(0o600)
    with pytest.raises(ConfigError, match="refuses this PIN") as caught:
        sealing.seal(report, Signing(**settings_of(authority, token, pin_file=str(wrong))))
    assert "0000" not in str(caught.value)
