"""Objects to another node, one association at a time (PS3.4 annex B: Storage service class, as its user).

An object goes out as it is stored wherever the node takes that, else in explicit, else in implicit little endian, and
which it was is told. What a status means is a table: taken, taken with a remark, later, or never.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from dicom_scp.dimse import Element, Field, ui, us
from dicom_scp.negotiation import MOST_CONTEXTS, Context
from dicom_scp.requestor import Callee, NothingAcceptedError, Proposal, Requestor, associated
from dicom_scp.uids import EXPLICIT_VR, IMPLICIT_VR
from dicom_scp.wire import ProtocolError
from triage.errors import InputError, TemporaryError

PIECE_BYTES = 1 << 18
GROUP_LENGTH_ENDS = 144
"""The file meta information's own length stands in the four bytes before (PS3.10 table 7.1-1)."""


class Verdict(StrEnum):
    """What became of one object."""

    TAKEN = "taken"
    WARNED = "warned"
    """Taken, with a remark."""
    LATER = "later"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Load:
    """One object in its file."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class Reply:
    """How a node answered; `converted_to` is the transfer syntax that it wanted instead."""

    verdict: Verdict
    reason: str = ""
    converted_to: str = ""


STATUSES: Sequence[tuple[int, int, Verdict, str]] = (
    (0x0000, 0xFFFF, Verdict.TAKEN, ""),
    (0x0111, 0xFFFF, Verdict.WARNED, "it was there already"),
    (0xB000, 0xFFFF, Verdict.WARNED, "values were coerced"),
    (0xB006, 0xFFFF, Verdict.WARNED, "elements were discarded"),
    (0xB007, 0xFFFF, Verdict.WARNED, "the dataset does not match its SOP class"),
    (0xB000, 0xF000, Verdict.WARNED, "with a warning"),
    (0x0001, 0xFFFF, Verdict.WARNED, "with a warning"),
    (0x0107, 0xFFFF, Verdict.WARNED, "with a warning"),
    (0x0116, 0xFFFF, Verdict.WARNED, "with a warning"),
    (0xA700, 0xFF00, Verdict.LATER, "out of resources"),
    (0x0110, 0xFFFF, Verdict.LATER, "processing failure"),
    (0x0122, 0xFFFF, Verdict.REFUSED, "SOP class not supported"),
    (0x0124, 0xFFFF, Verdict.REFUSED, "not authorised"),
    (0xA900, 0xFF00, Verdict.REFUSED, "the dataset does not match its SOP class"),
    (0xC000, 0xF000, Verdict.REFUSED, "cannot understand"),
    (0x0000, 0x0000, Verdict.REFUSED, "refused"),
)
"""Status, mask, verdict and meaning; the first that fits counts (PS3.4 table B.2-1, PS3.7 section 9.1.1.1.9 and annex C)."""


def reply_to(status: int) -> Reply:
    """What a status means.

    >>> reply_to(0xA702).reason, reply_to(0xB001).verdict.value, reply_to(0x0211).verdict.value
    ('status A702, out of resources', 'warned', 'refused')
    """
    verdict, meaning = next(
        (verdict, meaning) for code, mask, verdict, meaning in STATUSES if status & mask == code & mask
    )
    return Reply(verdict, f"status {status:04X}, {meaning}" if meaning else "")


def replies(
    callee: Callee, loads: Sequence[Load], is_over: Callable[[], bool] = lambda: False
) -> Iterator[tuple[Load, Reply]]:
    """Send objects in their order until `is_over`, and yield how each was answered.

    Raises
    ------
    TemporaryError
        The node is away, rejects the association, or falls silent.
    """
    try:
        with associated(callee, proposals_for(loads)) as outlet:
            for load in loads:
                if is_over():
                    return
                yield load, _store(outlet, load)
    except NothingAcceptedError as exc:
        yield from ((load, Reply(Verdict.REFUSED, str(exc))) for load in loads)
    except ProtocolError as exc:
        raise TemporaryError(f"{callee.ae_title} answers what is no DICOM: {exc}") from exc


def proposals_for(loads: Sequence[Load]) -> list[Proposal]:
    """A context for every kind of object as it is stored, then for each class without compression, one syntax each.

    With several syntaxes in one context a node that prefers another than ours would make us convert for nothing.
    """
    stored = dict.fromkeys((load.sop_class_uid, load.transfer_syntax_uid) for load in loads)
    plain = dict.fromkeys(
        (load.sop_class_uid, syntax) for syntax in (EXPLICIT_VR, IMPLICIT_VR) for load in loads
    )
    return [Proposal(sop_class, (syntax,)) for sop_class, syntax in {**stored, **plain}][:MOST_CONTEXTS]


def _store(outlet: Requestor, load: Load) -> Reply:
    """One C-STORE (PS3.7 section 9.1.1)."""
    syntaxes = (load.transfer_syntax_uid, EXPLICIT_VR, IMPLICIT_VR)
    context = outlet.context_for(load.sop_class_uid, syntaxes)
    if context is None:
        return Reply(Verdict.REFUSED, "it takes no such object (SOP class not accepted)")
    try:
        dataset = _dataset(load, context)
    except InputError as exc:
        return Reply(Verdict.REFUSED, str(exc))
    values: dict[int, bytes] = {
        Element.COMMAND_FIELD: us(Field.C_STORE),
        Element.PRIORITY: us(0),
        Element.AFFECTED_SOP_CLASS_UID: ui(load.sop_class_uid),
        Element.AFFECTED_SOP_INSTANCE_UID: ui(load.sop_instance_uid),
    }
    answer = reply_to(outlet.request(context.context_id, values, dataset).number(Element.STATUS))
    converted = context.transfer_syntax if context.transfer_syntax != load.transfer_syntax_uid else ""
    return Reply(answer.verdict, answer.reason, converted)


def _dataset(load: Load, context: Context) -> Iterator[bytes]:
    """The object's dataset in the encoding of a context.

    Raises
    ------
    InputError
        It is no DICOM file, or cannot be decoded.
    TemporaryError
        It cannot be read.
    """
    try:
        if context.transfer_syntax != load.transfer_syntax_uid:
            return iter([_converted(load, implicit=context.transfer_syntax == IMPLICIT_VR)])
        with load.path.open("rb") as file:
            head = file.read(GROUP_LENGTH_ENDS)
        if head[128:132] != b"DICM":
            raise InputError("our file of it is no DICOM file")
        return _pieces(load.path, GROUP_LENGTH_ENDS + int.from_bytes(head[-4:], "little"))
    except OSError as exc:
        raise TemporaryError(f"an object to be sent cannot be read: {exc.strerror}") from exc


def _pieces(path: Path, begin: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(begin)
        while piece := file.read(PIECE_BYTES):
            yield piece


def _converted(load: Load, *, implicit: bool) -> bytes:
    dataset: Dataset = dcmread(io.BytesIO(load.path.read_bytes()))
    try:
        if dataset.file_meta.TransferSyntaxUID.is_compressed:
            dataset.decompress(generate_instance_uid=False)
    except (ValueError, RuntimeError, NotImplementedError, AttributeError) as exc:
        raise InputError(f"its pixels cannot be decompressed for this node ({type(exc).__name__})") from exc
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, implicit
    write_dataset(buffer, dataset)
    return bytes(buffer.getvalue())
