"""A dark page to draw on: the frame that every page shares, text, rules and tiles."""

from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from viewer_bridge.pages.colour_maps import MISSING_RGB, Rgb
from viewer_bridge.pages.lettering import Weight, clip, drawable, typeface, width_px, wrap

PAGE_SIZE_PX = (1280, 960)
"""Width and height of every page; one size, so that a viewer pages through them without jumping."""

BACKGROUND = MISSING_RGB
WHITE = (238, 240, 244)
GREY = (150, 156, 168)
FAINT = (52, 56, 66)
AMBER = (255, 190, 70)
RED = (255, 92, 84)
GREEN = (72, 214, 104)

HEADER_PX = 60
FOOTER_PX = 36
MARGIN_PX = 24
"""The page's own furniture."""

DISCLAIMER = "RESEARCH USE – NOT FOR PRIMARY DIAGNOSIS"

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the page, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column to the right of the box."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """First row below the box."""
        return self.top + self.height


BODY = Box(
    MARGIN_PX,
    HEADER_PX + 12,
    PAGE_SIZE_PX[0] - 2 * MARGIN_PX,
    PAGE_SIZE_PX[1] - HEADER_PX - FOOTER_PX - 24,
)
"""Where a page's own content goes."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """One page in the making."""

    image: Image.Image = field(default_factory=lambda: Image.new("RGB", PAGE_SIZE_PX, BACKGROUND))

    def text(
        self,
        at: tuple[float, float],
        words: str,
        size: int,
        colour: Colour,
        anchor: str = "la",
        weight: Weight = Weight.REGULAR,
    ) -> None:
        """Write one line; `anchor` is Pillow's (``la`` left ascender, ``rs`` right baseline, ``mm`` middle)."""
        font = typeface(size, weight)
        ImageDraw.Draw(self.image).text(at, drawable(words), fill=colour, font=font, anchor=anchor)

    def label(self, at: tuple[float, float], words: str, size: int, anchor: str) -> None:
        """Write on a picture: outlined, so that it can be read on bone as well as on air."""
        pen, font = ImageDraw.Draw(self.image), typeface(size)
        pen.text(at, drawable(words), WHITE, font, anchor, stroke_width=2, stroke_fill=BACKGROUND)

    def paragraph(self, box: Box, words: str, size: int, colour: Colour, most_lines: int = 99) -> int:
        """Write `words` wrapped into `box` and return the row below; what does not fit ends in dots."""
        lines = wrap(words, size, box.width)
        if len(lines) > most_lines:
            lines = [*lines[: most_lines - 1], clip(" ".join(lines[most_lines - 1 :]), size, box.width)]
        step = round(size * 1.35)
        for number, line in enumerate(lines):
            self.text((box.left, box.top + number * step), line, size, colour)
        return box.top + len(lines) * step

    def rule(self, box: Box, colour: Colour = FAINT) -> None:
        """Fill `box`: a line, a bar or a swatch."""
        edges = (box.left, box.top, box.right - 1, box.bottom - 1)
        ImageDraw.Draw(self.image).rectangle(edges, fill=colour)

    def frame(self, box: Box, colour: Colour) -> None:
        """Draw the outline of `box`."""
        edges = (box.left, box.top, box.right - 1, box.bottom - 1)
        ImageDraw.Draw(self.image).rectangle(edges, outline=colour, width=2)

    def circle(self, middle: tuple[float, float], radius_px: float, colour: Colour) -> None:
        """Draw a thin ring."""
        column, row = middle
        edges = (column - radius_px, row - radius_px, column + radius_px, row + radius_px)
        ImageDraw.Draw(self.image).ellipse(edges, outline=colour, width=2)

    def paste(self, picture: Rgb, at: tuple[int, int]) -> None:
        """Put a picture with its upper left corner at `at`."""
        self.image.paste(Image.fromarray(np.ascontiguousarray(picture)), at)

    def pixels(self) -> Rgb:
        """Return the page as uint8 ``(rows, columns, 3)``."""
        return np.array(self.image)


def framed(title: str, subtitle: str, footer: str) -> Canvas:
    """Return an empty page with title, disclaimer and footer."""
    canvas = Canvas()
    width, height = PAGE_SIZE_PX
    middle = HEADER_PX // 2 + 2
    canvas.text((MARGIN_PX, middle), title, 26, WHITE, "lm", Weight.STRONG)
    start = MARGIN_PX + width_px(title, 26, Weight.STRONG) + 18
    canvas.text((start, middle + 3), subtitle, 17, GREY, "lm")
    canvas.text((width - MARGIN_PX, middle), DISCLAIMER, 19, AMBER, "rm")
    canvas.rule(Box(MARGIN_PX, HEADER_PX, width - 2 * MARGIN_PX, 1))
    canvas.rule(Box(MARGIN_PX, height - FOOTER_PX - 4, width - 2 * MARGIN_PX, 1))
    canvas.text((MARGIN_PX, height - FOOTER_PX // 2 - 2), footer, 15, GREY, "lm")
    return canvas
