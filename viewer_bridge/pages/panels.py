"""The written parts of the summary page beside the notes: the numbers, and the reason when there are none."""

from collections.abc import Iterator
from dataclasses import dataclass

from triage.results import NO_MODEL
from triage.types import Estimator, ModelFinding, Motion, Thresholds, TriageResult
from viewer_bridge.figures import AGREEMENTS, floored, ratio_span, span, territories
from viewer_bridge.pages.canvas import AMBER, BODY, GREEN, GREY, RED, WHITE, Box, Canvas, Colour
from viewer_bridge.pages.lettering import Weight, clip, width_px
from viewer_bridge.pages.notes import LIGHTS, note_lines, write_notes
from viewer_bridge.pages.tiles import CORE_RGB, HYPOPERFUSED_RGB, NETWORK_RGB

VOLUME_TABLES = (
    ("Tmax >", "tmax_gt_", " s", (4, 6, 8, 10)),
    ("rCBF <", "rcbf_lt_", " %", (20, 30, 34, 38)),
)
"""Words and keys of the volume tables: label, key prefix in `TriageResult.volumes_ml`, unit, cut-offs."""

NOT_SHOWN = "--"
"""Stands for a number that does not exist or must not be trusted."""

UNRELIABLE = "NUMBERS NOT SHOWN: a severe quality problem makes them unreliable. Read the images."
NO_VOLUMES = "NO VOLUMES: without an arterial input there is neither flow nor Tmax, only the time to peak. Read the images."

SMALLEST_SHOWN_ML = 0.05
"""A territory with less would be printed as nothing."""

VALUE_SIZE_PX = 46
INTERVAL_SIZE_PX = 20
NETWORK_SIZE_PX = 28
CARD_PX = 98
CARD_GAP_PX = 18
ROW_PX = 23


@dataclass(frozen=True, slots=True)
class Card:
    """One of the numbers that decide: what it is, the figure, its interval, and how it is marked."""

    label: str
    value: str = NOT_SHOWN
    interval: str = ""
    colour: Colour = WHITE
    swatch: Colour | None = None


def with_unit(value: float | None, decimals: int, unit: str = "") -> str:
    """Print a number, or `NOT_SHOWN`.

    Examples
    --------
    >>> with_unit(12.345, 1, " ml"), with_unit(None, 1)
    ('12.3 ml', '--')
    """
    return NOT_SHOWN if value is None else f"{value:.{decimals}f}{unit}"


def numbers_panel(canvas: Canvas, box: Box, result: TriageResult, motion: Motion) -> None:
    """Write the four numbers that decide, then the volumes behind them; none of them when untrusted."""
    row = box.top
    if not result.trusted:
        why = NO_VOLUMES if result.estimator is Estimator.TIME_TO_PEAK else UNRELIABLE
        row = canvas.paragraph(Box(box.left, row, box.width, 0), why, 19, RED) + CARD_GAP_PX
    if result.estimator is Estimator.TIME_TO_PEAK:
        return
    for card in _cards(result):
        _draw_card(canvas, Box(box.left, row, box.width, CARD_PX), card)
        row += CARD_PX
    if result.trusted:
        row = _networks(canvas, Box(box.left, row, box.width, box.bottom - row), result)
        _details(canvas, Box(box.left, row + 4, box.width, box.bottom - row - 4), result, motion)


def _cards(result: TriageResult) -> Iterator[Card]:
    cut = Thresholds()
    core, late = (
        f"Core   rCBF < {cut.core_relative_cbf:.0%}",
        f"Hypoperfused   Tmax > {cut.hypoperfused_tmax_s:g} s",
    )
    yield _volume_card(core, result, "core_ml", RED, CORE_RGB)
    yield _volume_card(late, result, "hypoperfused_ml", GREEN, HYPOPERFUSED_RGB)
    yield _volume_card("Mismatch volume", result, "mismatch_ml", WHITE, None)
    yield _ratio_card(result)


def _volume_card(label: str, result: TriageResult, key: str, colour: Colour, swatch: Colour | None) -> Card:
    if not result.trusted:
        return Card(label, colour=colour, swatch=swatch)
    ends = result.intervals.get(key)
    return Card(label, with_unit(getattr(result, key), 1, " ml"), span(ends) if ends else "", colour, swatch)


def _ratio_card(result: TriageResult) -> Card:
    ratio, ends = result.mismatch_ratio, result.intervals.get("mismatch_ratio")
    if not result.trusted:
        return Card("Mismatch ratio")
    if ratio is None:
        return Card("Mismatch ratio   (undefined: no core)")
    return Card("Mismatch ratio", floored(ratio), ratio_span(ends) if ends else "")


def _draw_card(canvas: Canvas, box: Box, card: Card) -> None:
    """The label above, the figure large, its interval after it."""
    indent = 0
    if card.swatch:
        canvas.rule(Box(box.left, box.top + 5, 12, 12), card.swatch)
        indent = 20
    canvas.text((box.left + indent, box.top), card.label, 17, GREY)
    canvas.text((box.left, box.top + 74), card.value, VALUE_SIZE_PX, card.colour, "ls", Weight.STRONG)
    if card.interval:
        beside = box.left + width_px(card.value, VALUE_SIZE_PX, Weight.STRONG) + 12
        canvas.text((beside, box.top + 74), f"({card.interval})", INTERVAL_SIZE_PX, GREY, "ls")
    canvas.rule(Box(box.left, box.top + CARD_PX - 10, box.width, 1))


