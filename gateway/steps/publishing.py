"""Result objects into the patient's study in the archive, seen there before it counts."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import structlog
from pydicom import dcmread

from gateway.desk import Desk
from gateway.jobs.orders import OBJECTS, REJECTION, RenderOrder, command
from gateway.ledger.records import Case
from gateway.processes import last_words, run_to_end
from triage.errors import AnalysisError, TemporaryError

log = structlog.get_logger()

RENDER_TIMEOUT_S = 120.0
"""Ten times what a study of 320 slices takes."""


def publish(desk: Desk, case: Case, _target: str, _key: str) -> str:
    """Build what is missing, upload all of it, and look whether the archive has it.

    What rejects the objects of former revisions goes last: at no moment is there none that counts.
    """
    folder = desk.folder(case.id, case.revision) / OBJECTS
    if not folder.exists():
        _render(desk, case)
    # Whoever comes after us rejects what lies on disk here: nothing that appeared later may reach the archive.
    if desk.case(case.id).revision != case.revision:
        raise TemporaryError("late images have re-opened the case")
    stored = _store(desk, sorted(set(folder.glob("*.dcm")) - {folder / REJECTION}))
    rejecting = _store(desk, sorted(folder.glob(REJECTION)))
    desk.ledger.cases.stamp(case.id, case.revision, "published_at", desk.now())
    return f"{stored} objects{', former ones marked as superseded' if rejecting else ''}"


def _store(desk: Desk, paths: Sequence[Path]) -> int:
    """Upload objects and see that the archive has them; returns how many."""
    uids = []
    for path in paths:
        desk.orthanc.upload(path.read_bytes())
        uids.append(
            str(dcmread(path, stop_before_pixels=True, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
        )
    missing = [uid for uid in uids if not desk.orthanc.has_instance(uid)]
    if missing:
        raise TemporaryError(f"the archive shows {len(uids) - len(missing)} of {len(uids)} result objects")
    return len(uids)


def _render(desk: Desk, case: Case) -> None:
    folder = desk.folder(case.id, case.revision)
    created_at = case.times["analysed_at"] or ""  # as recorded: a repeat must give the same bytes
    former = (desk.folder(case.id, number) / OBJECTS for number in range(1, case.revision))
    drawn = tuple(str(objects) for objects in former if objects.exists())
    order = RenderOrder(str(folder), str(desk.some_image(case)), case.revision, created_at, drawn)
    arguments, text = command(order)
    try:
        run_to_end(arguments, text, RENDER_TIMEOUT_S, folder)
    except subprocess.TimeoutExpired as exc:
        raise TemporaryError(f"drawing took longer than {RENDER_TIMEOUT_S:.0f} s") from exc
    except subprocess.CalledProcessError as exc:
        log.exception("drawing died", case_id=case.id, code=exc.returncode, where=last_words(exc.stderr))
        if exc.returncode < 0:
            raise TemporaryError(f"drawing was killed by signal {-exc.returncode}") from exc
        raise AnalysisError("the result objects could not be built; the worker's log says why") from exc
