"""The gateway's signature on a report: PAdES, with a time stamp and validation data where they can be had.

What cannot be had is left out and said, for a report that waits for a time-stamp authority helps nobody. Both signatures
are made here: the seal on a fresh report, and the later one behind it in the physician's box.

References
----------
ETSI EN 319 142-1 (PAdES baseline levels B-B, B-T, B-LT). ISO 32000-2, 12.8 (signatures). RFC 3161 (time stamps).
ISO 19005-2, 6.3 and 6.4 (annotations and fields in PDF/A-2).
"""

import asyncio
import io
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import aiohttp
from asn1crypto import x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter, append_signature_field
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.sign.signers.pdf_signer import DSSContentSettings, SigDSSPlacementPreference
from pyhanko.sign.timestamps import HTTPTimeStamper, TimeStamper
from pyhanko.stamp import BaseStampStyle
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import RevokedError

from dicom_scp.tls import WARNING_TIME
from gateway.ledger.records import utc_text
from gateway.signing.documents import Level, Seal
from gateway.signing.keys import authorities_of, crls_of, name_of, opened
from gateway.signing.settings import Signing
from triage.errors import ConfigError, InputError
from viewer_bridge.report.sheet import SIGNATURE_PLACE

SEAL_FIELD, PHYSICIAN_FIELD = "GatewaySeal", "Physician"
"""Names of the signature fields; the first is seen by programs only, the second is the physician's box."""

DIGEST = "sha256"

IN_ONE = DSSContentSettings(include_vri=False, placement=SigDSSPlacementPreference.TOGETHER_WITH_SIGNATURE)
"""Validation data in the signed part, so that the signature covers every byte of the file but itself."""

OWN_TIME = "the time is this machine's"


@dataclass(frozen=True, slots=True)
class Place:
    """A box on a page, counted from 0; left, bottom, right, top in points."""

    page: int
    box_pt: tuple[int, int, int, int]


def seal(pdf: bytes, settings: Signing) -> tuple[bytes, Seal]:
    """Return a report with the site's seal, and what the seal is worth.

    Raises
    ------
    ConfigError
        The key cannot be used, or its certificate was revoked.
    TemporaryError
        The token is away.
    InputError
        The file is no report of ours.
    """
    place = signature_place(pdf)
    fields = [SigFieldSpec(PHYSICIAN_FIELD, place.page, place.box_pt)]
    meta = PdfSignatureMetadata(
        field_name=SEAL_FIELD,
        reason=settings.reason,
        location=settings.location or None,
        certify=True,
        docmdp_permissions=MDPPerm.FILL_FORMS,
    )
    return signed(pdf, meta, settings, fields=fields)


