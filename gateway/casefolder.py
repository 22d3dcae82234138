"""A revision on disk: ``result.json`` and, when the scan was analysed, ``findings.npz``.

A folder appears complete or not at all: it is written beside its place and renamed.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from triage.types import Analysis, ArterialInput, Findings, Geometry, Motion, PerfusionMaps, TriageResult

_PARTS = {"geometry": Geometry, "maps": PerfusionMaps, "arterial": ArterialInput, "motion": Motion}
"""Fields of `Findings` that are values themselves; the others are arrays."""

_OPTIONAL = {"arterial"}
"""Parts a case may be without."""

_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "geometry.shape": lambda sizes: tuple(int(size) for size in sizes),
    "geometry.frame_of_reference_uid": str,
    "arterial.venous_scale": float,
}
"""What is no array; an archive holds arrays alone, so these are told by name."""


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """Yield a scratch folder that takes the place of `folder` when the block ends well."""
    scratch = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        if folder.exists():
            shutil.rmtree(folder)
        scratch.rename(folder)
        _sync(folder.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def save(analysis: Analysis, folder: Path) -> None:
    """Write an analysis into an existing folder."""
    if analysis.findings is not None:
        np.savez(folder / "findings.npz", allow_pickle=False, **_arrays(analysis.findings))
    (folder / "result.json").write_text(
        json.dumps(analysis.result.to_json(), ensure_ascii=False, indent=1), "utf-8"
    )
    for path in folder.iterdir():
        _sync(path)
    _sync(folder)


def inputs_of(folder: Path) -> Path:
    """Where it is written what an analysis was made of: beside its folder, which is made anew by each attempt."""
    return folder.with_name(f"{folder.name}.inputs.json")


def save_inputs(digests: Mapping[str, str], folder: Path) -> None:
    """Write which bytes are analysed: BLAKE3 digest of every dataset by SOP instance UID."""
    path = inputs_of(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(json.dumps(dict(digests)), "utf-8")
    _sync(scratch)
    scratch.rename(path)


def load_inputs(folder: Path) -> dict[str, str]:
    """Read them back; empty for an analysis of which it was not written."""
    try:
        return dict(json.loads(inputs_of(folder).read_text("utf-8")))
    except FileNotFoundError:
        return {}


def load_result(folder: Path) -> TriageResult:
    """Read the numbers back."""
    return TriageResult.from_json(json.loads((folder / "result.json").read_text("utf-8")))


def load(folder: Path) -> Analysis:
    """Read an analysis back."""
    result = load_result(folder)
    if not (folder / "findings.npz").exists():
        return Analysis(result, findings=None)
    with np.load(folder / "findings.npz", allow_pickle=False) as stored:
        return Analysis(result, _findings(dict(stored)))


def _arrays(findings: Findings) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for item in fields(findings):
        value = getattr(findings, item.name)
        if item.name not in _PARTS:
            flat[item.name] = value
        elif value is not None:
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
