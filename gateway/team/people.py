"""People, what they may do, and who is acting when something is asked of us."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from viewer_bridge.report.wording.language import Language


class Role(StrEnum):
    """What somebody does in the stroke team; one person may have several."""

    STROKE_DOCTOR = "stroke_doctor"
    RADIOLOGIST = "radiologist"
    CATH_LAB = "cath_lab"
    SENDING_HOSPITAL = "sending_hospital"
    IT = "it"
    ADMINISTRATOR = "administrator"


class Right(StrEnum):
    """What one may be allowed to do."""

    READ = "read"
    """Cases: pictures, numbers, states, times."""
    NAMES = "names"
    """Whose case it is."""
    ANSWER = "answer"
    """Take, decline or comment on a case."""
    JUDGE = "judge"
    """Agree with a result, edit or reject it."""
    SIGN = "sign"
    """Sign a report off, and say which order a study belongs to."""
    OPERATE = "operate"
    """Runs, destinations, storage, sources."""
    ARRANGE = "arrange"
    """The rota."""
    ADMINISTER = "administer"
    """People and their roles."""
    AUDIT = "audit"
    """Who did what."""


_TEAM = frozenset({Right.READ, Right.NAMES, Right.ANSWER})

RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.STROKE_DOCTOR: _TEAM | {Right.ARRANGE},
    Role.RADIOLOGIST: _TEAM | {Right.JUDGE, Right.SIGN},
    Role.CATH_LAB: _TEAM,
    Role.SENDING_HOSPITAL: frozenset({Right.READ, Right.ANSWER}),
    Role.IT: frozenset({Right.READ, Right.OPERATE, Right.ARRANGE, Right.AUDIT}),
    Role.ADMINISTRATOR: frozenset({Right.READ, Right.ARRANGE, Right.ADMINISTER, Right.AUDIT}),
}
"""Least privilege: whoever keeps the machine running needs no patient's name, and whoever treats needs no audit."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account; `id` is a random UUID, so that it names nobody where it is written down.

    Attributes
    ----------
    login
        What is typed to log in; lower case.
    phone
        E.164, for a call with one tap; empty where none is known.
    """

    id: str
    login: str = field(repr=False)
    name: str = field(repr=False)
    roles: frozenset[Role]
    language: Language = Language.VIETNAMESE
    phone: str = field(default="", repr=False)
    active: bool = True

    @property
    def rights(self) -> frozenset[Right]:
        """What the person may do; nothing without an active account.

        >>> Person("1", "le", "Lê", frozenset({Role.RADIOLOGIST}), active=False).rights
        frozenset()
        """
        granted = (RIGHTS[role] for role in self.roles)
        return frozenset().union(*granted) if self.active else frozenset()


class ActorKind(StrEnum):
    """How somebody came in."""

    SITE = "site"
    """By the site's access token: a machine, or the person who sets the gateway up."""
    PERSON = "person"
    """By an account."""
    LINK = "link"
    """By the link of an alert: one case, without whose it is, and an answer in the name of the person it was sent to."""
    VISITOR = "visitor"
    """By a pass for one study, to read."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever asks; `case_id` is all they may touch, None where every case may be.

    `language` is what they read, None where nobody knows.
    """

    kind: ActorKind
    name: str = field(repr=False)
    rights: frozenset[Right]
    person_id: str | None = None
    case_id: str | None = None
    session_id: str | None = None
    call_id: str | None = None
    language: Language | None = None

    def may(self, right: Right) -> bool:
        """Whether this is allowed.

        >>> SITE.may(Right.ADMINISTER)
        True
        """
        return right in self.rights


SITE = Actor(ActorKind.SITE, "somebody at the console", frozenset(Right))

LINK_RIGHTS = frozenset({Right.READ, Right.ANSWER})
VISITOR_RIGHTS = frozenset({Right.READ, Right.NAMES})


def actor_of_person(person: Person, session_id: str | None = None) -> Actor:
    """A person with all the rights of the roles."""
    return Actor(
        ActorKind.PERSON,
        person.name,
        person.rights,
        person.id,
        session_id=session_id,
        language=person.language,
    )
