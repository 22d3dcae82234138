"""What is told to people: the words of one alert, whoever gets it and by whichever channel."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from triage.results import Side
from viewer_bridge.report.wording.language import Language

TAG_LENGTH = 32
"""Characters of a tag: the longest topic that push services take (RFC 8030, 5.4)."""


class NoticeKind(StrEnum):
    """Why somebody is told."""

    ALERT = "alert"
    """A result, for the first time."""
    REVISED = "revised"
    """Another result in place of the one that was told."""
    RECALLED = "recalled"
    """What was told stands no longer."""
    NOT_ANALYSED = "not_analysed"
    """A scan without a result, and why."""
    UNAVAILABLE = "unavailable"
    """Nothing is analysed at all at the moment."""
    ESCALATED = "escalated"
    """Others were told before, and nobody has answered."""
    HANDED = "handed"
    """Whoever has the case asks this person to take it."""
    REPEAT = "repeat"
    """The same once more, quietly."""
    TAKEN = "taken"
    """Somebody has the case."""
    TROUBLE = "trouble"
    """Something of the gateway's own needs a person."""
    TEST = "test"
    """No patient: somebody tries a channel."""


QUIET = frozenset({NoticeKind.REPEAT, NoticeKind.TAKEN, NoticeKind.RECALLED, NoticeKind.TEST})
"""Kinds that wake nobody."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What somebody reads: no name, no number of a patient, no date of birth and no UID.

    Attributes
    ----------
    headline
        What a lock screen shows: class and side in at most 60 characters.
    lines
        The body, one sentence each.
    tag
        Opaque, at most 32 characters of the URL-safe alphabet: a newer notice of the same tag takes the place of the
        former one.
    urgent
        Whether it may make a noise.
    side, numbers
        None and empty unless the numbers can be trusted.
    lights
        ``quality`` and ``agreement`` as ``good``, ``warning``, ``severe`` or ``none``.
    supersedes
        The revision that the team was told before and this one takes the place of.
    change
        Why it rings again, in words.
    last_image_at
        ISO 8601, or None when no image time is known.
    origin
        The hospital that has analysed the case and handed it over; None for our own.
    """

    kind: NoticeKind
    language: Language
    headline: str
    lines: tuple[str, ...]
    link: str
    tag: str
    disclaimer: str
    urgent: bool = True
    case_id: str | None = None
    revision: int | None = None
    side: Side | None = None
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    lights: Mapping[str, str] = field(default_factory=dict)
    last_image_at: str | None = None
    supersedes: int | None = None
    change: tuple[str, ...] = ()
    origin: str | None = None

    @property
    def body(self) -> str:
        """The lines, the link and the disclaimer, one under the other."""
        return "\n".join((*self.lines, self.link, self.disclaimer))

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for ``json.dumps``."""
        return {
            **asdict(self),
            "lines": list(self.lines),
            "numbers": dict(self.numbers),
            "lights": dict(self.lights),
            "change": list(self.change),
        }


def tag_of(subject: str) -> str:
    """Tag of everything that is told about one subject, such as a case: opaque, and the same each time.

    >>> len(tag_of("5f2c")) == TAG_LENGTH, tag_of("5f2c") == tag_of("5f2c")
    (True, True)
    """
    digest = hashlib.sha256(subject.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:TAG_LENGTH]
