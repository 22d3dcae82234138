"""Writing HL7 v2: delimiters, escape sequences, segments, names, times and files.

References
----------
HL7 v2.5.1, 2.5.4 (delimiters), 2.7 (escape sequences), 2.A.24 (ED), 2.A.77 (TS), 2.A.88 (XPN); tables 0191 and 0299.
DICOM PS3.5 6.2.1.2 (person names).
"""

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime

from triage.errors import InputError

FIELD, COMPONENT, REPETITION, ESCAPE, SUBCOMPONENT = "|", "^", "~", "\\", "&"
SEGMENT_END = "\r"
DELIMITERS = COMPONENT + REPETITION + ESCAPE + SUBCOMPONENT
"""MSH-2."""

_ESCAPED = str.maketrans(
    {
        **dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}"),
        **{code: f"\\X{code:02X}\\" for code in (*range(0x20), 0x7F)},
        FIELD: "\\F\\",
        COMPONENT: "\\S\\",
        REPETITION: "\\R\\",
        ESCAPE: "\\E\\",
        SUBCOMPONENT: "\\T\\",
    }
)
"""Delimiters and control characters to their escape sequences; halves of surrogate pairs, which no encoding carries,
to a replacement character."""

LINE_BREAK = "\\.br\\"
"""Begins a new line in TX and FT values."""

REPRESENTATIONS = ("A", "I", "P")
"""XPN-8 of the three groups of a DICOM name: alphabetic, ideographic, phonetic (HL7 table 0465)."""

LEGAL_NAME = "L"
"""XPN-7 (HL7 table 0200)."""

UNKNOWN_NAME = "^^^^^^U"
"""An XPN that says the name is not known (HL7 table 0200)."""


def escaped(text: str) -> str:
    r"""Text as one component: delimiters and control characters become escape sequences, other letters stay.

    >>> print(escaped("a|b&c"), escaped("NGUYỄN"), escaped("two\nlines"))
    a\F\b\T\c NGUYỄN two\X0A\lines
    """
    return text.translate(_ESCAPED)


def escaped_lines(text: str) -> str:
    r"""Text as one TX or FT value: line ends become ``\.br\``.

    >>> print(escaped_lines("two\r\nlines"))
    two\.br\lines
    """
    return LINE_BREAK.join(
        escaped(line) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    )


def coded(code: str, text: str, scheme: str) -> str:
    """CE or CWE of a code, its text and the scheme it belongs to."""
    return COMPONENT.join((escaped(code), escaped(text), escaped(scheme)))


def person_name(name: str) -> str:
    """XPN repetitions of a DICOM person name; suffix and prefix change places, each group says how it is written.

    >>> person_name("NGUYỄN^VĂN A^^BS")
    'NGUYỄN^VĂN A^^^BS^^L^A'
    >>> person_name("")
    '^^^^^^U'
    """
    groups = zip(REPRESENTATIONS, name.split("="), strict=False)
    written = [_xpn(group, representation) for representation, group in groups if group.strip("^ ")]
    return REPETITION.join(written) or UNKNOWN_NAME


def _xpn(group: str, representation: str) -> str:
    family, given, middle, prefix, suffix, *_ = [
        *(part.strip() for part in group.split("^")),
        "",
        "",
        "",
        "",
        "",
    ]
    parts = (family, given, middle, suffix, prefix, "", LEGAL_NAME, representation)
    return COMPONENT.join(escaped(part) for part in parts)


def timestamp(moment: datetime) -> str:
    """TS with milliseconds and zone.

    Raises
    ------
    InputError
        The time carries no zone: an hour's error in a stroke record is not acceptable.

    Examples
    --------
    >>> timestamp(datetime.fromisoformat("2026-01-02T03:04:05.678+07:00"))
    '20260102030405.678+0700'
    """
    if moment.tzinfo is None:
        raise InputError("times in a message need a time zone")
    return f"{moment:%Y%m%d%H%M%S}.{moment.microsecond // 1000:03d}{moment:%z}"


def segment(name: str, fields: Mapping[int, str]) -> str:
    """A segment from the fields that have a value; these are in HL7's text already.

    >>> segment("NTE", {1: "1", 3: "text"})
    'NTE|1||text'
    """
    return FIELD.join((name, *(fields.get(place, "") for place in range(1, max(fields) + 1))))


def message(segments: Iterable[str]) -> str:
    """A message of its segments, each ended by a carriage return."""
    return "".join(one + SEGMENT_END for one in segments)


def attached_pdf(content: bytes) -> str:
    """ED of a PDF file: application data, in base 64, which holds no delimiter.

    >>> attached_pdf(b"%PDF-1.7")
    '^AP^PDF^Base64^JVBERi0xLjc='
    """
    return COMPONENT.join(("", "AP", "PDF", "Base64", base64.b64encode(content).decode("ascii")))
