"""Modality Performed Procedure Step: what a scanner says it does, did, or gave up (PS3.4 annex F).

A step begins IN PROGRESS and ends COMPLETED or DISCONTINUED; what is final stays. Of its attributes those are read that
say which order it belongs to, where it stands and which instances it made: no person.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum

from dicom_scp.identifiers import Attribute, Dataset, parse
from dicom_scp.texts import codec_of, decoded
from dicom_scp.values import is_uid
from triage.errors import InputError

MPPS = "1.2.840.10008.3.1.2.3.3"
"""SOP class (PS3.4 section F.7)."""

ERROR_ID = 0x0903
"""Element of a command set (PS3.7 table E.1-1)."""
FINAL_ERROR_ID = 0xA710
FINAL_COMMENT = "Performed Procedure Step Object may no longer be updated"
"""What is said along with status 0110 of a step that is final (PS3.4 table F.7.2-2)."""

LONGEST_VALUE = 64
"""Characters of what is read; titles, codes and numbers are shorter, and half of one would be another."""

INCORRECT_ENTRY = "110514"
"""Discontinued because the wrong entry of the worklist was selected (DCM, CID 9300)."""

SCHEDULED_STEPS = 0x00400270
STUDY_UID, ACCESSION, PROCEDURE_ID, STEP_ID = 0x0020000D, 0x00080050, 0x00401001, 0x00400009
STATUS, MODALITY, STATION = 0x00400252, 0x00080060, 0x00400241
STARTED, STARTED_TIME, ENDED, ENDED_TIME = 0x00400244, 0x00400245, 0x00400250, 0x00400251
SERIES, SERIES_UID, PROTOCOL = 0x00400340, 0x0020000E, 0x00181030
IMAGES, OTHER_OBJECTS, INSTANCE_UID = 0x00081140, 0x00400220, 0x00081155
REASON, CODE_VALUE, CODE_MEANING = 0x00400281, 0x00080100, 0x00080104

Path = tuple[int, ...]

REQUIRED_AT_FIRST: tuple[Path, ...] = (
    (SCHEDULED_STEPS,),
    (SCHEDULED_STEPS, STUDY_UID),
    (0x00400253,),  # Performed Procedure Step ID
    (STATION,),
    (STARTED,),
    (STARTED_TIME,),
    (STATUS,),
    (MODALITY,),
)
"""Type 1 for N-CREATE (PS3.4 table F.7.2-1). Attributes of type 2 count as empty where they are left out."""

REQUIRED_IN_SERIES: tuple[Path, ...] = ((SERIES, SERIES_UID), (SERIES, PROTOCOL))
"""Type 1 within each series that is named."""


class Answer(IntEnum):
    """Statuses of N-CREATE and N-SET (PS3.7 sections 10.1.3.1.9 and 10.1.5.1.6)."""

    SUCCESS = 0x0000
    INVALID_VALUE = 0x0106
    PROCESSING_FAILURE = 0x0110
    DUPLICATE_INSTANCE = 0x0111
    NO_SUCH_INSTANCE = 0x0112
    INVALID_INSTANCE = 0x0117
    MISSING_ATTRIBUTE = 0x0120
    MISSING_VALUE = 0x0121
    RESOURCE_LIMITATION = 0x0213


class StepStatus(StrEnum):
    """Performed Procedure Step Status (PS3.3 section C.4.14)."""

    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"

    @property
    def is_final(self) -> bool:
        """Whether nothing may change any more."""
        return self is not StepStatus.IN_PROGRESS


REQUIRED_AT_LAST: Mapping[StepStatus, tuple[int, ...]] = {
    StepStatus.IN_PROGRESS: (),
    StepStatus.COMPLETED: (ENDED, ENDED_TIME, SERIES),
    StepStatus.DISCONTINUED: (ENDED, ENDED_TIME),
}
"""Type 1 in a final state. A step that was given up before its first series has none to name."""


class StepError(InputError):
    """A request that is not taken, with the status that is answered."""

    def __init__(self, answer: Answer, message: str) -> None:
        super().__init__(message)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One entry of the worklist that a step belongs to; a step that nobody scheduled has only its study."""

    study_uid: str
    accession_number: str = field(default="", repr=False)
    procedure_id: str = field(default="", repr=False)
    step_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Series:
    """One series that was made, and the instances in it: images, and others such as raw data or reports."""

    series_uid: str
    images: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One performed step; `started` and `ended` are date and time by the scanner's clock, as it wrote them."""

    uid: str
    status: StepStatus
    station_ae: str
    modality: str
    scheduled: tuple[Scheduled, ...]
    series: tuple[Series, ...] = ()
    started: tuple[str, str] = ("", "")
    ended: tuple[str, str] = ("", "")
    reason_code: str = ""
    """Why it was discontinued."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What an N-SET says; None or empty where it says nothing. Of what a scanner may not change nothing is read."""

    status: StepStatus | None = None
    series: tuple[Series, ...] | None = None
    ended: tuple[str, str] = ("", "")
    reason: tuple[str, str] | None = None


