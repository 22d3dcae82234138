"""Slices for a web page: one small picture per slice and layer, so that a phone fetches only what it looks at.

All layers show the same window on the head, so that a place on one is the same place on every other. The mean CT keeps
its grey values for the page to window; core and hypoperfused tissue lie on a transparent layer above it.
"""

import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from triage.types import Analysis, Findings, Float32, Mask
from viewer_bridge.pages.colour_maps import MAP_LOOKS, MapLook
from viewer_bridge.pages.tiles import (
    BRAIN_WINDOW_HU,
    CORE_RGB,
    HYPOPERFUSED_RGB,
    NETWORK_RGB,
    OPAQUE,
    OVERLAY_OPACITY,
    SKULL_MARGIN,
    Crop,
    Painter,
    border,
    chosen_slices,
    enlarged_mask,
    map_painter,
    map_values,
    network_core,
    radiological,
    slice_numbers,
)

CT_RANGE_HU = (-50, 205)
"""Grey levels 0 and 255 of the CT: one level for each HU, from fat to enhancing vessels."""

TILE_PX = 320
"""Height of maps and overlays; more shows no more of the head on a working grid of 256 rows."""

MAP_QUALITY = 80
WEBP_EFFORT = 2
"""Of WebP's 0 to 6: on the maps of a simulated patient 4 takes twice the time of 2 and saves a twentieth."""

VALUES_EFFORT = 1
"""Of gzip's 0 to 9: on the same maps 9 takes ten times as long and saves a twelfth."""

MISSING = 0
LOWEST, HIGHEST = 1, 255
"""Levels of a map's values: where there is none, and the ends of its display range."""

ENCODERS = 2
"""Threads; the encoder works outside the interpreter's lock."""

LAYERS = ("tmax", "cbf", "cbv", "mtt", "ttp")
"""Maps in the order in which they are read."""

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Layer:
    """One parametric map: how it is drawn, and its values ``(Z, Y, X)``, radiological."""

    name: str
    look: MapLook
    painter: Painter
    values: Float32


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything that can be drawn of a case, radiological ``(Z, Y, X)``, and the window that all layers share.

    `numbers` are those of the slices in the reference series; `first` is the index of the largest lesion.
    """

    crop: Crop
    mean_hu: Float32
    core: Mask
    penumbra: Mask
    network: Mask
    layers: tuple[Layer, ...]
    numbers: Sequence[int]
    first: int
    trusted: bool


def case_stack(analysis: Analysis) -> Stack | None:
    """Return what can be drawn of a case; None of a scan that was not analysed."""
    findings = analysis.findings
    return None if findings is None else _stack(findings, trusted=analysis.result.trusted)


def tile_files(stack: Stack) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents: slices and colour scales as WebP, values as packed levels.

    Slices count from the skull base, from 1. A result that cannot be trusted gets neither overlays nor values.
    """
    with ThreadPoolExecutor(ENCODERS) as pool:
        for files in pool.map(partial(_slice_files, stack), range(len(stack.mean_hu))):
            yield from files.items()
    for layer in stack.layers:
        yield f"{layer.name}-scale.webp", _webp(Image.fromarray(layer.look.table[None]), lossless=True)


def manifest(stack: Stack) -> Mapping[str, Any]:
    """Return what the files show, as plain values: slices, units, ranges and where to look first."""
    return {
        "width": stack.crop.width,
        "height": stack.crop.height,
        "numbers": stack.numbers,
        "first": stack.first + 1,
        "ct_range_hu": CT_RANGE_HU,
        "window_hu": BRAIN_WINDOW_HU,
        "trusted": stack.trusted,
        "network": bool(stack.network.any()),
        "lowest_level": LOWEST,
        "maps": [_described(layer) for layer in stack.layers],
    }


def hu_levels(plane_hu: Float32) -> Grey:
    """CT slice as grey levels, one for each HU of `CT_RANGE_HU`.

    Examples
    --------
    >>> hu_levels(np.array([np.nan, -50.0, 40.0, 900.0], np.float32)).tolist()
    [0, 0, 90, 255]
    """
    low, high = CT_RANGE_HU
    levels: Grey = (np.rint(np.clip(np.nan_to_num(plane_hu, nan=low), low, high)) - low).astype(np.uint8)
    return levels


