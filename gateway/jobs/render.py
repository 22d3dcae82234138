"""``python -m gateway.jobs.render``: what people and machines look at, drawn from an analysis on disk."""

import json
import sys
from datetime import datetime
from itertools import chain
from pathlib import Path

from pydicom import Dataset, dcmread

from gateway import casefolder, findings
from gateway.jobs.orders import ALERT_PICTURE, MANIFEST, OBJECTS, PICTURES, REJECTION, TILES, RenderOrder
from gateway.release import SOFTWARE_VERSION
from gateway.signing import asking, documents
from gateway.signing.documents import Level, Seal
from gateway.signing.settings import Signing
from triage.types import Analysis
from viewer_bridge.objects.results import Extras, drawn_pages, file_bytes, report_file, result_objects
from viewer_bridge.objects.superseding import rejects
from viewer_bridge.pages.alert_picture import alert_picture
from viewer_bridge.pages.pictures import case_stack, manifest, tile_files
from viewer_bridge.pages.summary import png_bytes
from viewer_bridge.report.wording.language import Language


def run(order: RenderOrder) -> None:
    """Draw the pictures, which the case page waits for, then build the objects."""
    folder = Path(order.folder)
    analysis = findings.load(folder)
    draw_tiles(analysis, folder)
    pages = drawn_pages(analysis, SOFTWARE_VERSION)
    with casefolder.appearing(folder / PICTURES) as scratch:
        for name, picture in pages.items():
            (scratch / f"{name}.png").write_bytes(png_bytes(picture))
        if small := alert_picture(analysis):
            (scratch / ALERT_PICTURE).write_bytes(small)
    source = dcmread(order.source, stop_before_pixels=True)
    report = _report(order, analysis, source)
    objects = result_objects(
        analysis,
        source,
        revision=order.revision,
        software_version=SOFTWARE_VERSION,
        created_at=datetime.fromisoformat(order.created_at),
        former=[list(chain.from_iterable(map(_headers, folders))) for folders in order.former],
        pages=pages,
        extras=Extras(order.regions, Language(order.language), report),
    )
    with casefolder.appearing(folder / OBJECTS) as scratch:
        for number, dataset in enumerate(objects):
            name = REJECTION if rejects(dataset) else f"{number:03d}.dcm"
            (scratch / name).write_bytes(file_bytes(dataset))


def _report(order: RenderOrder, analysis: Analysis, source: Dataset) -> bytes:
    """The report's bytes: those that are kept, or new and sealed ones, which are kept before anything is built of them."""
    folder = Path(order.folder)
    known = documents.issue(folder, documents.PUBLISHED)
    if known is None:
        pdf = report_file(
            analysis,
            source,
            revision=order.revision,
            software_version=SOFTWARE_VERSION,
            created_at=datetime.fromisoformat(order.created_at),
            language=Language(order.language),
            document=order.document,
        )
        known = documents.keep(folder, documents.PUBLISHED, *_sealed(pdf, order))
    return known.pdf


def _sealed(pdf: bytes, order: RenderOrder) -> tuple[bytes, Seal]:
    if not Signing(**order.signing).enabled:
        return pdf, Seal(Level.NONE, remarks=("no key is configured",))
    return asking.sealed(pdf, order.signing)


def draw_tiles(analysis: Analysis, folder: Path) -> None:
    """Write the slices that the case page scrolls through; nothing for a scan that was not analysed."""
    stack = case_stack(analysis)
    if stack is None:
        return
    with casefolder.appearing(folder / TILES) as scratch:
        for name, content in tile_files(stack):
            (scratch / name).write_bytes(content)
        (scratch / MANIFEST).write_text(json.dumps(manifest(stack), ensure_ascii=False), "utf-8")


def _headers(folder: str) -> list[Dataset]:
    """Headers of the objects in a folder."""
    return [dcmread(path, stop_before_pixels=True) for path in sorted(Path(folder).glob("*.dcm"))]


if __name__ == "__main__":
    run(RenderOrder(**json.load(sys.stdin)))
