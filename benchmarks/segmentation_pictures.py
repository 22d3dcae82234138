"""Pictures of a comparison: where the cores lie, and whether probabilities mean what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from triage.evidence import Evidence, Volume
from triage.types import Float32, Float64, Mask

WINDOW_HU, FLOW = (10.0, 60.0), (0.0, 1.5)
"""What is black and what is white: density of the temporal mean, and relative flow."""

SCALE = 2
COLOURS = {"truth": (255, 255, 255), "threshold": (255, 80, 70), "network": (90, 170, 255)}
"""Of outlines, by whose core it is."""

CURVE, MARGIN, TITLE = 420, 48, 22
INK, FAINT, GROUND, MARK = (225, 228, 232), (110, 118, 128), (16, 19, 23), (90, 170, 255)


@dataclass(frozen=True, slots=True)
class Picture:
    """One slice: density and relative flow float32 ``(Y, X)``, and the cores in it."""

    mean_hu: Float32
    flow: Float32
    cores: Mapping[str, Mask]


def picture_of(evidence: Evidence, truth: Mask, cores: Mapping[str, Mask]) -> Picture:
    """The slice in which most is core by anybody."""
    everybody = {"truth": truth, **{name: cores[name] for name in ("threshold", "network")}}
    at = int(np.sum([core.sum(axis=(1, 2)) for core in everybody.values()], axis=0).argmax())
    flow = np.nan_to_num(evidence.volumes[Volume.RELATIVE_CBF][at])
    outlines = {name: core[at].copy() for name, core in everybody.items()}
    return Picture(evidence.volumes[Volume.MEAN_HU][at].copy(), flow, outlines)


def gallery(pictures: Sequence[tuple[str, Picture]], file: Path) -> None:
    """Draw one row a patient: density with outlines, flow with outlines."""
    drawn = [_row(title, picture) for title, picture in pictures]
    if drawn:
        Image.fromarray(np.concatenate(drawn)).save(file, optimize=True)


def calibration_curve(bins: Float64, file: Path) -> None:
    """Draw the frequency of core over the stated probability; the diagonal is a network that means what it says."""
    size = CURVE + 2 * MARGIN
    image = Image.new("RGB", (size, size), GROUND)
    draw = ImageDraw.Draw(image)

    def at(x: float, y: float) -> tuple[float, float]:
        return MARGIN + x * CURVE, size - MARGIN - y * CURVE

    draw.rectangle((*at(0, 1), *at(1, 0)), outline=FAINT)
    draw.line((*at(0, 0), *at(1, 1)), fill=FAINT)
    voxels, stated, true = bins
    points = [at(s / n, t / n) for n, s, t in zip(voxels, stated, true, strict=True) if n]
    draw.line(points, fill=MARK, width=2)
    for x, y in points:
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=MARK)
    draw.text(at(0.36, -0.04), "stated probability of core", fill=INK)
    draw.text(at(0.0, 1.06), "frequency of core", fill=INK)
    for end in (0, 1):
        draw.text(at(end - 0.01, -0.01), str(end), fill=INK)
        draw.text(at(-0.04, end + 0.01), str(end), fill=INK)
    image.save(file, optimize=True)


def _row(title: str, picture: Picture) -> NDArray[np.uint8]:
    rows, columns = _head(picture.mean_hu)
    panels = []
    for values, (low, high) in ((picture.mean_hu, WINDOW_HU), (picture.flow, FLOW)):
        grey = np.clip((values[rows, columns] - low) / (high - low), 0, 1) * 255
        large = np.kron(grey, np.ones((SCALE, SCALE)))
        panel = np.repeat(large[..., None], 3, axis=2).astype(np.uint8)
        for name, core in picture.cores.items():
            panel[_outline(core[rows, columns])] = COLOURS[name]
        panels.append(panel)
    slices = np.concatenate(panels, axis=1)
    strip = np.full((TITLE, *slices.shape[1:]), GROUND, np.uint8)
    image = Image.fromarray(np.concatenate([strip, slices]))
    words = ", ".join(f"{name} {int(core.sum())} pixels" for name, core in picture.cores.items())
    ImageDraw.Draw(image).text((8, 5), f"{title}: {words} in this slice", fill=INK)
    return np.asarray(image)


def _head(mean_hu: Float32) -> tuple[slice, slice]:
    """Rows and columns of the middle three quarters: the same for everybody, so that rows can be stacked."""
    y, x = mean_hu.shape
    return slice(y // 8, y - y // 8), slice(x // 8, x - x // 8)


def _outline(core: Mask) -> Mask:
    large = np.kron(core, np.ones((SCALE, SCALE), bool)).astype(bool)
    return np.asarray(large & ~ndimage.binary_erosion(large))
