"""``python -m gateway.jobs.render``: what people and machines look at, drawn from an analysis on disk."""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread

from gateway import casefolder
from gateway.jobs.orders import OBJECTS, PICTURES, RenderOrder
from gateway.release import SOFTWARE_VERSION
from triage.types import Analysis
from viewer_bridge.objects import file_bytes, result_objects
from viewer_bridge.pages import map_pages, png_bytes, summary_page


def run(order: RenderOrder) -> None:
    """Draw the pictures, which the case page waits for, then build the objects."""
    folder = Path(order.folder)
    analysis = casefolder.load(folder)
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
    )
    with casefolder.appearing(folder / OBJECTS) as scratch:
        for number, dataset in enumerate(objects):
            (scratch / f"{number:03d}.dcm").write_bytes(file_bytes(dataset))


def _pictures(analysis: Analysis) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Pages for the case page, by name."""
    yield "summary", summary_page(analysis, software_version=SOFTWARE_VERSION)
    yield from map_pages(analysis, software_version=SOFTWARE_VERSION).items()


if __name__ == "__main__":
    run(RenderOrder(**json.load(sys.stdin)))
