"""The written parts of the summary page: the numbers, the notes, and the reason when there are no numbers."""

from collections.abc import Iterator

from triage.types import QualityFlag, Severity, Thresholds, TriageResult
from viewer_bridge.canvas import AMBER, BODY, GREEN, GREY, RED, WHITE, Box, Canvas, Colour
from viewer_bridge.lettering import wrap
from viewer_bridge.tiles import CORE_RGB, HYPOPERFUSED_RGB

SEVERITY_COLOURS = {Severity.INFO: GREY, Severity.WARNING: AMBER, Severity.SEVERE: RED}
SEVERITY_ORDER = (Severity.SEVERE, Severity.WARNING, Severity.INFO)

VOLUME_TABLES = (
    ("Tmax >", "tmax_gt_", " s", (4, 6, 8, 10)),
    ("rCBF <", "rcbf_lt_", " %", (20, 30, 34, 38)),
)
"""Words and keys of the volume tables: label, key prefix in `TriageResult.volumes_ml`, unit, cut-offs."""

NOT_SHOWN = "--"
"""Stands for a number that does not exist or must not be trusted."""

NOTE_SIZE_PX = 16
CARD_PX = 98
CARD_GAP_PX = 18
ROW_PX = 23


def with_unit(value: float | None, decimals: int, unit: str = "") -> str:
    """Print a number, or `NOT_SHOWN`.

    Examples
    --------
    >>> with_unit(12.345, 1, " ml"), with_unit(None, 1)
    ('12.3 ml', '--')
    """
    return NOT_SHOWN if value is None else f"{value:.{decimals}f}{unit}"


def numbers_panel(canvas: Canvas, box: Box, result: TriageResult) -> None:
    """Write the four numbers that decide, then the volumes behind them; none of them when untrusted."""
    row = box.top
    if not result.trusted:
        row = canvas.paragraph(
            Box(box.left, row, box.width, 0),
            "NUMBERS NOT SHOWN: a severe quality problem makes them unreliable. Read the images.",
            19,
            RED,
        )
        row += CARD_GAP_PX
    for label, value, colour, swatch in _cards(result):
        _card(canvas, Box(box.left, row, box.width, CARD_PX), label, value, colour, swatch)
        row += CARD_PX
    if result.trusted:
        _details(canvas, Box(box.left, row + 8, box.width, box.bottom - row - 8), result)


def _cards(result: TriageResult) -> Iterator[tuple[str, str, Colour, Colour | None]]:
    cut = Thresholds()
    core, risk, mismatch, ratio = (
        (result.core_ml, result.hypoperfused_ml, result.mismatch_ml, result.mismatch_ratio)
        if result.trusted
        else (None, None, None, None)
    )
    yield f"Core   rCBF < {cut.core_relative_cbf:.0%}", with_unit(core, 1, " ml"), RED, CORE_RGB
    yield (
        f"Hypoperfused   Tmax > {cut.hypoperfused_tmax_s:g} s",
        with_unit(risk, 1, " ml"),
        GREEN,
        HYPOPERFUSED_RGB,
    )
    yield "Mismatch volume", with_unit(mismatch, 1, " ml"), WHITE, None
    no_core = result.trusted and ratio is None
    yield f"Mismatch ratio{'   (undefined: no core)' if no_core else ''}", with_unit(ratio, 1), WHITE, None


def _card(canvas: Canvas, box: Box, label: str, value: str, colour: Colour, swatch: Colour | None) -> None:
    indent = 0
    if swatch:
        canvas.rule(Box(box.left, box.top + 5, 12, 12), swatch)
        indent = 20
    canvas.text((box.left + indent, box.top), label, 17, GREY)
    canvas.text((box.left, box.top + 74), value, 46, colour, "ls")
    canvas.rule(Box(box.left, box.top + CARD_PX - 10, box.width, 1))