def _details(canvas: Canvas, box: Box, result: TriageResult, motion: Motion) -> None:
    """Volumes at the other cut-offs, indices, models, territories; those that do not fit are in the report."""
    row = box.top
    if result.intervals:
        canvas.text((box.left, row), "(in brackets: 90 % interval)", 15, GREY)
        row += ROW_PX
    for pair in _volume_rows(result):
        for column, (label, value) in enumerate(pair):
            left = box.left + column * (box.width // 2 + 6)
            _pair(canvas, Box(left, row, box.width // 2 - 6, ROW_PX), label, value)
        row += ROW_PX
    row += 8
    for label, value, colour in _rows(result, motion):
        if row + ROW_PX > box.bottom:
            break
        _pair(canvas, Box(box.left, row, box.width, ROW_PX), label, value, colour)
        row += ROW_PX


def _pair(canvas: Canvas, box: Box, label: str, value: str, colour: Colour = WHITE) -> None:
    canvas.text((box.left, box.top), clip(label, 16, box.width - width_px(value, 16) - 8), 16, GREY)
    canvas.text((box.right, box.top), value, 16, colour, "ra")


def _volume_rows(result: TriageResult) -> Iterator[list[tuple[str, str]]]:
    columns = [
        [(f"{words} {cut}{unit}", with_unit(result.volumes_ml.get(f"{key}{cut}"), 1)) for cut in cuts]
        for words, key, unit, cuts in VOLUME_TABLES
    ]
    yield [("volumes in ml", ""), ("", "")]
    yield from (list(pair) for pair in zip(*columns, strict=True))


def _rows(result: TriageResult, motion: Motion) -> Iterator[tuple[str, str, Colour]]:
    if motion.dropped.size:
        yield "Frames left out", f"{motion.dropped.size} of {len(motion.translation_mm)}", WHITE
    for label, key in (("Core, uncalibrated", "core_ml"), ("Hypoperfused, uncalibrated", "hypoperfused_ml")):
        if key in result.nominal_ml:
            yield label, with_unit(result.nominal_ml[key], 1, " ml"), WHITE
    yield "Hypoperfusion intensity ratio", with_unit(result.hypoperfusion_intensity_ratio, 2), WHITE
    yield "CBV index", with_unit(result.cbv_index, 2), WHITE
    places = [(name, ml) for name, ml in territories(result.territories_ml) if ml >= SMALLEST_SHOWN_ML]
    if places:
        yield "Territory, by position alone", "", WHITE
        yield from ((f"   {name}", with_unit(ml, 1, " ml"), WHITE) for name, ml in places)


def _networks(canvas: Canvas, box: Box, result: TriageResult) -> int:
    """Write each network's core with its light below the first one's, and return the row below."""
    row = box.top
    for model in result.networks:
        row = _network(canvas, Box(box.left, row, box.width, 0), model)
    if not result.networks:
        _pair(canvas, Box(box.left, row, box.width, ROW_PX), "Core by a network", NO_MODEL, GREY)
        row += ROW_PX
    canvas.rule(Box(box.left, row + 4, box.width, 1))
    return row + 12


def _network(canvas: Canvas, box: Box, model: ModelFinding) -> int:
    """Which network, what it learned from, its core and whether it agrees; without a core the reason."""
    if model.core_ml is not None:
        canvas.frame(Box(box.left, box.top + 5, 12, 12), NETWORK_RGB)
    name = clip(f"Core   network {model.name} {model.version}", 17, box.width - 20)
    canvas.text((box.left + 20, box.top), name, 17, GREY)
    figure, line = with_unit(model.core_ml, 1, " ml"), box.top + 52
    canvas.text((box.left, line), figure, NETWORK_SIZE_PX, WHITE, "ls", Weight.STRONG)
    if model.agreement is not None:
        light, word = LIGHTS[model.agreement], AGREEMENTS[model.agreement].upper()
        beside = box.left + round(width_px(figure, NETWORK_SIZE_PX, Weight.STRONG)) + 14
        canvas.rule(Box(beside, line - 14, 14, 14), light)
        canvas.text((beside + 22, line), word, 19, light, "ls", Weight.STRONG)
    learned = f"trained on {model.learned_from}" if model.trained_on else ""
    said = [learned] if model.agreement is not None else [model.text, learned]
    row = line + 8
    for words in filter(None, said):
        row = canvas.paragraph(Box(box.left, row, box.width, 0), words, 15, GREY, most_lines=2)
    return row


def refusal(canvas: Canvas, result: TriageResult) -> None:
    """Say in large letters that there is no analysis, why, and what to do."""
    middle = BODY.top + 190
    canvas.rule(Box(BODY.left, middle, 6, 250), AMBER)
    left, width = BODY.left + 36, BODY.width - 72
    canvas.text((left, middle), "NOT ANALYSED", 58, AMBER, "la", Weight.STRONG)
    row = canvas.paragraph(
        Box(left, middle + 92, width, 0), result.reason or "no reason given", 28, WHITE, most_lines=5
    )
    canvas.text((left, row + 24), "Look at the images.", 28, WHITE)
    write_notes(canvas, Box(left, row + 96, width, BODY.bottom - row - 96), note_lines(result, width))


def provenance(result: TriageResult, software_version: str) -> str:
    """Footer of every page: which software, which series; a UID, never a person."""
    version = software_version or result.versions.get("stroke-gateway", "unknown version")
    return f"stroke-gateway {version}     CT perfusion series {result.series_uid or 'without UID'}"
