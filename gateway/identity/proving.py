"""Proving who one is: a password and then a second factor, or a passkey, or the site's access token.

Every proof that is wrong is one sentence and one amount of work, whether the login exists or not.
"""

import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import datetime

from gateway.identity.accounts import Accounts
from gateway.identity.attempts import ADDRESS, KNOWN_BROWSER, LOGIN, SECOND, TOKEN, Subject, claim, succeeded
from gateway.ledger.sessions import Stage
from gateway.team.people import Person
from triage.errors import InputError

WRONG = "login and password do not fit together"
WRONG_CODE = "this code is wrong or was used before: wait for the next one"
WRONG_TOKEN = "this is not the access token"  # noqa: S105 - a sentence
LONGEST_PASSWORD = 1024
"""Bytes that are hashed at all."""

DEVICE_PURPOSE = b"stroke-gateway browser 1"
DEVICE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a proof comes from: an address, and the word of a browser that was here before."""

    address: str
    word: str = ""


@dataclass(frozen=True, slots=True)
class Proving:
    """Looks at proofs, no faster than is allowed."""

    accounts: Accounts

    def password(self, login: str, password: str, browser: Browser, now: datetime) -> Person:
        """Whose login and password these are.

        Raises
        ------
        InputError
            They do not fit together, or the account is closed; which of it is not said.
        TooFastError
            There were too many wrong ones.
        """
        subjects = self._subjects(login, browser)
        attempts, ledger = self.accounts.ledger.attempts, self.accounts.ledger
        claim(attempts, subjects, now.timestamp())
        person = ledger.people.by_login(login)
        kept = ledger.credentials.password_of(person.id if person else "")
        fits = self.accounts.passwords.fits(password[:LONGEST_PASSWORD], kept)
        if person is None or not fits or not person.active:
            raise InputError(WRONG)
        if kept and self.accounts.passwords.is_outdated(kept):
            ledger.credentials.set_password(person.id, self.accounts.passwords.hashed(password), now)
        succeeded(attempts, subjects, now.timestamp())
        return person

    def next_stage(self, person: Person) -> Stage:
        """What somebody still has to do whose password was right."""
        if self.accounts.factors(person.id).second:
            return Stage.SECOND
        return Stage.ENROL if self.accounts.must_enrol(person) else Stage.WHOLE

    def second(self, person: Person, code: str, now: datetime) -> str:
        """By what the second factor was proven: a one-time code or a recovery code.

        Raises
        ------
        InputError
            It is neither.
        TooFastError
            There were too many wrong ones.
        """
        subjects = (Subject(SECOND, "second", person.id),)
        claim(self.accounts.ledger.attempts, subjects, now.timestamp())
        if self.accounts.spend_code(person, code, now):
            means = "password and one-time code"
        elif self.accounts.spend_recovery(person, code, now):
            means = "password and recovery code"
        else:
            raise InputError(WRONG_CODE)
        succeeded(self.accounts.ledger.attempts, subjects, now.timestamp())
        return means

    def token(self, token: str, browser: Browser, now: datetime) -> None:
        """Whether this is the site's access token.

        Raises
        ------
        InputError
            It is not, or browsers may not log in with it.
        TooFastError
            There were too many wrong ones from this address.
        """
        if self.accounts.settings.console_token and self.accounts.access.accepts(token.strip()):
            return
        claim(
            self.accounts.ledger.attempts,
            (Subject(TOKEN, "token", network_of(browser.address)),),
            now.timestamp(),
        )
        raise InputError(WRONG_TOKEN)

    def remember(self, person: Person) -> str:
        """A word for the browser that somebody logged in with: its guesses are counted apart from strangers'."""
        text = f"{secrets.token_hex(DEVICE_BYTES)}.{person.id}"
        return f"{self.accounts.access.seal(DEVICE_PURPOSE, text)}.{text}"

    def _subjects(self, login: str, browser: Browser) -> tuple[Subject, ...]:
        """What a guess counts against; the same for a login that exists and one that does not."""
        own = self._own_browser(login, browser.word)
        if own:
            return (Subject(KNOWN_BROWSER, "browser", own),)
        return Subject(LOGIN, "login", login), Subject(ADDRESS, "address", network_of(browser.address))

    def _own_browser(self, login: str, word: str) -> str:
        """The identifier of a browser that the person of this login has used before; empty for any other."""
        signature, _, text = word.partition(".")
        genuine = hmac.compare_digest(
            signature.encode(), self.accounts.access.seal(DEVICE_PURPOSE, text).encode()
        )
        if not genuine:
            return ""
        number, _, person_id = text.partition(".")
        person = self.accounts.ledger.people.get(person_id)
        return number if person and person.login == login.strip().lower() else ""


def network_of(address: str) -> str:
    """Whose guesses are counted together: an IPv4 address, or the 64 bits that a subscriber of IPv6 has for himself.

    >>> network_of("192.0.2.1"), network_of("2001:db8::1"), network_of("unknown")
    ('192.0.2.1', '2001:db8::/64', 'unknown')
    """
    try:
        number = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((number, 64), strict=False)) if number.version == 6 else address
