"""A segmentation that came back: what is asked of the child that reads it, and what may come of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from dicom_scp.headers import ImageHeader
from gateway.feedback.judgement import EditState
from gateway.signing.asking import ask
from triage.errors import InputError, TemporaryError

READER = "gateway.jobs.edit"

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
"""Label Map Segmentation Storage: the same content, one number a voxel."""
SEGMENTATION_CLASSES = frozenset({SEGMENTATION, LABEL_MAP})

TIMEOUT_S, CPU_S, MEMORY_BYTES = 60.0, 40, 3 * 1024**3 // 2
"""What a segmentation may cost; one of 512 x 512 x 320 takes two seconds and 400 MB."""


def is_segmentation(header: ImageHeader) -> bool:
    """Whether an object is somebody's word on images, and no image itself."""
    return header.sop_class_uid in SEGMENTATION_CLASSES


@dataclass(frozen=True, slots=True)
class Question:
    """What the reader is told.

    Attributes
    ----------
    path
        The stored object.
    series_uid
        The perfusion series, from which our UIDs are derived.
    folders
        Of the revisions with a result, by their number.
    frames, series
        Frames of reference and series of the study as it was received.
    """

    path: str
    study_uid: str
    series_uid: str
    folders: Mapping[int, str]
    frames: tuple[str, ...]
    series: tuple[str, ...]

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Read it back from JSON."""
        folders = {int(number): folder for number, folder in plain["folders"].items()}
        return cls(**{**plain, "folders": folders})


@dataclass(frozen=True, slots=True)
class Finding:
    """What the reader found; `overlap` is a Dice coefficient, volumes are in ml."""

    state: EditState
    reason: str = ""
    revision: int = 0
    core_ml: float | None = None
    ours_ml: float | None = None
    overlap: float | None = None

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Read it back from JSON."""
        return cls(**{**plain, "state": EditState(plain["state"])})


def read(question: Question) -> Finding:
    """Have a child read a segmentation; whatever that does to it is a finding.

    Raises
    ------
    TemporaryError
        The file is away, with the disk that it is on.
    """
    if not Path(question.path).exists():
        return Finding(EditState.UNREADABLE, "it is in the archive and no longer here")
    try:
        answer, _ = ask(READER, asdict(question), b"", TIMEOUT_S)
    except (InputError, TemporaryError) as exc:
        return Finding(EditState.UNREADABLE, str(exc))
    return Finding.of(answer)
