"""The page that says how good the scan was: curves, where they were picked, motion, coverage, remarks.

Drawn from an analysis alone, so no person can be on it.
"""

from collections.abc import Iterator

import numpy as np

from triage.types import Analysis, ArterialInput, Findings, Float64, Motion, TriageResult
from viewer_bridge.figures import shown_flags
from viewer_bridge.pages.canvas import AMBER, BODY, FAINT, GREY, RED, WHITE, Box, Canvas, Colour, framed
from viewer_bridge.pages.colour_maps import Rgb
from viewer_bridge.pages.lettering import width_px, wrap
from viewer_bridge.pages.notes import NOTE_SIZE_PX, SEVERITY_COLOURS, STEP_PX, write_notes
from viewer_bridge.pages.panels import provenance
from viewer_bridge.pages.picks import pick_pictures
from viewer_bridge.pages.plots import LEFT_PX, Axes, Curve, Range, dashed, draw, frame

ARTERY_RGB = (255, 138, 92)
VEIN_RGB = (104, 168, 255)
CANDIDATE_RGB = (116, 82, 72)
"""Warm is arterial, cool is venous; a candidate is a shadow of the artery."""

AXIS_COLOURS = {
    "x, to the left": (226, 124, 120),
    "y, to the back": (120, 204, 134),
    "z, upwards": (122, 164, 240),
}
"""The patient's axes (LPS), in the order of `Motion`; red, green and blue as in 3-D viewers."""

DROPPED_RGB = (110, 40, 40)

ROW_GAP_PX, COLUMN_GAP_PX = 18, 26
SIDE_PX = 500
CURVES_SHARE, NO_CURVES_SHARE = 0.6, 0.12
"""Three rows: curves beside the places they were picked at, motion beside the facts, and as many remarks as there are."""

LEGEND_PX = 2 * STEP_PX + 8
SWATCH_PX = 24
FACT_PX = 26
FEWEST_LINES, MOST_LINES = 2, 12
"""Room for the remarks, in lines."""

QUIET_HU = 7.0
"""Noise of one frame that draws no remark: the lower limit of `triage.quality.NOISE_HU`."""

WANTED_S = 30.0
"""Time after the arterial peak that draws no remark: the upper limit of `triage.quality.ARTERIAL_COVERAGE_S`."""

LEAST_HU = (-20.0, 100.0)
LEAST_MM = (-1.0, 1.0)
LEAST_DEG = (-1.0, 1.0)
"""Axes show at least so much, so that noise does not look like a bolus or like motion."""

SHOWN_CANDIDATES = 12
"""More lines than this say nothing more."""


def quality_page(analysis: Analysis, *, software_version: str = "") -> Rgb | None:
    """Return the page that shows what the numbers rest on; None when the scan was not analysed.

    Without an arterial input there are no curves and the page says so. Numbers of a result are never on it.

    Examples
    --------
    >>> from triage.types import Status, TriageResult
    >>> quality_page(Analysis(TriageResult(Status.NOT_ANALYSED, "too short", "1", "2"), None)) is None
    True
    """
    result, findings = analysis.result, analysis.findings
    if findings is None:
        return None
    canvas = framed("Quality", "of the CT perfusion scan", provenance(result, software_version))
    lines = list(_remarks(result))
    top, middle, bottom = _rows(len(lines), NO_CURVES_SHARE if findings.arterial is None else CURVES_SHARE)
    if findings.arterial is None:
        canvas.text((top.left, top.top), "Arterial input and venous output", 15, GREY)
        canvas.text((top.left, top.top + 40), "No artery was found: there are no curves to show.", 22, AMBER)
    else:
        _curves(canvas, _left(top), findings.arterial)
        pick_pictures(canvas, _right(top), findings, (ARTERY_RGB, VEIN_RGB, CANDIDATE_RGB))
    _motion(canvas, _left(middle), findings.motion)
    _facts(canvas, _right(middle), _measured(findings, result))
    canvas.rule(Box(bottom.left, bottom.top - 8, bottom.width, 1))
    write_notes(canvas, bottom, lines)
    return canvas.pixels()


def _rows(remarks: int, curves_share: float) -> tuple[Box, Box, Box]:
    """Boxes of the three rows; the plots get what the remarks do not need."""
    notes = STEP_PX * min(max(remarks, FEWEST_LINES), MOST_LINES)
    plots = BODY.height - notes - 2 * ROW_GAP_PX
    upper = round(curves_share * plots)
    top = Box(BODY.left, BODY.top, BODY.width, upper)
    middle = Box(BODY.left, top.bottom + ROW_GAP_PX, BODY.width, plots - upper)
    return top, middle, Box(BODY.left, middle.bottom + ROW_GAP_PX, BODY.width, notes)