def _details(canvas: Canvas, box: Box, result: TriageResult) -> None:
    """Volumes at the other cut-offs, collateral indices and model volumes."""
    row = box.top
    for pair in _volume_rows(result):
        for column, (label, value) in enumerate(pair):
            left = box.left + column * (box.width // 2 + 6)
            _pair(canvas, Box(left, row, box.width // 2 - 6, ROW_PX), label, value)
        row += ROW_PX
    row += 10
    for label, value in _index_rows(result):
        if row + ROW_PX > box.bottom:
            break
        _pair(canvas, Box(box.left, row, box.width, ROW_PX), label, value)
        row += ROW_PX


def _pair(canvas: Canvas, box: Box, label: str, value: str) -> None:
    canvas.text((box.left, box.top), label, 16, GREY)
    canvas.text((box.right, box.top), value, 16, WHITE, "ra")


def _volume_rows(result: TriageResult) -> Iterator[list[tuple[str, str]]]:
    columns = [
        [(f"{words} {cut}{unit}", with_unit(result.volumes_ml.get(f"{key}{cut}"), 1)) for cut in cuts]
        for words, key, unit, cuts in VOLUME_TABLES
    ]
    yield [("volumes in ml", ""), ("", "")]
    yield from (list(pair) for pair in zip(*columns, strict=True))


def _index_rows(result: TriageResult) -> Iterator[tuple[str, str]]:
    yield "Hypoperfusion intensity ratio", with_unit(result.hypoperfusion_intensity_ratio, 2)
    yield "CBV index", with_unit(result.cbv_index, 2)
    for model in result.models:
        if model.core_ml is not None:
            yield f"{model.name} {model.version}", with_unit(model.core_ml, 1, " ml")


def notes(canvas: Canvas, box: Box, result: TriageResult) -> None:
    """Write quality flags, gravest first, then trial criteria; what does not fit is counted, never dropped."""
    lines = [
        (line, colour)
        for words, colour in _note_texts(result)
        for line in wrap(words, NOTE_SIZE_PX, box.width)
    ]
    step = round(NOTE_SIZE_PX * 1.35)
    room = box.height // step
    if len(lines) > room:
        hidden = len(lines) - room + 1
        lines = [*lines[: room - 1], (f"... and {hidden} more lines in the report", AMBER)]
    for number, (line, colour) in enumerate(lines):
        canvas.text((box.left, box.top + number * step), line, NOTE_SIZE_PX, colour)


def _note_texts(result: TriageResult) -> Iterator[tuple[str, Colour]]:
    flags = sorted(result.quality, key=_gravity)
    if not flags:
        yield "Quality: no remark.", GREY
    for flag in flags:
        yield f"{flag.severity.upper()}: {flag.text}", SEVERITY_COLOURS[flag.severity]
    if result.trusted:
        for criterion in result.criteria.values():
            yield criterion.text, WHITE


def _gravity(flag: QualityFlag) -> int:
    return SEVERITY_ORDER.index(flag.severity)


def refusal(canvas: Canvas, result: TriageResult) -> None:
    """Say in large letters that there is no analysis, why, and what to do."""
    middle = BODY.top + 190
    canvas.rule(Box(BODY.left, middle, 6, 250), AMBER)
    left, width = BODY.left + 36, BODY.width - 72
    canvas.text((left, middle), "NOT ANALYSED", 58, AMBER)
    row = canvas.paragraph(
        Box(left, middle + 92, width, 0), result.reason or "no reason given", 28, WHITE, most_lines=5
    )
    canvas.text((left, row + 24), "Look at the images.", 28, WHITE)
    notes(canvas, Box(left, row + 96, width, BODY.bottom - row - 96), result)


def provenance(result: TriageResult, software_version: str) -> str:
    """Footer of every page: which software, which series; a UID, never a person."""
    version = software_version or result.versions.get("stroke-gateway", "unknown version")
    return f"stroke-gateway {version}     CT perfusion series {result.series_uid or 'without UID'}"
