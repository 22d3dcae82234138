"""What a case's page says of the radiologist's judgement, and the buttons by which it is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from gateway.api.feedback import expected, give
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.feedback.judgement import EditState, Judgement, Reason, Verdict
from gateway.feedback.judging import LONGEST_NAME, LONGEST_TEXT, Opinion
from gateway.ledger.edits import Edit
from gateway.ledger.judgements import standing
from gateway.ledger.records import Case, CaseState
from gateway.team.people import Actor, ActorKind, Right
from viewer_bridge.objects.uids import Role, result_uid
from viewer_bridge.report.wording.language import Language
from viewer_bridge.viewers.ohif import MOUNT

VERDICTS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.AGREE: ("good", "Agrees"),
    Verdict.EDIT: ("warning", "Edited"),
    Verdict.REJECT: ("severe", "Rejected"),
}
"""Of a verdict: its light and its word."""

REASONS: Mapping[Reason, str] = {
    Reason.CORE_TOO_LARGE: "core too large",
    Reason.CORE_TOO_SMALL: "core too small",
    Reason.ARTEFACT: "artefact",
    Reason.MOTION: "motion",
    Reason.OLD_INFARCT: "old infarct",
    Reason.WRONG_SIDE: "wrong side",
    Reason.NO_STROKE: "no stroke",
    Reason.MISSED: "a stroke was missed",
    Reason.WRONG_ARTERY: "wrong artery",
    Reason.OTHER: "another reason",
}

NOT_COUNTED: Mapping[EditState, str] = {
    EditState.NOT_CORE: "no segment is coded or named as an infarct core: name it “core” and save it again",
    EditState.ELSEWHERE: "it was not drawn on images of this result",
    EditState.NO_RESULT: "there is no result to compare it with",
    EditState.UNREADABLE: "it cannot be read",
}
"""Why a segmentation is no judgement, where somebody should know."""


@dataclass(frozen=True, slots=True)
class Said:
    """One judgement in words."""

    plain: Judgement

    @property
    def light(self) -> tuple[str, str]:
        """How it stands to the result."""
        return VERDICTS[self.plain.verdict]

    @property
    def why(self) -> str:
        """The reason, and whatever else was said."""
        known = (REASONS[self.plain.reason] if self.plain.reason else "", self.plain.text)
        return ": ".join(filter(None, known))

    @property
    def core(self) -> str:
        """The edited core, and how it lies on ours."""
        if self.plain.core_ml is None:
            return ""
        lies = "" if self.plain.overlap is None else f", overlap with ours {self.plain.overlap:.2f}"
        return f"core {self.plain.core_ml:.1f} ml{lies}"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was said of a case, and whether whoever looks may say something.

    Attributes
    ----------
    present
        What stands on the present revision.
    earlier
        What no longer stands, or is of another revision; the latest first.
    expected
        What became of such alerts, in words; empty where too few were judged.
    by_name
        Whether whoever judges types a name, because the site's token has none.
    drawing
        Where the hosted viewer opens for drawing; empty without it.
    """

    present: Said | None
    earlier: Sequence[Said]
    refused: Sequence[Edit]
    expected: str
    may_judge: bool
    by_name: bool
    drawing: str

    @property
    def reasons(self) -> Mapping[Reason, str]:
        """What a form offers."""
        return REASONS

    @property
    def not_counted(self) -> Mapping[EditState, str]:
        """Why a segmentation is no judgement."""
        return NOT_COUNTED


def feedback_of(reception: Reception, case: Case, actor: Actor) -> Feedback | None:
    """What the page shows to `actor`; None where there is nothing of ours to be judged."""
    told = reception.ledger.announcements.of_case(case.id) and case.state is not CaseState.RECEIVED
    if not told and not case.result:
        return None
    known = reception.ledger.judgements.of_case(case.id)
    stands = standing(known, case.revision)
    said = expected(reception, case)
    return Feedback(
        present=Said(stands) if stands else None,
        earlier=[Said(each) for each in reversed(known) if each is not stands],
        refused=[
            each for each in reception.ledger.judgements.edits.of_case(case.id) if each.state in NOT_COUNTED
        ],
        expected=said.words(Language.ENGLISH) if said else "",
        may_judge=actor.may(Right.JUDGE) and case.result is not None,
        by_name=actor.kind is ActorKind.SITE,
        drawing=_drawing(case) if reception.config.viewer.ohif_dir else "",
    )


def _drawing(case: Case) -> str:
    """The hosted viewer's own page for segmentations, on the series that ours lie on."""
    series = result_uid(case.perfusion_series_uid or "", Role.REFERENCE, case.revision)
    return f"{MOUNT}/segmentation?StudyInstanceUIDs={case.study_uid}&initialSeriesInstanceUID={series}"


def _number(text: str) -> float | None:
    """A volume as somebody types it, with a comma or a point.

    Raises
    ------
    Problem
        422: it is none.
    """
    if not text.strip():
        return None
    try:
        return float(text.strip().replace(",", "."))
    except ValueError as exc:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "write the core as a number in ml, such as 34.5"
        ) from exc


def routes(reception: Reception) -> APIRouter:
    """The form of the case page; it works without script."""
    router = APIRouter(include_in_schema=False)

    @router.post("/cases/{case_id}/judgement")
    def post_judgement(
        request: Request,
        case_id: str,
        revision: Annotated[int, Form(ge=1)],
        verdict: Annotated[Verdict, Form()],
        reason: Annotated[str, Form(max_length=16)] = "",
        text: Annotated[str, Form(max_length=LONGEST_TEXT)] = "",
        core_ml: Annotated[str, Form(max_length=16)] = "",
        name: Annotated[str, Form(max_length=LONGEST_NAME)] = "",
    ) -> Response:
        known = Reason(reason) if reason in set(Reason) else None
        said = Opinion(revision, verdict, known, text, _number(core_ml), name)
        case = reception.case(case_id)
        give(reception, case, actor_of(request), said)
        return RedirectResponse(f"/cases/{case.id}#feedback-title", HTTPStatus.SEE_OTHER)

    return router
