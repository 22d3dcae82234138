r"""Delimiters and escape sequences of HL7 v2.

References
----------
HL7 v2.5.1, 2.5.4 (delimiters) and 2.7 (escape sequences); v2.7 adds ``\P\``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_BREAKS = {"br": "\n", "sp": "\n"}
"""Formatting commands that end a line; indents, fills and centring have no letters."""


@dataclass(frozen=True, slots=True)
class Delimiters:
    """MSH-1 and MSH-2; an escape that is not declared does not exist."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""


def unescaped(text: str, delimiters: Delimiters, codec: str = "utf-8") -> str:
    r"""Text of a component with its escape sequences resolved; what is no escape sequence stays as it is written.

    >>> unescaped(r"a\F\b\X0A\c \T\ \E\.br\E\ C:\dir", Delimiters())
    'a|b\nc & \\.br\\ C:\\dir'
    """
    if not delimiters.escape or delimiters.escape not in text:
        return text
    meanings = _meanings(delimiters)

    def meaning(found: re.Match[str]) -> str:
        body = found[1]
        if body in meanings:
            return meanings[body]
        if body.startswith("X"):
            return _from_bytes(bytes.fromhex(body[1:]), codec)
        if body.startswith("."):
            return _BREAKS.get(body[1:3], "")
        return found[0]

    return _sequences(delimiters.escape).sub(meaning, text)


@lru_cache(maxsize=64)
def _sequences(escape: str) -> re.Pattern[str]:
    mark = re.escape(escape)
    commands = r"\.(?:br|sp|in|ti|fi|nf|ce|sk)[+-]?\d{0,4}"
    return re.compile(f"{mark}([FSTREPHN]|X(?:[0-9A-Fa-f]{{2}})+|{commands}){mark}")


@lru_cache(maxsize=64)
def _meanings(delimiters: Delimiters) -> Mapping[str, str]:
    return {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        "P": delimiters.truncation or "#",
        "H": "",
        "N": "",
    }


def _from_bytes(raw: bytes, codec: str) -> str:
    """Letters that a sender wrote as numbers: in the message's own character set, else one by one."""
    try:
        return raw.decode(codec)
    except UnicodeError:
        return raw.decode("latin-1")
