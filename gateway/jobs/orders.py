"""What a child process is asked to do; it reads its order as JSON from standard input."""

import json
import sys
from dataclasses import asdict, dataclass
from typing import ClassVar

OBJECTS = "dicom"
PICTURES = "pictures"
"""Sub-folders of a revision."""

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
    former: tuple[str, ...] = ()
    """Folders with the objects of former revisions, oldest first."""


def command(order: RenderOrder) -> tuple[list[str], str]:
    """Command line and standard input of the child that does what is ordered."""
    return [sys.executable, "-m", order.module], json.dumps(asdict(order))
