"""The motion-corrected series and its maximum over time into the archive, because somebody asked for them.

Nobody's alert waits for this: one case at a time is worked on, in a child of the lowest priority, which does not begin
while an analysis needs the machine, and its uploads let every analysis pass.
"""

from pathlib import Path
from threading import BoundedSemaphore

from gateway.desk import Desk
from gateway.jobs.orders import ALIGNED, AlignOrder
from gateway.ledger.records import Case
from gateway.steps.archiving import hand_over
from gateway.steps.drawing import carry_out
from gateway.steps.parcels import parcels_in
from gateway.storage.restoration import missing_from
from triage.errors import InputError, TemporaryError

ONE = BoundedSemaphore(1)
"""Each takes as much memory as an analysis."""

ALIGN_TIMEOUT_S = 900.0
"""An analysis aligns in a second or two; at the lowest priority on a machine that is busy it may take minutes."""


def publish(desk: Desk, case: Case, _target: str, _key: str) -> str:
    """Build both series, unless they are there, store them and compare.

    Raises
    ------
    TemporaryError
        The archive is away, or the machine is.
    InputError, AnalysisError
        There is no perfusion series, or it cannot be aligned.
    """
    if not (case.perfusion_series_uid and case.result):
        raise InputError("the case has no analysed perfusion series to align")
    folder = desk.folder(case.id, case.revision) / ALIGNED
    with ONE:
        if not folder.exists():
            _build(desk, case)
        parcels = parcels_in(folder, case.perfusion_series_uid, case.revision)
        stored = hand_over(desk.orthanc, parcels, connections=1, pause=desk.analysts.let_pass)
    return f"{stored} objects, each compared"


def _build(desk: Desk, case: Case) -> None:
    images = desk.ledger.holdings.of_series(case.study_uid, case.perfusion_series_uid or "")
    if trouble := missing_from(desk, images):
        raise TemporaryError(trouble)
    folder: Path = desk.folder(case.id, case.revision)
    order = AlignOrder(
        paths=tuple(str(desk.spooled(image.path)) for image in images),
        folder=str(folder),
        source=str(desk.some_image(case)),
        revision=case.revision,
        created_at=case.times["analysed_at"] or "",  # as recorded: a repeat must give the same bytes
    )
    desk.analysts.let_pass()
    carry_out(order, case.id, ALIGN_TIMEOUT_S)
