"""TLS for DICOM: the BCP 195 profile with mutual authentication (PS3.15 annex B.9, RFC 9325)."""

import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from triage.errors import ConfigError

LOG = structlog.get_logger()

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
)
"""Suites of TLS 1.2 that RFC 9325 section 4.2 recommends; those of TLS 1.3 are all recommended."""

WARNING_TIME = timedelta(days=30)
"""Before a certificate expires, somebody has to hear of it."""

_CERTIFICATES = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_TIME_FORMATS = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}
"""UTCTime and GeneralizedTime (RFC 5280 section 4.1.2.5)."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """PEM files of ours; `authorities` are those that may vouch for peers, `named` is the table in the configuration."""

    certificate: Path
    key: Path
    authorities: Path
    named: str = "dicom.tls"


def server_context(settings: TlsSettings, now: datetime) -> ssl.SSLContext:
    """Build the listener's side of TLS; peers without a certificate of the authorities are turned away.

    Raises
    ------
    ConfigError
        A file is missing, unreadable or does not fit, or the certificate is not valid now; the message names the key.
    """
    context = _profile(ssl.PROTOCOL_TLS_SERVER, settings, now)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.options |= (
        ssl.OP_IGNORE_UNEXPECTED_EOF
    )  # a broken-off read must not take the last word, A-ABORT, with it
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(settings: TlsSettings, now: datetime, *, check_host: bool = True) -> ssl.SSLContext:
    """Build the calling side of TLS, by the same profile; with `check_host` the peer's certificate must name its host.

    Raises
    ------
    ConfigError
        As `server_context`.
    """
    context = _profile(ssl.PROTOCOL_TLS_CLIENT, settings, now)
    context.check_hostname = check_host
    return context


def _profile(protocol: int, settings: TlsSettings, now: datetime) -> ssl.SSLContext:
    """What both sides share: versions, suites, who we are and who vouches for the other."""
    _require_valid(settings, now)
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    named = settings.named

    def refuse_password() -> str:
        raise ConfigError(f"{named}.key: the key is encrypted; decrypt it and protect the file instead")

    try:
        context.load_cert_chain(settings.certificate, settings.key, password=refuse_password)
    except OSError as exc:
        raise ConfigError(f"{named}.key: {settings.key} does not fit the certificate: {_why(exc)}") from exc
    try:
        context.load_verify_locations(settings.authorities)
    except OSError as exc:
        raise ConfigError(f"{named}.authorities: cannot read {settings.authorities}: {_why(exc)}") from exc
    return context


def _why(exc: OSError) -> str:
    return getattr(exc, "reason", None) or exc.strerror or type(exc).__name__


def _require_valid(settings: TlsSettings, now: datetime) -> None:
    certificate, key = settings.certificate, f"{settings.named}.certificate"
    try:
        begins, ends = validity(certificate.read_text("ascii"))
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{key}: cannot read {certificate}: {exc}") from exc
    if not begins <= now <= ends:
        raise ConfigError(
            f"{key}: {certificate} is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}; renew it"
        )
    if ends - now < WARNING_TIME:
        LOG.warning("certificate_expires", key=key, at=ends.isoformat())


def validity(pem: str) -> tuple[datetime, datetime]:
    """First and last moment of the first certificate in a PEM text (RFC 5280 section 4.1).

    Raises
    ------
    ValueError
        There is no certificate in it.
    """
    return validities(pem)[0]


def validities(pem: str) -> list[tuple[datetime, datetime]]:
    """The same of every certificate, in their order; raises like `validity`."""
    found = [_validity(block) for block in _CERTIFICATES.findall(pem)]
    if not found:
        raise ValueError("no PEM certificate in it")
    return found


def _validity(block: str) -> tuple[datetime, datetime]:
    (_, certificate), *_ = _der(ssl.PEM_cert_to_DER_cert(block))
    (_, signed), *_ = _der(certificate)
    times = next((_der(value) for tag, value in _der(signed) if _is_validity(tag, value)), [])
    if len(times) != 2:
        raise ValueError("the certificate states no validity")
    begins, ends = (
        datetime.strptime(value.decode("ascii"), _TIME_FORMATS[tag]).replace(tzinfo=UTC)
        for tag, value in times
    )
    return begins, ends


def _is_validity(tag: int, value: bytes) -> bool:
    return tag == 0x30 and value[:1] in {b"\x17", b"\x18"}


def _der(raw: bytes) -> list[tuple[int, bytes]]:
    """Tags and values of a DER sequence's content (X.690 section 8.1)."""
    found, offset = [], 0
    while offset + 2 <= len(raw):
        tag, length = raw[offset], raw[offset + 1]
        offset += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(raw[offset : offset + count], "big")
            offset += count
        found.append((tag, raw[offset : offset + length]))
        offset += length
    return found
