"""Storage commitment, push model: the request and the report as values (PS3.4 annex J)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from dicom_scp.identifiers import Attribute, Dataset, encode, number, parse, uid
from dicom_scp.values import is_uid
from triage.errors import InputError

PUSH_MODEL = "1.2.840.10008.1.20.1"
PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"
"""SOP class and its well-known instance (PS3.4 section J.3.5)."""

REQUEST_COMMITMENT = 1
"""Action type (PS3.4 table J.3-1)."""

ALL_COMMITTED, FAILURES_EXIST = 1, 2
"""Event types (PS3.4 table J.3-2)."""

TRANSACTION_UID = 0x00081195
REFERENCED_CLASS, REFERENCED_INSTANCE = 0x00081150, 0x00081155
FAILURE_REASON = 0x00081197
FAILED_SEQUENCE, REFERENCED_SEQUENCE = 0x00081198, 0x00081199


class Failure(IntEnum):
    """Why an instance is not committed, or a request not accepted (PS3.3 section C.14.1.1, PS3.7 annex C)."""

    PROCESSING_FAILURE = 0x0110
    NO_SUCH_OBJECT = 0x0112
    INVALID_ARGUMENT = 0x0115
    CLASS_INSTANCE_CONFLICT = 0x0119
    NO_SUCH_ACTION = 0x0123
    DUPLICATE_TRANSACTION = 0x0131


@dataclass(frozen=True, slots=True)
class Reference:
    """One instance that somebody wants to delete once we vouch for it."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class Request:
    """What an N-ACTION asks for (PS3.4 table J.3-1)."""

    transaction_uid: str
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one reference; without a failure it is committed."""

    reference: Reference
    failure: Failure | None = None


def read_request(raw: bytes, transfer_syntax_uid: str) -> Request:
    """Read the action information of an N-ACTION.

    Raises
    ------
    InputError
        There is no transaction UID, or no list of references to instances.
    """
    dataset = parse(raw, transfer_syntax_uid)
    transaction, items = _uid_in(dataset, TRANSACTION_UID), dataset.get(REFERENCED_SEQUENCE)
    if items is None or not isinstance(items.value, tuple) or not items.value:
        raise InputError("the request refers to no instance")
    references = dict.fromkeys(
        Reference(_uid_in(item, REFERENCED_CLASS), _uid_in(item, REFERENCED_INSTANCE)) for item in items.value
    )
    return Request(transaction, tuple(references))


def _uid_in(dataset: Dataset, tag: int) -> str:
    text = dataset[tag].text() if tag in dataset else ""
    if not is_uid(text):
        raise InputError(f"the element {tag:08X} of the request is no UID")
    return text


def event_type(verdicts: Sequence[Verdict]) -> int:
    """Type of the report on these verdicts."""
    return FAILURES_EXIST if any(verdict.failure for verdict in verdicts) else ALL_COMMITTED


def report(transaction_uid: str, verdicts: Sequence[Verdict], transfer_syntax_uid: str) -> bytes:
    """Event information of the N-EVENT-REPORT (PS3.4 table J.3-2)."""
    committed = tuple(_item(verdict) for verdict in verdicts if not verdict.failure)
    failed = tuple(_item(verdict) for verdict in verdicts if verdict.failure)
    sequences = {REFERENCED_SEQUENCE: committed, FAILED_SEQUENCE: failed}
    dataset = {tag: Attribute("SQ", items) for tag, items in sequences.items() if items}
    return encode({TRANSACTION_UID: uid(transaction_uid), **dataset}, transfer_syntax_uid)


def _item(verdict: Verdict) -> Dataset:
    item = {
        REFERENCED_CLASS: uid(verdict.reference.sop_class_uid),
        REFERENCED_INSTANCE: uid(verdict.reference.sop_instance_uid),
    }
    return item | ({FAILURE_REASON: number(verdict.failure)} if verdict.failure else {})
