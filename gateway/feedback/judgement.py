"""What somebody who reads images says of a result: agree, edit or reject, and why."""

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.feedback.classes import CLAIMS, AlertClass, class_of, with_core
from triage.results import TriageResult


class Verdict(StrEnum):
    """What is said of a revision."""

    AGREE = "agree"
    EDIT = "edit"
    """The finding is there, the numbers are others."""
    REJECT = "reject"


class Reason(StrEnum):
    """Why a result is edited or rejected: a closed list, so that it can be counted."""

    ARTEFACT = "artefact"
    MOTION = "motion"
    OLD_INFARCT = "old_infarct"
    WRONG_SIDE = "wrong_side"
    NO_STROKE = "no_stroke"
    MISSED = "missed"
    """A stroke that was not found."""
    WRONG_ARTERY = "wrong_artery"
    CORE_TOO_LARGE = "core_too_large"
    CORE_TOO_SMALL = "core_too_small"
    OTHER = "other"


class EditState(StrEnum):
    """What became of a segmentation."""

    COUNTED = "counted"
    """Its core was measured and kept as a judgement."""
    OURS = "ours"
    """One of our own results, sent back."""
    NOT_CORE = "not_core"
    ELSEWHERE = "elsewhere"
    """Drawn in another place than the result: nothing says how it lies on it."""
    NO_RESULT = "no_result"
    UNREADABLE = "unreadable"


WORKSTATION = "the workstation"
"""In the place of a name, where an edited core came by DICOM from nobody known."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One word about one revision; a later one takes its place, and both are kept.

    Attributes
    ----------
    person_id
        Whose account it was; None for the site's access token and for a workstation.
    name, text
        Who said it, and what else they said.
    said
        What the alert of the revision had claimed.
    confirms
        Whether that claim stands; None where it claimed nothing.
    core_ml
        The core as it was edited, in ml; None where nobody said.
    overlap
        Dice coefficient of the edited core and ours, 0 to 1; None without an outline, or where both are empty.
    series_uid, origin
        Series and SOP instance of the segmentation that brought it; None where none did.
    """

    case_id: str
    revision: int
    verdict: Verdict
    reason: Reason | None
    text: str = field(repr=False)
    person_id: str | None
    name: str = field(repr=False)
    said: AlertClass
    confirms: bool | None
    at: str
    core_ml: float | None = None
    overlap: float | None = None
    series_uid: str | None = None
    origin: str | None = None
    id: int = 0


def confirms(result: TriageResult, verdict: Verdict, core_ml: float | None) -> bool | None:
    """Whether a verdict confirms what the alert of a result claimed; None where it claimed nothing.

    An edit confirms unless the edited core makes another alert of it: a mismatch that was none any more with the
    radiologist's core was a false alarm, and a lesion drawn where none was found was missed.
    """
    claim = class_of(result)
    if claim not in CLAIMS:
        return None
    if verdict is Verdict.EDIT and core_ml is not None:
        return class_of(with_core(result, core_ml)) is claim
    return verdict is not Verdict.REJECT
