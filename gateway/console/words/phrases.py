"""Sentences that are written in English where they come from, and said in the reader's language where they are shown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from viewer_bridge.report.wording.language import Language

SLOT = "{}"
"""Stands for what differs from time to time: a number, a name, or a sentence that is in the table itself."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One sentence in every language."""

    english: str
    vietnamese: str
    french: str

    def filled(self, language: Language, values: Sequence[str]) -> str:
        """The sentence with its values."""
        forms = {
            Language.ENGLISH: self.english,
            Language.VIETNAMESE: self.vietnamese,
            Language.FRENCH: self.french,
        }
        return forms[language].format(*values)


@dataclass(frozen=True, slots=True)
class Phrases:
    """A table of sentences; what is special stands before what is general."""

    rows: Sequence[tuple[re.Pattern[str], Phrase]]

    @classmethod
    def of(cls, phrases: Sequence[Phrase]) -> "Phrases":
        """A table, ready to be looked into."""
        pieces = [(map(re.escape, phrase.english.split(SLOT)), phrase) for phrase in phrases]
        return cls([(re.compile("(.+?)".join(escaped)), phrase) for escaped, phrase in pieces])

    def said(self, text: str, language: Language) -> str | None:
        """A sentence in another language; None where it is in no row.

        >>> table = Phrases.of([Phrase("wait {} s", "hãy chờ {} giây", "attendez {} s")])
        >>> table.said("wait 3 s", Language.FRENCH), table.said("go", Language.FRENCH), table.said("go", Language.ENGLISH)
        ('attendez 3 s', None, 'go')
        """
        if language is Language.ENGLISH:
            return text
        for pattern, phrase in self.rows:
            if found := pattern.fullmatch(text):
                slots = [self.said(slot, language) or slot for slot in found.groups()]
                return phrase.filled(language, slots)
        return None
