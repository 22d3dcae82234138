"""What a model is, what it promises, and what its arrays look like."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from models.image_contract import ImageContract, Layout
from models.tables import Kinds, Table, exactly, require, texts
from models.tensors import ElementType, TensorSpec
from triage.types import ModelFinding

__all__ = ["ElementType", "ModelSpec", "Task", "TensorSpec"]

FILE_NAME = re.compile(r"[a-z0-9_-]+\.(onnx|md)")
"""Weights and cards are plain names inside their folder: a manifest cannot point elsewhere."""

SHA256 = re.compile(r"[0-9a-f]{64}")

TRIAL = (64, 64)
"""Least rows and columns of the trial run: room for the halvings of most networks."""

IDENTITY: Kinds = {
    "name": str,
    "task": str,
    "version": str,
    "file": str,
    "card": str,
    "sha256": str,
    "opset": int,
    "licence": str,
    "training_data": str,
    "intended_use": str,
    "limits": list,
    "performance": list,
}
"""Keys that every entry of a manifest has."""

TENSORS: Kinds = {"inputs": list, "outputs": list, "warm_up": dict}
"""Further keys of a model that is no imaging network."""

IMAGE: Kinds = {"image": dict}
"""The one further key of an imaging network: its arrays follow from it."""


class Task(StrEnum):
    """What a model is asked."""

    DECONVOLUTION = "deconvolution"
    INFARCT_CORE = "infarct_core"
    BRAIN_MASK = "brain_mask"
    HEMORRHAGE = "hemorrhage"
    LARGE_VESSEL_OCCLUSION = "large_vessel_occlusion"
    ASPECTS = "aspects"

    @property
    def answers_per_case(self) -> bool:
        """Whether the answer is one probability a class for the whole head, not one a voxel."""
        return self in {Task.LARGE_VESSEL_OCCLUSION, Task.ASPECTS}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of a manifest: identity, purpose, limits and contract.

    Attributes
    ----------
    file, card
        Names of the weights and the card inside their folders.
    sha256
        Hex digest of the weights; nothing with another digest is ever loaded.
    opset
        Version of the default ONNX operator set the graph was written for.
    training_data
        What the weights were fitted to; a closed-form computation says so.
    performance
        What was measured, on what, in sentences.
    warm_up
        Size of every named axis in the trial run that opening a model makes.
    image
        What an imaging network is shown and answers; None for other models.
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
    performance: tuple[str, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    warm_up: Mapping[str, int]
    image: ImageContract | None = None

    def __post_init__(self) -> None:
        for name in ("name", "version", "licence", "training_data", "intended_use", "limits", "performance"):
            require(bool(getattr(self, name)), f"model {self.name!r} leaves {name} empty")
        for name in (self.file, self.card):
            require(FILE_NAME.fullmatch(name) is not None, f"{self.name}: {name!r} is not a plain file name")
        require(SHA256.fullmatch(self.sha256) is not None, f"{self.name}: sha256 must be 64 hex digits")
        require(self.opset > 0, f"{self.name}: opset must be positive")
        require(bool(self.inputs and self.outputs), f"{self.name}: inputs and outputs are both needed")
        named = {axis for tensor in self.inputs for axis in tensor.axes if isinstance(axis, str)}
        require(named == set(self.warm_up), f"{self.name}: warm_up must size exactly {sorted(named)}")

    @classmethod
    def from_table(cls, table: Table) -> Self:
        """Read one ``[[models]]`` table of the manifest."""
        imaging = isinstance(table, Mapping) and "image" in table
        thing = f"model {table.get('name', '(unnamed)')!r}" if isinstance(table, Mapping) else "a model"
        exactly(table, {**IDENTITY, **(IMAGE if imaging else TENSORS)}, thing)
        require(table["task"] in tuple(Task), f"{table['name']}: task must be one of {', '.join(Task)}")
        values = {key: table[key] for key in IDENTITY}
        values["task"] = Task(table["task"])
        for key in ("limits", "performance"):
            values[key] = texts(table[key], f"{table['name']}: {key}")
        return cls(**values, **(_imaging(values["task"], table["image"]) if imaging else _tensors(table)))

    def finding(self, text: str = "") -> ModelFinding:
        """Identity of this model for a result, and what is to be said of it."""
        return ModelFinding(
            self.name,
            self.version,
            self.sha256,
            text=text,
            task=self.task,
            trained_on=self.training_data if self.image else "",
        )


def _tensors(table: Table) -> dict[str, Any]:
    inputs, outputs = (
        tuple(TensorSpec.from_table(tensor) for tensor in table[side]) for side in ("inputs", "outputs")
    )
    sizes = table["warm_up"]
    require(all(isinstance(size, int) for size in sizes.values()), "warm_up must hold whole numbers")
    return {"inputs": inputs, "outputs": outputs, "warm_up": dict(sizes)}


def _imaging(task: Task, table: Table) -> dict[str, Any]:
    """The arrays and trial sizes that follow from an ``image`` table."""
    image = ImageContract.from_table(table)
    batch, slices = ((1,), ("Z", "Y", "X")) if image.layout is Layout.VOLUME else (("S",), ("H", "W"))
    axes: tuple[str | int, ...] = (*batch, image.stacked, *slices)
    classes = len(image.classes)
    answer = (1, classes) if task.answers_per_case else (*batch, classes, *slices)
    depth, *pixels = (
        step * -(-least // step) for step, least in zip(image.multiple, (2, *TRIAL), strict=True)
    )
    sizes = dict(zip(slices[-2:], pixels, strict=True))
    return {
        "inputs": (TensorSpec("image", ElementType.FLOAT32, axes),),
        "outputs": (TensorSpec("probability", ElementType.FLOAT32, answer),),
        "warm_up": {"Z" if image.layout is Layout.VOLUME else "S": depth, **sizes},
        "image": image,
    }
