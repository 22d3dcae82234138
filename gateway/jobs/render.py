"""``python -m gateway.jobs.render``: what people and machines look at, drawn from an analysis on disk."""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.uid import KeyObjectSelectionDocumentStorage

from gateway import casefolder, findings
from gateway.jobs.orders import OBJECTS, PICTURES, REJECTION, RenderOrder
from gateway.release import SOFTWARE_VERSION
from triage.types import Analysis
from viewer_bridge.objects import file_bytes, result_objects
from viewer_bridge.pages import map_pages, png_bytes, summary_page


def run(order: RenderOrder) -> None:
    """Draw the pictures, which the case page waits for, then build the objects."""
    folder = Path(order.folder)
    analysis = findings.load(folder)
    with casefolder.appearing(folder / PICTURES) as scratch:
        for name, picture in _pictures(analysis):
            (scratch / f"{name}.png").write_bytes(png_bytes(picture))
    source = dcmread(order.source, stop_before_pixels=True)
    objects = result_objects(
        analysis,
        source,
        revision=order.revision,
        software_version=SOFTWARE_VERSION,
        created_at=datetime.fromisoformat(order.created_at),
        former=[_headers(Path(name)) for name in order.former],
    )
    with casefolder.appearing(folder / OBJECTS) as scratch:
        for number, dataset in enumerate(objects):
            rejects = dataset.SOPClassUID == KeyObjectSelectionDocumentStorage
            name = REJECTION if rejects else f"{number:03d}.dcm"
            (scratch / name).write_bytes(file_bytes(dataset))


def _headers(folder: Path) -> list[Dataset]:
    """Headers of a former revision's objects."""
    return [dcmread(path, stop_before_pixels=True) for path in sorted(folder.glob("*.dcm"))]


def _pictures(analysis: Analysis) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Pages for the case page, by name."""
    yield "summary", summary_page(analysis, software_version=SOFTWARE_VERSION)
    yield from map_pages(analysis, software_version=SOFTWARE_VERSION).items()


if __name__ == "__main__":
    run(RenderOrder(**json.load(sys.stdin)))
