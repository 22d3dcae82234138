"""Pictures of the report: small enough for a record, large enough to be read on paper."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from PIL import Image

from triage.types import Findings
from viewer_bridge.pages.colour_maps import MAP_LOOKS, MISSING_RGB, Rgb, shown_maps
from viewer_bridge.pages.summary import key_slice, map_tile, montage, overlay_montage
from viewer_bridge.pages.tiles import map_painter, slice_numbers

PIXELS_PER_POINT = 2.4
"""173 dots per inch: the working grid has no more to show at the size of a tile."""

JPEG_QUALITY = 86
MAP_PX = 300
BAR_PX, BAR_GAP_PX = 12, 6


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG file and its width over its height."""

    jpeg: bytes
    aspect: float

    @classmethod
    def of(cls, pixels: Rgb) -> Self:
        """Encode pixels for printing."""
        return cls(jpeg_bytes(pixels), pixels.shape[1] / pixels.shape[0])


def jpeg_bytes(picture: Rgb) -> bytes:
    """Encode a picture for printing, without chroma subsampling: borders of overlays stay sharp."""
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return buffer.getvalue()


def montage_picture(findings: Findings, room_pt: tuple[float, float], *, overlays: bool) -> Picture:
    """Return the slices with overlays, as wide as the room; without an arterial input the time to peak and its scale."""
    width, height = (round(length * PIXELS_PER_POINT) for length in room_pt)
    if findings.arterial is None:
        late = _filled(montage(findings, map_painter(findings, "ttp"), width, height))
        return Picture.of(np.concatenate([late, *_bar("ttp", width)]))
    return Picture.of(_filled(overlay_montage(findings, width, height, overlays=overlays)))


def _filled(picture: Rgb) -> Rgb:
    """Cut off the black rows below the last slice."""
    used = np.flatnonzero(picture.any(axis=(1, 2)))
    return picture[: int(used[-1]) + 1 + 2 * BAR_GAP_PX] if used.size else picture


def map_pictures(findings: Findings) -> Iterator[tuple[str, Picture]]:
    """Every map of the case at the key slice, its colour bar below, with its name in `MAP_LOOKS`."""
    z = key_slice(findings)
    for which in shown_maps(findings):
        tile = map_tile(findings, which, z, MAP_PX)
        yield which, Picture.of(np.concatenate([tile, *_bar(which, tile.shape[1])]))


def key_number(findings: Findings) -> int:
    """Number of the key slice in the reference series."""
    return slice_numbers(findings.geometry)[key_slice(findings)]


def _bar(which: str, width_px: int) -> tuple[Rgb, Rgb]:
    """A gap, and the colours from low to high."""
    table = MAP_LOOKS[which].table
    gap = np.full((BAR_GAP_PX, width_px, 3), MISSING_RGB, np.uint8)
    levels = np.linspace(0, len(table) - 1, width_px).round().astype(np.intp)
    return gap, np.repeat(table[levels][None], BAR_PX, axis=0)
