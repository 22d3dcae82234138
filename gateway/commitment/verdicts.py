"""May this object be deleted where it came from? Only if the bytes that were received are here, read again just now.

Committed is what the ledger knows, what is on its way to the archive or there, and whose file has the digest of what
was received when it is read from the disk now. What retention removed is read again from the archive instead. What was
refused by the archive, shadowed there by another image, or quarantined is kept, but could not be retrieved under its
UID: its sender is told to keep it, too. Where different bytes share a UID, all of them must be right.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from dicom_scp.commitment import Failure, Reference
from gateway.desk import Desk
from gateway.ledger.records import ObjectState, Stored
from gateway.storage.evidence import dataset_in, fetch, head_of

RETRIEVABLE = frozenset({ObjectState.PENDING, ObjectState.FORWARDED, ObjectState.SEEN, ObjectState.ARCHIVED})


def failures(desk: Desk, references: Sequence[Reference]) -> dict[str, int]:
    """Reasons by position of what cannot be committed.

    Raises
    ------
    TemporaryError
        The ledger is away, or the archive that alone holds one of the objects.
    """
    found = ((str(position), failure(desk, reference)) for position, reference in enumerate(references))
    return {position: int(reason) for position, reason in found if reason is not None}


def failure(desk: Desk, reference: Reference) -> Failure | None:
    """Why one object cannot be committed, or None; raises like `failures`."""
    known = desk.ledger.commitments.arrivals_of(reference.sop_instance_uid)
    stored = [item for item in map(desk.ledger.holdings.get, known) if item]
    if not stored:
        return Failure.NO_SUCH_OBJECT
    if any(item.sop_class_uid != reference.sop_class_uid for item in stored):
        return Failure.CLASS_INSTANCE_CONFLICT
    return None if all(_is_safe(desk, item) for item in stored) else Failure.PROCESSING_FAILURE


def _is_safe(desk: Desk, item: Stored) -> bool:
    if item.state not in RETRIEVABLE:
        return False
    if item.state is ObjectState.ARCHIVED:
        return fetch(desk.orthanc, item) is not None
    return is_right_file(desk.spooled(item.path), item)


def is_right_file(path: Path, item: Stored) -> bool:
    """Whether a file holds what was received, read from the disk rather than from the memory of having written it."""
    head = head_of(item)
    try:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            content = file.read()
    except OSError:
        return False
    is_whole = bool(head) and content.startswith(head) and len(content) == len(head) + item.size_bytes
    return is_whole and dataset_in(content, item) is not None
