"""Where a segmentation belongs, and what its core is beside ours: for the child that reads it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydicom import dcmread

from gateway.feedback import outline
from gateway.feedback.edit import Finding, Question
from gateway.feedback.judgement import EditState
from gateway.feedback.outline import Outline
from gateway.feedback.overlap import Grid, compared
from viewer_bridge.objects.uids import Role, result_uid

ARRAYS = "findings.npz"
FRAME = "geometry.frame_of_reference_uid"


def finding(question: Question, path: Path) -> Finding:
    """What is to be said of a segmentation.

    Raises
    ------
    InputError
        It cannot be what it says it is.
    """
    if str(dcmread(path, stop_before_pixels=True).get("SOPInstanceUID", "")) in _our_objects(question):
        return Finding(EditState.OURS, "a result of this gateway")
    drawn = outline.read(path)
    if drawn is None:
        return Finding(EditState.NOT_CORE, "no segment is coded or named as an infarct core")
    if drawn.study_uid != question.study_uid:
        return Finding(EditState.ELSEWHERE, "it belongs to another study")
    if not question.folders:
        return Finding(EditState.NO_RESULT, "there is no result to compare it with")
    ours = _our_series(question)
    revision = _revision(question, drawn, ours)
    if revision is None:
        return Finding(
            EditState.ELSEWHERE, "it was drawn on other images, in another frame of reference than the result"
        )
    grid = _grid(Path(question.folders[revision]))
    found = compared(drawn, grid, on_ours=bool(drawn.references & set(ours)))
    return Finding(EditState.COUNTED, "", revision, found.core_ml, found.ours_ml, found.overlap)


def _our_objects(question: Question) -> frozenset[str]:
    """UIDs of the segmentations that we make; a viewer may well save an edited one into the same series."""
    return frozenset(_derived(question, 1))


def _our_series(question: Question) -> Mapping[str, int]:
    """Revision of every series that we may have made of the perfusion series, by UID."""
    return _derived(question, 0)


def _derived(question: Question, index: int) -> Mapping[str, int]:
    if not question.series_uid:
        return {}
    numbers = range(1, max(question.folders, default=1) + 1)
    return {
        result_uid(question.series_uid, role, number, index): number for role in Role for number in numbers
    }


def _revision(question: Question, drawn: Outline, ours: Mapping[str, int]) -> int | None:
    """The revision that it was drawn on: the one whose series it names, else the last, where it lies in the same place."""
    named = [ours[uid] for uid in drawn.references if ours.get(uid) in question.folders]
    if named:
        return max(named)
    last = max(question.folders)
    frames = {*question.frames, _frame(Path(question.folders[last])), _made_frame(question, last)} - {""}
    same_place = drawn.frame_of_reference_uid in frames or drawn.references & set(question.series)
    return last if same_place else None


def _made_frame(question: Question, revision: int) -> str:
    """The frame of reference that our objects have where the scanner gave none."""
    return result_uid(question.series_uid, "frame of reference", revision)


def _frame(folder: Path) -> str:
    if not (folder / ARRAYS).exists():
        return ""
    with np.load(folder / ARRAYS, allow_pickle=False) as stored:
        return str(stored[FRAME])


def _grid(folder: Path) -> Grid | None:
    """Our core; None where the scan was not analysed."""
    if not (folder / ARRAYS).exists():
        return None
    with np.load(folder / ARRAYS, allow_pickle=False) as stored:
        return Grid(stored["core"], stored["geometry.affine"])