def _left(row: Box) -> Box:
    return Box(row.left, row.top, row.width - SIDE_PX - COLUMN_GAP_PX, row.height)


def _right(row: Box) -> Box:
    return Box(row.right - SIDE_PX, row.top, SIDE_PX, row.height)


def _curves(canvas: Canvas, box: Box, inputs: ArterialInput) -> None:
    """Draw enhancement over time with both peaks, the candidates behind, and what the scan saw after the peak."""
    time_s, artery, vein = inputs.time_s, inputs.arterial_hu, inputs.venous_hu
    seconds = Range(float(time_s[0]), float(time_s[-1]))
    plot = Box(box.left, box.top + LEGEND_PX, box.width, box.height - LEGEND_PX)
    axes = Axes.inside(plot, seconds, Range.around(artery, vein, least=LEAST_HU).widened(0.06))
    frame(canvas, axes, "Enhancement above baseline in HU", "time in s")
    canvas.rule(Box(axes.area.left, round(axes.row(0.0)), axes.area.width, 1), GREY)
    canvas.text((axes.area.left + 6, axes.row(0.0) + 4), "baseline", 14, GREY)
    others = [Curve(time_s, hu, CANDIDATE_RGB, 1.0) for hu in inputs.candidate_hu[:SHOWN_CANDIDATES]]
    both = [Curve(time_s, vein, VEIN_RGB), Curve(time_s, artery, ARTERY_RGB)]
    draw(canvas, axes, [*others, *both])
    for curve in both:
        _peak(canvas, axes, curve)
    _after_peak(canvas, axes, time_s, artery)
    _legend(canvas, Box(box.left, box.top, box.width, LEGEND_PX), inputs)


def _peak(canvas: Canvas, axes: Axes, curve: Curve) -> None:
    """Mark the summit and drop a line to the moment."""
    top = int(np.argmax(curve.y))
    column, row = round(axes.column(float(curve.x[top]))), round(axes.row(float(curve.y[top])))
    dashed(canvas, column, (row + 6, axes.area.bottom), curve.colour)
    canvas.rule(Box(column - 3, row - 3, 7, 7), curve.colour)


