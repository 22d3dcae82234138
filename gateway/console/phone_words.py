"""What the phone page says, in the language of whoever reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.console.phone_english import ENGLISH
from gateway.console.phone_french import FRENCH
from gateway.console.phone_vietnamese import VIETNAMESE
from gateway.console.wording import SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from gateway.ledger.records import moment_of
from triage.results import Interval
from viewer_bridge.figures import span
from viewer_bridge.report.wording.language import Language

WORDS: Mapping[Language, Mapping[str, str]] = {
    Language.VIETNAMESE: VIETNAMESE,
    Language.ENGLISH: ENGLISH,
    Language.FRENCH: FRENCH,
}
"""Every sentence of the phone page, by language and key."""

NAMES: Mapping[Language, str] = {
    Language.VIETNAMESE: "Tiếng Việt",
    Language.ENGLISH: "English",
    Language.FRENCH: "Français",
}
"""Each language as those who read it call it."""

OPEN_END = " or more"
"""How `viewer_bridge.figures` ends an interval without an upper end."""

SCRIPTED = (
    "live",
    "stale",
    "just_now",
    "minutes",
    "hours",
    "days",
    "sending",
    "not_sent",
    "refused",
    "slice_of",
)
HOME_SCRIPTED = (
    "just_now",
    "minutes",
    "hours",
    "days",
    "push_on",
    "push_off",
    "push_denied",
    "push_unsupported",
    "push_failed",
    "push_tested",
    "device_label",
)
"""Words that the page's script needs."""

AGES = ((SECONDS_PER_DAY, "days"), (SECONDS_PER_HOUR, "hours"), (SECONDS_PER_MINUTE, "minutes"))


@dataclass(frozen=True, slots=True)
class Say:
    """Sentences in one language."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """Return a sentence with its values.

        >>> Say(Language.FRENCH)("has_it", name="Dr Lê")
        "Dr Lê l'a pris"
        """
        return WORDS[self.language][key].format(**values)

    def knows(self, key: str) -> bool:
        """Whether there is such a sentence."""
        return key in WORDS[self.language]

    def some(self, keys: tuple[str, ...]) -> dict[str, str]:
        """Sentences as they are written, for the script to fill."""
        return {key: WORDS[self.language][key] for key in keys}

    def ago(self, moment: str, now: datetime) -> str:
        """How long ago a moment of the ledger was; the page's script says it the same way.

        >>> Say(Language.ENGLISH).ago("2026-01-01T00:00:00.000000Z", moment_of("2026-01-01T00:05:10.000000Z"))
        '5 min'
        """
        seconds = (now - moment_of(moment)).total_seconds()
        found = ((key, int(seconds // size)) for size, key in AGES if seconds >= size)
        key, count = next(found, ("just_now", 0))
        return self(key, n=count)

    def clock(self, moment: str, now: datetime, zone: str) -> str:
        """A moment of the ledger by the clock on the site's wall; with the day where that is not today.

        >>> now = moment_of("2026-01-01T20:00:00.000000Z")
        >>> Say(Language.ENGLISH).clock("2026-01-01T17:05:00.000000Z", now, "Asia/Ho_Chi_Minh")
        '00:05'
        """
        here, today = moment_of(moment).astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
        return here.strftime("%H:%M" if here.date() == today.date() else "%d/%m %H:%M")

    def interval(self, ends: Mapping[str, float | None] | None, decimals: int | None = None) -> str:
        """Ends of an interval as they are in a result; nothing where there is none.

        >>> Say(Language.ENGLISH).interval({"low": 2.1, "high": None}, 2)
        '≥ 2.10'
        """
        if ends is None or ends["low"] is None:
            return ""
        text = span(Interval(ends["low"], ends["high"]), decimals)
        if text.endswith(OPEN_END):
            return self("or_more", low=text.removesuffix(OPEN_END))
        return text.replace("-", "–")


def language_of(accepted: str, otherwise: Language) -> Language:
    """The first of our languages that a browser asks for (RFC 9110 12.5.4, in the order in which they are written).

    >>> language_of("de, fr-CH;q=0.9, en;q=0.8", Language.VIETNAMESE)
    <Language.FRENCH: 'fr'>
    """
    tags = [part.partition(";")[0].strip().lower().partition("-")[0] for part in accepted.split(",")]
    return next((Language(tag) for tag in tags if tag in set(Language)), otherwise)
