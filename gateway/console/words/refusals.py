"""Refusals in the reader's language: they are written in English, where programs and logs read them."""

from dataclasses import dataclass

from gateway.console.words import refusals_entry, refusals_team
from gateway.console.words.phrases import Phrases
from viewer_bridge.report.wording.language import Language

TABLE = Phrases.of((*refusals_entry.REFUSALS, *refusals_team.REFUSALS))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A sentence for a page, and the language that it is in."""

    text: str
    language: Language


def refusal(english: str, language: Language) -> Refusal:
    """What is shown of a refusal; one that no table has is shown as it came, because English is better than silence.

    Examples
    --------
    >>> refusal("this took too long: try again", Language.FRENCH).text
    'Cela a pris trop de temps : réessayez.'
    >>> refusal("something new", Language.FRENCH)
    Refusal(text='Something new.', language=<Language.ENGLISH: 'en'>)
    """
    said = TABLE.said(english, language)
    text = english if said is None else said
    return Refusal(f"{text[:1].upper()}{text[1:]}.", Language.ENGLISH if said is None else language)
