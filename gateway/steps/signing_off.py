"""What a physician has signed off, to everybody who has the result: archive, further nodes, medical records.

The sign-off itself is in the ledger before this begins, and stands whatever becomes of the deliveries. Nothing that was
published is touched: the signed report and the verified measurements stand beside it and name it.
"""

from pathlib import Path
from threading import Lock

from gateway.desk import Desk
from gateway.emr import corrections
from gateway.jobs.orders import SIGNED, SignOffOrder
from gateway.ledger.letter import Cause
from gateway.ledger.records import Case, DeliveryKind
from gateway.ledger.signoffs import SignOff
from gateway.steps import alerting, nodes
from gateway.steps.archiving import hand_over
from gateway.steps.drawing import carry_out
from gateway.steps.ordering import order
from gateway.steps.parcels import parcels_in
from triage.errors import InputError, TemporaryError

BUILDING = Lock()
"""One at a time: each reads all objects of a revision."""

SIGN_OFF_TIMEOUT_S = 120.0


def publish(desk: Desk, case: Case, target: str, key: str) -> str:
    """Sign and build what is missing, and hand it to the archive or to a node.

    Raises
    ------
    TemporaryError
        The report is not in the archive yet, the receiver or the key is away, or the case was re-opened meanwhile.
    InputError
        Nobody has signed this revision off, or the receiver refuses an object for good.
    """
    signoff = desk.ledger.signoffs.of(case.id, case.revision)
    if signoff is None:
        raise InputError("nobody has signed off this revision")
    if target != alerting.ARCHIVE:
        return nodes.send_signed(desk, case, target, key)
    if case.times["published_at"] is None:
        raise TemporaryError("the report itself is not in the archive yet")
    folder = objects_of(desk, case, signoff)
    # Whoever comes after us rejects what lies on disk here: nothing that appeared later may reach the archive.
    if desk.case(case.id).revision != case.revision:
        raise TemporaryError("late images have re-opened the case")
    for node in nodes.wanting(desk.config, case):
        order(desk, case.id, case.revision, DeliveryKind.SIGNOFF, node.name)
    stored = hand_over(desk.orthanc, parcels_in(folder, case.perfusion_series_uid or "", case.revision))
    if not _told(desk, case):
        corrections.signed(desk, case.id)
    return f"{stored} objects, each compared"


def objects_of(desk: Desk, case: Case, signoff: SignOff) -> Path:
    """The folder with the signed objects, which are made unless they were."""
    folder = desk.folder(case.id, case.revision)
    with BUILDING:
        if not (folder / SIGNED).exists():
            order = SignOffOrder(
                folder=str(folder),
                source_series_uid=case.perfusion_series_uid or "",
                revision=case.revision,
                physician=signoff.physician,
                role=signoff.role,
                remark=signoff.remark,
                signed_at=signoff.signed_at,
                organization=desk.config.site.name,
                language=desk.config.publish.language,
                signing=desk.config.signing.model_dump(mode="json"),
                identity=signoff.identity.value,
            )
            carry_out(order, case.id, SIGN_OFF_TIMEOUT_S)
    return folder / SIGNED


def _told(desk: Desk, case: Case) -> bool:
    """Whether the medical records have, or wait for, the final letter of this revision."""
    return any(
        letter.cause is Cause.SIGNED and letter.revision == case.revision
        for destination in desk.config.emr.destinations
        for letter in desk.ledger.letters.of_case(case.id, destination.name)
    )
