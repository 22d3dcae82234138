r"""HL7 v2.x text, read tolerantly: a message's own delimiters, every escape, segments repeated, missing or broken.

The package ``hl7`` serves as an independent peer in the tests and not here: it knows no character set, leaves several
escapes as they stand, and reads every field of a message before it can be told that there are too many.

References
----------
HL7 v2.5.1, 2.5 (delimiters, segments, fields), 2.7 (escape sequences), 2.15.9 (MSH); v2.7 adds ``\P\``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.hl7.escapes import Delimiters, unescaped
from gateway.hl7.letters import Letters, read_letters
from triage.errors import InputError

LARGEST_MESSAGE_BYTES = 4 << 20
"""An order takes a few kilobytes; one with a scanned form takes a megabyte."""
MOST_SEGMENTS = 2000
MOST_FIELDS = 300
"""Of one segment; the longest of version 2.9 has 52."""
MOST_REPETITIONS = 100
LONGEST_FIELD = 65_536
"""Letters of a field that is read (2.5.3 allows this many); longer ones are left alone unless somebody asks for them."""

SEGMENT_SEQUENCE, REQUIRED_FIELD, DATA_TYPE, TABLE_VALUE = "100", "101", "102", "103"
"""Conditions of HL7 table 0357 that concern a message's text."""

NULL = '""'
"""A field that says: delete what you have."""

_ENVELOPE = frozenset({"FHS", "BHS", "BTS", "FTS"})


class MessageError(InputError):
    """A message that cannot be taken; `condition` is of HL7 table 0357 and `place` is ERR-2.

    What it says names nobody.
    """

    def __init__(self, reason: str, condition: str, place: str = "") -> None:
        super().__init__(reason)
        self.condition = condition
        self.place = place


