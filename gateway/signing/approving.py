"""A physician's sign-off in the report's file: an update behind its end, with a stamp in the physician's box.

The signature is the gateway's, made for the physician named, and says so: whether who that is was typed, or known by an
account. A site without a key gets the stamp alone, which says that too.

References
----------
ISO 32000-1, 7.5.6 (incremental updates), 12.7.4.5 (signature fields).
"""

import io
from datetime import UTC, datetime
from tempfile import NamedTemporaryFile

from pyhanko.pdf_utils.content import ImportedPdfPage
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import AxisAlignment as Align
from pyhanko.pdf_utils.layout import BoxConstraints, InnerScaling, Margins, SimpleBoxLayoutRule
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, enumerate_sig_fields
from pyhanko.sign.signers import PdfSignatureMetadata
from pyhanko.stamp import StaticStampStyle

from gateway.ledger.records import utc_text
from gateway.signing.asking import Approval
from gateway.signing.documents import Level, Seal
from gateway.signing.sealing import PHYSICIAN_FIELD, Place, signature_place, signed
from gateway.signing.settings import Signing
from viewer_bridge.report.stamp import Signer, signature_stamp
from viewer_bridge.report.wording.language import Language

UNMARGINED = SimpleBoxLayoutRule(
    x_align=Align.ALIGN_MIN,
    y_align=Align.ALIGN_MIN,
    margins=Margins.uniform(0),
    inner_content_scaling=InnerScaling.NO_SCALING,
)


KNOWN_BY = {"stated": "is as stated at the sign-off", "account": "had logged in to sign off"}


def approve(pdf: bytes, approval: Approval, settings: Signing) -> tuple[bytes, Seal]:
    """Return the report as signed off, and what the signature is worth; raises like `gateway.signing.sealing.seal`."""
    place = signature_place(pdf)
    with NamedTemporaryFile(suffix=".pdf") as file:
        file.write(_stamp(approval, place, settings))
        file.flush()
        style = StaticStampStyle(
            border_width=0, background=ImportedPdfPage(file.name), background_layout=UNMARGINED
        )
        if not settings.enabled:
            return _stamped(pdf, style, place), Seal(
                Level.NONE, at=utc_text(datetime.now(UTC)), remarks=("no key is configured",)
            )
        meta = PdfSignatureMetadata(field_name=PHYSICIAN_FIELD, reason=_reason(approval))
        return signed(pdf, meta, settings, fields=_missing_field(pdf, place), stamp=style)


def _reason(approval: Approval) -> str:
    return (
        f"Signed off by {approval.physician}, {approval.role}, who {KNOWN_BY[approval.identity]}; "
        "signed for them with the key of the gateway"
    )


def _stamp(approval: Approval, place: Place, settings: Signing) -> bytes:
    left, bottom, right, top = place.box_pt
    signer = Signer(
        approval.physician,
        approval.role,
        approval.remark,
        datetime.fromisoformat(approval.signed_at),
        logged_in=approval.identity == "account",
    )
    size = (right - left, top - bottom)
    return signature_stamp(signer, size, Language(approval.language), sealed=settings.enabled)


def _missing_field(pdf: bytes, place: Place) -> list[SigFieldSpec]:
    """The physician's field, where the report was not sealed and so has none."""
    names = [name for name, *_ in enumerate_sig_fields(PdfFileReader(io.BytesIO(pdf)))]
    return [] if PHYSICIAN_FIELD in names else [SigFieldSpec(PHYSICIAN_FIELD, place.page, place.box_pt)]


def _stamped(pdf: bytes, style: StaticStampStyle, place: Place) -> bytes:
    """The stamp on the page, without a signature."""
    left, bottom, right, top = place.box_pt
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    box = BoxConstraints(width=right - left, height=top - bottom)
    style.create_stamp(writer, box, {}).apply(place.page, left, bottom)
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()
