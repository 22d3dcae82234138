"""Nothing of a phantom stays: archive, files, case folder, runs and rows, in this order.

A crash in between leaves rows that say what is left to do. Rows go last, because a file without a row would be taken for
an image that a power cut has made homeless, and a study without its note for a patient.
"""

import shutil
from collections.abc import Iterator

import structlog

from dicom_scp.directories import sync_directory
from gateway.desk import Desk
from gateway.journal import ACTIVE
from gateway.ledger.records import ObjectState
from gateway.ledger.sources_phantoms import Walk

log = structlog.get_logger()


def removed(desk: Desk, walk: Walk) -> bool:
    """Remove what is left of a phantom; returns False while somebody is at work on it.

    Raises
    ------
    TemporaryError
        Archive, ledger or journal do not answer.
    """
    if not desk.ledger.phantoms.owns(walk.study_uid):
        log.error("a study of the phantom's has an image of somebody else: it is treated as a patient's")
        return True
    runs = list(_runs(desk, walk))
    if any(status in ACTIVE for _, status in runs) or _waits_for_archive(desk, walk):
        return False
    if walk.to_archive:
        desk.orthanc.remove_study(walk.study_uid)
    _remove_files(desk, walk)
    desk.client.drop([key for key, _ in runs])
    desk.ledger.phantoms.wipe(walk, desk.now())
    return True


def _runs(desk: Desk, walk: Walk) -> Iterator[tuple[str, str]]:
    """Key and state of everything that was started for it."""
    case = desk.ledger.cases.get(walk.case_id)
    if case is None:
        return
    revisions = range(1, case.revision + 1)
    keys = [f"{name}:{case.id}:r{revision}" for name in ("case", "overdue") for revision in revisions]
    keys += [f"forward:{case.id}:{number}" for number in range(case.forward_runs + 1)]
    for key in keys:
        yield from ((job.key, job.status) for job in desk.client.jobs(key=key))


def _waits_for_archive(desk: Desk, walk: Walk) -> bool:
    """Whether images are still to be handed on, by a run that is only about to begin."""
    return (
        walk.to_archive
        and desk.ledger.arrivals.forward_counts(walk.study_uid).get(ObjectState.PENDING, 0) > 0
    )


def _remove_files(desk: Desk, walk: Walk) -> None:
    folders = set()
    for path in map(desk.spooled, desk.ledger.phantoms.paths(walk.study_uid)):
        path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in folders:
        if folder.exists():
            sync_directory(folder)
    shutil.rmtree(desk.config.cases_dir / walk.case_id, ignore_errors=True)
