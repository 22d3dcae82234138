"""What an imaging network is shown and what it answers: channels, grid and classes.

Every imaging model has one input, ``image``, and one output, ``probability``, both float32. Which numbers they hold is
written in the ``image`` table of its manifest entry and read into an `ImageContract`; `models.imaging` does what it says.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np

from models.tables import NUMBER, Kinds, Table, exactly, numbers, require
from triage.second_engine import Volume

FINEST_MM, COARSEST_MM = 0.3, 10.0
"""Pixel sizes a network may ask for: finer than a CT pixel tells nothing, coarser than a slice shows no lesion."""

MOST_NEIGHBOURS = 5
"""Slices either side; five of 5 mm reach as far as a territory."""

MOST_MULTIPLE = 128
"""Largest number that an axis is padded to a multiple of: seven halvings."""


OPTIONAL: Kinds = {"neighbours": int, "multiple": (list, int), "around_brain_mm": NUMBER}
"""Keys that the ``image`` table may leave out."""


class Layout(StrEnum):
    """How the network takes a head: slice by slice as a batch ``(S, C, H, W)``, or whole ``(1, C, Z, Y, X)``."""

    SLICES = "slices"
    VOLUME = "volume"


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: a volume, clipped to `low` .. `high`, then ``(value - offset) / scale``; `missing` stands for NaN.

    `mirrored` shows the value of the opposite side of the head. Without `offset` and `scale` in the manifest, values
    come to lie between 0 and 1. `missing` is a value as the network sees it, after scaling.
    """

    volume: Volume
    low: float
    high: float
    offset: float
    scale: float
    missing: float = 0.0
    mirrored: bool = False

    def __post_init__(self) -> None:
        values = (self.low, self.high, self.offset, self.scale, self.missing)
        require(bool(np.isfinite(values).all()), f"channel {self.volume}: its numbers must be finite")
        require(self.low < self.high, f"channel {self.volume}: low must be below high")
        require(self.scale > 0, f"channel {self.volume}: scale must be positive")

    @classmethod
    def from_table(cls, table: Table) -> Self:
        """Read one entry of ``volumes``."""
        optional: Kinds = {"offset": NUMBER, "scale": NUMBER, "missing": NUMBER, "mirrored": bool}
        exactly(table, {"name": str, "low": NUMBER, "high": NUMBER}, "a channel of volumes", optional)
        known = tuple(Volume)
        require(table["name"] in known, f"volume {table['name']!r} is unknown; there are {', '.join(known)}")
        low, high = float(table["low"]), float(table["high"])
        return cls(
            Volume(table["name"]),
            low,
            high,
            float(table.get("offset", low)),
            float(table.get("scale", high - low)),
            float(table.get("missing", 0.0)),
            table.get("mirrored", False),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """One class of the answer, and the probability from which it counts as found."""

    name: str
    threshold: float

    def __post_init__(self) -> None:
        require(self.name.isidentifier(), f"{self.name!r} is not a name for a class")
        require(0 < self.threshold < 1, f"class {self.name}: threshold {self.threshold} is no probability")

    @classmethod
    def from_table(cls, table: Table) -> Self:
        """Read one entry of ``classes``."""
        exactly(table, {"name": str, "threshold": NUMBER}, "a class")
        return cls(table["name"], float(table["threshold"]))


@dataclass(frozen=True, slots=True)
class ImageContract:
    """How evidence becomes the network's input, and what its output means.

    Attributes
    ----------
    channels
        In order.
    layout
        See `Layout`.
    spacing_mm
        Size ``(z, y, x)`` of the network's pixels. In plane values are averaged or interpolated; along z the nearest
        slice is taken, and 0 keeps the slices as they are.
    neighbours
        Slices on either side that are shown with each slice: ``2 * neighbours + 1`` times the channels, by increasing
        slice number, all channels of a slice together; beyond the ends the last slice is repeated. Slices only.
    multiple
        Each axis ``(z, y, x)`` is padded at its end to a multiple of these, with missing values. For `Layout.SLICES`
        the first is 1.
    around_brain_mm
        Only the rectangle is shown that holds the brain of all slices, and so much around it; None shows the field.
    classes
        In order; their probabilities need not add up to 1.
    """

    channels: tuple[Channel, ...]
    layout: Layout
    spacing_mm: tuple[float, float, float]
    classes: tuple[Outcome, ...]
    neighbours: int = 0
    multiple: tuple[int, int, int] = (1, 1, 1)
    around_brain_mm: float | None = None

    def __post_init__(self) -> None:
        z, *in_plane = self.spacing_mm
        require(bool(self.channels), "a network needs volumes")
        require(bool(self.classes), "a network needs classes")
        names = [outcome.name for outcome in self.classes]
        require(len(set(names)) == len(names), f"classes {names} repeat a name")
        require(
            z == 0 or FINEST_MM <= z <= COARSEST_MM, f"slices of {z} mm: 0 or {FINEST_MM} to {COARSEST_MM} mm"
        )
        fits = all(FINEST_MM <= size <= COARSEST_MM for size in in_plane)
        require(fits, f"pixels of {in_plane} mm: {FINEST_MM} to {COARSEST_MM} mm")
        require(0 <= self.neighbours <= MOST_NEIGHBOURS, f"neighbours must be 0 to {MOST_NEIGHBOURS}")
        require(all(1 <= m <= MOST_MULTIPLE for m in self.multiple), f"multiple must be 1 to {MOST_MULTIPLE}")
        require(
            self.around_brain_mm is None or self.around_brain_mm >= 0, "around_brain_mm must not be negative"
        )
        slices = self.layout is Layout.SLICES
        require(slices or self.neighbours == 0, "neighbours are for the layout slices")
        require(not slices or self.multiple[0] == 1, "the layout slices has no multiple along z")

    @classmethod
    def from_table(cls, table: Table) -> Self:
        """Read the ``image`` table of a manifest entry."""
        needed = {"layout": str, "volumes": list, "spacing_mm": list, "classes": list}
        exactly(table, needed, "image", OPTIONAL)
        require(table["layout"] in tuple(Layout), f"layout must be one of {', '.join(Layout)}")
        multiple, around = table.get("multiple", 1), table.get("around_brain_mm")
        z, y, x = numbers([1, multiple, multiple] if isinstance(multiple, int) else multiple, "multiple", 3)
        sizes = numbers(table["spacing_mm"], "spacing_mm", 3)
        return cls(
            tuple(Channel.from_table(channel) for channel in table["volumes"]),
            Layout(table["layout"]),
            (sizes[0], sizes[1], sizes[2]),
            tuple(Outcome.from_table(outcome) for outcome in table["classes"]),
            table.get("neighbours", 0),
            (int(z), int(y), int(x)),
            None if around is None else float(around),
        )

    @property
    def volumes(self) -> frozenset[Volume]:
        """What the evidence must hold."""
        cut = () if self.around_brain_mm is None else (Volume.BRAIN,)
        return frozenset((*(channel.volume for channel in self.channels), *cut))

    @property
    def stacked(self) -> int:
        """Channels of the tensor, neighbours included."""
        return len(self.channels) * (2 * self.neighbours + 1)
