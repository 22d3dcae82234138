"""A viewer saves a segmentation through our own origin: checked, named after whoever saves, and stored like a scanner's.

Everything else that a viewer might store is refused here: images come by DICOM.

References
----------
PS3.18 section 10.5 (Store transaction). PS3.4 table B.2-1 (failure reasons).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from mmap import mmap
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import select

from dicom_scp.headers import ImageHeader, read_header
from dicom_scp.spool import Spool
from gateway.feedback.edit import is_segmentation
from gateway.feedback.judging import LONGEST_NAME
from gateway.ledger.edits import Bringer
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import ObjectState
from gateway.ledger.schema import arrivals
from gateway.ledger.statements import rows
from gateway.sharing import protocol
from gateway.sharing.multipart import boundary_of, parts_of
from gateway.sharing.storing import Refused, Storing, answer_of
from gateway.team.people import Actor
from triage.errors import InputError

TITLE = "DICOMWEB"
"""In the place of the AE title of whoever sends."""
LARGEST_BYTES = 64 * 1024**2
"""Of one request; a bit a voxel of 512 x 512 x 320 is 10 MiB, a byte 80 MiB, which compress to a hundredth."""

CLASS_NOT_SUPPORTED: Final = 0x0122
NOT_AUTHORIZED: Final = 0x0124
OTHER_STUDY: Final = 0xA900
NOT_STORED: Final = 0x0110
"""Fine itself, and not taken because of another object of the same request."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where segmentations go."""

    ledger: Ledger
    spool: Spool

    def take(
        self, content: mmap, content_type: str, study_uid: str | None, actor: Actor, now: datetime
    ) -> dict[str, Any]:
        """Store every object of a request, or none; returns the answer as DICOM JSON.

        Raises
        ------
        InputError
            The content is no STOW-RS content.
        TemporaryError
            The disk or the ledger is away.
        """
        found = [
            self._looked_at(content[start:end], study_uid) for start, end in _places(content, content_type)
        ]
        if not found:
            raise InputError("the content has no object")
        if any(isinstance(one, Refused) for one in found):
            return answer_of([one if isinstance(one, Refused) else _left(one) for one in found])
        for header in (one for one in found if isinstance(one, ImageHeader)):
            who = Bringer(actor.person_id, actor.name[:LONGEST_NAME])
            self.ledger.judgements.edits.bring(header.sop_instance_uid, who, now)
        visit = str(uuid4())
        storing = Storing(self.spool, self.ledger.arrivals, TITLE, lambda _: visit, lambda _: True)
        return storing.read(content, content_type)

    def waits(self, sop_instance_uids: Collection[str]) -> bool:
        """Whether one of these is not in the archive yet."""
        mine = arrivals.c.sop_instance_uid.in_(sop_instance_uids)
        pending = arrivals.c.forward_state == ObjectState.PENDING.value
        return bool(rows(self.ledger.engine, select(arrivals.c.id).where(mine, pending).limit(1)))

    def _looked_at(self, file: bytes, study_uid: str | None) -> ImageHeader | Refused:
        try:
            header = read_header(file)
        except InputError:
            return Refused("", "", protocol.NOT_UNDERSTOOD)
        code = self._fault(header, study_uid)
        return Refused(header.sop_class_uid, header.sop_instance_uid, code) if code else header

    def _fault(self, header: ImageHeader, study_uid: str | None) -> int | None:
        if not is_segmentation(header):
            return CLASS_NOT_SUPPORTED
        if study_uid not in {None, header.study_uid}:
            return OTHER_STUDY
        return None if self.ledger.cases.of_study(header.study_uid) else NOT_AUTHORIZED


def stored_in(answer: Mapping[str, Any]) -> list[str]:
    """SOP instances that an answer says are stored."""
    found = answer.get(protocol.STORED_SEQUENCE, {}).get("Value", [])
    return [item[protocol.SOP_INSTANCE]["Value"][0] for item in found]


def _places(content: mmap, content_type: str) -> Iterator[tuple[int, int]]:
    return parts_of(content, boundary_of(content_type))


def _left(header: ImageHeader) -> Refused:
    return Refused(header.sop_class_uid, header.sop_instance_uid, NOT_STORED)
