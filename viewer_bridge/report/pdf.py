"""The report for the patient's record: A4, in the site's language, never a finding before a physician signs.

It says what the pages say: the same numbers to the printed digit, and none that must not be trusted.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from reportlab.lib.colors import Color, white
from reportlab.platypus import Flowable, Image, KeepTogether, Paragraph, Spacer, Table

from triage.types import Analysis, Estimator, Findings, Severity, Status, Thresholds, TriageResult
from viewer_bridge.pages.colour_maps import MAP_LOOKS
from viewer_bridge.pages.tiles import CORE_RGB, HYPOPERFUSED_RGB
from viewer_bridge.report.archival import DocumentName
from viewer_bridge.report.networks import lights
from viewer_bridge.report.pictures import key_number, map_pictures, montage_picture
from viewer_bridge.report.sections import details, signature
from viewer_bridge.report.sheet import (
    ALARM,
    GREY,
    INK,
    RULE,
    SMALL,
    STRONG_BODY,
    TITLE,
    WIDTH_PT,
    Command,
    Furniture,
    Sheet,
    paragraph,
    register_typeface,
    style,
    table,
    written,
)
from viewer_bridge.report.subject import Subject
from viewer_bridge.report.wording.language import Language
from viewer_bridge.report.words import Words, capital

MONTAGE_PT = (WIDTH_PT, 272.0)
"""Room for the slices; rows that stay empty are cut off."""

MAP_GAP_PT = 16.0
MOST_MAPS = 4
"""Maps stand side by side and are as wide as if there were four, whatever a case has."""

BIG_NOTICE = style(19, ALARM, strong=True, leading=24)
NOTICE = style(10.5)


@dataclass(frozen=True, slots=True)
class Report:
    """What is reported, and how: the parts of the page read from it."""

    analysis: Analysis
    subject: Subject = field(repr=False)
    words: Words
    software_version: str
    created_at: datetime
    revision: int

    @property
    def result(self) -> TriageResult:
        """The numbers."""
        return self.analysis.result


def report_pdf(
    analysis: Analysis,
    subject: Subject,
    *,
    software_version: str,
    created_at: datetime,
    language: Language = Language.VIETNAMESE,
    revision: int = 1,
    document: str = "",
) -> bytes:
    """Return the report as a PDF/A-2b file; the same arguments give the same bytes.

    A scan that was not analysed gets the reason in place of numbers, and so does one with a severe quality flag.

    Parameters
    ----------
    subject
        Whose study it is: printed, but in no metadata of the file.
    created_at
        When the analysis ended.
    revision
        From 1; a later one says that it replaces those before.
    document
        UUID of the document of which the revision is a version; opaque, for it stands in the metadata.
    """
    register_typeface()
    words = Words(language)
    report = Report(analysis, subject, words, software_version, created_at, revision)
    owner = " · ".join(part for part in (subject.name, subject.patient_id, subject.accession) if part)
    series = words("series", uid=analysis.result.series_uid or words("not_stated"))
    footer = f"stroke-gateway {software_version}     {series}"
    furniture = Furniture(words("research"), owner, footer, words("page", page="{page}", pages="{pages}"))
    name = DocumentName(document, revision)
    sheet = Sheet(words("title"), language, created_at, furniture, name)
    return written(sheet, list(_story(report)))


def _story(report: Report) -> Iterator[Flowable]:
    yield paragraph(report.words("title"), TITLE)
    yield paragraph(f"{report.words.moment(report.created_at)} {_revision(report)}", SMALL)
    yield Spacer(1, 5)
    yield _identity(report)
    yield Spacer(1, 8)
    yield from _answer(report)
    if report.analysis.findings is not None:
        yield from _pictures(report, report.analysis.findings)
    yield from details(report.result, report.words, report.software_version)
    yield KeepTogether(list(signature(report.words)))


def _revision(report: Report) -> str:
    if report.revision == 1:
        return report.words("first_revision")
    return report.words("later_revision", revision=report.revision, former=report.revision - 1)


def _identity(report: Report) -> Table:
    """Patient and study, label above value."""
    words, subject = report.words, report.subject
    sex = words(f"sex_{subject.sex}") if subject.sex in {"M", "F", "O"} else subject.sex
    pairs = (
        ("name", subject.name),
        ("id", subject.patient_id),
        ("birth_date", words.day(subject.birth_date)),
        ("sex", sex),
        ("accession", subject.accession),
        ("study_date", words.day(subject.study_date)),
    )
    cells = [
        [paragraph(words(key), SMALL), paragraph(value or words("not_stated"), STRONG_BODY)]
        for key, value in pairs
    ]
    rows = [cells[:3], cells[3:]]
    widths = [WIDTH_PT * share for share in (0.46, 0.30, 0.24)]
    return table(rows, widths, [("BOX", (0, 0), (-1, -1), 0.5, RULE), *_snug(4)])


def _snug(room_pt: float) -> list[Command]:
    """Table commands: cells begin at the top, with the same room above and below."""
    return [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), room_pt),
        ("BOTTOMPADDING", (0, 0), (-1, -1), room_pt),
    ]


def _answer(report: Report) -> Iterator[Flowable]:
    """The numbers that decide, or why there are none."""
    words, result = report.words, report.result
    if not result.trusted:
        yield _refused([words(key) for key in _refusal(result)], _reasons(result, words), words)
        return
    yield paragraph(words(f"side_{result.side}"), style(12, strong=True, spaceAfter=4))
    yield _cards(result, words)
    yield paragraph(f"{words('interval_note')} {words('decimal')}", SMALL)
    yield from lights(result, words)


def _refusal(result: TriageResult) -> tuple[str, ...]:
    """Keys of the headline and of the sentence below it."""
    if result.status is Status.NOT_ANALYSED:
        return ("not_analysed",)
    if result.estimator is Estimator.TIME_TO_PEAK:
        return "no_volumes", "no_volumes_why"
    return "untrusted", "untrusted_why"


def _reasons(result: TriageResult, words: Words) -> list[str]:
    """What the scan was refused for, or what makes its numbers unreliable."""
    severe = [flag.text for flag in result.quality if flag.severity is Severity.SEVERE]
    texts = [result.reason] if result.reason else severe
    return [f"{capital(words.core(text.rstrip('.')))}." for text in texts]


def _refused(sentences: list[str], reasons: list[str], words: Words) -> Table:
    headline, *why = sentences
    plain = [*why, *reasons, words("read_images")]
    cell = [paragraph(headline, BIG_NOTICE), *(paragraph(text, NOTICE) for text in plain)]
    return table([[cell]], [WIDTH_PT], [("LINEBEFORE", (0, 0), (0, -1), 3, ALARM), *_snug(4)])


def _cards(result: TriageResult, words: Words) -> Table:
    """Core, hypoperfused, mismatch and ratio, side by side."""
    volumes = (
        ("core", "core_ml", CORE_RGB),
        ("hypoperfused", "hypoperfused_ml", HYPOPERFUSED_RGB),
        ("mismatch_volume", "mismatch_ml", None),
    )
    cells = [
        _card(words, key, (words.volume(getattr(result, name)), words.ends(result, name)), rgb)
        for key, name, rgb in volumes
    ]
    cells.append(_card(words, "mismatch_ratio", words.ratio(result), None))
    bars: list[Command] = [
        ("LINEABOVE", (place, 0), (place, 0), 3, colour)
        for place, colour in enumerate((_ink(CORE_RGB), _ink(HYPOPERFUSED_RGB), GREY, GREY))
    ]
    gaps = [("LINEAFTER", (place, 0), (place, 0), 8, white) for place in range(3)]
    return table([cells], [WIDTH_PT / 4] * 4, [*bars, *gaps, *_snug(4)])


def _card(
    words: Words, key: str, figure: tuple[str, str], rgb: tuple[int, int, int] | None
) -> list[Paragraph]:
    """What it is, the figure, its interval, the rule behind it."""
    value, ends = figure
    cut = Thresholds()
    percent, seconds = f"{cut.core_relative_cbf * 100:.0f}", f"{cut.hypoperfused_tmax_s:g}"
    rule = words(f"{key}_rule", percent=percent, seconds=seconds)
    large = style(21, _ink(rgb) if rgb else INK, strong=True, leading=25)
    return [
        paragraph(words(key), SMALL),
        paragraph(value, large),
        paragraph(ends or " "),
        paragraph(rule, SMALL),
    ]


def _ink(rgb: tuple[int, int, int]) -> Color:
    """A colour of the pictures, dark enough for white paper."""
    return Color(*(channel / 255 * 0.75 for channel in rgb))


def _pictures(report: Report, findings: Findings) -> Iterator[Flowable]:
    words, trusted = report.words, report.result.trusted
    slices = montage_picture(findings, MONTAGE_PT, overlays=trusted)
    yield Spacer(1, 6)
    yield Image(io.BytesIO(slices.jpeg), WIDTH_PT, WIDTH_PT / slices.aspect)
    if findings.arterial is None:
        yield paragraph(f"{words('map_ttp')}, {_range('ttp')}. {words('montage_bare')}", SMALL)
        return
    yield paragraph(words("montage" if trusted else "montage_bare"), SMALL)
    yield Spacer(1, 6)
    yield KeepTogether([_maps(findings, words), paragraph(words("maps", slice=key_number(findings)), SMALL)])


def _maps(findings: Findings, words: Words) -> Table:
    """Every map with its name above, its range and unit below."""
    width = WIDTH_PT / MOST_MAPS - MAP_GAP_PT
    pictures = list(map_pictures(findings))
    rows = (
        [paragraph(words(f"map_{which}"), SMALL) for which, _ in pictures],
        [Image(io.BytesIO(picture.jpeg), width, width / picture.aspect) for _, picture in pictures],
        [paragraph(_range(which), SMALL) for which, _ in pictures],
    )
    tight = [("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0)]
    return table(rows, [width + MAP_GAP_PT] * len(pictures), [*_snug(1), *tight], hAlign="LEFT")


def _range(which: str) -> str:
    look = MAP_LOOKS[which]
    return f"{look.low:g} – {look.high:g} {look.unit}"
