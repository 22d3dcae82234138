"""Languages of the report, and the sentences that are the same in every report."""

from collections.abc import Mapping
from enum import StrEnum

from viewer_bridge.report.wording.english import ENGLISH
from viewer_bridge.report.wording.french import FRENCH
from viewer_bridge.report.wording.vietnamese import VIETNAMESE


class Language(StrEnum):
    """BCP 47 tags of the languages a report can be written in."""

    VIETNAMESE = "vi"
    ENGLISH = "en"
    FRENCH = "fr"


SENTENCES: Mapping[Language, Mapping[str, str]] = {
    Language.VIETNAMESE: VIETNAMESE,
    Language.ENGLISH: ENGLISH,
    Language.FRENCH: FRENCH,
}
"""Fixed sentences by key; the keys are the same in all languages."""
