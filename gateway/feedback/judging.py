"""Somebody judges a revision: checked, measured against what its alert claimed, and kept."""

from dataclasses import dataclass, field
from datetime import datetime

import structlog

from gateway.feedback.classes import class_of
from gateway.feedback.judgement import Judgement, Reason, Verdict, confirms
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import Case, CaseState, utc_text
from gateway.team.people import Actor, ActorKind
from triage.errors import InputError, require
from triage.results import TriageResult

log = structlog.get_logger()

LONGEST_NAME = 64
"""Characters, as the ledger keeps it."""
LONGEST_TEXT = 500
LARGEST_CORE_ML = 1500.0
"""A whole brain: what is more is a slip of the finger."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What somebody says, before it is known to make sense.

    Attributes
    ----------
    name
        Typed; it counts only where nobody is known by an account.
    """

    revision: int
    verdict: Verdict
    reason: Reason | None = None
    text: str = field(default="", repr=False)
    core_ml: float | None = None
    name: str = field(default="", repr=False)


def judge(ledger: Ledger, case: Case, actor: Actor, said: Opinion, now: datetime) -> Judgement:
    """Keep what somebody says of a revision; it blocks nothing, and a later word takes its place.

    Raises
    ------
    InputError
        Something is missing, or there is no result of that revision.
    TemporaryError
        The database is away.
    """
    _check(said)
    result = result_of(ledger, case, said.revision)
    name = _name(actor, said.name)
    new = Judgement(
        case.id,
        said.revision,
        said.verdict,
        said.reason,
        _clean(said.text)[:LONGEST_TEXT],
        actor.person_id,
        name,
        class_of(result),
        confirms(result, said.verdict, said.core_ml),
        utc_text(now),
        said.core_ml,
    )
    ledger.judgements.add(new)
    log.info("result judged", case_id=case.id, revision=said.revision, verdict=said.verdict.value)
    return new


def result_of(ledger: Ledger, case: Case, revision: int) -> TriageResult:
    """The result of a revision, as it was told.

    Raises
    ------
    InputError
        There is none yet, or never was one here.
    """
    told = ledger.announcements.get(case.id, revision)
    theirs = ledger.sharing.alarms.of_alert(case.id, revision)
    if told is not None and told.result and theirs is None:
        return TriageResult.from_json(told.result)
    concluded = case.state in {CaseState.ANALYSED, CaseState.NOT_ANALYSED}
    if concluded and case.revision == revision and case.result:
        return TriageResult.from_json(case.result)
    raise InputError(f"revision {revision} has no result of this gateway that could be judged")


def _check(said: Opinion) -> None:
    agrees = said.verdict is Verdict.AGREE
    require(not (agrees and said.reason), "a reason belongs to an edit or a rejection")
    require(not (agrees and said.core_ml is not None), "another core is an edit, not an agreement")
    require(said.verdict is Verdict.EDIT or said.core_ml is None, "another core is an edit")
    require(agrees or said.reason is not None, "choose a reason")
    if said.reason is Reason.OTHER:
        require(bool(_clean(said.text)), "say in a few words what the other reason is")
    if said.core_ml is not None:
        require(0.0 <= said.core_ml <= LARGEST_CORE_ML, f"a core is from 0 to {LARGEST_CORE_ML:.0f} ml")


def _name(actor: Actor, typed: str) -> str:
    """Who judges: known by the account; typed only where a site's access token is all that is known."""
    if actor.kind is not ActorKind.SITE:
        return actor.name[:LONGEST_NAME]
    name = _clean(typed)[:LONGEST_NAME]
    require(bool(name), "type the name of whoever judges: the access token names nobody")
    return name


def _clean(text: str) -> str:
    """One line of letters that can be seen."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
