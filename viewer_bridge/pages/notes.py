"""The notes below the pictures: how far to trust the numbers, what would turn them, what other methods say."""

import re
from collections.abc import Iterator, Sequence

from triage.results import Agreement, Criterion, Severity, TriageResult
from viewer_bridge.figures import AGREEMENTS, shown_flags, two_cores
from viewer_bridge.pages.canvas import AMBER, GREEN, GREY, RED, WHITE, Box, Canvas, Colour
from viewer_bridge.pages.lettering import wrap

NOTE_SIZE_PX = 15
STEP_PX = round(NOTE_SIZE_PX * 1.35)
FEWEST_LINES, MOST_LINES = 5, 11
"""Room for the notes: the pictures get what they do not need, and never less than three quarters of the page."""

CITATION = re.compile(r" \([^()]*\b(?:19|20)\d\d, [^()]*\)$")
"""A trial's publication at the end of its sentence; the report has room for it."""

SEVERITY_COLOURS = {Severity.INFO: GREY, Severity.WARNING: AMBER, Severity.SEVERE: RED}

LIGHTS = {Agreement.AGREE: GREEN, Agreement.DIFFER: AMBER, Agreement.CONTRADICT: RED}
"""Colours of a network's light; the word always stands beside."""

Line = tuple[str, Colour]


def note_lines(result: TriageResult, width_px: int) -> list[Line]:
    """Every note, wrapped: what warns first, remarks last."""
    return [
        (line, colour) for words, colour in _texts(result) for line in wrap(words, NOTE_SIZE_PX, width_px)
    ]


def notes_height(lines: Sequence[Line]) -> int:
    """Pixels that the notes may take."""
    return STEP_PX * min(max(len(lines), FEWEST_LINES), MOST_LINES)


def write_notes(canvas: Canvas, box: Box, lines: Sequence[Line]) -> None:
    """Write the lines; those that do not fit are counted, never dropped."""
    room = box.height // STEP_PX
    if len(lines) > room:
        hidden = len(lines) - room + 1
        lines = [*lines[: room - 1], (f"… and {hidden} more lines in the report", AMBER)]
    for number, (line, colour) in enumerate(lines):
        canvas.text((box.left, box.top + number * STEP_PX), line, NOTE_SIZE_PX, colour)


def _texts(result: TriageResult) -> Iterator[Line]:
    if result.trusted:
        yield from _opposed(result)
    yield from _flags(result, Severity.SEVERE, Severity.WARNING)
    if result.trusted:
        yield from (_differing(name, text) for name, text in _opinions(result, agrees=False))
        yield from map(_judged, sorted(result.criteria.values(), key=_urgency))
        yield from ((f"{name}: {text}", GREY) for name, text in _opinions(result, agrees=True))
    if result.trusted and result.reference:
        yield f"Compared with: {result.reference}", GREY
    yield from _flags(result, Severity.INFO)
    if not result.quality:
        yield "Quality: no remark.", GREY


def _flags(result: TriageResult, *severities: Severity) -> Iterator[Line]:
    for flag in shown_flags(result):
        if flag.severity in severities:
            yield f"{flag.severity.upper()}: {flag.text}", SEVERITY_COLOURS[flag.severity]


def _opinions(result: TriageResult, *, agrees: bool) -> Iterator[tuple[str, str]]:
    return ((opinion.name, opinion.text) for opinion in result.opinions if opinion.agrees is agrees)


def _differing(name: str, text: str) -> Line:
    return f"METHODS DIFFER: {name}: {text}", AMBER


def _opposed(result: TriageResult) -> Iterator[Line]:
    """Networks that do not agree, with both cores and the reason."""
    for model in result.networks:
        if model.agreement is not None and model.agreement is not Agreement.AGREE:
            word = AGREEMENTS[model.agreement].upper()
            yield f"NETWORK {word}: {two_cores(result, model)}: {model.text}", LIGHTS[model.agreement]


def _urgency(criterion: Criterion) -> tuple[bool, bool]:
    """What is uncertain is read first, what is plainly not met last."""
    return criterion.certain, not criterion.met


def _judged(criterion: Criterion) -> Line:
    """The rule, where it turns, and whether that is within what was measured."""
    doubt = "" if criterion.certain else ", inside the 90 % interval"
    turns = f". Changes if {criterion.changes_if}{doubt}" if criterion.changes_if else ""
    text = f"{CITATION.sub('', criterion.text.rstrip('.'))}{turns}."
    return (text, WHITE) if criterion.certain else (f"UNCERTAIN: {text}", AMBER)
