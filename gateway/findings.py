"""The arrays of an analysed revision: ``findings.npz`` in its folder, beside ``result.json``."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from gateway import casefolder
from triage.types import Analysis, ArterialInput, Findings, Geometry, Motion, PerfusionMaps

_PARTS = {"geometry": Geometry, "maps": PerfusionMaps, "arterial": ArterialInput, "motion": Motion}
"""Fields of `Findings` that are values themselves; the others are arrays."""

_OPTIONAL = {"arterial"}
"""Parts a case may be without; an array that it is without is not written."""

_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "geometry.shape": lambda sizes: tuple(int(size) for size in sizes),
    "geometry.frame_of_reference_uid": str,
    "arterial.venous_scale": float,
}
"""What is no array; an archive holds arrays alone, so these are told by name."""


def save(analysis: Analysis, folder: Path) -> None:
    """Write an analysis into an existing folder."""
    if analysis.findings is not None:
        np.savez(folder / "findings.npz", allow_pickle=False, **_arrays(analysis.findings))
    casefolder.save_result(analysis.result, folder)


def load(folder: Path) -> Analysis:
    """Read an analysis back."""
    result = casefolder.load_result(folder)
    if not (folder / "findings.npz").exists():
        return Analysis(result, findings=None)
    with np.load(folder / "findings.npz", allow_pickle=False) as stored:
        return Analysis(result, _findings(dict(stored)))


def _arrays(findings: Findings) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for item in fields(findings):
        value = getattr(findings, item.name)
        if value is None:
            continue
        if item.name not in _PARTS:
            flat[item.name] = value
        else:
            flat |= {f"{item.name}.{inner.name}": getattr(value, inner.name) for inner in fields(value)}
    return flat


def _findings(flat: dict[str, Any]) -> Findings:
    whole: dict[str, Any] = {name: value for name, value in flat.items() if "." not in name}
    for name, kind in _PARTS.items():
        inner = {
            key.removeprefix(f"{name}."): _PLAIN.get(key, _as_stored)(value)
            for key, value in flat.items()
            if key.startswith(f"{name}.")
        }
        whole[name] = kind(**inner) if inner or name not in _OPTIONAL else None
    return Findings(**whole)


def _as_stored(value: Any) -> Any:
    return value