@dataclass(frozen=True, slots=True)
class Repetition:
    """One repetition of a field, as written."""

    raw: str = field(repr=False)
    delimiters: Delimiters
    codec: str

    def text(self, component: int = 1, subcomponent: int = 1) -> str:
        """A component in letters, without blanks around it; empty where there is none."""
        return self.exact(component, subcomponent).strip()

    def exact(self, component: int = 1, subcomponent: int = 1) -> str:
        """As `text`, with its blanks."""
        part = _part(
            _part(self.raw, self.delimiters.component, component), self.delimiters.subcomponent, subcomponent
        )
        return unescaped(part, self.delimiters, self.codec)

    def whole(self) -> str:
        """All of it in letters, delimiters as they stand: for free text of senders that do not escape."""
        return unescaped(self.raw, self.delimiters, self.codec).strip()

    @property
    def is_null(self) -> bool:
        """Whether it says that there is no value any more."""
        return self.raw.strip() == NULL

    def components(self) -> tuple[str, ...]:
        """Every component in letters, the first subcomponent of each."""
        parts = self.raw.split(self.delimiters.component)
        return tuple(self.text(number) for number in range(1, len(parts) + 1))


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment; `number` counts those of its name from 1."""

    name: str
    number: int
    fields: Sequence[str] = field(repr=False)
    delimiters: Delimiters
    codec: str

    @property
    def present(self) -> bool:
        """Whether the message has it."""
        return bool(self.fields)

    def place(self, position: int) -> str:
        """ERR-2 of a field.

        >>> Segment("PID", 1, (), Delimiters(), "utf-8").place(3)
        'PID^1^3'
        """
        return f"{self.name}^{max(self.number, 1)}^{position}"

    def repetitions(self, position: int) -> tuple[Repetition, ...]:
        """Repetitions of a field that are not empty.

        Raises
        ------
        MessageError
            The field is longer than `LONGEST_FIELD` or repeats more often than `MOST_REPETITIONS`.
        """
        raw = self.fields[position] if 0 < position < len(self.fields) else ""
        if len(raw) > LONGEST_FIELD:
            raise MessageError(
                f"{self.name}-{position} is longer than {LONGEST_FIELD} letters",
                DATA_TYPE,
                self.place(position),
            )
        parts = raw.split(self.delimiters.repetition) if self.delimiters.repetition else [raw]
        if len(parts) > MOST_REPETITIONS:
            raise MessageError(
                f"{self.name}-{position} repeats more than {MOST_REPETITIONS} times",
                DATA_TYPE,
                self.place(position),
            )
        return tuple(Repetition(part, self.delimiters, self.codec) for part in parts if part)

    def field(self, position: int) -> tuple[str, ...]:
        """Components of a field's first repetition, in letters; empty where there is none."""
        found = self.repetitions(position)
        return found[0].components() if found else ()

    def text(self, position: int, component: int = 1, subcomponent: int = 1) -> str:
        """One component of a field's first repetition in letters; the null value reads as empty."""
        found = self.repetitions(position)
        value = found[0].text(component, subcomponent) if found else ""
        return "" if value == NULL else value

    def whole(self, position: int) -> str:
        """A field's first repetition as free text."""
        found = self.repetitions(position)
        return found[0].whole() if found and not found[0].is_null else ""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that could be read; what its fields mean is for others to judge.

    Attributes
    ----------
    remarks
        What was unusual and what was decided, in words that name nobody.
    """

    raw: bytes = field(repr=False)
    segments: tuple[Segment, ...] = field(repr=False)
    delimiters: Delimiters
    letters: Letters
    remarks: tuple[str, ...] = ()

    def first(self, name: str) -> Segment:
        """The first segment of a name; one without fields where there is none."""
        found = (segment for segment in self.segments if segment.name == name)
        return next(found, Segment(name, 0, (), self.delimiters, self.letters.codec))

    def all(self, name: str) -> tuple[Segment, ...]:
        """Every segment of a name, in their order."""
        return tuple(segment for segment in self.segments if segment.name == name)

    @property
    def type(self) -> str:
        r"""Message type and trigger.

        >>> read(b"MSH|^~\\&|||||||ORM^O01|1").type
        'ORM^O01'
        """
        return "^".join(self.first("MSH").field(9)[:2])

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.first("MSH").text(10)

    @property
    def sender(self) -> str:
        """Application and facility that sent it, MSH-3 and MSH-4."""
        header = self.first("MSH")
        return f"{header.text(3)}|{header.text(4)}"


def read(raw: bytes, undeclared: str = "windows-1252", largest_bytes: int = LARGEST_MESSAGE_BYTES) -> Message:
    """Read a message, without the marks of its frame.

    Parameters
    ----------
    undeclared
        As in `gateway.hl7.letters.read_letters`.

    Raises
    ------
    MessageError
        It is no HL7 v2 message, or larger than the bounds above.
    """
    if len(raw) > largest_bytes:
        raise MessageError(f"the message is larger than {largest_bytes} bytes", DATA_TYPE)
    letters = read_letters(raw, undeclared)
    lines, remarks = _lines(letters.text)
    if not lines or not lines[0].startswith("MSH"):
        raise MessageError("this is no HL7 v2 message: it does not begin with MSH", SEGMENT_SEQUENCE, "MSH^1")
    if sum(line.startswith("MSH") for line in lines) > 1:
        raise MessageError(
            "several messages in one frame: send each in a frame of its own", SEGMENT_SEQUENCE, "MSH^2"
        )
    delimiters = _delimiters(lines[0])
    segments = _segments(lines, delimiters, letters.codec)
    return Message(raw, segments, delimiters, letters, (*letters.remarks, *remarks))


def _lines(text: str) -> tuple[list[str], tuple[str, ...]]:
    """Segments as text; a line that cannot be one belongs to the segment before it."""
    text = text.strip("\r\n\0\t ")
    ends = "\r" if "\r" in text else "\n"
    remarks = ["segments end with line feeds"] if ends == "\n" and "\n" in text else []
    begins = re.compile(f"[A-Z][A-Z0-9]{{2}}({re.escape(text[3:4])}|$)")
    lines: list[list[str]] = []
    broken = 0
    for line in filter(None, (line.strip("\n") for line in text.split(ends))):
        if begins.match(line) or not lines:
            lines.append([line])
        else:
            lines[-1].append(line)
            broken += 1
        if len(lines) + broken > MOST_SEGMENTS:
            raise MessageError(f"the message has more than {MOST_SEGMENTS} segments", SEGMENT_SEQUENCE)
    remarks += ["a field has line breaks that are not escaped"] if broken else []
    whole = ("\n".join(parts) for parts in lines)
    return [line for line in whole if line[:3] not in _ENVELOPE], tuple(remarks)


def _delimiters(header: str) -> Delimiters:
    separator = header[3:4]
    declared = header[4:].split(separator, maxsplit=1)[0] if separator else ""
    marks = separator + declared
    usable = (
        len(marks) >= 2
        and len(set(marks)) == len(marks)
        and not any(m.isalnum() or m.isspace() for m in marks)
    )
    if not usable or len(marks) > 6:
        raise MessageError("MSH-1 and MSH-2 are not five different marks", DATA_TYPE, "MSH^1^2")
    return Delimiters(*marks, *[""] * (6 - len(marks)))


def _segments(lines: Sequence[str], delimiters: Delimiters, codec: str) -> tuple[Segment, ...]:
    counts: dict[str, int] = {}
    found = []
    for line in lines:
        name = line[:3]
        counts[name] = counts.get(name, 0) + 1
        fields = line.split(delimiters.field)
        if len(fields) > MOST_FIELDS:
            raise MessageError(
                f"a segment {name} has more than {MOST_FIELDS} fields", DATA_TYPE, f"{name}^{counts[name]}"
            )
        if name == "MSH":
            fields.insert(1, delimiters.field)  # MSH-1 is the separator itself
        found.append(Segment(name, counts[name], tuple(fields), delimiters, codec))
    return tuple(found)


def _part(text: str, separator: str, number: int) -> str:
    parts = text.split(separator, number) if separator else [text]
    return parts[number - 1] if number <= len(parts) else ""
