"""Sessions: a random word in the browser, a keyed digest of it here.

A session ends with its hours, when nobody used it, with its person's account, when somebody ends it, or with the site's
access token, whose key the digest is made with. Its word is new after each proof, so that one that somebody planted in a
browser before the login is worth nothing after it.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from gateway.access import Access
from gateway.identity.settings import Identity
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import moment_of, utc_text
from gateway.ledger.sessions import Session, Stage
from gateway.team.people import SITE, Actor, Person, actor_of_person

PURPOSE = b"stroke-gateway session 2"
WORD_BYTES = 32
PROVING_S = 600
"""How long somebody may take over a second factor."""
PASSWORD_ONLY = "password"  # noqa: S105 - a word
"""What a session says that was begun without a second factor."""
RECENT = timedelta(minutes=15)
"""So long after a login its session may change how its person logs in; whoever finds the screen open later may not."""
SEEN_EVERY_S = 60
"""A session in use is written down no more often."""

__all__ = ["Session", "Sessions", "Stage"]


@dataclass(frozen=True, slots=True)
class Sessions:
    """Beginning, finding and ending sessions of one site."""

    ledger: Ledger
    access: Access
    settings: Identity

    def begin(
        self,
        person: Person | None,
        means: str,
        device: str,
        now: datetime,
        stage: Stage = Stage.WHOLE,
    ) -> str:
        """A new session of a person, or of the access token for None; returns the word for the cookie."""
        lifetime_s = self.settings.session_hours * 3600 if stage is Stage.WHOLE else PROVING_S
        word, at = secrets.token_urlsafe(WORD_BYTES), utc_text(now)
        ends = utc_text(now + timedelta(seconds=lifetime_s))
        owner = person.id if person else None
        session = Session(str(uuid4()), owner, stage, means, device, at, at, ends)
        self.ledger.sessions.sweep(now)
        self.ledger.words.sweep(now.timestamp())
        self.ledger.sessions.add(self._digest(word), session)
        return word

    def find(self, word: str, now: datetime) -> tuple[Session, Person | None] | None:
        """The session of a word and its person, while both hold; noted as used at most once a minute."""
        found = self.ledger.sessions.find(self._digest(word)) if word else None
        if found is None or not self._holds(*found, now):
            return None
        session = found[0]
        if (now - moment_of(session.seen_at)).total_seconds() >= SEEN_EVERY_S:
            self.ledger.sessions.saw(session.id, now)
        return found

    def actor(self, word: str, now: datetime) -> Actor | None:
        """Who comes with this word; None before the last proof was given, also one that a new role asks for."""
        found = self.find(word, now)
        if found is None or found[0].stage is not Stage.WHOLE:
            return None
        session, person = found
        if person is None:
            return _site(session)
        needs_more = session.means == PASSWORD_ONLY and person.roles & self.settings.second_factor
        return None if needs_more else actor_of_person(person, session.id)

    def end(self, word: str) -> None:
        """Log out."""
        if word:
            self.ledger.sessions.end(self._digest(word))

    def of(self, person_id: str | None, now: datetime) -> Sequence[Session]:
        """Sessions of a person that hold, the one used last first; those of the access token for None."""
        idle = utc_text(now - timedelta(hours=self.settings.idle_hours))
        return [found for found in self.ledger.sessions.of_person(person_id, now) if found.seen_at > idle]

    def is_recent(self, person_id: str, session_id: str | None, now: datetime) -> bool:
        """Whether a session of a person was begun within `RECENT`."""
        mine = (found for found in self.of(person_id, now) if found.id == session_id)
        return any(now - moment_of(found.opened_at) <= RECENT for found in mine)

    def _holds(self, session: Session, person: Person | None, now: datetime) -> bool:
        idle = timedelta(hours=self.settings.idle_hours)
        fresh = session.ends_at > utc_text(now) and moment_of(session.seen_at) + idle > now
        if session.person_id is None:
            return fresh and self.settings.console_token
        return fresh and person is not None and person.active

    def _digest(self, word: str) -> str:
        return self.access.seal(PURPOSE, word)


def _site(session: Session) -> Actor:
    return Actor(SITE.kind, SITE.name, SITE.rights, session_id=session.id)
