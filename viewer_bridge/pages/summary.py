"""The pages people look at: a summary with the numbers, and one montage for every parametric map.

Drawn from an analysis alone, so no person can be on them.
"""

import io

import numpy as np
from PIL import Image

from triage.types import Analysis, Estimator, Findings, Side, TriageResult
from viewer_bridge.figures import ONLY_TIME_TO_PEAK
from viewer_bridge.pages.canvas import BODY, GREY, WHITE, Box, Canvas, framed
from viewer_bridge.pages.colour_maps import MAP_LOOKS, MapLook, Rgb, shown_maps
from viewer_bridge.pages.notes import note_lines, notes_height, write_notes
from viewer_bridge.pages.panels import numbers_panel, provenance, refusal
from viewer_bridge.pages.tiles import (
    Painter,
    chosen_slices,
    map_painter,
    overlay_painter,
    radiological,
    slice_numbers,
)

MOST_TILES = 20
"""More slices than this become too small to read; the others are in the series itself."""

TILE_GAP_PX = 4
PANEL_PX = 284
NOTES_GAP_PX = 14
BAR_PX = 110
"""Layout: gap between tiles, width of the numbers, gap above the notes, width of the colour bar's column."""

SIDE_WORDS = {
    Side.LEFT: "LEFT hemisphere",
    Side.RIGHT: "RIGHT hemisphere",
    Side.BILATERAL: "BOTH hemispheres",
    Side.NONE: "no lesion found",
}


def png_bytes(picture: Rgb) -> bytes:
    r"""Encode a picture as PNG.

    Examples
    --------
    >>> png_bytes(np.zeros((2, 2, 3), np.uint8))[:4]
    b'\x89PNG'
    """
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def map_tile(findings: Findings, which: str, z: int, height_px: int = 512) -> Rgb:
    """Return one slice of a parametric map in colour; `which` is ``cbf``, ``cbv``, ``mtt``, ``tmax`` or ``ttp``."""
    return map_painter(findings, which).tile(z, height_px)


def key_slice(findings: Findings) -> int:
    """Return the slice with the largest lesion, counted from the skull base: the picture for an alert."""
    return _slices(findings, 1)[0]


def overlay_montage(findings: Findings, width_px: int, height_px: int, *, overlays: bool = True) -> Rgb:
    """Return slices of the mean CT with overlays, skull base to vertex, as one picture of the given size."""
    return montage(findings, overlay_painter(findings, overlays=overlays), width_px, height_px)


def montage(findings: Findings, painter: Painter, width_px: int, height_px: int) -> Rgb:
    """Return slices drawn by `painter`, skull base to vertex, as one picture of the given size."""
    canvas = Canvas(Image.new("RGB", (width_px, height_px)))
    _lay_tiles(canvas, Box(0, 0, width_px, height_px), painter, findings)
    return canvas.pixels()


def map_montage(findings: Findings, which: str, footer: str = "") -> Rgb:
    """Return the page of one parametric map: slices skull base to vertex, colour bar and unit.

    Parameters
    ----------
    findings
        The arrays of an analysed case.
    which
        ``cbf``, ``cbv``, ``mtt``, ``tmax`` or ``ttp``.
    footer
        Provenance line at the bottom.
    """
    look = MAP_LOOKS[which]
    canvas = framed(look.title, f"in {look.unit}", footer)
    grid = Box(BODY.left, BODY.top, BODY.width - BAR_PX, BODY.height)
    _lay_tiles(canvas, grid, map_painter(findings, which), findings)
    _colour_bar(canvas, Box(BODY.right - 84, BODY.top + 50, 22, BODY.height - 100), look)
    return canvas.pixels()


def map_pages(analysis: Analysis, *, software_version: str = "") -> dict[str, Rgb]:
    """Return the montages of CBF, CBV, MTT and Tmax by name; of the time to peak alone without an arterial input.

    None when the scan was not analysed.
    """
    if analysis.findings is None:
        return {}
    footer = provenance(analysis.result, software_version)
    return {which: map_montage(analysis.findings, which, footer) for which in shown_maps(analysis.findings)}


