"""Kinds of arrays, and how frozen values keep theirs from being written."""

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]


def freeze(owner: object) -> None:
    """Make every array of a frozen dataclass read-only."""
    for item in fields(owner):  # type: ignore[arg-type]  # owner is always one of the dataclasses below
        value = getattr(owner, item.name)
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
