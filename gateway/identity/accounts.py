"""Accounts: what somebody proves themselves with, how it is set up, changed, and taken away.

Pages use `Accounts`: ``Accounts.of(reception.config, reception.ledger, reception.access)``. What cannot be done is an
`InputError` whose text is for the person. Whoever changes something notes it in the access log (`Ledger.accesses`).
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.access import Access
from gateway.config import Config
from gateway.identity import codes, links, passwords
from gateway.identity.codes import Enrolment
from gateway.identity.passkeys import Passkeys, RelyingParty
from gateway.identity.passwords import Passwords
from gateway.identity.sessions import Sessions
from gateway.identity.settings import Identity
from gateway.identity.vault import Vault
from gateway.ledger.credentials import Passkey
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import utc_text
from gateway.team.people import Person
from triage.errors import InputError

WELCOME = "/welcome/"
"""Below it stand the links that let somebody choose a password."""
WORD_BYTES = 24

_OF_THIS_PROCESS = Passwords()
"""One for the process, because it bounds how many cores all logins together take."""


@dataclass(frozen=True, slots=True)
class Factors:
    """What a person can log in with."""

    password: bool
    totp: bool
    recovery_left: int
    passkeys: Sequence[Passkey]

    @property
    def second(self) -> bool:
        """Whether there is more than a password."""
        return self.totp or bool(self.passkeys)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Everything about the accounts of one site."""

    ledger: Ledger
    access: Access
    settings: Identity
    data_dir: Path
    base_url: str
    passwords: Passwords = field(default=_OF_THIS_PROCESS)

    @classmethod
    def of(cls, config: Config, ledger: Ledger, access: Access) -> "Accounts":
        """The accounts of a site; nothing is opened yet."""
        return cls(ledger, access, config.identity, config.site.data_dir, config.http.base_url)

    @property
    def sessions(self) -> Sessions:
        """Sessions: `Sessions.of` lists a person's; `Ledger.sessions` revokes one or all."""
        return Sessions(self.ledger, self.access, self.settings)

    @property
    def passkeys(self) -> Passkeys:
        """Passkeys; where the site has no host name, using them says so."""
        return Passkeys(self.ledger, self.access, RelyingParty.of(self.base_url))

    @property
    def offers_passkeys(self) -> bool:
        """Whether browsers can use passkeys at the site's address."""
        return RelyingParty.of(self.base_url) is not None

    def factors(self, person_id: str) -> Factors:
        """What a person can log in with."""
        kept = self.ledger.credentials
        totp = kept.authenticator_of(person_id)
        return Factors(
            kept.password_of(person_id) is not None,
            totp is not None and totp.confirmed_at is not None,
            kept.recovery_left(person_id),
            kept.passkeys_of(person_id),
        )

    def must_enrol(self, person: Person) -> bool:
        """Whether the person's roles want a second factor that there is not yet."""
        return bool(person.roles & self.settings.second_factor) and not self.factors(person.id).second

    # -- passwords --

    def set_password(self, person: Person, new: str, now: datetime, keep: str | None = None) -> None:
        """Choose a password, and end all sessions of the person but the one of id `keep`.

        Raises
        ------
        InputError
            It would be guessed; the text says why.
        TemporaryError
            Too many passwords are being looked at.
        """
        passwords.check(new, person.login, person.name)
        self.ledger.credentials.set_password(person.id, self.passwords.hashed(new), now)
        self.ledger.credentials.drop_welcomes(person.id)
        self.ledger.sessions.revoke_all(person.id, keep)

    def change_password(
        self, person: Person, old: str, new: str, now: datetime, keep: str | None = None
    ) -> None:
        """As `set_password`, by somebody who has to know the present one.

        Raises
        ------
        InputError
            The present password is another, or the new one would be guessed.
        """
        if not self.passwords.fits(old, self.ledger.credentials.password_of(person.id)):
            raise InputError("this is not your present password")
        self.set_password(person, new, now, keep)

    # -- one-time codes --

    def begin_totp(self, person: Person) -> Enrolment:
        """A new seed for an authenticator app: `Enrolment.picture` is a QR code as an SVG element, `spoken` for typing.

        Until it is confirmed, asking again shows the same seed, so that a page may be loaded again.

        Raises
        ------
        InputError
            There is a confirmed one: drop it first.
        """
        known = self.ledger.credentials.authenticator_of(person.id)
        if known is not None and known.confirmed_at is not None:
            raise InputError("one-time codes are set up already: remove them first")
        if known is not None:
            return codes.enrolment_of(self._vault.unlock(known.seed).decode(), person.login)
        fresh = codes.enrol(person.login)
        self.ledger.credentials.begin_authenticator(person.id, self._vault.close(fresh.seed.encode()))
        return fresh

    def confirm_totp(self, person: Person, code: str, now: datetime) -> list[str]:
        """Take the first code of a new seed, and return recovery codes; this is the only time they can be read.

        Raises
        ------
        InputError
            The code is wrong.
        """
        known = self.ledger.credentials.authenticator_of(person.id)
        if known is None or known.confirmed_at is not None:
            raise InputError("there is nothing to confirm: begin again")
        if not self.spend_code(person, code, now, confirmed=False):
            raise InputError("this code is wrong: wait for the next one, and look at the phone's clock")
        return self.new_recovery_codes(person)

    def spend_code(self, person: Person, code: str, now: datetime, *, confirmed: bool = True) -> bool:
        """Whether a one-time code is right and was not used before; used up by this."""
        known = self.ledger.credentials.authenticator_of(person.id)
        if known is None or (known.confirmed_at is not None) is not confirmed:
            return False
        step = codes.step_of(self._vault.unlock(known.seed).decode(), code, now)
        since = known.confirmed_at or utc_text(now)
        return step is not None and self.ledger.credentials.spend_step(person.id, step, since)

    def spend_recovery(self, person: Person, code: str, now: datetime) -> bool:
        """Whether this is a recovery code that was not used before; used up by this."""
        digest = codes.recovery_digest(person.id, code)
        return self.ledger.credentials.spend_recovery(person.id, digest, now)

    def new_recovery_codes(self, person: Person) -> list[str]:
        """Ten codes in place of those before; this is the only time they can be read."""
        fresh = codes.recovery_codes()
        digests = [codes.recovery_digest(person.id, code) for code in fresh]
        self.ledger.credentials.set_recovery(person.id, digests)
        return fresh

    def drop_totp(self, person: Person) -> None:
        """Forget the person's seed and recovery codes.

        Raises
        ------
        InputError
            The person's roles want a second factor, and this is the only one.
        """
        self._keep_one(person, left=len(self.factors(person.id).passkeys))
        self.ledger.credentials.drop_authenticator(person.id)

    # -- passkeys --

    def begin_passkey(self, person: Person, now: datetime) -> dict[str, Any]:
        """See `Passkeys.begin`; ``/static/identity.js`` takes the answer."""
        return self.passkeys.begin(person, now)

    def finish_passkey(
        self, person: Person, credential: Mapping[str, Any], proof: str, label: str, now: datetime
    ) -> Passkey:
        """See `Passkeys.finish`."""
        return self.passkeys.finish(person, credential, proof, label, now)

    def drop_passkey(self, person: Person, passkey_id: str) -> None:
        """Forget one passkey.

        Raises
        ------
        InputError
            There is no such one, or the person's roles want a second factor and this is the only one.
        """
        factors = self.factors(person.id)
        self._keep_one(person, left=len(factors.passkeys) - 1 + factors.totp)
        if not self.ledger.credentials.drop_passkey(person.id, passkey_id):
            raise InputError("there is no such passkey: load the page again")

    # -- by an administrator --

    def welcome(self, person: Person, now: datetime) -> str:
        """An address that lets somebody choose a password, once; addresses given out before are void."""
        word = secrets.token_urlsafe(WORD_BYTES)
        expires = utc_text(now + timedelta(hours=self.settings.welcome_hours))
        self.ledger.credentials.welcome(person.id, _digest(word), expires)
        return f"{self.base_url}{WELCOME}{word}"

    def welcomed(self, word: str, now: datetime) -> Person | None:
        """Whom a word of welcome is for, as long as it holds."""
        person_id = self.ledger.credentials.welcomed(_digest(word), now)
        person = self.ledger.people.get(person_id) if person_id else None
        return person if person and person.active else None

    def accept_welcome(self, word: str, password: str, now: datetime) -> Person:
        """Choose a password with a word of welcome, which is used up.

        Raises
        ------
        InputError
            The word is over, or the password would be guessed.
        """
        person = self.welcomed(word, now)
        if person is None:
            raise InputError("this link was used or has expired: ask an administrator for a new one")
        passwords.check(password, person.login, person.name)
        hashed = self.passwords.hashed(password)
        if not self.ledger.credentials.spend_welcome(_digest(word)):
            raise InputError("this link was used or has expired: ask an administrator for a new one")
        self.ledger.credentials.set_password(person.id, hashed, now)
        self.ledger.sessions.revoke_all(person.id)
        return person

    def reset(self, person: Person, now: datetime) -> str:
        """Take away all that somebody logs in with, end what is open, and return an address for a new beginning."""
        self.revoke(person.id, now)
        for passkey in self.ledger.credentials.passkeys_of(person.id):
            self.ledger.credentials.drop_passkey(person.id, passkey.id)
        self.ledger.credentials.drop_authenticator(person.id)
        self.ledger.credentials.drop_password(person.id)
        return self.welcome(person, now)

    def disable(self, person: Person, now: datetime) -> Person:
        """Close an account: sessions and links of the person open nothing from the next request on."""
        closed = replace(person, active=False)
        self.ledger.people.change(closed)
        self.revoke(person.id, now)
        self.ledger.credentials.drop_welcomes(person.id)
        return closed

    def enable(self, person: Person) -> Person:
        """Open a closed account again, with what the person logged in with before."""
        opened = replace(person, active=True)
        self.ledger.people.change(opened)
        return opened

    def revoke(self, person_id: str, now: datetime, keep: str | None = None) -> int:
        """End every session of a person but the one of id `keep`, and every alert's link; how many sessions."""
        links.revoke_person(self.ledger, person_id, now)
        return self.ledger.sessions.revoke_all(person_id, keep)

    @property
    def _vault(self) -> Vault:
        return Vault.open(self.data_dir)

    def _keep_one(self, person: Person, left: int) -> None:
        if left <= 0 and person.roles & self.settings.second_factor:
            raise InputError("your roles need a second factor: set another one up before you remove this one")


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()
