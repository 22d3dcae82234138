"""What a partner tells us: a study with its result, and its answer to one of ours. Durable before it is answered."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from dicom_scp.elements import is_uid
from gateway.ledger.deliveries import delivery_id_of
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import DeliveryKind, moment_of, utc_text
from gateway.ledger.sharing_answers import HELD, Answer, Direction, Word
from gateway.sharing.settings import Partner
from gateway.team.people import Role
from triage.errors import InputError
from triage.results import TriageResult

log = structlog.get_logger()

LONGEST_NAME = 64
LONGEST_REMARK = 2000
Id = Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
Revision = Annotated[int, Field(ge=1, le=1_000_000)]
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]


_RESULT = TypeAdapter(TriageResult)
"""Every field by its type: what a page formats as a number must be one."""


class Announcement(BaseModel):
    """A study that is handed over, with the sender's result."""

    model_config = ConfigDict(extra="forbid")

    study_uid: str = Field(max_length=64, repr=False)
    revision: Revision
    by: str = Field(default="", max_length=LONGEST_NAME, repr=False)
    over: Sequence[Literal["results", "maps", "images"]] = ()
    """Stages of which everything was accepted."""
    scanned_at: Moment | None = None
    """When the last perfusion image came, by the sender's clock."""
    result: dict[str, Any] = Field(repr=False)


class GivenAnswer(BaseModel):
    """What a partner says to a study that was handed to it."""

    model_config = ConfigDict(extra="forbid")

    id: Id
    case_id: Id
    revision: Revision
    number: Revision
    word: Word
    remark: str = Field(default="", max_length=LONGEST_REMARK, repr=False)
    by: str = Field(default="", max_length=LONGEST_NAME, repr=False)
    """A name; with a word of `HELD` a `Role`, and nobody's name."""
    at: Moment


def announce(ledger: Ledger, partner: Partner, told: Announcement, now: datetime) -> bool:
    """Write down what a partner hands over; returns whether it was new. `gateway.sharing.bell` calls people for it then.

    Raises
    ------
    InputError
        It may not, the result is none that this release understands, or `scanned_at` comes from no calendar.
    """
    if not partner.may_send:
        raise InputError(f"{partner.name} may not hand studies to this gateway: see may_send")
    if not is_uid(told.study_uid):
        raise InputError("study_uid is not a UID")
    result = _result(told.result)
    if result["study_uid"] != told.study_uid:
        raise InputError("the result is of another study")
    _require_moment("scanned_at", told.scanned_at)
    what = (told.study_uid, told.revision, result, printable(told.by), told.over)
    is_new = ledger.sharing.received.announce(partner.name, *what, now, told.scanned_at)
    if is_new:
        log.info("study announced by a partner", partner=partner.name, revision=told.revision)
    return is_new


def take_answer(ledger: Ledger, partner: Partner, given: GivenAnswer, now: datetime) -> bool:
    """Write down a partner's answer; returns whether it was new. One for more images opens the handover again.

    Raises
    ------
    InputError
        It answers nothing that was handed to this partner, or comes from no calendar.
    """
    key = delivery_id_of(given.case_id, given.revision, DeliveryKind.SHARE, partner.name)
    if ledger.sharing.get(key) is None:
        raise InputError("no such case was handed to you")
    _require_moment("at", given.at)
    is_held = given.word in HELD
    answer = Answer(
        given.id,
        Direction.RECEIVED,
        partner.name,
        given.case_id,
        given.revision,
        given.number,
        given.word,
        "" if is_held else given.remark,
        role_in(given.by) if is_held else printable(given.by),
        given.at,
        arrived_at=utc_text(now),
    )
    if given.word is Word.MORE_IMAGES and not ledger.sharing.answers.knows(given.id):
        ledger.sharing.reopen(
            key, now, with_images=True
        )  # before the answer: after a kill in between it comes again
    is_new = ledger.sharing.answers.receive(answer)
    if is_new:
        log.info("answer of a partner", partner=partner.name, case_id=given.case_id, word=given.word)
    return is_new


def printable(text: str) -> str:
    """A name without control characters."""
    return "".join(letter for letter in text if letter.isprintable()).strip()[:LONGEST_NAME]


def role_in(text: str) -> str:
    """A role that we know, or nothing: never a name.

    >>> role_in("stroke_doctor"), role_in("Dr Who")
    ('stroke_doctor', '')
    """
    return text if text in set(Role) else ""


def _require_moment(name: str, text: str | None) -> None:
    try:
        moment_of(text) if text else None
    except ValueError as exc:
        raise InputError(f"{name}: is not a moment") from exc


def _result(plain: Mapping[str, Any]) -> dict[str, Any]:
    """A foreign result, read and written by our own rules, so that nothing else of it is kept."""
    try:
        found = _RESULT.validate_python(plain).to_json()
        json.dumps(found, allow_nan=False)
    except ValueError as exc:
        raise InputError(
            "the result cannot be read by this release: bring both gateways to the same one"
        ) from exc
    return found
