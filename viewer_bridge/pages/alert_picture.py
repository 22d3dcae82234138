"""The small picture that goes with an alert: read on a telephone at night, before anything else has loaded.

The slice with the largest lesion is large, three others stand beside it; colours are those of every page. It says no name, no
volume, and no more words than what its colours mean.
"""

import io

from PIL import Image

from triage.types import Analysis, Findings
from viewer_bridge.pages.canvas import AMBER, DISCLAIMER, WHITE, Box, Canvas
from viewer_bridge.pages.lettering import width_px
from viewer_bridge.pages.summary import key_slice
from viewer_bridge.pages.tiles import (
    CORE_RGB,
    HYPOPERFUSED_RGB,
    NETWORK_RGB,
    Painter,
    Size,
    chosen_slices,
    overlay_painter,
    radiological,
)
from viewer_bridge.quantities import FLOW_CUT, LATE_CUT

WIDTH_PX = 480

MOST_BYTES = 60_000
"""A second at 0.5 Mbit/s, and no mail server minds."""

GAP_PX = 4
BESIDE = 3
"""Slices beside the large one, one above the other."""

TALLEST_PX = 460
"""Height of the large slice at most: a phone shows the whole picture without scrolling."""

LINE_PX, TEXT_PX, SWATCH_PX = 22, 15, 12
"""Height of a line below the slices, of its letters and of a colour."""

SAVINGS = ((1.0, 64), (1.0, 32), (1.0, 16), (0.75, 32), (0.5, 16))
"""Size and colours of the picture, tried in this order until it is small enough: noise does not compress. The last one is
small enough whatever it shows."""

CORE_WORDS = f"rCBF < {FLOW_CUT[0]:g} %"
LATE_WORDS = f"Tmax > {LATE_CUT[0]:g} s"
NETWORK_WORDS = "AI"
"""The same in every language."""


def alert_picture(analysis: Analysis) -> bytes | None:
    """Draw the picture as PNG of at most 60 kB, 480 pixels wide unless it is noise; None of a scan that was not analysed.

    A result that cannot be trusted is shown without overlays.
    """
    findings = analysis.findings
    if findings is None:
        return None
    image = _drawn(findings, trusted=analysis.result.trusted).image
    for size, colours in SAVINGS:
        packed = _packed(image, size, colours)
        if len(packed) <= MOST_BYTES:
            break
    return packed


def _drawn(findings: Findings, *, trusted: bool) -> Canvas:
    painter = overlay_painter(findings, overlays=trusted)
    large, small = _sizes(painter.aspect)
    height = large[1] + (2 if trusted else 1) * LINE_PX
    canvas = Canvas(Image.new("RGB", (WIDTH_PX, height)))
    first = key_slice(findings)
    _paint(canvas, painter, first, Box(0, 0, *large))
    for place, z in enumerate(_others(findings, first)):
        _paint(canvas, painter, z, Box(large[0] + GAP_PX, place * (small[1] + GAP_PX), *small))
    _sides(canvas, large)
    if trusted:
        _legend(canvas, large[1], has_network=findings.network_core is not None)
    canvas.text((2, height - 5), DISCLAIMER, TEXT_PX, AMBER, "ls")
    return canvas


def _sizes(aspect: float) -> tuple[Size, Size]:
    """Sizes of the large slice and of those beside it, which together are as wide as the picture."""
    gaps = (BESIDE - 1) * GAP_PX
    height = min(TALLEST_PX, (WIDTH_PX - GAP_PX + gaps * aspect / BESIDE) / (aspect * (1 + 1 / BESIDE)))
    small = (height - gaps) / BESIDE
    return (int(height * aspect), int(height)), (int(small * aspect), int(small))


def _paint(canvas: Canvas, painter: Painter, z: int, box: Box) -> None:
    canvas.paste(painter.paint(z, (box.width, box.height)), (box.left, box.top))


def _others(findings: Findings, first: int) -> list[int]:
    """Slices beside the first one, from the vertex down."""
    brain, lesion = (
        radiological(mask, findings.geometry)
        for mask in (findings.maps.brain, findings.core | findings.hypoperfused)
    )
    chosen = [z for z in chosen_slices(brain, lesion, BESIDE + 1) if z != first]
    return sorted(chosen, reverse=True)[:BESIDE]


def _sides(canvas: Canvas, large: Size) -> None:
    width, height = large
    canvas.label((6, height // 2), "R", 20, "lm")
    canvas.label((width - 6, height // 2), "L", 20, "rm")


def _legend(canvas: Canvas, top: int, *, has_network: bool) -> None:
    rows = [(CORE_WORDS, CORE_RGB), (LATE_WORDS, HYPOPERFUSED_RGB)]
    left = 2
    for words, rgb in (*rows, *([(NETWORK_WORDS, NETWORK_RGB)] if has_network else [])):
        swatch = Box(left, top + (LINE_PX - SWATCH_PX) // 2 + 1, SWATCH_PX, SWATCH_PX)
        mark = canvas.frame if rgb is NETWORK_RGB else canvas.rule
        mark(swatch, rgb)
        canvas.text((swatch.right + 6, top + LINE_PX - 6), words, TEXT_PX, WHITE, "ls")
        left = swatch.right + 6 + round(width_px(words, TEXT_PX)) + 20


def _packed(image: Image.Image, size: float, colours: int) -> bytes:
    """PNG with a palette, which costs a third of one without; steps in the grey are finer than a telephone shows."""
    buffer = io.BytesIO()
    fewer = image if size == 1 else image.resize((round(image.width * size), round(image.height * size)))
    few = fewer.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
