"""Who is logged in. A session is found by a keyed digest of its word, with its person, in one indexed read."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Engine, RowMapping, delete, insert, select, update

from gateway.ledger.people_tables import people
from gateway.ledger.records import utc_text
from gateway.ledger.sessions_tables import sessions
from gateway.ledger.statements import rows, run
from gateway.team.people import Person, Role
from viewer_bridge.report.wording.language import Language


class Stage(StrEnum):
    """How far somebody has come in."""

    WHOLE = "whole"
    SECOND = "second"
    """The password was right; the second factor is awaited."""
    ENROL = "enrol"
    """The password was right, and the person still has to set a second factor up."""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that somebody logged in with; `person_id` is None for the site's access token.

    `means` says with what, `device` on which kind of browser: words for the person who owns it.
    """

    id: str
    person_id: str | None
    stage: Stage
    means: str
    device: str = field(repr=False)
    opened_at: str
    seen_at: str
    ends_at: str


class Sessions:
    """Sessions of all people."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, digest: str, session: Session) -> None:
        """Write a new session down."""
        values = {name: getattr(session, name) for name in Session.__slots__}
        run(self._engine, insert(sessions).values(digest=digest, **values))

    def find(self, digest: str) -> tuple[Session, Person | None] | None:
        """The session of this digest and its person as both are now, or None."""
        joined = sessions.outerjoin(people, people.c.id == sessions.c.person_id)
        names = [column.label(f"of_{column.name}") for column in people.columns]
        found = rows(
            self._engine, select(sessions, *names).select_from(joined).where(sessions.c.digest == digest)
        )
        return (_session(found[0]), _person(found[0])) if found else None

    def saw(self, session_id: str, now: datetime) -> None:
        """Note that a session was used."""
        run(self._engine, update(sessions).where(sessions.c.id == session_id).values(seen_at=utc_text(now)))

    def of_person(self, person_id: str | None, now: datetime) -> list[Session]:
        """Sessions that have not ended, the one used last first; those of the access token for None."""
        mine = sessions.c.person_id == person_id if person_id else sessions.c.person_id.is_(None)
        whole = (sessions.c.ends_at > utc_text(now)) & (sessions.c.stage == Stage.WHOLE)
        query = select(sessions).where(mine, whole).order_by(sessions.c.seen_at.desc())
        return [_session(row) for row in rows(self._engine, query)]

    def revoke(self, session_id: str, person_id: str | None) -> bool:
        """End one session of a person; whether there was such a one."""
        mine = sessions.c.person_id == person_id if person_id else sessions.c.person_id.is_(None)
        return run(self._engine, delete(sessions).where(mine, sessions.c.id == session_id)) > 0

    def end(self, digest: str) -> None:
        """End the session of this digest."""
        run(self._engine, delete(sessions).where(sessions.c.digest == digest))

    def revoke_all(self, person_id: str | None, but: str | None = None) -> int:
        """End every session of a person, except the one of id `but`; returns how many."""
        mine = sessions.c.person_id == person_id if person_id else sessions.c.person_id.is_(None)
        return run(self._engine, delete(sessions).where(mine, sessions.c.id != (but or "")))

    def sweep(self, now: datetime) -> None:
        """Forget sessions that have ended."""
        run(self._engine, delete(sessions).where(sessions.c.ends_at <= utc_text(now)))


def _session(row: RowMapping) -> Session:
    values = {name: row[name] for name in Session.__slots__}
    return Session(**{**values, "stage": Stage(row["stage"])})


def _person(row: RowMapping) -> Person | None:
    if row["of_login"] is None:
        return None
    values = {
        column.name: row[f"of_{column.name}"] for column in people.columns if column.name != "created_at"
    }
    roles = frozenset(Role(role) for role in values["roles"])
    return Person(**{**values, "roles": roles, "language": Language(values["language"])})
