"""Query and retrieve: what is asked, and how an answer is written (PS3.4 annex C).

Which archive answers is not known here: it gets a `Query` and gives back texts by tag.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from dicom_scp.dimse import Element, us
from dicom_scp.identifiers import Attribute, encode, parse, uids
from dicom_scp.texts import BINARY_VRS, CHARACTER_SET, UTF_8, codec_of, decoded
from triage.errors import InputError

PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.1."
STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2."
FIND, MOVE, GET = "1", "2", "3"
"""Information models and what their SOP classes end with (PS3.4 section C.6)."""

QUERY_LEVEL, RETRIEVE_AE = 0x00080052, 0x00080054
AVAILABILITY = 0x00080056
FAILED_INSTANCES = 0x00080058
LONGEST_COMMENT = 64
"""Characters of an error comment, a long string (PS3.5 section 6.2)."""

BINARY_TAGS: Mapping[int, str] = dict.fromkeys(
    (0x00280002, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103), "US"
)
"""Numbers, in implicit VR all of them that are asked for."""
UID_TAGS = frozenset({0x00080016, 0x00080018, 0x00080062, 0x0020000D, 0x0020000E, 0x00200052})
"""UIDs, which are padded with a zero byte, in implicit VR as well (PS3.5 section 9.1)."""


class Status(IntEnum):
    """Answers of C-FIND, C-MOVE and C-GET (PS3.4 tables C.4-1 to C.4-3)."""

    SUCCESS = 0x0000
    OUT_OF_RESOURCES = 0xA700
    NO_SUB_OPERATION_WORKED = 0xA702
    DESTINATION_UNKNOWN = 0xA801
    IDENTIFIER_DOES_NOT_MATCH = 0xA900
    SOME_SUB_OPERATIONS_FAILED = 0xB000
    UNABLE_TO_PROCESS = 0xC001
    CANCELLED = 0xFE00
    PENDING = 0xFF00
    PENDING_WITHOUT_SOME_KEYS = 0xFF01


class Level(StrEnum):
    """Of the hierarchy, as a query names it."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


UNIQUE_KEYS: Mapping[Level, int] = {
    Level.PATIENT: 0x00100020,
    Level.STUDY: 0x0020000D,
    Level.SERIES: 0x0020000E,
    Level.IMAGE: 0x00080018,
}

LEVELS_ABOVE: Mapping[Level, tuple[Level, ...]] = {
    level: tuple(Level)[:index] for index, level in enumerate(Level)
}

NOT_KEYS = frozenset({CHARACTER_SET, QUERY_LEVEL, RETRIEVE_AE, AVAILABILITY})


@dataclass(frozen=True, slots=True)
class Query:
    """An identifier: values by key, empty where everything matches; `vrs` are the peer's own, for the answer."""

    level: Level
    keys: Mapping[int, str] = field(repr=False)
    vrs: Mapping[int, str] = field(repr=False)
    transfer_syntax_uid: str

    @property
    def conditions(self) -> dict[int, str]:
        """Keys that restrict the answer."""
        return {tag: text for tag, text in self.keys.items() if text.strip("*")}


def read_query(raw: bytes, transfer_syntax_uid: str, sop_class_uid: str) -> Query:
    """Read an identifier.

    Raises
    ------
    InputError
        It is malformed, or its level is none of its information model.
    """
    dataset = parse(raw, transfer_syntax_uid)
    named = dataset[QUERY_LEVEL].text() if QUERY_LEVEL in dataset else ""
    offered = tuple(Level)[sop_class_uid.startswith(STUDY_ROOT) :]
    if named not in offered:
        raise InputError(f"query level is none of {', '.join(offered)}")
    codec = codec_of(dataset)
    keys = {tag: decoded(attribute, codec) for tag, attribute in dataset.items() if _is_key(tag)}
    vrs = {tag: attribute.vr for tag, attribute in dataset.items()}
    return Query(Level(named), keys, vrs, transfer_syntax_uid)


def _is_key(tag: int) -> bool:
    return tag not in NOT_KEYS and tag & 0xFFFF != 0


def require_bounds(query: Query) -> None:
    """Refuse to list all series or images of an archive (PS3.4 section C.4.1.2.2.1 wants the keys above).

    Raises
    ------
    InputError
        Nothing says of which study or series.
    """
    bounds = [UNIQUE_KEYS[level] for level in (Level.STUDY, Level.SERIES, Level.IMAGE)]
    deep = query.level in {Level.SERIES, Level.IMAGE}
    if deep and not any(query.conditions.get(tag) for tag in bounds):
        raise InputError("a query for series or images must name their study or series")