def value_levels(plane: Float32, look: MapLook) -> Grey:
    """Slice of a map as levels of its display range; values beyond it take the level of its end.

    Examples
    --------
    >>> value_levels(np.array([np.nan, 0.0, 6.0, 99.0], np.float32), MAP_LOOKS["tmax"]).tolist()
    [0, 1, 128, 255]
    """
    part = np.clip((np.nan_to_num(plane, nan=look.low) - look.low) / (look.high - look.low), 0.0, 1.0)
    levels: Grey = np.rint(LOWEST + part * (HIGHEST - LOWEST)).astype(np.uint8)
    levels[np.isnan(plane)] = MISSING
    return levels


def _stack(findings: Findings, *, trusted: bool) -> Stack:
    def turned(volume: NDArray[Any]) -> NDArray[Any]:
        return radiological(volume, findings.geometry)

    shown = [name for name in LAYERS if name == "ttp" or findings.arterial is not None]
    brain, lesion = turned(findings.maps.brain), turned(findings.core | findings.hypoperfused)
    return Stack(
        crop=Crop.around(brain, SKULL_MARGIN),
        mean_hu=turned(findings.mean_hu),
        core=turned(findings.core),
        penumbra=turned(findings.hypoperfused & ~findings.core),
        network=network_core(findings),
        numbers=slice_numbers(findings.geometry),
        first=chosen_slices(brain, lesion, 1)[0],
        layers=tuple(
            Layer(
                name,
                MAP_LOOKS[name],
                map_painter(findings, name, SKULL_MARGIN),
                turned(map_values(findings, name)),
            )
            for name in shown
        ),
        trusted=trusted,
    )


def _slice_files(stack: Stack, z: int) -> dict[str, bytes]:
    """Files of one slice by name."""
    number = f"{z + 1:03d}"
    grey = hu_levels(stack.crop.cut(stack.mean_hu[z], np.nan))
    files = {f"ct-{number}.webp": _webp(Image.fromarray(grey), lossless=True)}
    for layer in stack.layers:
        picture = Image.fromarray(np.ascontiguousarray(layer.painter.tile(z, TILE_PX)))
        files[f"{layer.name}-{number}.webp"] = _webp(picture, quality=MAP_QUALITY)
    if stack.trusted:
        files[f"overlay-{number}.webp"] = _webp(_overlay(stack, z), lossless=True)
        values = [value_levels(stack.crop.cut(layer.values[z], np.nan), layer.look) for layer in stack.layers]
        files[f"values-{number}.gz"] = gzip.compress(
            np.stack([grey, *values]).tobytes(), VALUES_EFFORT, mtime=0
        )
    return files


def _overlay(stack: Stack, z: int) -> Image.Image:
    """Hypoperfused green under core red, half transparent with a solid border; a network's core as an outline."""
    size_px = (round(TILE_PX * stack.crop.width / stack.crop.height), TILE_PX)
    pixels = np.zeros((*size_px[::-1], 4), np.uint8)
    for volume, rgb in ((stack.penumbra, HYPOPERFUSED_RGB), (stack.core, CORE_RGB)):
        mask = enlarged_mask(stack.crop.cut(volume[z], 0), size_px)
        pixels[mask] = (*rgb, round(OVERLAY_OPACITY * OPAQUE))
        pixels[border(mask)] = (*rgb, OPAQUE)
    network = enlarged_mask(stack.crop.cut(stack.network[z], 0), size_px)
    pixels[border(network)] = (*NETWORK_RGB, OPAQUE)
    return Image.fromarray(pixels)


def _webp(picture: Image.Image, **how: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", method=WEBP_EFFORT, **how)
    return buffer.getvalue()


def _described(layer: Layer) -> Mapping[str, Any]:
    look = layer.look
    return {
        "name": layer.name,
        "unit": look.unit,
        "low": look.low,
        "high": look.high,
        "ticks": look.ticks,
    }
