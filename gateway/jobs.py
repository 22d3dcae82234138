"""Work that runs in a process of its own and dies with the worker that wanted it: ``python -m gateway.jobs``.

Analysis and drawing need gigabytes and may crash in native code; a child gives the memory back and takes the crash.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydicom import dcmread

from gateway import casefolder
from gateway.analysis import SOFTWARE_VERSION, analyse_files
from viewer_bridge.objects import result_objects
from viewer_bridge.pages import web_pictures

OBJECTS = "dicom"
PICTURES = "pictures"


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
        for name, content in web_pictures(analysis).items():
            (scratch / f"{name}.png").write_bytes(content)
    source = dcmread(job.source, stop_before_pixels=True)
    objects = result_objects(analysis, source, revision=job.revision, software_version=SOFTWARE_VERSION)
    with casefolder.appearing(folder / OBJECTS) as scratch:
        for number, dataset in enumerate(objects):
            dataset.save_as(scratch / f"{number:03d}.dcm", enforce_file_format=True)


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