def read_creation(raw: bytes, transfer_syntax_uid: str, uid: str) -> Step:
    """Read the attribute list of an N-CREATE.

    Raises
    ------
    StepError
        Something that is required is missing, or the step does not begin in progress.
    """
    dataset = _dataset(raw, transfer_syntax_uid)
    for path in (*REQUIRED_AT_FIRST, *REQUIRED_IN_SERIES):
        _require(dataset, path, is_optional=path in REQUIRED_IN_SERIES)
    texts = _Texts(dataset)
    if (status := _status(texts)) is not StepStatus.IN_PROGRESS:
        raise StepError(Answer.INVALID_VALUE, "a step begins IN PROGRESS")
    return Step(
        uid=uid,
        status=status,
        station_ae=texts[STATION][:16],
        modality=texts[MODALITY][:16],
        scheduled=tuple(_scheduled(item, texts.codec) for item in _items(dataset, SCHEDULED_STEPS)),
        series=_series(dataset, texts.codec),
        started=(texts[STARTED], texts[STARTED_TIME]),
        ended=(texts[ENDED], texts[ENDED_TIME]),
    )


def read_change(raw: bytes, transfer_syntax_uid: str) -> Change:
    """Read the modification list of an N-SET; raises like `read_creation`."""
    dataset = _dataset(raw, transfer_syntax_uid)
    for path in REQUIRED_IN_SERIES:
        _require(dataset, path, is_optional=True)
    texts = _Texts(dataset)
    reason = next(iter(_items(dataset, REASON)), None)
    named = _Texts(reason or {}, texts.codec)
    return Change(
        status=_status(texts) if STATUS in dataset else None,
        series=_series(dataset, texts.codec) if SERIES in dataset else None,
        ended=(texts[ENDED], texts[ENDED_TIME]),
        reason=(named[CODE_VALUE][:16], named[CODE_MEANING]) if reason else None,
    )


def changed(step: Step, change: Change) -> Step:
    """A step after an N-SET.

    Raises
    ------
    StepError
        The step is final, or would be without what a final one needs.
    """
    if step.status.is_final:
        raise StepError(Answer.PROCESSING_FAILURE, FINAL_COMMENT)
    new = replace(
        step,
        status=change.status or step.status,
        series=step.series if change.series is None else change.series,
        ended=(change.ended[0] or step.ended[0], change.ended[1] or step.ended[1]),
        reason_code=change.reason[0] if change.reason else step.reason_code,
        reason=change.reason[1] if change.reason else step.reason,
    )
    there = {ENDED: new.ended[0], ENDED_TIME: new.ended[1], SERIES: new.series}
    for tag in REQUIRED_AT_LAST[new.status]:
        if not there[tag]:
            raise StepError(Answer.MISSING_VALUE, f"({tag >> 16:04X},{tag & 0xFFFF:04X}) is empty")
    return new


def _dataset(raw: bytes, transfer_syntax_uid: str) -> Dataset:
    try:
        return parse(raw, transfer_syntax_uid)
    except InputError as exc:
        raise StepError(Answer.PROCESSING_FAILURE, str(exc)) from exc


def _require(dataset: Dataset, path: Path, *, is_optional: bool) -> None:
    """See that an attribute is there with a value, in every item of its sequence; raises `StepError`."""
    tag, *rest = path
    named = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    if tag not in dataset:
        if is_optional:
            return
        raise StepError(Answer.MISSING_ATTRIBUTE, f"{named} is missing")
    attribute = dataset[tag]
    if not is_optional and not (attribute.value if isinstance(attribute.value, tuple) else attribute.text()):
        raise StepError(Answer.MISSING_VALUE, f"{named} is empty")
    for item in _items(dataset, tag) if rest else ():
        _require(item, tuple(rest), is_optional=False)


def _items(dataset: Dataset, tag: int) -> tuple[Dataset, ...]:
    value = dataset[tag].value if tag in dataset else ()
    return value if isinstance(value, tuple) else ()


class _Texts:
    """Texts of a dataset by tag, empty where there are none."""

    def __init__(self, dataset: Dataset, codec: str | None = None) -> None:
        self._dataset = dataset
        self.codec = codec or codec_of(dataset)

    def __getitem__(self, tag: int) -> str:
        text = decoded(self._dataset.get(tag, Attribute("", b"")), self.codec).replace("\0", "")
        return text if len(text) <= LONGEST_VALUE else ""


def _status(texts: _Texts) -> StepStatus:
    try:
        return StepStatus(texts[STATUS])
    except ValueError as exc:
        raise StepError(Answer.INVALID_VALUE, "(0040,0252) is no status of a step") from exc


def _scheduled(item: Dataset, codec: str) -> Scheduled:
    texts = _Texts(item, codec)
    return Scheduled(_uid(texts[STUDY_UID]), texts[ACCESSION], texts[PROCEDURE_ID], texts[STEP_ID])


def _series(dataset: Dataset, codec: str) -> tuple[Series, ...]:
    return tuple(
        Series(
            _uid(_Texts(item, codec)[SERIES_UID]),
            tuple(_references(_items(item, IMAGES), codec)),
            tuple(_references(_items(item, OTHER_OBJECTS), codec)),
        )
        for item in _items(dataset, SERIES)
    )


def _references(items: Sequence[Dataset], codec: str) -> Iterator[str]:
    """Instances that are named, each once."""
    return iter(dict.fromkeys(_uid(_Texts(item, codec)[INSTANCE_UID]) for item in items))


def _uid(text: str) -> str:
    if not is_uid(text):
        raise StepError(Answer.INVALID_VALUE, "a UID is none")
    return text
