"""From what a provider says of somebody to a person here: the table of roles is the word that counts, at every login."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from gateway.identity.oidc import Identified, claim_at
from gateway.identity.settings import Oidc
from gateway.ledger.ledger import Ledger
from gateway.team.people import Person, Role
from triage.errors import InputError

NO_ROLE = "the hospital's login knows you, but none of your groups has a role here: ask an administrator"
CLOSED = "your account here is closed: ask an administrator"
TAKEN = "somebody has this login here already: an administrator can set identity.oidc.adopt_logins, or rename the account"
LONGEST = 64


def roles_of(settings: Oidc, claims: Mapping[str, Any]) -> frozenset[Role]:
    """Roles of the groups that an ID token names.

    >>> settings = Oidc(issuer="https://i", client_id="c", roles={"neuro": ("stroke_doctor",)})
    >>> roles_of(settings, {"groups": ["neuro", "canteen"]})
    frozenset({<Role.STROKE_DOCTOR: 'stroke_doctor'>})
    """
    groups = claim_at(claims, settings.roles_claim)
    return frozenset(role for group in groups for role in settings.roles.get(group, ()))


def person_for(ledger: Ledger, settings: Oidc, who: Identified, now: datetime) -> Person:
    """The person whom a provider means, written down when new, with the roles of today.

    Raises
    ------
    InputError
        There is no role, the account is closed, or the login is somebody else's.
    """
    roles = roles_of(settings, who.claims)
    known = ledger.people.by_subject(settings.issuer, who.subject)
    if known is not None and not known.active:
        raise InputError(CLOSED)
    if not roles:
        if known is not None:
            ledger.sessions.revoke_all(known.id)
        raise InputError(NO_ROLE)
    person = known or _first_time(ledger, settings, who, roles, now)
    if person.roles != roles:
        person = replace(person, roles=roles)
        ledger.people.change(person)
    return person


def _first_time(
    ledger: Ledger, settings: Oidc, who: Identified, roles: frozenset[Role], now: datetime
) -> Person:
    login = (claim_at(who.claims, settings.login_claim) or [who.subject])[0].strip().lower()[:LONGEST]
    holder = ledger.people.by_login(login)
    if holder is not None and not (settings.adopt_logins and holder.active):
        raise InputError(TAKEN)
    name = (claim_at(who.claims, "name") or [login])[0].strip()[:LONGEST] or login
    person = holder or Person(str(uuid4()), login, name, roles)
    if holder is None:
        ledger.people.add(person, now)
    ledger.people.link_subject(settings.issuer, who.subject, person.id)
    return person
