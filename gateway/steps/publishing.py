"""Result objects into the patient's study in the archive, seen there before it counts.

The objects of a revision appear on disk together, and what was drawn once is what every attempt sends: the same bytes
under the same UIDs, whenever a kill, a restart or an outage falls in between. `gateway.steps.parcels` says in which
order a reader sees them, `gateway.steps.archiving` how each is compared.
"""

from pathlib import Path
from threading import Lock

from gateway.desk import Desk
from gateway.jobs.orders import ALIGNED, OBJECTS, SIGNED, RenderOrder
from gateway.ledger.records import Case, DeliveryKind
from gateway.steps import nodes
from gateway.steps.archiving import hand_over
from gateway.steps.drawing import carry_out
from gateway.steps.ordering import order
from gateway.steps.parcels import Kind, parcels_in
from triage.errors import TemporaryError

RENDERING = Lock()
"""One at a time: each takes half a gigabyte (`benchmarks.objects`)."""

RENDER_TIMEOUT_S = 120.0
"""Ten times what a study of 320 slices takes."""


def publish(desk: Desk, case: Case, _target: str, _key: str) -> str:
    """Build what is missing, order the deliveries to further nodes, store all of it in the archive and compare.

    Raises
    ------
    TemporaryError
        The archive is away, or the case was re-opened meanwhile.
    InputError
        The archive takes some object for good no more; the others are there.
    """
    folder = objects_of(desk, case)
    # Whoever comes after us rejects what lies on disk here: nothing that appeared later may reach the archive.
    if desk.case(case.id).revision != case.revision:
        raise TemporaryError("late images have re-opened the case")
    for node in nodes.wanting(desk.config, case):
        order(desk, case.id, case.revision, DeliveryKind.NODE, node.name)
    parcels = parcels_in(folder, case.perfusion_series_uid or "", case.revision)
    stored = hand_over(desk.orthanc, parcels)
    desk.ledger.cases.stamp(case.id, case.revision, "published_at", desk.now())
    rejecting = any(parcel.kind is Kind.REJECTION for parcel in parcels)
    return f"{stored} objects, each compared{', former ones marked as superseded' if rejecting else ''}"


def objects_of(desk: Desk, case: Case) -> Path:
    """The folder with the objects of the case's present revision, which are drawn unless they were."""
    folder = desk.folder(case.id, case.revision) / OBJECTS
    with RENDERING:
        if not folder.exists():
            _render(desk, case)
    return folder


def _render(desk: Desk, case: Case) -> None:
    folder = desk.folder(case.id, case.revision)
    created_at = case.times["analysed_at"] or ""  # as recorded: a repeat must give the same bytes
    order = RenderOrder(
        str(folder),
        str(desk.some_image(case)),
        case.revision,
        created_at,
        former=tuple(filter(None, (_published(desk, case, number) for number in range(1, case.revision)))),
        language=desk.config.publish.language,
        regions=desk.config.publish.regions,
        document=case.id,
        signing=desk.config.signing.model_dump(mode="json"),
    )
    carry_out(order, case.id, RENDER_TIMEOUT_S)


def _published(desk: Desk, case: Case, revision: int) -> tuple[str, ...]:
    """Folders with the objects of a former revision, those that came later among them."""
    folders = (desk.folder(case.id, revision) / name for name in (OBJECTS, ALIGNED, SIGNED))
    return tuple(str(folder) for folder in folders if folder.exists())
