"""The written part of the report below the pictures: volumes, rules, quality, methods, software, signature."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from reportlab.platypus import Flowable, PageBreak

from triage.types import Estimator, Severity, Status, Thresholds, TriageResult
from viewer_bridge.figures import TERRITORIES, shown_flags, territories
from viewer_bridge.pages.panels import SMALLEST_SHOWN_ML, VOLUME_TABLES, with_unit
from viewer_bridge.report.networks import networks
from viewer_bridge.report.sheet import (
    ALARMING,
    BODY,
    CAUTIOUS,
    HEADING,
    RULE,
    SMALL,
    STRONG_BODY,
    WIDTH_PT,
    Command,
    SignaturePlace,
    paragraph,
    table,
)
from viewer_bridge.report.words import Words, capital

SEVERITY_LOOKS = {Severity.INFO: STRONG_BODY, Severity.WARNING: CAUTIOUS, Severity.SEVERE: ALARMING}

LINES: list[Command] = [
    ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("TOPPADDING", (0, 0), (-1, -1), 1.6),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.4),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
]
"""A quiet table: a thin line below each row."""


NO_CELLS = ["", ""]

SIGNATURE_PT = 58.0
"""Height of the physician's box: name, role, and two lines of a remark."""
SIGNATURE_SHARES = (0.42, 0.25, 0.33)
"""Of the width: who, when, how."""


def details(result: TriageResult, words: Words, software_version: str) -> Iterator[Flowable]:
    """Everything behind the numbers; without trust what is known of the scan alone."""
    if result.trusted:
        yield PageBreak()
        yield from _volumes(result, words)
        yield from _criteria(result, words)
        yield from _opinions(result, words)
    yield from _quality(result, words)
    if result.status is Status.ANALYSED:
        yield from _methods(result, words)
    yield from _software(result, words, software_version)


def signature(words: Words) -> Iterator[Flowable]:
    """Room for the physician who makes a finding of it."""
    yield paragraph(words("signature"), HEADING)
    yield paragraph(words("unsigned"), BODY)
    cells = [paragraph(words(key), SMALL) for key in ("physician", "signed_at", "signed")]
    lines = [("LINEABOVE", (place, 1), (place, 1), 0.6, RULE) for place in range(len(cells))]
    gaps = [("LEFTPADDING", (0, 0), (0, -1), 0)]
    room = [[paragraph(" ")] * len(cells), cells]
    yield SignaturePlace(SIGNATURE_PT)
    yield table(
        room, [WIDTH_PT * s for s in SIGNATURE_SHARES], [*lines, *gaps], rowHeights=[SIGNATURE_PT, 14]
    )


def _volumes(result: TriageResult, words: Words) -> Iterator[Flowable]:
    """Volumes at every cut-off with their intervals, then the other figures."""
    yield paragraph(words("volumes"), HEADING)
    pairs = zip(
        *(
            [(f"{name} {cut}{unit}", f"{key}{cut}") for cut in cuts]
            for name, key, unit, cuts in VOLUME_TABLES
        ),
        strict=True,
    )
    head = [paragraph(words(key), SMALL) for key in ("by_delay", "by_flow")]
    rows = [[head[0], paragraph(""), head[1], paragraph("")], *(_line(pair, result, words) for pair in pairs)]
    yield table(rows, [WIDTH_PT * share for share in (0.16, 0.34, 0.16, 0.34)], LINES)
    yield paragraph(words("other_figures"), HEADING)
    figures: list[list[object]] = [
        [paragraph(label), paragraph(value, STRONG_BODY)] for label, value in _figures(result, words)
    ]
    rows = [[*left, *right] for left, right in zip_longest(figures[::2], figures[1::2], fillvalue=NO_CELLS)]
    yield table(rows, [WIDTH_PT * share for share in (0.37, 0.12, 0.39, 0.12)], LINES)


def _line(pair: Sequence[tuple[str, str]], result: TriageResult, words: Words) -> list[Flowable]:
    """Cells of one row: two cut-offs, each with its volume and interval."""
    return [cell for label, key in pair for cell in _at(label, key, result, words)]


