"""Objects that a partner sends, through the same door as a scanner's: on disk and in the ledger before they are answered.

The same bytes under the same UID are one object, whoever sends them how often. What the archive then does with them is the
business of the usual forwarding.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from mmap import mmap
from typing import Any

import structlog

from dicom_scp.arrival import Arrival
from dicom_scp.elements import PREAMBLE_BYTES, walk_dataset
from dicom_scp.ending import require_whole
from dicom_scp.file_meta import FileMeta
from dicom_scp.headers import TAGS, ImageHeader
from dicom_scp.prefix import Beginning
from dicom_scp.spool import Incoming, Spool
from dicom_scp.uids import EXPLICIT_VR
from gateway.ledger.arrivals import Arrivals
from gateway.sharing import protocol
from gateway.sharing.multipart import boundary_of, parts_of
from triage.errors import InputError

log = structlog.get_logger()

PIECE_BYTES = 1 << 20
LONGEST_TITLE = 16
"""Characters of an AE title, in whose place the partner's name stands (PS3.5 section 6.2)."""
META_CLASS, META_INSTANCE, META_SYNTAX = 0x00020002, 0x00020003, 0x00020010
_META = frozenset({META_CLASS, META_INSTANCE, META_SYNTAX})
_GROUP_LENGTH_ENDS = PREAMBLE_BYTES + 4 + 12
_WANTED = frozenset(TAGS.values())


@dataclass(frozen=True, slots=True)
class Refused:
    """An object that is not taken, named as far as it is known."""

    sop_class_uid: str
    sop_instance_uid: str
    code: int


class _RefusedError(InputError):
    """One object cannot be taken."""

    def __init__(self, code: int) -> None:
        super().__init__(protocol.FAILURES[code])
        self.code = code


@dataclass(frozen=True, slots=True)
class Storing:
    """Where objects of one partner go; `knows` tells whether it has announced a study."""

    spool: Spool
    arrivals: Arrivals
    partner: str
    association_id: Callable[[str], str]
    knows: Callable[[str], bool]

    def read(self, content: mmap, content_type: str) -> dict[str, Any]:
        """Store every object of a content; returns the answer to it as DICOM JSON.

        Raises
        ------
        InputError
            The content is no STOW-RS content.
        TemporaryError
            The disk or the ledger is away; what was stored is stored, and a repeat does no harm.
        """
        places = list(parts_of(content, boundary_of(content_type)))
        with memoryview(content) as whole:
            stored = [self._store(whole, start, end) for start, end in places]
        return answer_of(stored)

    def _store(self, whole: memoryview, start: int, end: int) -> FileMeta | Refused:
        meta: FileMeta | None = None
        with whole[start:end] as file:
            try:
                meta, begin = _meta_of(file)
                self.arrivals.record(self._keep(file[begin:], meta))
            except InputError as exc:
                code = exc.code if isinstance(exc, _RefusedError) else protocol.NOT_UNDERSTOOD
                log.warning("object of a partner refused", partner=self.partner, reason=str(exc))
                named = (meta.sop_class_uid, meta.sop_instance_uid) if meta else ("", "")
                return Refused(*named, code)
        return meta

    def _keep(self, dataset: memoryview, meta: FileMeta) -> Arrival:
        with self.spool.receive(meta) as incoming:
            for piece in _pieces(dataset):
                incoming.write(piece)
            header = self._checked(incoming, meta, len(dataset))
            stored = incoming.commit()
        return Arrival(
            header=header,
            path=stored.path,
            digest=stored.digest,
            size_bytes=stored.size_bytes,
            transfer_syntax_uid=meta.transfer_syntax_uid,
            received_at=datetime.now(UTC),
            calling_ae=self.partner[:LONGEST_TITLE],
            called_ae="",
            association_id=self.association_id(header.study_uid),
        )

    def _checked(self, incoming: Incoming, meta: FileMeta, size_bytes: int) -> ImageHeader:
        with incoming.reread() as stream:
            beginning = Beginning.of(walk_dataset(stream, meta.transfer_syntax_uid, _WANTED))
        header = beginning.header
        if (header.sop_class_uid, header.sop_instance_uid) != (meta.sop_class_uid, meta.sop_instance_uid):
            raise _RefusedError(protocol.MISMATCH)
        if not self.knows(header.study_uid):
            raise _RefusedError(protocol.NOT_ANNOUNCED)
        require_whole(beginning, meta.transfer_syntax_uid, size_bytes, incoming.reread)
        return header


def answer_of(found: Sequence[FileMeta | Refused]) -> dict[str, Any]:
    """The answer to a STOW-RS request (PS3.18 section 10.5.3.2)."""
    stored = [_item(one) for one in found if isinstance(one, FileMeta)]
    failed = [
        {**_item(one), protocol.FAILURE_REASON: {"vr": "US", "Value": [one.code]}}
        for one in found
        if isinstance(one, Refused)
    ]
    sequences = {protocol.STORED_SEQUENCE: stored, protocol.FAILED_SEQUENCE: failed}
    return {tag: {"vr": "SQ", "Value": items} for tag, items in sequences.items() if items}


def _item(one: FileMeta | Refused) -> dict[str, Any]:
    named = {protocol.SOP_CLASS: one.sop_class_uid, protocol.SOP_INSTANCE: one.sop_instance_uid}
    return {tag: {"vr": "UI", "Value": [uid]} for tag, uid in named.items() if uid}


def _meta_of(file: memoryview) -> tuple[FileMeta, int]:
    """What a file's meta information says, and where its dataset begins (PS3.10 section 7.1)."""
    if len(file) < _GROUP_LENGTH_ENDS or bytes(file[PREAMBLE_BYTES : PREAMBLE_BYTES + 4]) != b"DICM":
        raise InputError("not a DICOM file: the prefix DICM is missing")
    length = int.from_bytes(file[_GROUP_LENGTH_ENDS - 4 : _GROUP_LENGTH_ENDS], "little")
    begin = _GROUP_LENGTH_ENDS + length
    if begin > min(len(file), PIECE_BYTES):
        raise InputError("the file meta information is cut short")
    found = walk_dataset(io.BytesIO(file[_GROUP_LENGTH_ENDS:begin]), EXPLICIT_VR, _META)
    return FileMeta(found.uid(META_CLASS), found.uid(META_INSTANCE), found.uid(META_SYNTAX)), begin


def _pieces(dataset: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(dataset), PIECE_BYTES):
        yield dataset[start : start + PIECE_BYTES]
