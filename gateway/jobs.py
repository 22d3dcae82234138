"""Work that runs in a process of its own and dies with the worker that wanted it: ``python -m gateway.jobs``.

Analysis and drawing need gigabytes and may crash in native code; a child gives the memory back and takes the crash.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread

from gateway import casefolder
from gateway.analysis import SOFTWARE_VERSION, analyse_files
from triage.types import Analysis
from viewer_bridge.objects import result_objects
from viewer_bridge.pages import map_pages, png_bytes, summary_page

OBJECTS = "dicom"
PICTURES = "pictures"
MAPS = ("cbf", "cbv", "mtt", "tmax")
"""Names of the map pages, in the order of `viewer_bridge.pages.map_pages`."""


@dataclass(frozen=True, slots=True)
class AnalyseJob:
    """Analyse a series into `folder`."""

    paths: tuple[str, ...]
    study_uid: str
    series_uid: str
    threads: int
    folder: str


@dataclass(frozen=True, slots=True)
class RenderJob:
    """Write the result objects and pictures of the analysis in `folder` into its sub-folders."""

    folder: str
    source: str
    revision: int
    created_at: str


def run_analyse(job: AnalyseJob) -> None:
    """Analyse and save; the folder appears when everything is in it."""
    analysis = analyse_files([Path(path) for path in job.paths], job.study_uid, job.series_uid, job.threads)
    with casefolder.appearing(Path(job.folder)) as scratch:
        casefolder.save(analysis, scratch)


def run_render(job: RenderJob) -> None:
    """Draw and build what people and machines look at."""
    folder = Path(job.folder)
    analysis = casefolder.load(folder)
    with casefolder.appearing(folder / PICTURES) as scratch:
        for name, picture in _pictures(analysis):
            (scratch / f"{name}.png").write_bytes(png_bytes(picture))
    source = dcmread(job.source, stop_before_pixels=True)
    objects = result_objects(
        analysis,
        source,
        revision=job.revision,
        software_version=SOFTWARE_VERSION,
        created_at=datetime.fromisoformat(job.created_at),
    )
    with casefolder.appearing(folder / OBJECTS) as scratch:
        for number, dataset in enumerate(objects):
            dataset.save_as(scratch / f"{number:03d}.dcm", enforce_file_format=True)


def _pictures(analysis: Analysis) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Pages for the case page, by name."""
    yield "summary", summary_page(analysis, software_version=SOFTWARE_VERSION)
    if analysis.findings is not None:
        yield from zip(MAPS, map_pages(analysis, software_version=SOFTWARE_VERSION), strict=True)


_JOBS: Mapping[str, tuple[type[Any], Callable[[Any], None]]] = {
    "AnalyseJob": (AnalyseJob, run_analyse),
    "RenderJob": (RenderJob, run_render),
}


def command(job: AnalyseJob | RenderJob) -> tuple[list[str], str]:
    """Command line and standard input of the child that does `job`."""
    return [sys.executable, "-m", "gateway.jobs", type(job).__name__], json.dumps(asdict(job))


def main(arguments: Sequence[str]) -> None:
    """Read the job from standard input and do it."""
    kind, run = _JOBS[arguments[0]]
    run(kind(**json.load(sys.stdin)))


if __name__ == "__main__":
    main(sys.argv[1:])
