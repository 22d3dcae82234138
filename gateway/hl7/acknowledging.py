"""The answer to a message: accepted, in error or rejected, why, and which place in it is meant.

An answer carries nothing from the message but who sent it and its control id, so it names nobody.

References
----------
HL7 v2.5.1, 2.9.2 and 2.9.3 (original and enhanced mode), 2.15.5 (ERR), 2.15.8 (MSA); tables 0008, 0155, 0357, 0516.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from gateway.hl7.grammar import Message

CONDITIONS = {
    "0": "Message accepted",
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}
"""HL7 table 0357."""

REJECTED = frozenset({"100", "200", "201", "202", "203", "206", "207"})
"""Conditions that are not about what the message says: the sender's system has to look, or to try again."""

WITH_ERR = ("2.5", "2.6", "2.7", "2.8", "2.9")
"""Versions in which ERR says it in fields of its own; before, MSA-6 and ERR-1 do."""

_DELIMITERS = "^~\\&"
_LONGEST_TEXT = 80
_CONTROL_ID_BYTES = 10


class Verdict(StrEnum):
    """What an acknowledgement says (table 0008, original mode)."""

    ACCEPT = "AA"
    ERROR = "AE"
    REJECT = "AR"

    @classmethod
    def of(cls, condition: str) -> "Verdict":
        """The verdict that belongs to a condition.

        >>> Verdict.of("0").value, Verdict.of("204").value, Verdict.of("200").value
        ('AA', 'AE', 'AR')
        """
        if condition in {"", "0"}:
            return cls.ACCEPT
        return cls.REJECT if condition in REJECTED else cls.ERROR


@dataclass(frozen=True, slots=True)
class Answer:
    """What to say: a condition of table 0357 ("0": accepted), its place (ERR-2) and one sentence without a person."""

    condition: str = "0"
    place: str = ""
    text: str = ""

    @property
    def verdict(self) -> Verdict:
        """AA, AE or AR."""
        return Verdict.of(self.condition)


def acknowledgement(message: Message | None, answer: Answer, now: datetime) -> bytes:
    """Write the answer to a message in its own letters; None stands for something that could not be read.

    Returns
    -------
    Empty when the sender has asked for no answer of this kind (MSH-15 and MSH-16).
    """
    code = _code(message, answer.verdict)
    if code is None:
        return b""
    accepted = answer.verdict is Verdict.ACCEPT
    version = (message.first("MSH").text(12) if message else "") or "2.5.1"
    modern = version.startswith(WITH_ERR)
    control_id = message.first("MSH").repetitions(10)[:1] if message else ()
    # As it was written: the sender compares it with what it has sent.
    original = control_id[0].raw if control_id and message else ""
    text = "" if accepted else _plain(answer.text)
    segments = [
        _header(message, version, now),
        "|".join(["MSA", code, original, text] + ([] if modern or accepted else ["", "", answer.condition])),
        *([] if accepted else [_error(answer, text, modern=modern)]),
    ]
    written = "".join(segment + "\r" for segment in segments)
    return written.encode(message.letters.codec if message else "utf-8", "replace")


def _code(message: Message | None, verdict: Verdict) -> str | None:
    """MSA-1: by the original mode, or by what MSH-15 and MSH-16 ask for; None where nothing is to be said."""
    header = message.first("MSH") if message else None
    accept, application = (header.text(15), header.text(16)) if header else ("", "")
    if not accept and not application:
        return verdict.value
    wanted = {"AL": True, "ER": verdict is not Verdict.ACCEPT, "SU": verdict is Verdict.ACCEPT}
    if wanted.get(accept, False):
        return verdict.value.replace("A", "C", 1)
    return verdict.value if wanted.get(application, not accept) else None


def _header(message: Message | None, version: str, now: datetime) -> str:
    fields = ["MSH", _DELIMITERS, "STROKEGW", "", "", "", f"{now.astimezone(UTC):%Y%m%d%H%M%S}+0000", "", "ACK",
              secrets.token_hex(_CONTROL_ID_BYTES), "P", version]  # fmt: skip
    if message is None:
        return "|".join(fields)
    theirs = message.first("MSH")
    for ours, their in ((2, 5), (3, 6), (4, 3), (5, 4)):
        fields[ours] = _plain(theirs.text(their)) or fields[ours]
    trigger = _plain(theirs.text(9, 2))
    fields[8] = f"ACK^{trigger}^ACK" if trigger and version.startswith(WITH_ERR) else "ACK"
    fields[10] = _plain(theirs.text(11)) or "P"
    fields[11] = _plain(version)
    return "|".join([*fields, "", "", "", "", "", message.letters.declared]).rstrip("|")


def _error(answer: Answer, text: str, *, modern: bool) -> str:
    known = CONDITIONS.get(answer.condition, "")
    coded = f"{answer.condition}^{known}^HL70357"
    if modern:
        return f"ERR||{answer.place}|{coded}|E||||{text}"
    segment, number, position = [*answer.place.split("^"), "", "", ""][:3]
    return f"ERR|{segment}^{number}^{position}^{coded.replace('^', '&')}"


def _plain(text: str) -> str:
    """Text that needs no escape: answers go to systems of every age.

    >>> _plain("a|b^c")
    'a b c'
    """
    return "".join(" " if mark in "|^~\\&" or not mark.isprintable() else mark for mark in text)[
        :_LONGEST_TEXT
    ].strip()
