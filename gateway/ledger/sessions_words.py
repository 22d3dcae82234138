"""Words that were taken back before their end, and words that are good once."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Engine, delete, select

from gateway.ledger.records import utc_text
from gateway.ledger.sessions_tables import revocations, spent
from gateway.ledger.statements import insert_once, put, rows, run


class RevokedKind(StrEnum):
    """What somebody took back."""

    PASS = "pass"  # noqa: S105 - a word
    """One study pass, by the digest of its word."""
    CASE = "case"
    """Every pass and alert link of a case that was made until then."""
    CALL = "call"
    """The link of one call."""
    PERSON = "person"
    """Every alert link of a person that was made until then."""


class Words:
    """Signed words need no memory until one is taken back; that is kept here."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def revoke(self, kind: RevokedKind, subject: str, now: datetime) -> None:
        """Take back what was made until `now`; what is made later opens again."""
        values = {
            "kind": kind.value,
            "subject": subject,
            "before_s": int(now.timestamp()),
            "revoked_at": utc_text(now),
        }
        put(self._engine, revocations, [values])

    def revoked(self, *subjects: tuple[RevokedKind, str]) -> dict[tuple[RevokedKind, str], int]:
        """Until when each of these was taken back (seconds since the epoch); in one read, absent where never."""
        query = select(revocations).where(revocations.c.subject.in_([subject for _, subject in subjects]))
        found = {
            (RevokedKind(row["kind"]), row["subject"]): row["before_s"] for row in rows(self._engine, query)
        }
        return {key: found[key] for key in subjects if key in found}

    def spend(self, digest: str, expires_s: float) -> bool:
        """Use a word that is good once; whether it was not used before."""
        return insert_once(self._engine, spent, {"digest": digest, "expires_s": int(expires_s)})

    def sweep(self, now_s: float) -> None:
        """Forget spent words that have expired anyway."""
        run(self._engine, delete(spent).where(spent.c.expires_s < int(now_s)))
