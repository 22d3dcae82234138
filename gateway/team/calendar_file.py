"""One's own duties as a calendar that phones and desks read.

References
----------
RFC 5545: 3.1 (lines end in CRLF and are folded at 75 octets), 3.3.5 (times in UTC end in Z), 3.3.11 (escapes),
3.6.1 (events), 3.8.4.7 (identifiers), 3.8.7.2 (DTSTAMP). RFC 7986, 5.7 (how often to ask again).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.team.people import Role
from gateway.team.rota import Turn

MEDIA_TYPE = "text/calendar; charset=utf-8"
LONGEST_LINE = 75
"""Octets, without the line's end (RFC 5545, 3.1)."""
_IDENTIFIER_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Words:
    """What the calendar is called, and a duty of each role."""

    title: str
    duties: Mapping[Role, str]


def calendar(turns: Iterable[Turn], site: str, now: datetime, words: Words) -> str:
    """The file; a duty keeps its identifier, so that a calendar which reads it again moves it instead of adding one.

    Nobody is named in it: it is read by one person, and lies on servers of others.
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//stroke-gateway//duties//EN", "CALSCALE:GREGORIAN"]
    lines += [f"X-WR-CALNAME:{_escaped(f'{words.title}, {site}')}"]
    for turn in turns:
        lines += _event(turn, site, now, words)
    return "".join(f"{folded}\r\n" for line in [*lines, "END:VCALENDAR"] for folded in _folded(line))


def _event(turn: Turn, site: str, now: datetime, words: Words) -> list[str]:
    return [
        "BEGIN:VEVENT",
        f"UID:{_identifier(turn)}@stroke-gateway",
        f"DTSTAMP:{_utc(now)}",
        f"DTSTART:{_utc(turn.starts)}",
        f"DTEND:{_utc(turn.ends)}",
        f"SUMMARY:{_escaped(words.duties[turn.role])}",
        f"LOCATION:{_escaped(site)}",
        "TRANSP:OPAQUE",
        "END:VEVENT",
    ]


def _identifier(turn: Turn) -> str:
    text = f"{turn.role}|{turn.person_id}|{_utc(turn.starts)}"
    return hashlib.sha256(text.encode()).hexdigest()[:_IDENTIFIER_LENGTH]


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    r"""Text as a value (3.3.11); control characters, which end lines, are left out.

    >>> _escaped("a;b,c\\d\r\nEND:VCALENDAR")
    'a\\;b\\,c\\\\dEND:VCALENDAR'
    """
    shown = "".join(letter for letter in text if letter.isprintable())
    return shown.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")


def _folded(line: str) -> Iterator[str]:
    """Pieces of at most 75 octets; all but the first begin with a blank, and no letter is cut in two.

    >>> [len(piece.encode()) for piece in _folded("ế" * 30)]
    [75, 16]
    """
    piece = ""
    for letter in line:
        if len((piece + letter).encode()) > LONGEST_LINE:
            yield piece
            piece = " "
        piece += letter
    yield piece
