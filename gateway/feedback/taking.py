"""A segmentation has arrived in a study: find out whether it is an edited core, and keep what it says."""

from pathlib import Path

import structlog

from gateway.desk import Desk
from gateway.feedback import edit
from gateway.feedback.classes import class_of
from gateway.feedback.edit import Finding, Question
from gateway.feedback.judgement import WORKSTATION, EditState, Judgement, Verdict, confirms
from gateway.feedback.judging import result_of
from gateway.ledger.edits import Bringer, Edit
from gateway.ledger.records import Case, StoredImage, utc_text
from triage.errors import InputError

log = structlog.get_logger()


def take_edit(desk: Desk, case_id: str, arrival_id: int) -> None:
    """Read one segmentation and keep what became of it; a repeat changes nothing.

    Raises
    ------
    InputError
        There is no such arrival.
    TemporaryError
        The database is away.
    """
    case = desk.case(case_id)
    images = desk.ledger.arrivals.images(case.study_uid)
    image = next((each for each in images if each.arrival_id == arrival_id), None)
    if image is None:
        raise InputError(f"there is no arrival {arrival_id} in this case")
    if desk.ledger.judgements.edits.get(image.header.sop_instance_uid):
        return
    found = _kept(desk, case, image, edit.read(_question(desk, case, image, images)))
    header = image.header
    new = Edit(
        header.sop_instance_uid, case.id, header.series_uid, found.state, found.reason, utc_text(desk.now())
    )
    desk.ledger.judgements.edits.note(new)
    log.info("segmentation came back", case_id=case.id, state=found.state.value, reason=found.reason)


def _question(desk: Desk, case: Case, image: StoredImage, images: list[StoredImage]) -> Question:
    others = [each.header for each in images if each.header.modality != "SEG"]
    folders = {number: desk.folder(case.id, number) for number in range(1, case.revision + 1)}
    return Question(
        str(desk.spooled(image.path)),
        case.study_uid,
        case.perfusion_series_uid or "",
        {number: str(folder) for number, folder in folders.items() if _has_result(folder)},
        tuple(sorted({each.frame_of_reference_uid for each in others} - {""})),
        tuple(sorted({each.series_uid for each in others})),
    )


def _has_result(folder: Path) -> bool:
    return (folder / "result.json").exists()


def _kept(desk: Desk, case: Case, image: StoredImage, found: Finding) -> Finding:
    """Keep an edited core as a judgement; what the ledger knows no result of is not counted."""
    if found.state is not EditState.COUNTED:
        return found
    try:
        result = result_of(desk.ledger, case, found.revision)
    except InputError as exc:
        return Finding(EditState.NO_RESULT, str(exc))
    uid = image.header.sop_instance_uid
    who = desk.ledger.judgements.edits.brought_by(uid) or Bringer(None, WORKSTATION)
    desk.ledger.judgements.add(
        Judgement(
            case.id,
            found.revision,
            Verdict.EDIT,
            None,
            "",
            who.person_id,
            who.name,
            class_of(result),
            confirms(result, Verdict.EDIT, found.core_ml),
            utc_text(image.received_at),
            found.core_ml,
            found.overlap,
            image.header.series_uid,
            uid,
        )
    )
    return found
