"""``stroke-gateway people``: accounts from the machine itself, above all the first administrator's."""

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from gateway.access import Access
from gateway.config import Config
from gateway.identity.accounts import Accounts
from gateway.ledger.accesses import Action
from gateway.ledger.ledger import Ledger
from gateway.team.people import SITE, Person, Role
from triage.errors import InputError, TemporaryError
from viewer_bridge.report.wording.language import Language

REFUSED_EXIT = 2
AWAY_EXIT = 1
LONGEST = 64
"""Characters of a login and of a name, as the ledger keeps them."""


@dataclass(frozen=True, slots=True)
class Office:
    """Accounts, and the moment at which something is done about them."""

    accounts: Accounts
    now: datetime

    def somebody(self, login: str) -> Person:
        """The person of a login.

        Raises
        ------
        InputError
            There is none.
        """
        person = self.accounts.ledger.people.by_login(login)
        if person is None:
            raise InputError("nobody has this login: `stroke-gateway people list` says who there is")
        return person

    def note(self, detail: str) -> None:
        """A line in the access log."""
        self.accounts.ledger.accesses.note(SITE, Action.CHANGED_PEOPLE, None, detail, self.now)


def run(config: Config, arguments: Namespace) -> int:
    """Do what was asked for; returns the exit code: 1 when the database is away, 2 for what cannot be done."""
    ledger = Ledger.open(config.ledger_url)
    try:
        accounts = Accounts.of(config, ledger, Access.open(config.site.data_dir))
        text = VERBS[arguments.verb](Office(accounts, datetime.now(UTC)), arguments)
    except (InputError, TemporaryError) as exc:
        sys.stderr.write(f"stroke-gateway: {exc}\n")
        return REFUSED_EXIT if isinstance(exc, InputError) else AWAY_EXIT
    finally:
        ledger.engine.dispose()
    sys.stdout.write(text)
    return 0


def _list(office: Office, _arguments: Namespace) -> str:
    return "".join(_line(office.accounts, person) for person in office.accounts.ledger.people.all())


def _line(accounts: Accounts, person: Person) -> str:
    factors = accounts.factors(person.id)
    ways = {"password": factors.password, "one-time code": factors.totp, "passkey": bool(factors.passkeys)}
    proofs = ", ".join(name for name, there in ways.items() if there) or "cannot log in yet"
    state = "active" if person.active else "disabled"
    return f"{person.login}\t{person.name}\t{', '.join(sorted(person.roles))}\t{state}\t{proofs}\n"


def _add(office: Office, arguments: Namespace) -> str:
    login, name = arguments.login.strip().lower(), " ".join(arguments.name.split())
    if not 0 < len(login) <= LONGEST or not 0 < len(name) <= LONGEST or not login.isprintable():
        raise InputError(f"login and name have 1 to {LONGEST} characters")
    roles = frozenset(Role(role) for role in arguments.roles)
    person = Person(str(uuid4()), login, name, roles, Language(arguments.language), arguments.phone)
    office.accounts.ledger.people.add(person, office.now)
    office.note(f"{name} added: {', '.join(sorted(roles))}")
    return _told(office, office.accounts.welcome(person, office.now))


def _disable(office: Office, arguments: Namespace) -> str:
    person = office.accounts.disable(office.somebody(arguments.login), office.now)
    office.note(f"{person.name} disabled")
    return f"{person.login} is closed\n"


def _enable(office: Office, arguments: Namespace) -> str:
    person = office.accounts.enable(office.somebody(arguments.login))
    office.note(f"{person.name} enabled")
    return f"{person.login} is open\n"


def _reset(office: Office, arguments: Namespace) -> str:
    person = office.somebody(arguments.login)
    office.note(f"{person.name}: password, second factor, passkeys and sessions reset")
    return _told(office, office.accounts.reset(person, office.now))


def _told(office: Office, address: str) -> str:
    hours = office.accounts.settings.welcome_hours
    return f"{address}\nHand this link to the person, and to nobody else; it is good once, for {hours:g} hours.\n"


VERBS: Mapping[str, Callable[[Office, Namespace], str]] = {
    "list": _list,
    "add": _add,
    "disable": _disable,
    "enable": _enable,
    "reset": _reset,
}
