"""The paper of the report: A4, one embedded typeface, what stands on every page, and the file around it."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfdoc import XMP, PDFArray, PDFDictionary, PDFName
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph, Table

from viewer_bridge.pages.lettering import ELLIPSIS, Weight, drawable, font_file
from viewer_bridge.report.archival import (
    NAMELESS,
    PRODUCT,
    DocumentName,
    Metadata,
    declare_colours,
    with_line_ends,
    xmp,
)

REGULAR, STRONG = "Report", "ReportStrong"

INK, GREY, RULE = HexColor("#1a1c22"), HexColor("#636a78"), HexColor("#c9cdd6")
ALARM, CAUTION = HexColor("#b3140c"), HexColor("#9a5b00")

MARGIN_PT = 42.0
HEAD_PT, FOOT_PT = 58.0, 52.0
"""Room above and below the text for what stands on every page."""

WIDTH_PT = A4[0] - 2 * MARGIN_PT

SIGNATURE_PLACE = "physician-signature"
"""Named destination of the box for the physician's signature."""

Command = tuple[object, ...]
Rows = Sequence[Sequence[object]]
"""What reportlab takes for a table: commands of its style; cells, each a flowable or a list of them."""


@dataclass(frozen=True, slots=True)
class Furniture:
    """What stands on every page.

    Attributes
    ----------
    disclaimer
        Above and below.
    owner
        Whose report it is, so that a sheet that got loose finds back.
    footer
        Which software, which series.
    page
        Sentence with the number of the page and of all pages.
    """

    disclaimer: str
    owner: str = field(repr=False)
    footer: str
    page: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A report about to be written; `title` must not name a person: viewers show it in lists and windows."""

    title: str
    language: str
    created_at: datetime
    furniture: Furniture
    name: DocumentName = NAMELESS

    @property
    def metadata(self) -> Metadata:
        """What the file says of itself."""
        return Metadata(self.title, self.furniture.disclaimer, self.language, self.created_at, self.name)


@cache
def register_typeface() -> None:
    """Make the typeface known to reportlab, once."""
    for name, weight in ((REGULAR, Weight.REGULAR), (STRONG, Weight.STRONG)):
        pdfmetrics.registerFont(TTFont(name, font_file(weight)))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=STRONG, italic=REGULAR, boldItalic=STRONG)


def style(size_pt: float, colour: Any = INK, *, strong: bool = False, **more: Any) -> ParagraphStyle:
    """Return how a paragraph is set."""
    font = STRONG if strong else REGULAR
    leading = more.pop("leading", size_pt * 1.28)
    return ParagraphStyle("", fontName=font, fontSize=size_pt, leading=leading, textColor=colour, **more)


TITLE = style(16, strong=True)
HEADING = style(10.5, strong=True, spaceBefore=7, spaceAfter=2, keepWithNext=1)
BODY = style(8.6)
STRONG_BODY = style(8.6, strong=True)
SMALL = style(7.4, GREY)
ALARMING = style(8.6, ALARM, strong=True)
CAUTIOUS = style(8.6, CAUTION, strong=True)


def paragraph(text: str, look: ParagraphStyle = BODY) -> Paragraph:
    """Set plain text."""
    return Paragraph(escape(drawable(text)), look)


class SignaturePlace(Flowable):  # type: ignore[misc]  # reportlab has no types
    """Notes on its page where a physician signs: below it, as wide as the text."""

    def __init__(self, height_pt: float) -> None:
        super().__init__()
        self._height_pt = height_pt

    def wrap(self, *_room: float) -> tuple[float, float]:
        """It takes no room."""
        return 0, 0

    def draw(self) -> None:
        """Note left, bottom, right and top on the page, in points."""
        left, top = self.canv.absolutePosition(0, 0)
        self.canv.signature_place = (left, top - self._height_pt, left + WIDTH_PT, top)


def table(rows: Rows, widths_pt: Sequence[float], commands: Sequence[Command], **more: Any) -> Table:
    """Lay out paragraphs; without a face of its own each cell would name one that is not embedded."""
    return Table(rows, widths_pt, style=[("FONTNAME", (0, 0), (-1, -1), REGULAR), *commands], **more)


def written(sheet: Sheet, story: Sequence[Flowable]) -> bytes:
    """Return the file; the same sheet and story give the same bytes.

    The file keeps PDF/A-2b, with every face embedded and the language declared; see `viewer_bridge.report.archival`.
    """
    buffer = io.BytesIO()
    document = BaseDocTemplate(
        buffer,
        pagesize=A4,
        pageTemplates=[PageTemplate(frames=[_text_area()])],
        title=sheet.title,
        author=PRODUCT,
        creator=PRODUCT,
        producer=PRODUCT,
        subject=sheet.furniture.disclaimer,
        invariant=1,
        lang=sheet.language,
        initialFontName=REGULAR,
    )
    document.build(list(story), canvasmaker=partial(_Pages, sheet))
    return with_line_ends(buffer.getvalue())


def _text_area() -> Frame:
    height = A4[1] - HEAD_PT - FOOT_PT
    return Frame(MARGIN_PT, FOOT_PT, WIDTH_PT, height, 0, 0, 0, 0)


class _Pages(Canvas):  # type: ignore[misc]  # reportlab has no types
    """Keeps the pages back until their number is known."""

    def __init__(self, sheet: Sheet, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sheet = sheet
        self._kept: list[dict[str, Any]] = []
        self.signature_place: tuple[float, float, float, float] | None = None

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        """Keep the page."""
        self._kept.append(dict(self.__dict__))
        self.signature_place = None
        self._startPage()

    def save(self) -> None:
        """Draw what stands on every page, and write the file."""
        for number, page in enumerate(self._kept, start=1):
            self.__dict__.update(page)
            _furnish(self, self._sheet.furniture, number, len(self._kept))
            if self.signature_place:
                self._mark_place(self.signature_place)
            super().showPage()
        self.setDateFormatter(_stamp(self._sheet.created_at))
        self._doc.Catalog.Metadata = XMP(creator=lambda _doc: xmp(self._sheet.metadata))
        declare_colours(self._doc)
        super().save()

    def _mark_place(self, rectangle_pt: tuple[float, float, float, float]) -> None:
        """Whoever signs the file finds the place by its name (ISO 32000-1, 12.3.2.3)."""
        target = [self._doc.thisPageRef(), PDFName("FitR"), *rectangle_pt]
        self._doc.Catalog.Dests = PDFDictionary({SIGNATURE_PLACE: PDFArray(target)})


def _furnish(canvas: Canvas, furniture: Furniture, page: int, pages: int) -> None:
    width, height = A4
    canvas.setFont(STRONG, 9)
    canvas.setFillColor(CAUTION)
    for baseline in (height - 30, 20):
        canvas.drawCentredString(width / 2, baseline, drawable(furniture.disclaimer))
    canvas.setFont(REGULAR, 7.4)
    canvas.setFillColor(GREY)
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN_PT, height - 50, width - MARGIN_PT, height - 50)
    canvas.line(MARGIN_PT, 46, width - MARGIN_PT, 46)
    number = furniture.page.format(page=page, pages=pages)
    canvas.drawRightString(width - MARGIN_PT, height - 45, number)
    room_pt = WIDTH_PT - canvas.stringWidth(number) - 12
    canvas.drawString(MARGIN_PT, height - 45, _clipped(canvas, furniture.owner, room_pt))
    canvas.drawString(MARGIN_PT, 35, _clipped(canvas, furniture.footer, WIDTH_PT))


def _clipped(canvas: Canvas, text: str, room_pt: float) -> str:
    """Shorten one line until it fits."""
    line = drawable(text)
    while line and canvas.stringWidth(line) > room_pt:
        line = f"{line.removesuffix(ELLIPSIS)[:-1]}{ELLIPSIS}"
    return line


def _stamp(moment: datetime) -> Callable[..., str]:
    """Formatter of the file's dates: the moment of the analysis (ISO 32000-1, 7.9.4)."""
    zone = moment.strftime("%z")
    offset = f"{zone[:3]}'{zone[3:5]}'" if zone else ""
    return lambda *_now: f"D:{moment.strftime('%Y%m%d%H%M%S')}{offset}"
