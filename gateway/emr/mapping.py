"""What every number and section of a result is called outside: the one table behind HL7 v2 and FHIR.

A row says code, text, scheme and unit; nothing else in this package names any of them. A site that calls something
otherwise overrides the row in its configuration, see `gateway.emr.settings`.

References
----------
HL7 table 0396 (coding schemes) and FHIR R4, Using Codes in Resources (their systems). Perfusion volumes and ratios have no
standard code: they carry our local scheme, the one of the DICOM objects. UCUM: DICOM writes ``ml/[100]g/min``, which is no
valid UCUM outside of it; a ratio is ``{ratio}`` in HL7 v2 and ``1`` in FHIR.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from triage.results import Side
from viewer_bridge.objects.uids import derived_uid
from viewer_bridge.quantities import QUANTITIES, RATIO
from viewer_bridge.report.wording.language import SENTENCES, Language

LOCAL = "99STROKEGW"
"""Coding scheme of what no standard has a code for: perfusion volumes and ratios."""

SYSTEMS: Mapping[str, str] = {
    "LN": "http://loinc.org",
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "UCUM": "http://unitsofmeasure.org",
    LOCAL: f"urn:oid:{derived_uid('coding scheme', LOCAL)}",
}
"""Coding schemes of HL7 v2 to systems of FHIR."""


class Coding(NamedTuple):
    """A code, its text and the scheme it belongs to."""

    code: str
    text: str
    scheme: str


class Unit(NamedTuple):
    """One unit as HL7 v2 and as FHIR write it, both in UCUM."""

    hl7: str
    fhir: str


UNITS: Mapping[str, Unit] = {
    "mL": Unit("mL", "mL"),
    RATIO: Unit("{ratio}", "1"),
    "s": Unit("s", "s"),
    "%": Unit("%", "%"),
    "ml/[100]g/min": Unit("mL/(100.g)/min", "mL/(100.g)/min"),
    "ml/[100]g": Unit("mL/(100.g)", "mL/(100.g)"),
    "ml/[100]ml": Unit("mL/(100.mL)", "mL/(100.mL)"),
}
"""Units of the program, DICOM's own spelling among them, to those that may leave it."""


class Form(StrEnum):
    """What kind of value an observation has, as the value type of HL7 v2 (table 0125)."""

    TEXT = "TX"
    CODED = "CWE"
    NUMBER = "NM"
    RANGE = "SN"
    IDENTIFIER = "ST"
    LINK = "RP"
    FILE = "ED"


INTERVAL: Mapping[Language, str] = {
    Language.ENGLISH: "90 % interval",
    Language.VIETNAMESE: "khoảng 90 %",
    Language.FRENCH: "intervalle à 90 %",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: what the program calls it, what the record calls it.

    Attributes
    ----------
    key
        The program's word; overrides of a site name it.
    word
        Key of its text in the report's sentences, for other languages than English; empty where there is none.
    """

    key: str
    name: Coding
    form: Form
    unit: Unit | None = None
    word: str = ""
    is_interval: bool = False

    def text_in(self, language: Language) -> str:
        """Its text; English where the language has none.

        >>> MAPPING["core-volume"].text_in(Language.VIETNAMESE), MAPPING["software"].text_in(Language.ENGLISH)
        ('Lõi nhồi máu', 'Software')
        """
        if language is Language.ENGLISH or not self.word:
            return self.name.text
        text = SENTENCES[language][self.word]
        return f"{text}, {INTERVAL[language]}" if self.is_interval else text


WORDS: Mapping[str, str] = {
    "core-volume": "core",
    "hypoperfused-volume": "hypoperfused",
    "mismatch-volume": "mismatch_volume",
    "mismatch-ratio": "mismatch_ratio",
    "hypoperfusion-intensity-ratio": "intensity_ratio",
    "cbv-index": "cbv_index",
    "core-volume-nominal": "core_nominal",
    "hypoperfused-volume-nominal": "hypoperfused_nominal",
    "anterior-cerebral-territory-volume": "anterior_cerebral",
    "middle-cerebral-territory-volume": "middle_cerebral",
    "posterior-cerebral-territory-volume": "posterior_cerebral",
    "posterior-fossa-territory-volume": "posterior_fossa",
}
"""Quantities whose name the report's sentences have in every language."""


def _local(key: str, text: str, form: Form, word: str = "") -> Entry:
    return Entry(key, Coding(key, text, LOCAL), form, word=word)


def _of_quantities() -> Iterable[Entry]:
    for quantity in QUANTITIES:
        unit, word = UNITS[quantity.unit], WORDS.get(quantity.code, "")
        yield Entry(quantity.code, Coding(quantity.code, quantity.text, LOCAL), Form.NUMBER, unit, word)
        if quantity.interval:
            key, text = f"{quantity.code}-interval", f"{quantity.text}, {INTERVAL[Language.ENGLISH]}"
            yield Entry(key, Coding(key, text, LOCAL), Form.RANGE, unit, word, is_interval=True)


STUDY, PDF, LINK = "dicom-study", "report", "case-page"
"""Rows that something in this package asks for by name."""

MAPPING: Mapping[str, Entry] = {
    entry.key: entry
    for entry in (
        _local("analysis-status", "Analysis status", Form.TEXT),
        _local("lesion-side", "Side of the perfusion lesion", Form.CODED),
        *_of_quantities(),
        _local("trial-criteria", "Imaging criteria of trials", Form.TEXT, "criteria"),
        _local("other-methods", "The same scan by other methods", Form.TEXT, "opinions"),
        _local("normal-reference", "What flow was compared with", Form.TEXT),
        _local("quality", "Image quality", Form.TEXT, "quality"),
        _local("software", "Software", Form.TEXT, "software"),
        Entry(STUDY, Coding("113014", "DICOM Study", "DCM"), Form.IDENTIFIER),
        _local(LINK, "Images and maps of the case", Form.LINK),
        Entry(PDF, Coding("18748-4", "Diagnostic imaging report", "LN"), Form.FILE, word="title"),
    )
}
"""Every observation of a report by its key, in its order."""

SERVICE = Coding("39142-5", "CT perfusion head with contrast IV", "LN")
"""What was done: OBR-4, and the code of a DiagnosticReport."""

SIDES: Mapping[Side, Coding] = {
    Side.LEFT: Coding("7771000", "Left", "SCT"),
    Side.RIGHT: Coding("24028007", "Right", "SCT"),
    Side.BILATERAL: Coding("51440002", "Bilateral", "SCT"),
    Side.NONE: Coding("no-lesion", "No lesion", LOCAL),
}
"""Values of the lesion's side."""


class Standing(NamedTuple):
    """How far a report may be relied on, as tables 0085 and 0123 of HL7 v2 and as FHIR say it."""

    hl7: str
    fhir: str


PRELIMINARY = Standing("P", "preliminary")
"""No physician has signed it."""
FINAL = Standing("F", "final")
"""A physician has."""
CORRECTED = Standing("C", "amended")
"""It takes the place of an earlier one."""

WITHDRAWN = Standing("C", "entered-in-error")
"""It was about another patient; of whole reports, for table 0123 has no word of its own."""

POSTED_WRONG = "W"
"""OBX-11 of whatever a withdrawn report said (table 0085): posted for the wrong patient."""

NOT_OBTAINED = Standing("X", "cancelled")
"""Of a single observation that has no value; FHIR adds a reason for its absence."""
