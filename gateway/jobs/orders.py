"""What a child process is asked to do; it reads its order as JSON from standard input."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

OBJECTS = "dicom"
PICTURES = "pictures"
TILES = "tiles"
"""Sub-folders of a revision."""

ALERT_PICTURE = "alert.png"
"""The small picture that goes with an alert; among the pictures, and drawn before all others."""

MANIFEST = "manifest.json"
"""What the tiles show; beside them."""

SIGNED = "signed"
"""The sub-folder of what a physician has signed off."""

ALIGNED = "aligned"
"""The sub-folder of the motion-corrected series, where somebody asked for it."""

TRY_AGAIN = 75
"""Exit status of a child that failed for a reason that passes; it says the reason on its output (EX_TEMPFAIL, sysexits(3))."""

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
    remarks: tuple[str, ...] = ()
    """What is known against the scan beside its images."""


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
    document: str = ""
    """UUID of the report; see `viewer_bridge.report.archival.DocumentName`."""
    signing: Mapping[str, Any] = field(default_factory=dict)
    """The table of the configuration: paths, never a secret."""


@dataclass(frozen=True, slots=True)
class AlignOrder:
    """Write the motion-corrected series of these images into a sub-folder of `folder`."""

    module: ClassVar[str] = "gateway.jobs.align"

    paths: tuple[str, ...]
    folder: str
    source: str
    revision: int
    created_at: str


@dataclass(frozen=True, slots=True)
class SignOffOrder:
    """Sign the report of the revision in `folder` for a physician, and build its objects in a sub-folder."""

    module: ClassVar[str] = "gateway.jobs.sign_off"

    folder: str
    source_series_uid: str
    revision: int
    physician: str = field(repr=False)
    role: str = field(repr=False)
    remark: str = field(repr=False)
    signed_at: str
    organization: str
    language: str
    signing: Mapping[str, Any]
    identity: str = "stated"
    """How it is known who signs; see `gateway.ledger.signoffs.Identity`."""


Order = RenderOrder | AlignOrder | SignOffOrder
"""What is carried out with no other answer than files."""


def command(order: Order) -> tuple[list[str], str]:
    """Command line and standard input of the child that does what is ordered."""
    return [sys.executable, "-m", order.module], json.dumps(asdict(order))
