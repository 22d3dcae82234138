"""How far an alert can be believed: what became of alerts of its class, in words that stand beside it.

References
----------
E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927) 209-212.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.feedback.classes import CLAIMS, AlertClass, class_of
from gateway.ledger.ledger import Ledger
from triage.results import TriageResult
from viewer_bridge.report.wording.language import Language

PERCENT = 100

Z_90 = 1.6448536269514722
"""Quantile of the normal distribution at 0.95: ends of a 90 % interval, as everywhere in a result."""

FEWEST_JUDGED = 10
"""Below this nothing is said: 9 of 9 confirmed would still be anything from 77 to 100 %."""

LOOKED_BACK = timedelta(days=365)
"""Alerts judged longer ago are of other software, scanners and readers."""

WORDS: Mapping[Language, str] = {
    Language.VIETNAMESE: "Trong {judged} cảnh báo cùng loại đã được bác sĩ chẩn đoán hình ảnh đánh giá, {confirmed} được "
    "xác nhận ({share} %, khoảng {low} đến {high} %)",
    Language.ENGLISH: "Of {judged} such alerts that a radiologist judged, {confirmed} were confirmed "
    "({share} %, {low} to {high} %)",
    Language.FRENCH: "Sur {judged} alertes de ce type jugées par un radiologue, {confirmed} ont été confirmées "
    "({share} %, de {low} à {high} %)",
}


@dataclass(frozen=True, slots=True)
class Expectation:
    """What became of alerts of one class that were judged; the ends are of a 90 % interval, shares from 0 to 1."""

    said: AlertClass
    judged: int
    confirmed: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Share of those judged that were confirmed: the positive predictive value of the class."""
        return self.confirmed / self.judged

    def words(self, language: Language) -> str:
        """One sentence without a full stop.

        >>> Expectation(AlertClass.LESION, 34, 27, *wilson(27, 34)).words(Language.ENGLISH)
        'Of 34 such alerts that a radiologist judged, 27 were confirmed (79 %, 66 to 88 %)'
        """
        shown = {name: f"{PERCENT * getattr(self, name):.0f}" for name in ("share", "low", "high")}
        return WORDS[language].format(judged=self.judged, confirmed=self.confirmed, **shown)


def wilson(confirmed: int, judged: int) -> tuple[float, float]:
    """Ends of Wilson's 90 % interval of a share; nothing is known of none.

    >>> [round(end, 4) for end in wilson(0, 10)], wilson(0, 0)
    ([0.0, 0.2129], (0.0, 1.0))
    """
    if judged == 0:
        return 0.0, 1.0
    share, weight = confirmed / judged, Z_90**2 / judged
    middle = (share + weight / 2) / (1 + weight)
    half = math.sqrt(share * (1 - share) * weight + weight**2 / 4) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def expectation(ledger: Ledger, result: TriageResult, now: datetime) -> Expectation | None:
    """What became of alerts such as the one of `result`; None below `FEWEST_JUDGED`, and where it claims nothing.

    Raises
    ------
    TemporaryError
        The database is away.
    """
    said = class_of(result)
    if said not in CLAIMS:
        return None
    found = ledger.judgements.tally(said, now - LOOKED_BACK, now)
    if found.judged < FEWEST_JUDGED:
        return None
    return Expectation(said, found.judged, found.confirmed, *wilson(found.confirmed, found.judged))
