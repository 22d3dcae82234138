"""What a model is, what it promises, and what one array of its contract looks like."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Self

from triage.errors import ConfigError
from triage.types import ModelFinding

FILE_NAME = re.compile(r"[a-z0-9_]+\.(onnx|md)")
"""Weights and cards are plain names inside their folder: a manifest cannot point elsewhere."""

SHA256 = re.compile(r"[0-9a-f]{64}")


class Task(StrEnum):
    """What a model is asked."""

    DECONVOLUTION = "deconvolution"
    INFARCT_CORE = "infarct-core"


class ElementType(StrEnum):
    """Element types a graph may take or give, as numpy names them."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"
    INT64 = "int64"
    UINT8 = "uint8"
    BOOL = "bool"


def _require(condition: bool, message: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not condition:
        raise ConfigError(f"model manifest: {message}")


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
        _require(self.name.isidentifier(), f"{self.name!r} is not a name for an input or output")

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Read one table of the manifest."""
        _exactly(table, {"name", "type", "axes"}, "an input or output")
        known = tuple(ElementType)
        _require(table["type"] in known, f"{table['name']}: type must be one of {', '.join(known)}")
        return cls(table["name"], ElementType(table["type"]), tuple(table["axes"]))

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.axes)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of the manifest: identity, purpose, limits and contract.

    Attributes
    ----------
    file, card
        Names inside ``models/weights`` and ``models/cards``.
    sha256
        Hex digest of the weights; nothing with another digest is ever loaded.
    opset
        Version of the default ONNX operator set the graph was written for.
    training_data
        What the weights were fitted to; a closed-form computation says so.
    warm_up
        Size of every named axis in the trial run that opening a model makes.
    """

    name: str
    task: Task
    version: str
    file: str
    card: str
    sha256: str
    opset: int
    licence: str
    training_data: str
    intended_use: str
    limits: tuple[str, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    warm_up: Mapping[str, int]

    def __post_init__(self) -> None:
        for name in ("name", "version", "licence", "training_data", "intended_use", "limits"):
            _require(bool(getattr(self, name)), f"model {self.name!r} leaves {name} empty")
        for name in (self.file, self.card):
            _require(FILE_NAME.fullmatch(name) is not None, f"{self.name}: {name!r} is not a plain file name")
        _require(SHA256.fullmatch(self.sha256) is not None, f"{self.name}: sha256 must be 64 hex digits")
        _require(self.opset > 0, f"{self.name}: opset must be positive")
        _require(bool(self.inputs and self.outputs), f"{self.name}: inputs and outputs are both needed")
        named = {axis for tensor in self.inputs for axis in tensor.axes if isinstance(axis, str)}
        _require(named == set(self.warm_up), f"{self.name}: warm_up must size exactly {sorted(named)}")

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Read one ``[[models]]`` table of the manifest."""
        _exactly(table, {item.name for item in fields(cls)}, f"model {table.get('name', '(unnamed)')!r}")
        _require(table["task"] in tuple(Task), f"{table['name']}: task must be one of {', '.join(Task)}")
        values = dict(table)
        values["task"] = Task(table["task"])
        values["limits"] = tuple(table["limits"])
        for side in ("inputs", "outputs"):
            values[side] = tuple(TensorSpec.from_table(tensor) for tensor in table[side])
        return cls(**values)

    def finding(self, core_ml: float | None = None) -> ModelFinding:
        """Identity of this model for a result, with the core volume it found, if that is its task."""
        return ModelFinding(self.name, self.version, self.sha256, core_ml)


def _exactly(table: Mapping[str, Any], wanted: set[str], thing: str) -> None:
    missing, unknown = sorted(wanted - set(table)), sorted(set(table) - wanted)
    _require(not missing, f"{thing} lacks {', '.join(missing)}")
    _require(not unknown, f"{thing} has unknown keys {', '.join(unknown)}")