def _at(label: str, key: str, result: TriageResult, words: Words) -> tuple[Flowable, Flowable]:
    value = f"{words.volume(result.volumes_ml.get(key))} {words.ends(result, key)}"
    return paragraph(label), paragraph(value, STRONG_BODY)


def _figures(result: TriageResult, words: Words) -> Iterator[tuple[str, str]]:
    for key, name in (("core_nominal", "core_ml"), ("hypoperfused_nominal", "hypoperfused_ml")):
        if name in result.nominal_ml:
            yield words(key), words.volume(result.nominal_ml[name])
    yield words("intensity_ratio"), with_unit(result.hypoperfusion_intensity_ratio, 2)
    yield words("cbv_index"), with_unit(result.cbv_index, 2)
    keys = {english: str(key) for key, english in TERRITORIES.items()}
    for english, ml in territories(result.territories_ml):
        if ml >= SMALLEST_SHOWN_ML:
            yield words(keys[english]), words.volume(ml)


def _criteria(result: TriageResult, words: Words) -> Iterator[Flowable]:
    if not result.criteria:
        return
    yield paragraph(words("criteria"), HEADING)
    yield paragraph(words("criteria_note"), SMALL)
    rows: list[list[object]] = []
    for code, criterion in result.criteria.items():
        judged = words.judged(criterion)
        verdict = paragraph(judged.verdict, STRONG_BODY)
        doubt = [] if judged.certain else [paragraph(words("uncertain"), CAUTIOUS)]
        title = [paragraph(judged.title or code, STRONG_BODY), paragraph(judged.source, SMALL)]
        rows.append([title, [verdict, *doubt], paragraph(judged.reason)])
    yield table(rows, [WIDTH_PT * share for share in (0.41, 0.14, 0.45)], LINES)


def _opinions(result: TriageResult, words: Words) -> Iterator[Flowable]:
    yield paragraph(words("opinions"), HEADING)
    for text, agrees in words.opinions(result):
        yield paragraph(text, BODY if agrees else CAUTIOUS)
    if not result.opinions:
        yield paragraph(words("no_other"))
    yield from networks(result, words)


def _quality(result: TriageResult, words: Words) -> Iterator[Flowable]:
    yield paragraph(words("quality"), HEADING)
    flags = shown_flags(result)
    if not flags:
        yield paragraph(words("no_remark"))
        return
    rows: list[list[object]] = [
        [
            paragraph(words(flag.severity), SEVERITY_LOOKS[flag.severity]),
            paragraph(capital(words.core(flag.text))),
        ]
        for flag in flags
    ]
    yield table(rows, [WIDTH_PT * 0.2, WIDTH_PT * 0.8], LINES)


def _methods(result: TriageResult, words: Words) -> Iterator[Flowable]:
    yield paragraph(words("methods"), HEADING)
    if result.estimator is Estimator.TIME_TO_PEAK:
        yield paragraph(words("time_to_peak"))
        return
    cut = Thresholds()
    percent, seconds = f"{cut.core_relative_cbf * 100:.0f}", f"{cut.hypoperfused_tmax_s:g}"
    yield paragraph(words("deconvolution"))
    yield paragraph(
        words("core_threshold", percent=percent, source=words.core(cut.sources["core_relative_cbf"])),
    )
    yield paragraph(
        words("late_threshold", seconds=seconds, source=words.core(cut.sources["hypoperfused_tmax_s"]))
    )
    yield paragraph(words("calibration"))
    if result.trusted and result.reference:
        yield paragraph(words("compared_with", reference=words.core(result.reference)))


def _software(result: TriageResult, words: Words, software_version: str) -> Iterator[Flowable]:
    """Versions and digests: what it would take to compute the same again."""
    yield paragraph(words("software"), HEADING)
    others = {name: version for name, version in result.versions.items() if name != "stroke-gateway"}
    programs = [
        f"stroke-gateway {software_version}",
        *(f"{name} {version}" for name, version in others.items()),
    ]
    yield paragraph(", ".join(programs), SMALL)
    for model in result.models:
        yield paragraph(words("model", name=model.name, version=model.version, sha256=model.sha256), SMALL)
    yield paragraph(words("series", uid=result.series_uid or words("not_stated")), SMALL)
