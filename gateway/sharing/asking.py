"""What a person asks of the exchange: hand a case to a partner, answer one that came; and what everybody may see of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import structlog

from gateway.ledger.ledger import Ledger
from gateway.ledger.records import Case, CaseState
from gateway.ledger.sharing import Share
from gateway.ledger.sharing_answers import HELD, Answer, Direction, Word
from gateway.ledger.sharing_received import ReceivedShare
from gateway.sharing.receiving import LONGEST_REMARK, printable, role_in
from gateway.sharing.settings import Partner, Sharing
from triage.errors import InputError

log = structlog.get_logger()

CONCLUDED = frozenset({CaseState.ANALYSED, CaseState.NOT_ANALYSED})
_ANSWER = ("revision", "number", "word", "remark", "by", "at", "arrived_at", "trouble")
_SHARE = (
    *("partner", "revision", "asked_by", "asked_at", "stage", "with_images", "objects", "accepted"),
    *("announced_at", "results_at", "maps_at", "images_at", "state", "detail"),
)
_RECEIVED = (
    *("partner", "revision", "asked_by", "result"),
    *("announced_at", "results_at", "maps_at", "images_at"),
)


def share(ledger: Ledger, settings: Sharing, case: Case, partner: str, by: str, now: datetime) -> None:
    """Order that a case goes to a partner; where it went already, what is new goes.

    Raises
    ------
    InputError
        The partner is none that may have it, or the case has no result yet.
    """
    chosen = next((one for one in receivers(settings) if one.name == partner), None)
    if chosen is None:
        known = ", ".join(one.name for one in receivers(settings)) or "none"
        raise InputError(
            f"nothing can be handed to {printable(partner)!r}; partners that may receive: {known}"
        )
    if case.state not in CONCLUDED:
        raise InputError("this case has no result of ours to hand over: wait for it, or for late images")
    name = printable(by)
    ledger.sharing.queue(
        case.id, case.revision, chosen.name, name, now, with_images=chosen.images == "always"
    )
    log.info("case handed over", case_id=case.id, revision=case.revision, partner=chosen.name)


def answer(
    ledger: Ledger, case: Case, partner: str, word: Word, remark: str, by: str, now: datetime
) -> Answer:
    """Answer the newest revision that a partner has sent of a case.

    Raises
    ------
    InputError
        That partner has sent nothing of it, or the word is none that a person gives.
    """
    if word in HELD:
        raise InputError("this answer follows from who takes the alert: take it, or say that it is no stroke")
    received = ledger.sharing.received.latest(case.id, partner)
    if received is None:
        raise InputError("this partner has handed nothing over that could be answered")
    text = "".join(c for c in remark if c.isprintable() or c == "\n").strip()[:LONGEST_REMARK]
    given = ledger.sharing.answers.give(partner, case.id, received.revision, word, text, printable(by), now)
    log.info("answered a partner", case_id=case.id, partner=partner, word=word)
    return given


def receivers(settings: Sharing) -> list[Partner]:
    """Partners that studies may be handed to."""
    return [partner for partner in settings.partners if partner.may_receive]


def exchange_of(ledger: Ledger, settings: Sharing, case_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What is to be seen of the exchange by case: handovers, received studies, and the answers to each, latest first.

    `held` is who has the case at the receiving hospital, as far as the other side was told: None while nobody has.
    """
    sent, came = ledger.sharing.of_cases(case_ids), ledger.sharing.received.of_cases(case_ids)
    said, alarms = ledger.sharing.answers.of_cases(case_ids), ledger.sharing.alarms.of_cases(case_ids)
    return {
        key: {
            "sent": [
                _chosen(one, _SHARE) | _beside(settings, one.partner, said.get(key, ()), Direction.RECEIVED)
                for one in _newest(sent.get(key, ()))
            ],
            "received": [
                _chosen(one, _RECEIVED)
                | _beside(settings, one.partner, said.get(key, ()), Direction.GIVEN)
                | {"scanned_at": alarms[one.id].scanned_at if one.id in alarms else None}
                for one in _newest(came.get(key, ()))
            ],
        }
        for key in case_ids
    }


def _newest(found: Iterable[Any]) -> list[Any]:
    """The latest revision by partner; they come in the order of their revisions."""
    return list({one.partner: one for one in found}.values())


def _beside(
    settings: Sharing, partner: str, answers: Iterable[Answer], direction: Direction
) -> dict[str, Any]:
    """What stands beside a handover: the hospital's title, what a person answered, and who has the case."""
    mine = [one for one in answers if one.direction is direction and one.partner == partner]
    held = next((one for one in mine if one.word in HELD), None)
    return {
        "title": settings.title_of(partner),
        "answers": [_chosen(one, _ANSWER) for one in mine if one.word not in HELD],
        "held": _chosen(held, _ANSWER) | {"by": role_in(held.by)} if held else None,
    }


def _chosen(value: Share | ReceivedShare | Answer, names: Sequence[str]) -> dict[str, Any]:
    plain: Mapping[str, Any] = asdict(value)
    return {name: plain[name] for name in names}
