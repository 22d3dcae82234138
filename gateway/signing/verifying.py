"""What the signatures of a file prove: over which bytes, by whom, when, and who vouches for that.

References
----------
ISO 32000-2, 12.8.1 (byte ranges), 12.8.2.2 (permitted changes). ETSI EN 319 102-1 (validation). A certificate that has
expired since counts at the time that a trusted time stamp proves.
"""

import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import (
    DocumentSecurityStore,
    EmbeddedPdfSignature,
    PdfSignatureStatus,
    SignatureCoverageLevel,
    validate_pdf_signature,
)
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko_certvalidator import ValidationContext

from gateway.ledger.records import utc_text
from gateway.signing.keys import authorities_of, crls_of, name_of
from gateway.signing.settings import Signing

MOST_SIGNATURES = 8
"""More are not looked at: a report of ours has two."""

TOLERANCE = timedelta(minutes=5)
"""Clocks of authorities and ours may differ by so much."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of a file.

    Attributes
    ----------
    unaltered
        What was signed is as it was, and whatever follows it is of a kind that the signature permits.
    whole
        It covers the file to its end.
    authority
        Who vouches for the signer; empty: nobody whom the site trusts.
    at, clock
        UTC ISO 8601, and whose time that is; an empty `clock` is the signer's own.
    doubt
        Why the signer is not trusted, in a few words.
    """

    field: str
    by: str
    unaltered: bool
    whole: bool
    authority: str
    at: str
    clock: str
    reason: str
    doubt: str = ""


def signatures(pdf: bytes, settings: Signing) -> list[Signature]:
    """Judge every signature of a file, in the order in which they were made.

    Raises
    ------
    pyhanko.pdf_utils.misc.PdfError, ValueError, and others of its libraries
        It cannot be read; whoever calls runs in a child and takes any error for that.
    """
    reader = PdfFileReader(io.BytesIO(pdf))
    found = reader.embedded_regular_signatures[:MOST_SIGNATURES]
    return [_judged(signature, reader, settings) for signature in found]


def as_json(found: list[Signature]) -> list[dict[str, Any]]:
    """Signatures as plain values."""
    return [asdict(signature) for signature in found]


def _judged(signature: EmbeddedPdfSignature, reader: PdfFileReader, settings: Signing) -> Signature:
    status = validate_pdf_signature(signature, _context(reader, settings))
    if not status.trusted and (proven := _proven_at(status)) is not None:
        status = validate_pdf_signature(signature, _context(reader, settings, proven))
    certified, whole = status.coverage, SignatureCoverageLevel.ENTIRE_FILE
    at, clock = _time(status)
    return Signature(
        field=str(signature.field_name),
        by=name_of(status.signing_cert.subject),
        unaltered=_is_unaltered(status),
        whole=certified == whole,
        authority=_authority(status),
        at=at,
        clock=clock,
        reason=str(signature.sig_object.get("/Reason", "")),
        doubt="" if status.trusted else _doubt(status, settings),
    )


def _is_unaltered(status: PdfSignatureStatus) -> bool:
    covered = status.coverage is not None and status.coverage >= SignatureCoverageLevel.ENTIRE_REVISION
    return bool(status.intact and status.valid and covered and status.docmdp_ok)


def _context(reader: PdfFileReader, settings: Signing, at: datetime | None = None) -> ValidationContext:
    """Who is trusted, with the validation data inside the file; at a moment, or now."""
    known: dict[str, Any] = {
        "trust_roots": authorities_of(settings),
        "crls": crls_of(settings),
        "allow_fetching": False,
        "revocation_mode": "soft-fail",
        "time_tolerance": TOLERANCE,
        "retroactive_revinfo": True,
        **({"moment": at, "best_signature_time": at} if at else {}),
    }
    try:
        return DocumentSecurityStore.read_dss(reader).as_validation_context(known)
    except NoDSSFoundError:
        return ValidationContext(**known)


def _proven_at(status: PdfSignatureStatus) -> datetime | None:
    """The time that a trusted authority has stamped; None without such a stamp."""
    stamp = status.timestamp_validity
    return stamp.timestamp if stamp is not None and stamp.valid and stamp.trusted else None


def _time(status: PdfSignatureStatus) -> tuple[str, str]:
    stamp, proven = status.timestamp_validity, _proven_at(status)
    if proven is not None and stamp is not None:
        return utc_text(proven), name_of(stamp.signing_cert.subject)
    told = status.signer_reported_dt
    return (utc_text(told) if told else ""), ""


def _authority(status: PdfSignatureStatus) -> str:
    if not status.trusted or status.validation_path is None:
        return ""
    return name_of(status.validation_path.trust_anchor.authority.name)


def _doubts(status: PdfSignatureStatus, settings: Signing) -> Iterator[str]:
    if not (status.intact and status.valid):
        yield "the signature is broken: nobody vouches for this file"
    if status.revoked:
        yield "the signer's certificate was revoked"
    if status.signing_cert.not_valid_after < datetime.now(UTC):
        yield "the signer's certificate has expired, and no trusted time stamp tells when it signed"
    if not settings.authorities:
        yield "no authorities are configured here, so nobody vouches for the signer"
    yield "none of the authorities configured here vouches for the signer"


def _doubt(status: PdfSignatureStatus, settings: Signing) -> str:
    return next(_doubts(status, settings))