def signed(
    pdf: bytes,
    meta: PdfSignatureMetadata,
    settings: Signing,
    *,
    fields: list[SigFieldSpec] | None = None,
    stamp: BaseStampStyle | None = None,
) -> tuple[bytes, Seal]:
    """Sign behind the end of a file with the site's key, first adding empty fields; raises like `seal`."""
    with ExitStack() as stack:
        signer = stack.enter_context(opened(settings))
        for attempt in _attempts(signer, settings):
            made = _sign(pdf, meta, signer, attempt, fields or [], stamp)
            if made is not None:
                by = name_of(signer.signing_cert.subject) if signer.signing_cert else ""
                return made, Seal(attempt.level, by, utc_text(datetime.now(UTC)), attempt.remarks)
    raise InputError("the report could not be signed")


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What goes into a signature, and what is said of what does not."""

    timestamper: TimeStamper | None
    context: ValidationContext | None
    remarks: tuple[str, ...]

    @property
    def level(self) -> Level:
        if self.timestamper is None:
            return Level.BASIC
        return Level.LONG if self.context else Level.TIME


def _attempts(signer: Signer, settings: Signing) -> Iterator[_Attempt]:
    """The best first; validation data that cannot be had are left out at last."""
    timestamper, remarks = _time(settings)
    remarks += _age(signer)
    if settings.authorities:
        yield _Attempt(timestamper, _context(signer, settings), tuple(remarks))
        missing = "whether the certificate was revoked could not be looked up: no validation data inside"
    else:
        missing = "no authorities are configured: no validation data inside"
    yield _Attempt(timestamper, None, (*remarks, missing))


def _time(settings: Signing) -> tuple[TimeStamper | None, list[str]]:
    """The time-stamp authority, asked once whether it answers."""
    if not settings.timestamp_url:
        return None, [f"no time-stamp authority is configured: {OWN_TIME}"]
    timestamper = HTTPTimeStamper(settings.timestamp_url, timeout=settings.timeout_s)
    try:
        asyncio.run(timestamper.async_dummy_response(DIGEST))
    except (OSError, ValueError, TypeError, aiohttp.ClientError):
        return None, [f"the time-stamp authority did not answer: {OWN_TIME}"]
    return timestamper, []


def _age(signer: Signer) -> list[str]:
    """A word about the certificate while somebody can still renew it in time."""
    ends_at = signer.signing_cert.not_valid_after if signer.signing_cert else None
    if ends_at is None or ends_at - datetime.now(UTC) > WARNING_TIME:
        return []
    return [f"the certificate of the key expires on {ends_at:%Y-%m-%d}: renew it"]


def _context(signer: Signer, settings: Signing) -> ValidationContext:
    others: list[x509.Certificate] = list(signer.cert_registry)
    return ValidationContext(
        trust_roots=authorities_of(settings),
        other_certs=others,
        crls=crls_of(settings),
        allow_fetching=settings.fetch_revocation,
        revocation_mode="require",
    )


def _sign(
    pdf: bytes,
    meta: PdfSignatureMetadata,
    signer: Signer,
    attempt: _Attempt,
    fields: list[SigFieldSpec],
    stamp: BaseStampStyle | None,
) -> bytes | None:
    """The signed file; None where its validation data, or its time stamp, cannot be had."""
    changed = partial(
        PdfSignatureMetadata,
        md_algorithm=DIGEST,
        subfilter=SigSeedSubFilter.PADES,
        embed_validation_info=attempt.context is not None,
        validation_context=attempt.context,
        dss_settings=IN_ONE,
    )
    told = {name: getattr(meta, name) for name in ("field_name", "reason", "location", "name", "certify")}
    made = changed(**told, docmdp_permissions=meta.docmdp_permissions)
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    for field in fields:
        append_signature_field(writer, field)
    try:
        worker = PdfSigner(made, signer, timestamper=attempt.timestamper, stamp_style=stamp)
        return bytes(worker.sign_pdf(writer).getbuffer())
    except (SigningError, PdfError, OSError, aiohttp.ClientError) as exc:
        if _revoked(exc):
            raise ConfigError("signing: the certificate was revoked: get a new one") from exc
        if attempt.context is None:
            raise InputError(f"the report cannot be signed ({type(exc).__name__})") from exc
        return None


def _revoked(exc: BaseException | None) -> bool:
    """Whether a chain of errors began with a revocation."""
    while exc is not None:
        if isinstance(exc, RevokedError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def signature_place(pdf: bytes) -> Place:
    """Where the report keeps room for the physician (`viewer_bridge.report.sheet.SIGNATURE_PLACE`).

    Raises
    ------
    InputError
        It is no report of ours.
    """
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        target, _, *box = reader.root["/Dests"][f"/{SIGNATURE_PLACE}"]
        pages = reader.root["/Pages"]["/Kids"]
        page = [kid.reference for kid in map(pages.raw_get, range(len(pages)))].index(target.reference)
    except (PdfError, KeyError, ValueError, AttributeError) as exc:
        raise InputError(
            "the file has no place for a physician's signature: it is no report of ours"
        ) from exc
    left, bottom, right, top = (round(float(number)) for number in box)
    return Place(page, (left, bottom, right, top))