def summary_page(analysis: Analysis, *, software_version: str = "") -> Rgb:
    """Return the page that answers first: how much core, how much at risk, where, and how far to trust it.

    A scan that was not analysed gets the reason in place of numbers; a scan with a severe quality flag gets its
    pictures but neither numbers nor overlays; a scan without an arterial input gets its time to peak.
    """
    result, findings = analysis.result, analysis.findings
    footer = provenance(result, software_version)
    if findings is None:
        canvas = framed("CT perfusion", "", footer)
        refusal(canvas, result)
        return canvas.pixels()
    canvas = framed("CT perfusion", _subtitle(result), footer)
    numbers_panel(canvas, Box(BODY.left, BODY.top, PANEL_PX, BODY.height), result, findings.motion)
    left = BODY.left + PANEL_PX + 24
    lines = note_lines(result, BODY.right - left)
    room = notes_height(lines)
    grid = Box(left, BODY.top, BODY.right - left, BODY.height - room - NOTES_GAP_PX)
    if result.estimator is Estimator.TIME_TO_PEAK:
        _lay_tiles(canvas, grid, map_painter(findings, "ttp"), findings)
        _colour_bar(canvas, Box(BODY.left, BODY.top + 240, 22, BODY.height - 280), MAP_LOOKS["ttp"])
    else:
        _lay_tiles(canvas, grid, overlay_painter(findings, overlays=result.trusted), findings)
    write_notes(canvas, Box(left, grid.bottom + NOTES_GAP_PX, grid.width, room), lines)
    return canvas.pixels()


def _subtitle(result: TriageResult) -> str:
    """What the summary shows: the side, the only map there is, or nothing that could be trusted."""
    if result.estimator is Estimator.TIME_TO_PEAK:
        return ONLY_TIME_TO_PEAK
    return SIDE_WORDS[result.side] if result.trusted else ""


def _slices(findings: Findings, most: int) -> list[int]:
    """Radiological slice indices to show."""
    brain, lesion = (
        radiological(mask, findings.geometry)
        for mask in (findings.maps.brain, findings.core | findings.hypoperfused)
    )
    return chosen_slices(brain, lesion, most)


def _grid(tiles: int, box: Box, aspect: float) -> tuple[int, int]:
    """Return the columns and the height of a tile: as large as possible, with little of the grid left empty."""

    def rows(columns: int) -> int:
        return -(-tiles // columns)

    def height(columns: int) -> int:
        fits_across, fits_down = (box.width // columns - TILE_GAP_PX) / aspect, box.height // rows(columns)
        return int(min(fits_across, fits_down - TILE_GAP_PX))

    columns = max(range(1, tiles + 1), key=lambda n: height(n) * tiles / (n * rows(n)))
    return columns, height(columns)


def _lay_tiles(canvas: Canvas, box: Box, painter: Painter, findings: Findings) -> None:
    """Fill `box` with numbered tiles, skull base to vertex; the first one says which side is which."""
    chosen, numbers = _slices(findings, MOST_TILES), slice_numbers(findings.geometry)
    columns, height = _grid(len(chosen), box, painter.aspect)
    width = round(height * painter.aspect)
    left = box.left + (box.width - columns * (width + TILE_GAP_PX)) // 2
    for place, z in enumerate(chosen):
        row, column = divmod(place, columns)
        tile = Box(
            left + column * (width + TILE_GAP_PX), box.top + row * (height + TILE_GAP_PX), width, height
        )
        canvas.paste(painter.tile(z, height), (tile.left, tile.top))
        canvas.label((tile.left + 5, tile.bottom - 5), str(numbers[z]), 14, "ls")
        if place == 0:
            canvas.label((tile.left + 4, tile.top + height // 2), "R", 15, "lm")
            canvas.label((tile.right - 4, tile.top + height // 2), "L", 15, "rm")


def _colour_bar(canvas: Canvas, box: Box, look: MapLook) -> None:
    """Draw the scale from low (bottom) to high (top) with its ticks and unit."""
    levels = np.linspace(len(look.table) - 1, 0, box.height).round().astype(np.intp)
    canvas.paste(np.repeat(look.table[levels][:, None], box.width, axis=1), (box.left, box.top))
    canvas.text((box.left, box.top - 14), look.unit, 15, GREY, "ls")
    for tick in look.ticks:
        row = box.bottom - 1 - (tick - look.low) / (look.high - look.low) * (box.height - 1)
        canvas.rule(Box(box.right, round(row), 6, 1), GREY)
        canvas.text((box.right + 12, row), f"{tick:g}", 16, WHITE, "lm")
