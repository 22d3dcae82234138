"""A revision on disk: a folder that appears complete or not at all, for it is written beside its place and renamed.

``result.json`` is there from the first moment; `gateway.findings` keeps the arrays beside it.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from triage.results import TriageResult


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


def save_result(result: TriageResult, folder: Path) -> None:
    """Write the numbers into an existing folder, and make it durable with all that is there."""
    (folder / "result.json").write_text(json.dumps(result.to_json(), ensure_ascii=False, indent=1), "utf-8")
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
