"""Whose key signs: opened in the child that signs, and nowhere else. A passphrase or PIN is in no message and no log."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from asn1crypto import pem, x509
from pyhanko.sign.signers import Signer, SimpleSigner

from gateway.access import OTHERS
from gateway.signing.settings import Pkcs11, Signing
from triage.errors import ConfigError, TemporaryError


@contextmanager
def opened(settings: Signing) -> Iterator[Signer]:
    """The site's key while the block runs.

    Raises
    ------
    ConfigError
        A file is missing or readable by others, the passphrase or PIN is wrong, or the certificate is not valid yet.
    TemporaryError
        The token is away, or the certificate has expired.
    """
    if settings.pkcs11:
        with _token(settings.pkcs11) as signer:
            yield _checked(signer, "signing.pkcs11")
    elif settings.pkcs12:
        yield _checked(_file(settings.pkcs12, settings.passphrase_file), "signing.pkcs12")
    else:
        raise ConfigError("signing: there is no key; set pkcs12 or pkcs11")


def authorities_of(settings: Signing) -> list[x509.Certificate]:
    """Certificates of those who are trusted.

    Raises
    ------
    ConfigError
        A file cannot be read, or holds no certificate.
    """
    return [certificate for path in settings.authorities for certificate in _certificates(path)]


def crls_of(settings: Signing) -> list[bytes]:
    """Revocation lists, as DER.

    Raises
    ------
    ConfigError
        One cannot be read.
    """
    return [_unarmoured(_read(path, "signing.crls")) for path in settings.crls]


def name_of(name: x509.Name) -> str:
    """Whom a certificate names, as people say it: the name and the organization."""
    said = name.native
    parts = [said[key] for key in ("common_name", "organization_name") if key in said]
    return ", ".join(str(part) for part in parts) or str(name.human_friendly)


def _file(path: Path, passphrase_file: Path | None) -> SimpleSigner:
    content = _read(path, "signing.pkcs12")
    secret = secret_of(passphrase_file, "signing.passphrase_file") if passphrase_file else None
    try:
        return SimpleSigner.load_pkcs12_data(content, other_certs=[], passphrase=secret)
    except (ValueError, AttributeError, TypeError) as exc:
        raise ConfigError(
            f"signing.pkcs12: {path} does not open: wrong passphrase, or no file with key and certificate"
        ) from exc


@contextmanager
def _token(settings: Pkcs11) -> Iterator[Signer]:
    """A session with the token; its library is native code, which is why nobody else opens one."""
    try:
        token = import_module("gateway.signing.token")
    except ImportError as exc:
        raise ConfigError("signing.pkcs11: install the extra `stroke-gateway[pkcs11]`") from exc
    if not settings.module.exists():
        raise ConfigError(f"signing.pkcs11.module: there is no {settings.module}")
    pin = secret_of(settings.pin_file, "signing.pkcs11.pin_file").decode(errors="replace")
    with token.session(settings, pin) as signer:
        yield signer


def _checked(signer: Signer, key: str) -> Signer:
    """Refuse a certificate that is not valid today."""
    certificate, now = signer.signing_cert, datetime.now(UTC)
    if certificate is None:
        raise ConfigError(f"{key}: there is no certificate beside the key")
    if certificate.not_valid_after <= now:
        # Not a mistake of the configuration: a power cut at night must not keep the gateway down until it is renewed.
        raise TemporaryError(
            f"{key}: the certificate expired on {certificate.not_valid_after:%Y-%m-%d}: renew it"
        )
    if certificate.not_valid_before > now:
        raise ConfigError(
            f"{key}: the certificate is not valid before {certificate.not_valid_before:%Y-%m-%d}"
        )
    return signer


def _certificates(path: Path) -> Iterator[x509.Certificate]:
    content = _read(path, "signing.authorities")
    try:
        found = (
            [der for _, _, der in pem.unarmor(content, multiple=True)] if pem.detect(content) else [content]
        )
        for der in found:
            certificate = x509.Certificate.load(der)
            certificate.subject.native  # noqa: B018 - parsed lazily: what is no certificate fails here
            yield certificate
    except ValueError as exc:
        raise ConfigError(f"signing.authorities: {path} holds no certificate") from exc


def _unarmoured(content: bytes) -> bytes:
    return bytes(pem.unarmor(content)[2]) if pem.detect(content) else content


def _read(path: Path, key: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"{key}: {path} cannot be read ({type(exc).__name__})") from exc


def secret_of(path: Path, key: str) -> bytes:
    """The first line of a file that only its owner can read.

    Raises
    ------
    ConfigError
        It cannot be read, or others can read it too.
    """
    content = _read(path, key)
    if path.stat().st_mode & OTHERS:
        raise ConfigError(f"{key}: {path} can be read by others: run `chmod 600` on it")
    return content.partition(b"\n")[0].rstrip(b"\r")
