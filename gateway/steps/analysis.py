"""From a complete series to numbers in the ledger, in a child process; whatever happens, there is a result."""

import logging
from datetime import datetime

import structlog

from gateway import casefolder
from gateway.analysts import AnalystDiedError, AnalystLateError
from gateway.desk import Desk, analyst_key
from gateway.jobs.orders import AnalyseOrder
from gateway.ledger.records import Case
from gateway.refusal import refused
from gateway.storage.restoration import missing_from

log = structlog.get_logger()

ATTEMPTS = 3
"""A crash in native code may be the machine's, or somebody ended the process; three times is the scan's."""


def analyse(desk: Desk, case_id: str, revision: int) -> None:
    """Analyse the case's perfusion series and record the result; a repeat finds the result on disk."""
    case = desk.case(case_id)
    desk.ledger.cases.stamp(case_id, revision, "compute_started_at", desk.now())
    folder = desk.folder(case_id, revision)
    for _ in range(ATTEMPTS):
        if (folder / "result.json").exists():
            break
        failure = _run(desk, case, revision)
    if not (folder / "result.json").exists():
        _save(desk, case, revision, failure)
    _conclude(desk, case_id, revision, ended_at=desk.now())


def give_up(desk: Desk, case_id: str, revision: int) -> None:
    """Conclude an analysis that never reported."""
    case = desk.case(case_id)
    if not (desk.folder(case_id, revision) / "result.json").exists():
        _save(desk, case, revision, "the analysis did not report in time")
    _conclude(desk, case_id, revision)


def _run(desk: Desk, case: Case, revision: int) -> str:
    """Run the child; returns why there is no result, in words for the team."""
    if desk.ledger.phantoms.is_cancelled(case.study_uid):
        return "a patient came first"
    series_uid = case.perfusion_series_uid or ""
    images = desk.ledger.holdings.of_series(case.study_uid, series_uid)
    if trouble := missing_from(desk, images):
        return trouble
    folder = desk.folder(case.id, revision)
    casefolder.save_inputs({image.sop_instance_uid: image.digest for image in images}, folder)
    order = AnalyseOrder(
        paths=tuple(str(desk.spooled(image.path)) for image in images),
        study_uid=case.study_uid,
        series_uid=series_uid,
        threads=desk.config.worker.analysis_threads,
        folder=str(folder),
        remarks=desk.ledger.performed.remarks_of(case.id, revision),
    )
    timeout_s = desk.config.worker.analysis_timeout_s
    try:
        failure = desk.analysts.analyse(analyst_key(case.id, revision), order, timeout_s)
    except AnalystLateError:
        log.exception("analysis took too long", case_id=case.id, timeout_s=timeout_s)
        return f"the analysis took longer than {timeout_s:.0f} s"
    except AnalystDiedError as exc:
        log.exception("analysis died", case_id=case.id)
        return str(exc)
    log.log(logging.ERROR if failure else logging.INFO, "analysis ended", case_id=case.id, failure=failure)
    return "the analysis failed" if failure else "the analysis left no result"


def _save(desk: Desk, case: Case, revision: int, reason: str) -> None:
    result = refused(f"{reason}; look at the images", case.study_uid, case.perfusion_series_uid or "")
    with casefolder.appearing(desk.folder(case.id, revision)) as scratch:
        casefolder.save_result(result, scratch)


def _conclude(desk: Desk, case_id: str, revision: int, ended_at: datetime | None = None) -> None:
    result = casefolder.load_result(desk.folder(case_id, revision))
    if desk.ledger.cases.conclude(case_id, revision, result.to_json(), desk.now(), ended_at):
        log.info(
            "case concluded", case_id=case_id, revision=revision, status=result.status, reason=result.reason
        )