def wanted_uids(query: Query) -> dict[int, str]:
    """Unique keys of what is to be sent; lists only at the level itself (PS3.4 section C.4.2.2.1).

    Raises
    ------
    InputError
        The key of the level is missing, or a key has wildcards.
    """
    tags = [UNIQUE_KEYS[level] for level in (*LEVELS_ABOVE[query.level], query.level)]
    wanted = {tag: query.keys[tag] for tag in tags if query.keys.get(tag)}
    if UNIQUE_KEYS[query.level] not in wanted:
        raise InputError("the unique key of the level to retrieve is missing")
    if any(character in text for text in wanted.values() for character in "*?"):
        raise InputError("what to retrieve is named without wildcards")
    return wanted


def answer(query: Query, found: Mapping[int, str], retrieve_ae: str) -> bytes:
    """Identifier of one match: the keys that were asked for, in UTF-8, and who can send it."""
    keys = {tag: _encoded(query, tag, found.get(tag, "")) for tag in query.keys}
    fixed = {
        CHARACTER_SET: Attribute("CS", UTF_8.encode()),
        QUERY_LEVEL: Attribute("CS", query.level.encode()),
        RETRIEVE_AE: Attribute("AE", retrieve_ae.encode("ascii")),
    }
    if AVAILABILITY in query.vrs:
        fixed[AVAILABILITY] = Attribute("CS", b"ONLINE")
    return encode({**keys, **fixed}, query.transfer_syntax_uid)


def _encoded(query: Query, tag: int, text: str) -> Attribute:
    vr = query.vrs.get(tag, "")
    kind = BINARY_VRS.get(vr or BINARY_TAGS.get(tag, ""))
    if kind is None:
        padded = "UI" if tag in UID_TAGS else vr
        return Attribute(padded, () if vr == "SQ" else text.encode("utf-8"))
    return Attribute(vr, b"".join(_packed(kind, part) for part in text.split("\\") if part))


def _packed(kind: str, text: str) -> bytes:
    try:
        return struct.pack(f"<{kind}", float(text) if kind in "fd" else int(text))
    except (ValueError, struct.error):
        return b""


class Outcome(StrEnum):
    """How one sub-operation ended."""

    COMPLETED = "completed"
    WARNED = "warned"
    FAILED = "failed"


STORED_WITH_WARNING = frozenset({0xB000, 0xB006, 0xB007, 0x0107, 0x0116})
"""Statuses of a C-STORE that was taken with a remark (PS3.4 table B.2-1, PS3.7 annex C.4)."""


def outcome_of(status: int) -> Outcome:
    """What the status of a C-STORE response means for the sub-operation.

    >>> outcome_of(0), outcome_of(0xB007), outcome_of(0xA700)
    (<Outcome.COMPLETED: 'completed'>, <Outcome.WARNED: 'warned'>, <Outcome.FAILED: 'failed'>)
    """
    taken = Outcome.WARNED if status in STORED_WITH_WARNING else Outcome.FAILED
    return taken if status else Outcome.COMPLETED


@dataclass(slots=True)
class Tally:
    """Sub-operations of a C-MOVE or C-GET (PS3.4 section C.4.2.1)."""

    remaining: int
    completed: int = 0
    warned: int = 0
    failed: list[str] = field(default_factory=list)

    def count(self, sop_instance_uid: str, outcome: Outcome) -> None:
        """One more is over."""
        self.remaining -= 1
        self.completed += outcome is Outcome.COMPLETED
        self.warned += outcome is Outcome.WARNED
        if outcome is Outcome.FAILED:
            self.failed.append(sop_instance_uid)

    def numbers(self, *, with_remaining: bool) -> dict[int, bytes]:
        """For the command set of a response."""
        counts = {
            Element.COMPLETED: self.completed,
            Element.FAILED: len(self.failed),
            Element.WARNING: self.warned,
        }
        shown = counts | ({Element.REMAINING: self.remaining} if with_remaining else {})
        return {element: us(min(value, 0xFFFF)) for element, value in shown.items()}

    @property
    def status(self) -> Status:
        """How it ended: with all, some or none (PS3.4 section C.4.2.3.1)."""
        if not self.failed and not self.warned:
            return Status.SUCCESS
        some = self.completed or self.warned
        return Status.SOME_SUB_OPERATIONS_FAILED if some else Status.NO_SUB_OPERATION_WORKED

    def failures(self, transfer_syntax_uid: str) -> bytes | None:
        """Dataset of a final response that names what failed, as far as one element can hold it."""
        named = self.failed[: 0xFFFE // 65]
        return encode({FAILED_INSTANCES: uids(named)}, transfer_syntax_uid) if named else None


def comment(text: str) -> dict[int, bytes]:
    """An error comment for the command set of a response."""
    raw = text.encode("ascii", "replace").replace(b"\\", b"/")[:LONGEST_COMMENT]
    return {Element.ERROR_COMMENT: raw + b" " * (len(raw) % 2)}


def sop_classes(operation: str) -> Iterator[str]:
    """SOP classes of an operation in both information models."""
    return (root + operation for root in (PATIENT_ROOT, STUDY_ROOT))
