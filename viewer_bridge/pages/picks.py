"""Where the curves were picked: the slice of the artery and that of the vein, marked."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triage.types import ArterialInput, Findings
from viewer_bridge.pages.canvas import GREY, Box, Canvas, Colour
from viewer_bridge.pages.tiles import SKULL_MARGIN, Crop, overlay_painter, radiological, slice_numbers

TITLE_PX = 24
GAP_PX = 10

RING_PX = 13
"""Radius of the ring around what was picked: the voxels themselves are hardly to be seen."""


@dataclass(frozen=True, slots=True)
class Pick:
    """Voxels that were picked: what they are, where int64 ``(K, 3)`` on the working grid, and their colour."""

    name: str
    voxels: NDArray[np.int64]
    colour: Colour


def pick_pictures(
    canvas: Canvas, box: Box, findings: Findings, colours: tuple[Colour, Colour, Colour]
) -> None:
    """Draw the artery's and the vein's slice side by side; `colours` are the artery's, the vein's, the candidates'."""
    if findings.arterial is None:
        return
    picks = list(_picks(findings.arterial, colours))
    others = Pick("", findings.arterial.candidate_voxels, colours[2])
    painter, crop = overlay_painter(findings, overlays=False), _crop(findings)
    width = (box.width - GAP_PX * (len(picks) - 1)) // len(picks)
    height = min(round(width / painter.aspect), box.height - TITLE_PX)
    width = round(height * painter.aspect)
    for place, pick in enumerate(picks):
        at = _radiological(pick.voxels, findings)
        z = int(np.bincount(at[:, 0]).argmax())
        tile = Box(box.left + place * (width + GAP_PX), box.top + TITLE_PX, width, height)
        title = f"{pick.name}, slice {slice_numbers(findings.geometry)[z]}"
        canvas.text((tile.left, box.top), title, 15, GREY)
        canvas.paste(painter.tile(z, height), (tile.left, tile.top))
        _dots(canvas, tile, crop, _in_slice(_radiological(others.voxels, findings), z), others.colour)
        _rings(canvas, tile, crop, _in_slice(at, z), pick.colour)


def _picks(inputs: ArterialInput, colours: tuple[Colour, Colour, Colour]) -> Iterator[Pick]:
    for name, voxels, colour in (
        ("Artery", inputs.arterial_voxels, colours[0]),
        ("Vein", inputs.venous_voxels, colours[1]),
    ):
        if len(voxels):
            yield Pick(name, voxels, colour)


def _crop(findings: Findings) -> Crop:
    """The window that `overlay_painter` shows."""
    return Crop.around(radiological(findings.maps.brain, findings.geometry), SKULL_MARGIN)


def _radiological(voxels: NDArray[np.int64], findings: Findings) -> NDArray[np.int64]:
    """Indices of voxels in the volume that `radiological` returns."""
    places = [
        radiological(
            np.arange(size).reshape([-1 if other == axis else 1 for other in range(3)]), findings.geometry
        )
        for axis, size in enumerate(findings.geometry.shape)
    ]
    turned = [np.argsort(np.ravel(place)) for place in places]
    return np.stack([turned[axis][voxels[:, axis]] for axis in range(3)], axis=1)


def _in_slice(voxels: NDArray[np.int64], z: int) -> NDArray[np.int64]:
    chosen: NDArray[np.int64] = voxels[voxels[:, 0] == z]
    return chosen


def _pixels(voxels: NDArray[np.int64], tile: Box, crop: Crop) -> list[tuple[float, float]]:
    """Middle of each voxel on the page; those outside the window are left out."""
    columns = tile.left + (voxels[:, 2] - crop.left + 0.5) * tile.width / crop.width
    rows = tile.top + (voxels[:, 1] - crop.top + 0.5) * tile.height / crop.height
    inside = (columns >= tile.left) & (columns < tile.right) & (rows >= tile.top) & (rows < tile.bottom)
    return list(zip(columns[inside].tolist(), rows[inside].tolist(), strict=True))


def _dots(canvas: Canvas, tile: Box, crop: Crop, voxels: NDArray[np.int64], colour: Colour) -> None:
    for column, row in _pixels(voxels, tile, crop):
        canvas.rule(Box(round(column) - 2, round(row) - 2, 5, 5), colour)


def _rings(canvas: Canvas, tile: Box, crop: Crop, voxels: NDArray[np.int64], colour: Colour) -> None:
    """Mark every voxel, and put a ring around those that lie together."""
    ringed: list[tuple[float, float]] = []
    for column, row in _pixels(voxels, tile, crop):
        canvas.rule(Box(round(column) - 1, round(row) - 1, 3, 3), colour)
        if all(np.hypot(column - x, row - y) > RING_PX for x, y in ringed):
            canvas.circle((column, row), RING_PX, colour)
            ringed.append((column, row))
