"""What a child process is asked to do; it reads its order as JSON from standard input."""

import json
import sys
from dataclasses import asdict, dataclass
from typing import ClassVar

OBJECTS = "dicom"
PICTURES = "pictures"
TILES = "tiles"
"""Sub-folders of a revision."""

MANIFEST = "manifest.json"
"""What the tiles show; beside them."""

ALIGNED = "aligned"
"""The sub-folder of the motion-corrected series, where somebody asked for it."""

REJECTION = "rejection.dcm"
"""The object that rejects those of former revisions; it is stored when all others are seen to be."""


@dataclass(frozen=True, slots=True)
class AnalyseOrder:
    """Analyse a series into `folder`; see `gateway.jobs.analyst`."""

    paths: tuple[str, ...]
    study_uid: str
    series_uid: str
    threads: int
    folder: str


@dataclass(frozen=True, slots=True)
class RenderOrder:
    """Write the result objects and pictures of the analysis in `folder` into its sub-folders."""

    module: ClassVar[str] = "gateway.jobs.render"

    folder: str
    source: str
    revision: int
    created_at: str
    former: tuple[tuple[str, ...], ...] = ()
    """For each former revision, oldest first, the folders with its objects."""
    language: str = "vi"
    """Of the PDF report; see `viewer_bridge.report.wording.language`."""
    regions: bool = False
    """Whether further regions are wanted; see `viewer_bridge.objects.results.Extras`."""


@dataclass(frozen=True, slots=True)
class AlignOrder:
    """Write the motion-corrected series of these images into a sub-folder of `folder`."""

    module: ClassVar[str] = "gateway.jobs.align"

    paths: tuple[str, ...]
    folder: str
    source: str
    revision: int
    created_at: str


def command(order: RenderOrder | AlignOrder) -> tuple[list[str], str]:
    """Command line and standard input of the child that does what is ordered."""
    return [sys.executable, "-m", order.module], json.dumps(asdict(order))