def _after_peak(canvas: Canvas, axes: Axes, time_s: Float64, artery: Float64) -> None:
    """Draw how long the scan went on after the arterial peak: what ends early hides late tissue."""
    peak_s, end_s = float(time_s[artery.argmax()]), float(time_s[-1])
    left, right, row = round(axes.column(peak_s)), round(axes.column(end_s)), axes.area.bottom - 12
    canvas.rule(Box(left, row, max(right - left, 1), 1), GREY)
    for column in (left, right):
        canvas.rule(Box(column, row - 4, 1, 9), GREY)
    words = f"{end_s - peak_s:.0f} s after the arterial peak"
    if width_px(words, 14) < right - left - 8:
        canvas.text(((left + right) // 2, row - 3), words, 14, GREY, "ms")
    else:
        canvas.text((left - 8, row), words, 14, GREY, "rm")


def _legend(canvas: Canvas, box: Box, inputs: ArterialInput) -> None:
    """Write name, peak and moment of each curve above the plot, where no curve can be."""
    shown = min(len(inputs.candidate_hu), SHOWN_CANDIDATES)
    artery = f"{_summit('artery', inputs.time_s, inputs.arterial_hu)}, {_scaling(inputs.venous_scale)}"
    vein = _summit("vein", inputs.time_s, inputs.venous_hu)
    candidates = f"{shown} candidates for the artery, as measured"
    second = box.left + SWATCH_PX + width_px(vein, NOTE_SIZE_PX) + COLUMN_GAP_PX
    for left, row, words, colour in (
        (box.left, 0, artery, ARTERY_RGB),
        (box.left, 1, vein, VEIN_RGB),
        (second, 1, candidates, CANDIDATE_RGB),
    ):
        _named(canvas, (left, box.top + row * STEP_PX), words, colour)


def _named(canvas: Canvas, at: tuple[float, float], words: str, colour: Colour) -> None:
    """A short piece of the line, and what it is."""
    canvas.rule(Box(round(at[0]), round(at[1]) + 8, SWATCH_PX - 8, 2), colour)
    canvas.text((at[0] + SWATCH_PX, at[1] + 9), words, NOTE_SIZE_PX, GREY, "lm")


def _scaling(factor: float) -> str:
    return f"measured × {factor:.2f} for partial volume" if factor > 1 else "as measured"


def _summit(name: str, time_s: Float64, hu: Float64) -> str:
    return f"{name}: peak {hu.max():.0f} HU at {time_s[hu.argmax()]:.0f} s"


def _motion(canvas: Canvas, box: Box, motion: Motion) -> None:
    """Draw shift and turn of the head, frame by frame."""
    width = (box.width - 28) // 2
    halves = (
        ("Shift of the head in mm", motion.translation_mm, LEAST_MM),
        ("Turn of the head in degrees", motion.rotation_deg, LEAST_DEG),
    )
    for place, (title, values, least) in enumerate(halves):
        half = Box(box.left + place * (width + 28), box.top, width, box.height - STEP_PX)
        _moved(canvas, half, title, values, motion, least)
    _axis_names(canvas, box, motion)


def _moved(
    canvas: Canvas, box: Box, title: str, values: Float64, motion: Motion, least: tuple[float, float]
) -> None:
    number = np.arange(1.0, len(values) + 1)
    used = np.array(values, dtype=np.float64)
    used[motion.dropped] = np.nan
    axes = Axes.inside(
        box, Range(1.0, max(float(len(values)), 2.0)), Range.around(used, least=least).widened(0.08)
    )
    for index in motion.dropped.tolist():
        canvas.rule(Box(round(axes.column(index + 1.0)) - 1, axes.area.top, 3, axes.area.height), DROPPED_RGB)
    frame(canvas, axes, title, "frame")
    curves = [Curve(number, used[:, axis], rgb, 1.5) for axis, rgb in enumerate(AXIS_COLOURS.values())]
    draw(canvas, axes, curves)


def _axis_names(canvas: Canvas, box: Box, motion: Motion) -> None:
    """Write what the colours of the motion plots mean."""
    names: list[tuple[str, Colour]] = list(AXIS_COLOURS.items())
    if motion.dropped.size:
        names.append((f"{motion.dropped.size} frames left out", RED))
    left = float(box.left + LEFT_PX)
    for words, colour in names:
        _named(canvas, (left, box.bottom - 18), words, colour)
        left += SWATCH_PX + width_px(words, NOTE_SIZE_PX) + COLUMN_GAP_PX


def _facts(canvas: Canvas, box: Box, rows: Iterator[tuple[str, str]]) -> None:
    for number, (label, value) in enumerate(rows):
        top = box.top + number * FACT_PX
        canvas.text((box.left, top), label, NOTE_SIZE_PX, GREY)
        canvas.text((box.right, top), value, NOTE_SIZE_PX, WHITE, "ra")
        canvas.rule(Box(box.left, top + FACT_PX - 4, box.width, 1), FAINT)


def _measured(findings: Findings, result: TriageResult) -> Iterator[tuple[str, str]]:
    """What was scanned, how still the head was, how noisy it is; `ArterialInput` alone knows the clock."""
    slices, rows, columns = findings.geometry.shape
    thick, pixel, _ = findings.geometry.spacing_mm
    frames, dropped = len(findings.motion.translation_mm), findings.motion.dropped.size
    yield "Coverage", f"{slices} slices × {thick:.1f} mm = {slices * thick:.0f} mm"
    yield "Working grid", f"{columns} × {rows}, pixel {pixel:.2f} mm"
    yield "Frames", f"{frames}, {dropped} left out" if dropped else f"{frames}, all used"
    if findings.arterial is not None:
        yield from _clocked(findings.arterial, frames)
    yield "Largest shift of the head", f"{_largest(findings.motion.translation_mm):.1f} mm"
    yield "Largest turn of the head", f"{_largest(findings.motion.rotation_deg):.1f}°"
    noisy = any(flag.code == "noise" for flag in result.quality)
    yield (
        "Noise of one frame",
        f"more than {QUIET_HU:g} HU, see below" if noisy else f"at most {QUIET_HU:g} HU",
    )


def _clocked(inputs: ArterialInput, frames: int) -> Iterator[tuple[str, str]]:
    start_s, end_s = float(inputs.time_s[0]), float(inputs.time_s[-1])
    step_s = (end_s - start_s) / max(frames - 1, 1)
    after_s = end_s - float(inputs.time_s[inputs.arterial_hu.argmax()])
    yield "Scanned", f"{end_s - start_s:.0f} s, a frame every {step_s:.1f} s on average"
    yield "After the arterial peak", f"{after_s:.0f} s (wanted: {WANTED_S:g} s)"


def _largest(moved: Float64) -> float:
    return float(np.linalg.norm(moved, axis=1).max(initial=0.0))


def _remarks(result: TriageResult) -> Iterator[tuple[str, Colour]]:
    """Every quality flag that may be shown, wrapped to the page."""
    flags = shown_flags(result)
    for flag in flags:
        for line in wrap(f"{flag.severity.upper()}: {flag.text}", NOTE_SIZE_PX, BODY.width):
            yield line, SEVERITY_COLOURS[flag.severity]
    if not flags:
        yield "No remark on the quality of this scan.", GREY
