"""The slices of a case as its page lays them out: which layers, where they start, and what they are measured in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.console import wording


@dataclass(frozen=True, slots=True)
class Window:
    """A customary way to look at a head CT."""

    name: str
    level_hu: int
    width_hu: int


WINDOWS = (Window("Brain", 40, 80), Window("Stroke", 35, 30), Window("Blood", 75, 130))
"""Brain and the narrow window of early ischaemia as in the CT literature; blood and vessels as in angiography."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One picture of the grid; a map has a unit and a scale, the CT has neither."""

    name: str
    short: str
    title: str
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    ticks: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Slices:
    """What the template draws: `plain` is the manifest, `base` the address of the files."""

    plain: Mapping[str, Any]
    base: str

    @property
    def count(self) -> int:
        """How many slices there are."""
        return len(self.plain["numbers"])

    @property
    def first(self) -> int:
        """The slice to open on, from 1: the largest lesion."""
        return int(self.plain["first"])

    @property
    def overlay(self) -> bool:
        """Whether core and hypoperfused tissue may be drawn, and values read."""
        return bool(self.plain["trusted"])

    @property
    def network(self) -> bool:
        """Whether a network's core is outlined."""
        return self.overlay and bool(self.plain["network"])

    @property
    def layers(self) -> list[Layer]:
        """The mean CT, then the maps."""
        maps = [_layer(plain) for plain in self.plain["maps"]]
        return [Layer("ct", *wording.MAPS["ct"], "HU"), *maps]

    @property
    def windows(self) -> Sequence[Window]:
        """Windows to choose from."""
        return WINDOWS

    def file(self, layer: str, number: int | None = None) -> str:
        """Address of a layer's slice, of the first one when not said."""
        return f"{self.base}{layer}-{number or self.first:03d}.webp"

    def number(self, position: int) -> int:
        """Number of a slice in the reference series."""
        return int(self.plain["numbers"][position - 1])


def _layer(plain: Mapping[str, Any]) -> Layer:
    name = str(plain["name"])
    short, title = wording.MAPS[name]
    return Layer(name, short, title, plain["unit"], plain["low"], plain["high"], plain["ticks"])
