"""Numbers and sentences of a result in the language of a report; no number is written that must not be trusted."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from triage.types import Criterion, Interval, TriageResult
from viewer_bridge.figures import disagreeing, floored, ratio_span, span
from viewer_bridge.pages.panels import NOT_SHOWN, with_unit
from viewer_bridge.report.wording.language import SENTENCES, Language
from viewer_bridge.report.wording.phrases import translated

RULE = re.compile(
    r"(?P<title>.+?) imaging criteria (?:not )?met(?:[:;] (?P<why>.*?))?(?: \((?P<source>[^()]*)\))?\.?"
)
"""How the core words a trial's rule: title, verdict, what speaks for it, publication."""

OPEN_END = " or more"
BETWEEN = " to "
"""Words within the intervals that `viewer_bridge.figures` writes."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One trial's rule in words: its title with the publication, the verdict, and where it would turn."""

    title: str
    source: str
    verdict: str
    reason: str
    certain: bool
    met: bool


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences in one language."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """Return a fixed sentence with its values."""
        return SENTENCES[self.language][key].format(**values)

    def core(self, text: str) -> str:
        """Return a sentence of the core in this language, as far as it is in the tables."""
        return translated(text, self.language)

    def day(self, dicom_date: str) -> str:
        """Write a DICOM date; what is none is shown as it came.

        Examples
        --------
        >>> Words(Language.FRENCH).day("19520311"), Words(Language.ENGLISH).day("")
        ('11/03/1952', 'not stated')
        """
        if not dicom_date:
            return self("not_stated")
        if len(dicom_date) != 8 or not dicom_date.isdigit():
            return dicom_date
        return self("date", year=dicom_date[:4], month=dicom_date[4:6], day=dicom_date[6:])

    def moment(self, at: datetime) -> str:
        """Write when the analysis ended."""
        zone = at.strftime("%z")
        clock = f"{at:%H:%M:%S}{f' UTC{zone[:3]}:{zone[3:5]}' if zone else ''}"
        return self("computed", date=self.day(f"{at:%Y%m%d}"), time=clock)

    def ends(self, result: TriageResult, name: str) -> str:
        """Interval of a number, in brackets; nothing when there is none."""
        interval = result.intervals.get(name)
        return f"({self._interval(interval, is_ratio=name == 'mismatch_ratio')})" if interval else ""

    def volume(self, ml: float | None) -> str:
        """A volume with its unit."""
        return NOT_SHOWN if ml is None else self("in_ml", ml=with_unit(ml, 1))

    def ratio(self, result: TriageResult) -> tuple[str, str]:
        """The mismatch ratio and its interval; where it is undefined, why."""
        if result.mismatch_ratio is None:
            return NOT_SHOWN, self("ratio_undefined")
        return floored(result.mismatch_ratio), self.ends(result, "mismatch_ratio")

    def judged(self, criterion: Criterion) -> Judged:
        """Put a rule into words; a sentence of unknown build becomes the reason as it stands.

        What is missing for a rule that is met, the report says once for all of them.
        """
        found = RULE.fullmatch(criterion.text)
        title, why, source = found.group("title", "why", "source") if found else ("", "", "")
        turns = self("changes_if", what=self.core(criterion.changes_if)) if criterion.changes_if else ""
        doubt = self("in_interval") if turns and not criterion.certain else ""
        told = criterion.text.rstrip(".") if found is None else "" if criterion.met else why
        reason = f"{self.core(told)}." if told else ""
        return Judged(
            title=self.core(title),
            source=source or "",
            verdict=self("met" if criterion.met else "not_met"),
            reason=" ".join(part for part in (capital(reason), turns, doubt) if part),
            certain=criterion.certain,
            met=criterion.met,
        )

    def opinions(self, result: TriageResult) -> Iterator[tuple[str, bool]]:
        """Other methods with their verdict, and whether they agree."""
        differing = disagreeing(result)
        for opinion in result.opinions:
            agrees = opinion not in differing
            verdict = self("agrees" if agrees else "differs")
            named = self("named", name=capital(self.core(opinion.name)), text=self.core(opinion.text))
            yield f"{named} – {verdict}", agrees

    def _interval(self, interval: Interval, *, is_ratio: bool) -> str:
        text = ratio_span(interval) if is_ratio else span(interval)
        if text.endswith(OPEN_END):
            return self("or_more", low=text.removesuffix(OPEN_END))
        low, between, high = text.partition(BETWEEN)
        return self("from_to", low=low, high=high) if between else text


def capital(text: str) -> str:
    """Begin with a capital letter and leave the rest.

    Examples
    --------
    >>> capital("động mạch ACM"), capital("")
    ('Động mạch ACM', '')
    """
    return text[:1].upper() + text[1:]
