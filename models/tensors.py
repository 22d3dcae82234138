"""One input or output of a graph: its name, element type and axes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from models.tables import Table, exactly, require


class ElementType(StrEnum):
    """Element types a graph may take or give, as numpy names them."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"
    INT64 = "int64"
    UINT8 = "uint8"
    BOOL = "bool"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output: its name, element type and axes.

    An axis is a letter or word that stands for a size and means the same size wherever it appears, or a number.

    Examples
    --------
    >>> TensorSpec("tissue_hu", ElementType.FLOAT32, ("V", "N")).rank
    2
    """

    name: str
    type: ElementType
    axes: tuple[str | int, ...]

    def __post_init__(self) -> None:
        require(self.name.isidentifier(), f"{self.name!r} is not a name for an input or output")

    @classmethod
    def from_table(cls, table: Table) -> Self:
        """Read one table of the manifest."""
        exactly(table, {"name": str, "type": str, "axes": list}, "an input or output")
        known = tuple(ElementType)
        require(table["type"] in known, f"{table['name']}: type must be one of {', '.join(known)}")
        fits = all(isinstance(axis, (str, int)) for axis in table["axes"])
        require(fits, f"{table['name']}: axes must be names and numbers")
        return cls(table["name"], ElementType(table["type"]), tuple(table["axes"]))

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.axes)

    def __str__(self) -> str:
        """Name, type and axes, as sentences spell them.

        >>> str(TensorSpec("image", ElementType.FLOAT32, ("S", 4, "H", "W")))
        'image float32 (S, 4, H, W)'
        """
        return f"{self.name} {self.type} ({', '.join(map(str, self.axes))})"
