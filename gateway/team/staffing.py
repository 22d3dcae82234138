"""Changing people and their channels, each by somebody, and written into the access log before it is done."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from gateway.identity.accounts import Accounts
from gateway.ledger.accesses import Action
from gateway.ledger.ledger import Ledger
from gateway.team.contacts import Contact
from gateway.team.people import Actor, Person, Role
from triage.errors import InputError, require
from viewer_bridge.report.wording.language import Language

LONGEST_NAME = 64
LONGEST_LOGIN = 64

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
_PHONE = re.compile(r"\+?[0-9]{3,15}")
_SPACING = re.compile(r"[ ().-]")


@dataclass(frozen=True, slots=True)
class Particulars:
    """What is written about somebody, as it was typed."""

    name: str
    login: str
    roles: frozenset[Role]
    language: Language = Language.VIETNAMESE
    phone: str = ""

    def person(self, person_id: str) -> Person:
        """Somebody with these particulars.

        Raises
        ------
        InputError
            One of them cannot be.
        """
        name = " ".join("".join(letter for letter in self.name if letter.isprintable()).split())
        login, phone = self.login.strip().lower(), _SPACING.sub("", self.phone)
        require(0 < len(name) <= LONGEST_NAME, f"a name has 1 to {LONGEST_NAME} letters")
        require(
            _LOGIN.fullmatch(login) is not None, "a login has 2 to 64 characters: letters, digits and . _ @ -"
        )
        require(
            not phone or _PHONE.fullmatch(phone) is not None,
            "write the telephone number with its country, such as +84901234567",
        )
        return Person(person_id, login, name, self.roles, self.language, phone)


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who looks after the people."""

    accounts: Accounts
    actor: Actor
    now: datetime

    @property
    def ledger(self) -> Ledger:
        """The site's."""
        return self.accounts.ledger

    def add(self, wanted: Particulars) -> Person:
        """Somebody new; how to log in is `welcome`.

        Raises
        ------
        InputError
            A particular cannot be, or the login is somebody's.
        """
        person = wanted.person(str(uuid4()))
        if self.ledger.people.by_login(person.login) is not None:
            raise InputError("somebody has this login already: choose another")
        self._note(f"{person.name} added: {_roles(person.roles)}")
        self.ledger.people.add(person, self.now)
        return person

    def change(self, former: Person, wanted: Particulars) -> Person:
        """Write down what is now true of somebody; whether the account is open stays.

        Raises
        ------
        InputError
            A particular cannot be, the login is somebody's, or one would lose one's own right to do this.
        """
        person = replace(wanted.person(former.id), active=former.active)
        loses = Role.ADMINISTRATOR in former.roles and Role.ADMINISTRATOR not in person.roles
        self._require_other(former, loses, "give up your own role of administrator")
        if person != former:
            self._note(f"{former.name} changed: {', '.join(_changes(former, person))}")
            self.ledger.people.change(person)
        return person

    def disable(self, person: Person) -> None:
        """Close an account and end what is open."""
        self._require_other(person, loses=True, what="close your own account")
        self._note(f"{person.name} disabled")
        self.accounts.disable(person, self.now)

    def enable(self, person: Person) -> None:
        """Open a closed account again."""
        self._note(f"{person.name} enabled")
        self.accounts.enable(person)

    def welcome(self, person: Person) -> str:
        """An address with which somebody chooses a password, once."""
        self._note(f"{person.name}: link to choose a password")
        return self.accounts.welcome(person, self.now)

    def reset(self, person: Person) -> str:
        """Take away password, second factor and passkeys, and return an address for a new beginning."""
        self._note(f"{person.name}: password, second factor, passkeys and sessions reset")
        return self.accounts.reset(person, self.now)

    def revoke(self, person: Person) -> None:
        """End every session and every alert's link of somebody."""
        self.ledger.accesses.note(
            self.actor, Action.REVOKED, None, f"sessions and links of {person.name}", self.now
        )
        self.accounts.revoke(person.id, self.now)

    def set_contacts(self, person: Person, contacts: Sequence[Contact]) -> None:
        """Put these channels in place of those before."""
        own = person.id == self.actor.person_id
        kinds = ", ".join(contact.kind for contact in contacts) or "none"
        detail = f"channels of {person.name}: {kinds}"
        action = Action.CHANGED_SELF if own else Action.CHANGED_PEOPLE
        self.ledger.accesses.note(self.actor, action, None, detail, self.now)
        self.ledger.people.set_contacts(person.id, contacts)

    def _require_other(self, person: Person, loses: bool, what: str) -> None:  # noqa: FBT001 - a condition
        if loses and person.id == self.actor.person_id:
            raise InputError(f"you cannot {what}: ask another administrator")

    def _note(self, detail: str) -> None:
        self.ledger.accesses.note(self.actor, Action.CHANGED_PEOPLE, None, detail, self.now)


def _changes(former: Person, person: Person) -> list[str]:
    """What is different, without the value where it is nobody's business."""
    told = [name for name in ("name", "login", "phone") if getattr(former, name) != getattr(person, name)]
    if former.language is not person.language:
        told.append(f"language {person.language}")
    if former.roles != person.roles:
        told.append(f"roles {_roles(person.roles)}")
    return told


def _roles(roles: Iterable[Role]) -> str:
    return " ".join(sorted(roles)) or "no role"
