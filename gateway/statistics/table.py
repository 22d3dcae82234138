"""Tables as CSV that a spreadsheet opens without harm.

RFC 4180: comma, CRLF, quotes doubled; UTF-8. Numbers have a decimal point and no thousands separator, whatever the language of
the machine that writes or reads. A text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, CSV
Injection). Some spreadsheets know UTF-8 only by the mark at its start, which other programs take for a letter: it is optional.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from gateway.statistics.edition import USE, Edition
from gateway.statistics.figures import Duration, Month, counted_as
from gateway.statistics.predictive import predictive_of

Value = str | int | float | bool | None

BOM = "\N{BYTE ORDER MARK}"
DECIMAL_MARK = "."
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""What begins a formula, a command of an old spreadsheet, or hides one."""

HEADER = ("month", "group", "code", "text", "unit", "value", "of")

SUPPRESSED = "suppressed"

PREDICTIVE = {
    "share": "confirmed, share",
    "low": "confirmed, low end of the 90 % interval",
    "high": "confirmed, high end of the 90 % interval",
}


def safe(value: Value) -> str:
    """One cell as text.

    >>> safe("=1+1"), safe(" @SUM(A1)"), safe(-2.5), safe(None), safe(True), safe("Bệnh viện")
    ("'=1+1", "' @SUM(A1)", '-2.5', '', 'true', 'Bệnh viện')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, int):
        return str(value)
    clean = value.replace("\0", "")
    return f"'{clean}" if clean.startswith(FORMULAS) or clean.lstrip().startswith(FORMULAS) else clean


def written(header: Sequence[str], lines: Iterable[Sequence[Value]], *, bom: bool = False) -> str:
    """A whole table as text; `bom` puts the mark for spreadsheets in front."""
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\r\n")
    table.writerow(header)
    table.writerows([safe(value) for value in line] for line in lines)
    return (BOM if bom else "") + file.getvalue()


def month_table(months: Sequence[Month], edition: Edition, *, bom: bool = False) -> str:
    """Figures of months, one a line; the first lines say by which clock and in which notation."""
    lines = [line for month in months for line in _lines(month, edition)]
    return written(HEADER, lines, bom=bom)


def _lines(month: Month, edition: Edition) -> Iterator[tuple[Value, ...]]:
    name = str(month.month)
    for line in (*_about(month, edition), *_counts(month), *_predictive(month), *_times(month)):
        yield (name, *line)


def _about(month: Month, edition: Edition) -> Iterator[tuple[Value, ...]]:
    period = month.month.period(edition.zone)
    facts: tuple[tuple[str, str, Value], ...] = (
        ("use", "Use", USE),
        ("site", "Site", edition.site),
        ("time_zone", "Time zone", edition.zone_name),
        ("from", "From", edition.local(period.start)),
        ("to", "To, not included", edition.local(period.end)),
        ("written_at", "Written at", edition.local(edition.written_at)),
        ("decimal_mark", "Decimal mark", DECIMAL_MARK),
        ("suppressed_below", "Counts suppressed below", month.suppressed_below),
    )
    return (("about", code, text, None, value, None) for code, text, value in facts)


def _counts(month: Month) -> Iterator[tuple[Value, ...]]:
    for group in month.groups:
        for cell in group.cells:
            unit = counted_as(group.code)
            yield (group.code, cell.code, cell.text, unit, _shown(cell.count), _shown(group.whole))


def _predictive(month: Month) -> Iterator[tuple[Value, ...]]:
    """Shares of alerts that were confirmed, of every class that was judged."""
    for each in predictive_of(month):
        for code, words in PREDICTIVE.items():
            value = getattr(each, code)
            shown = SUPPRESSED if value is None and each.judged != 0 else value
            yield (f"confirmed_{each.code}", code, f"{each.text}: {words}", "1", shown, _shown(each.judged))


def _shown(count: int | None) -> Value:
    return SUPPRESSED if count is None else count


def _times(month: Month) -> Iterator[tuple[Value, ...]]:
    for duration in month.durations:
        group, of = duration.interval.code, _shown(duration.count)
        for code, text, seconds in (
            ("median", "median", duration.median_s),
            ("p90", "90 % within", duration.long_s),
        ):
            yield (group, code, f"{duration.interval.text}, {text}", "s", _known(seconds, duration), of)
        for share in duration.within:
            text = f"{duration.interval.text}, within {share.limit_s:g} s"
            yield (group, f"within_{share.limit_s:g}_s", text, "cases", _shown(share.count), of)
            name = f"{text}, share"
            yield (group, f"share_within_{share.limit_s:g}_s", name, "1", _known(share.share, duration), of)


def _known(value: float | None, duration: Duration) -> Value:
    """Nothing where nothing happened; otherwise a missing value was left out on purpose."""
    return SUPPRESSED if value is None and duration.count != 0 else value
