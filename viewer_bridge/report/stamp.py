"""What stands in the physician's box after a sign-off: a small sheet of its own, laid over the report."""

import io
from dataclasses import dataclass, field
from datetime import datetime

from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Frame, KeepInFrame, Paragraph

from viewer_bridge.report.archival import with_line_ends
from viewer_bridge.report.sections import SIGNATURE_SHARES
from viewer_bridge.report.sheet import INK, STRONG_BODY, paragraph, register_typeface, style
from viewer_bridge.report.wording.language import Language
from viewer_bridge.report.words import Words

SMALL_INK = style(7.0, INK, leading=8.4)
REMARK_PT = 18.0
"""At the foot of the box: two lines; a longer remark is set smaller."""
TOP_PT = 6.0
GAP_PT = 6.0
"""Room above, and left of each column but the first, where the report's own words below stand too."""


SENTENCES = {
    (False, True): "signed_for",
    (False, False): "signed_off_only",
    (True, True): "account_signed_for",
    (True, False): "account_signed_off_only",
}
"""What is said of the signature: whether the signer logged in, and whether a digital signature goes with it."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed off, and when by the study's clock; `logged_in` with an account of their own, else as stated."""

    physician: str = field(repr=False)
    role: str = field(repr=False)
    remark: str = field(repr=False)
    signed_at: datetime
    logged_in: bool = False


def signature_stamp(
    signer: Signer, size_pt: tuple[float, float], language: Language, *, sealed: bool
) -> bytes:
    """Return a file of one page as large as the box; `sealed` says whether a digital signature goes with it."""
    register_typeface()
    words, (width, height) = Words(language), size_pt
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size_pt, invariant=1, initialFontName=STRONG_BODY.fontName)
    columns = (
        [paragraph(signer.physician, STRONG_BODY), paragraph(signer.role, SMALL_INK)],
        [paragraph(_moment(signer.signed_at, words), SMALL_INK)],
        [paragraph(words(SENTENCES[signer.logged_in, sealed]), SMALL_INK)],
    )
    left = 0.0
    for share, said in zip(SIGNATURE_SHARES, columns, strict=True):
        gap = GAP_PT if left else 0.0
        box = (left + gap, REMARK_PT, share * width - gap, height - REMARK_PT - TOP_PT)
        _set(canvas, said, box)
        left += share * width
    if signer.remark:
        remark = words("signer_remark", remark=" ".join(signer.remark.split()))
        _set(canvas, [paragraph(remark, SMALL_INK)], (0, 0, width, REMARK_PT))
    canvas.showPage()
    canvas.save()
    return with_line_ends(buffer.getvalue())


def _set(canvas: Canvas, said: list[Paragraph], box_pt: tuple[float, float, float, float]) -> None:
    """Set paragraphs into a box, smaller when they would not fit."""
    _, _, width, height = box_pt
    fitted = KeepInFrame(width, height, said, mode="shrink")
    Frame(*box_pt, 0, 0, 0, 0).addFromList([fitted], canvas)


def _moment(at: datetime, words: Words) -> str:
    zone = at.strftime("%z")
    return f"{words.day(f'{at:%Y%m%d}')} {at:%H:%M:%S}{f' UTC{zone[:3]}:{zone[3:5]}' if zone else ''}"
