"""What people prove themselves with: hashes of passwords, enciphered seeds, passkeys, recovery codes, words of welcome."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine, delete, insert, select, update

from gateway.ledger.credentials_tables import authenticators, passkeys, passwords, recovery_codes, welcomes
from gateway.ledger.records import utc_text
from gateway.ledger.statements import insert_once, put, rows, run, translated


@dataclass(frozen=True, slots=True)
class Authenticator:
    """The seed of somebody's one-time codes, enciphered; it counts once it is confirmed."""

    person_id: str
    seed: bytes = field(repr=False)
    confirmed_at: str | None
    last_step: int


@dataclass(frozen=True, slots=True)
class Passkey:
    """A public key that a device of the person signs with; `synced` where the maker of the device keeps copies."""

    id: str
    credential_id: str = field(repr=False)
    person_id: str
    public_key: bytes = field(repr=False)
    sign_count: int
    label: str
    synced: bool
    created_at: str
    used_at: str | None = None


class Credentials:
    """Credentials of all people."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # -- passwords --

    def password_of(self, person_id: str) -> str | None:
        """The hash of a person's password, or None."""
        found = rows(self._engine, select(passwords.c.hash).where(passwords.c.person_id == person_id))
        return str(found[0]["hash"]) if found else None

    def set_password(self, person_id: str, hashed: str, now: datetime) -> None:
        """Put a hash in place of the one before."""
        put(self._engine, passwords, [{"person_id": person_id, "hash": hashed, "changed_at": utc_text(now)}])

    def drop_password(self, person_id: str) -> None:
        """No password logs this person in any more."""
        run(self._engine, delete(passwords).where(passwords.c.person_id == person_id))

    # -- one-time codes --

    def authenticator_of(self, person_id: str) -> Authenticator | None:
        """The seed of a person's codes, confirmed or not, or None."""
        found = rows(self._engine, select(authenticators).where(authenticators.c.person_id == person_id))
        return Authenticator(**found[0]) if found else None

    def begin_authenticator(self, person_id: str, seed: bytes) -> None:
        """Keep a new seed that is not confirmed yet."""
        fresh = {"person_id": person_id, "seed": seed, "confirmed_at": None, "last_step": 0}
        put(self._engine, authenticators, [fresh])

    def spend_step(self, person_id: str, step: int, confirmed_at: str) -> bool:
        """Use the code of a time step, confirming the seed; whether none of this step or a later one was used before."""
        mine = (authenticators.c.person_id == person_id) & (authenticators.c.last_step < step)
        spending = update(authenticators).where(mine).values(last_step=step, confirmed_at=confirmed_at)
        return run(self._engine, spending) > 0

    def drop_authenticator(self, person_id: str) -> None:
        """Forget a person's seed and recovery codes."""
        with translated(), self._engine.begin() as connection:
            connection.execute(delete(authenticators).where(authenticators.c.person_id == person_id))
            connection.execute(delete(recovery_codes).where(recovery_codes.c.person_id == person_id))

    # -- recovery codes --

    def set_recovery(self, person_id: str, digests: Iterable[str]) -> None:
        """Put recovery codes in place of those before."""
        values = [{"digest": digest, "person_id": person_id} for digest in digests]
        with translated(), self._engine.begin() as connection:
            connection.execute(delete(recovery_codes).where(recovery_codes.c.person_id == person_id))
            connection.execute(insert(recovery_codes), values)

    def spend_recovery(self, person_id: str, digest: str, now: datetime) -> bool:
        """Use a recovery code; whether it was one of the person's and not used before."""
        fresh = (recovery_codes.c.person_id == person_id) & recovery_codes.c.used_at.is_(None)
        spending = update(recovery_codes).where(fresh, recovery_codes.c.digest == digest)
        return run(self._engine, spending.values(used_at=utc_text(now))) > 0

    def recovery_left(self, person_id: str) -> int:
        """How many recovery codes the person still has."""
        fresh = (recovery_codes.c.person_id == person_id) & recovery_codes.c.used_at.is_(None)
        return len(rows(self._engine, select(recovery_codes.c.digest).where(fresh)))

    # -- passkeys --

    def passkeys_of(self, person_id: str) -> Sequence[Passkey]:
        """Passkeys of a person, the oldest first."""
        query = select(passkeys).where(passkeys.c.person_id == person_id).order_by(passkeys.c.created_at)
        return [Passkey(**row) for row in rows(self._engine, query)]

    def passkey(self, passkey_id: str) -> Passkey | None:
        """The passkey of an id, or None."""
        found = rows(self._engine, select(passkeys).where(passkeys.c.id == passkey_id))
        return Passkey(**found[0]) if found else None

    def add_passkey(self, passkey: Passkey) -> bool:
        """Keep a new passkey; whether it was not known before, whosever it is."""
        values = {name: getattr(passkey, name) for name in Passkey.__slots__}
        return insert_once(self._engine, passkeys, values)

    def used_passkey(self, passkey_id: str, sign_count: int, now: datetime) -> None:
        """Note that a passkey was used, and how often its device says that it was."""
        used = update(passkeys).where(passkeys.c.id == passkey_id)
        run(self._engine, used.values(sign_count=sign_count, used_at=utc_text(now)))

    def drop_passkey(self, person_id: str, passkey_id: str) -> bool:
        """Forget a passkey of a person; whether there was such a one."""
        mine = (passkeys.c.person_id == person_id) & (passkeys.c.id == passkey_id)
        return run(self._engine, delete(passkeys).where(mine)) > 0

    # -- words of welcome --

    def welcome(self, person_id: str, digest: str, expires_at: str) -> None:
        """Let a word choose the person's password once; words given out before are void."""
        with translated(), self._engine.begin() as connection:
            connection.execute(delete(welcomes).where(welcomes.c.person_id == person_id))
            connection.execute(
                insert(welcomes).values(digest=digest, person_id=person_id, expires_at=expires_at)
            )

    def welcomed(self, digest: str, now: datetime) -> str | None:
        """Whom a word of welcome is for, or None when there is no such word or it has expired."""
        fresh = (welcomes.c.digest == digest) & (welcomes.c.expires_at > utc_text(now))
        found = rows(self._engine, select(welcomes.c.person_id).where(fresh))
        return str(found[0]["person_id"]) if found else None

    def spend_welcome(self, digest: str) -> bool:
        """Use a word of welcome; whether it was still there."""
        return run(self._engine, delete(welcomes).where(welcomes.c.digest == digest)) > 0

    def drop_welcomes(self, person_id: str) -> None:
        """Void the words given out for a person."""
        run(self._engine, delete(welcomes).where(welcomes.c.person_id == person_id))
