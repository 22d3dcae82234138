"""Curves on a dark page: thin smooth lines over a quiet grid, every axis with its unit."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from PIL import Image, ImageDraw

from triage.types import Float64
from viewer_bridge.pages.canvas import FAINT, GREY, Box, Canvas, Colour

SMOOTHING = 3
"""Lines are drawn this many times larger and averaged down, because Pillow draws them with steps."""

TICK_SIZE_PX = 14
LABEL_SIZE_PX = 15
MOST_TICKS = 6

LEFT_PX, BOTTOM_PX, TOP_PX, RIGHT_PX = 46, 24, 26, 10
"""Room around the plotting area for numbers, the name of the axis and the title."""

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
"""Distances between ticks that people count in, up to a power of ten."""


@dataclass(frozen=True, slots=True)
class Range:
    """Ends of an axis, in its own unit."""

    low: float
    high: float

    @classmethod
    def around(cls, *curves: Float64, least: tuple[float, float]) -> Self:
        """Smallest range that holds every finite value and the range `least`."""
        values = np.concatenate([np.ravel(curve) for curve in curves]) if curves else np.empty(0)
        values = values[np.isfinite(values)]
        return cls(min([least[0], *values.tolist()]), max([least[1], *values.tolist()]))

    def widened(self, share: float) -> Self:
        """The same with room above and below."""
        room = share * (self.high - self.low)
        return type(self)(self.low - room, self.high + room)

    def ticks(self, most: int = MOST_TICKS) -> list[float]:
        """Round numbers inside, at most about `most`.

        Examples
        --------
        >>> Range(-3.0, 61.0).ticks()
        [0.0, 20.0, 40.0, 60.0]
        """
        width = (self.high - self.low) / max(most - 1, 1)
        power = 10.0 ** math.floor(math.log10(width))
        step = next(power * s for s in STEPS if power * s >= width * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Axes:
    """A plotting area and what its edges mean."""

    area: Box
    x: Range
    y: Range

    @classmethod
    def inside(cls, box: Box, x: Range, y: Range) -> Self:
        """Axes that leave room for their own numbers and title within `box`."""
        width, height = box.width - LEFT_PX - RIGHT_PX, box.height - TOP_PX - BOTTOM_PX
        return cls(Box(box.left + LEFT_PX, box.top + TOP_PX, width, height), x, y)

    def column(self, x: float) -> float:
        """Pixel column of a value."""
        return self.area.left + (x - self.x.low) / (self.x.high - self.x.low) * (self.area.width - 1)

    def row(self, y: float) -> float:
        """Pixel row of a value."""
        return self.area.bottom - 1 - (y - self.y.low) / (self.y.high - self.y.low) * (self.area.height - 1)

    def points(self, x: Float64, y: Float64) -> list[tuple[float, float]]:
        """Pixels of a curve; what is not finite is left out."""
        finite = np.isfinite(y)
        return [
            (self.column(a), self.row(b)) for a, b in zip(x[finite].tolist(), y[finite].tolist(), strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a plot."""

    x: Float64
    y: Float64
    colour: Colour
    width_px: float = 2.0


def frame(canvas: Canvas, axes: Axes, title: str, x_name: str) -> None:
    """Draw the grid, the numbers of both axes, the title above and the name of the lower axis."""
    area = axes.area
    for value in axes.y.ticks():
        row = round(axes.row(value))
        canvas.rule(Box(area.left, row, area.width, 1), FAINT)
        canvas.text((area.left - 8, row), f"{value:g}", TICK_SIZE_PX, GREY, "rm")
    for value in axes.x.ticks():
        column = round(axes.column(value))
        canvas.rule(Box(column, area.bottom, 1, 5), FAINT)
        if column < area.right - width_of_name(x_name):
            canvas.text((column, area.bottom + 7), f"{value:g}", TICK_SIZE_PX, GREY, "ma")
    canvas.text((area.right, area.bottom + 7), x_name, TICK_SIZE_PX, GREY, "ra")
    canvas.text((area.left - LEFT_PX, area.top - TOP_PX), title, LABEL_SIZE_PX, GREY)


def width_of_name(name: str) -> float:
    """Columns at the right end that the name of the lower axis needs for itself."""
    return 9.0 * len(name) + 12.0


def draw(canvas: Canvas, axes: Axes, curves: Sequence[Curve]) -> None:
    """Draw curves, the last one on top, smooth and cut at the edges of the plotting area."""
    edges = (axes.area.left, axes.area.top, axes.area.right, axes.area.bottom)
    piece = canvas.image.crop(edges)
    large = piece.resize((piece.width * SMOOTHING, piece.height * SMOOTHING), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(large)
    for curve in curves:
        pen.line(list(_enlarged(axes, curve)), curve.colour, round(curve.width_px * SMOOTHING), joint="curve")
    canvas.image.paste(large.reduce(SMOOTHING), edges)


def _enlarged(axes: Axes, curve: Curve) -> Iterator[tuple[float, float]]:
    for column, row in axes.points(curve.x, curve.y):
        yield (column - axes.area.left + 0.5) * SMOOTHING, (row - axes.area.top + 0.5) * SMOOTHING


def dashed(canvas: Canvas, column: int, rows: tuple[int, int], colour: Colour) -> None:
    """Draw an upright dashed line: a moment."""
    for row in range(rows[0], rows[1], 7):
        canvas.rule(Box(column, row, 1, min(4, rows[1] - row)), colour)
