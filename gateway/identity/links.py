"""Who comes by a link: an alert's, for the person who was called, or a pass for one study."""

from dataclasses import dataclass
from datetime import datetime

from gateway.access import Access
from gateway.identity import invitations
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import case_id_of
from gateway.ledger.sessions_words import RevokedKind
from gateway.passes import Pass, is_revoked, opened
from gateway.team.people import LINK_RIGHTS, VISITOR_RIGHTS, Actor, ActorKind

NOBODY = "whoever has the alert's link"
VISITOR = "somebody with a link"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever has a pass, and what it grants."""

    actor: Actor
    granted: Pass


def called(ledger: Ledger, access: Access, word: str, now: datetime) -> Actor | None:
    """Who comes by the link of an alert; None when it is over, was taken back, or the person's account was."""
    found = invitations.read(word, access)
    if found is None or found.expires_s <= now.timestamp():
        return None
    call = ledger.calls.get(found.call_id)
    if call is None or call.case_id is None:
        return None
    person = ledger.people.get(call.person_id) if call.person_id else None
    if call.person_id and (person is None or not person.active):
        return None
    if _taken_back(ledger, found, call.case_id, call.person_id):
        return None
    name, language = (person.name, person.language) if person else (NOBODY, None)
    return Actor(
        ActorKind.LINK,
        name,
        LINK_RIGHTS,
        call.person_id,
        call.case_id,
        call_id=call.id,
        language=language,
    )


def visitor(ledger: Ledger, access: Access, word: str, now: datetime) -> Visitor | None:
    """Who comes with a pass; None when it is over or was taken back."""
    granted = opened(word, access, now.timestamp())
    if granted is None or is_revoked(ledger, granted):
        return None
    case_id = case_id_of(granted.study_uid)
    return Visitor(Actor(ActorKind.VISITOR, VISITOR, VISITOR_RIGHTS, case_id=case_id), granted)


def revoke_case(ledger: Ledger, case_id: str, now: datetime) -> None:
    """Take back every pass and every alert's link of a case that was made until now."""
    ledger.words.revoke(RevokedKind.CASE, case_id, now)


def revoke_call(ledger: Ledger, call_id: str, now: datetime) -> None:
    """Take back the link of one call."""
    ledger.words.revoke(RevokedKind.CALL, call_id, now)


def revoke_person(ledger: Ledger, person_id: str, now: datetime) -> None:
    """Take back every alert's link that a person got until now."""
    ledger.words.revoke(RevokedKind.PERSON, person_id, now)


def _taken_back(ledger: Ledger, found: invitations.Invitation, case_id: str, person_id: str | None) -> bool:
    subjects = [(RevokedKind.CALL, found.call_id), (RevokedKind.CASE, case_id)]
    if person_id:
        subjects.append((RevokedKind.PERSON, person_id))
    until = ledger.words.revoked(*subjects).values()
    return any(found.made_s <= before_s for before_s in until)
