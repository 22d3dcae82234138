"""Sentences of the alerts in every language, and the core's own sentences as far as they are translated."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.alerts.wording_english import ENGLISH
from gateway.alerts.wording_french import FRENCH
from gateway.alerts.wording_vietnamese import VIETNAMESE
from gateway.team.people import Role
from triage.results import Interval, QualityFlag, Side
from viewer_bridge.figures import span, volume
from viewer_bridge.report.wording.language import Language
from viewer_bridge.report.wording.phrases import is_known, translated

TEXTS: Mapping[Language, Mapping[str, str]] = {
    Language.VIETNAMESE: VIETNAMESE,
    Language.ENGLISH: ENGLISH,
    Language.FRENCH: FRENCH,
}
"""Every sentence an alert can contain, by language and key."""

OPEN_END = " or more"
BETWEEN = " to "
"""Words within the intervals that `viewer_bridge.figures` writes."""

MILLILITRES = " ml"

LOOK = "; look at the images"
"""Ends some reasons; an alert says it of all of them."""


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences in one language."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """Return a sentence with its values."""
        return TEXTS[self.language][key].format(**values)

    def either(self, key: str, otherwise: str) -> str:
        """Return a sentence, or another one where there is none of that key."""
        texts = TEXTS[self.language]
        return texts.get(key) or texts[otherwise]

    def core(self, text: str) -> str:
        """Return a sentence of the core in this language, as far as it is in the tables."""
        return translated(text, self.language)

    def flag(self, flag: QualityFlag) -> str:
        """What a quality flag says: its own sentence, or a few words by its code where that is not translated."""
        text = flag.text.rstrip(".")
        if is_known(text, self.language):
            return self.core(text)
        return self.either(f"flag_{flag.code}", "flag_other")

    def reason(self, text: str) -> str:
        """Why a scan was not analysed; where that is not translated, where to read it."""
        text = text.rstrip(".").removesuffix(LOOK)
        return self.core(text) if is_known(text, self.language) else self("reason_other")

    def joined(self, *sentences: str) -> str:
        """Several sentences as one."""
        return self("between").join(sentences)

    def side(self, side: Side) -> str:
        """The patient's own side, in capitals: it is the word that must not be misread."""
        return self(f"side_{side.value}")

    def who(self, role: Role | None) -> str:
        """Somebody by role, never by name."""
        return self(f"who_{role.value}" if role else "who_somebody")

    def item(self, name: str) -> str:
        """Something that a perfusion scan cannot tell."""
        return self.either(f"item_{name}", "unknown")

    def volume(self, ml: float | None) -> str:
        """A volume with its unit."""
        shown = volume(ml)
        known = shown.endswith(MILLILITRES)
        return self("in_ml", ml=shown.removesuffix(MILLILITRES)) if known else self("unknown")

    def interval(self, interval: Interval) -> str:
        """Ends of a 90 % interval."""
        text = span(interval)
        if text.endswith(OPEN_END):
            return self("or_more", low=text.removesuffix(OPEN_END))
        low, between, high = text.partition(BETWEEN)
        return self("from_to", low=low, high=high) if between else text
