"""Whether the patient in a study's images is a patient of the records: what speaks for it, and what against.

Nothing is weighed up: whatever contradicts ends it. What proves it is an equal number of the same issuer, or name and
birth date together. A number that is equal without an issuer proves nothing: hospitals count alike, and with names and
birth dates that are missing it gave one study in a thousand to somebody else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from gateway.ledger.records import moment_of, utc_text
from gateway.orders.names import Agreement, compare_names, compare_texts
from gateway.orders.person import Identifier, IdentifierKind, PatientIdentity

NUMBER = "number and issuer of the patient are equal"
BARE_NUMBER = "the patient's number is equal, but one side names no issuer"
NAME, BORN = "the name is equal", "the birth date is equal"
OTHER_NUMBER, OTHER_NAME = "the patient has another number", "the name differs"
OTHER_BIRTH, OTHER_SEX = "the birth date differs", "the sex differs"


class NumberMatch(StrEnum):
    """What a patient's numbers in images and records say of each other."""

    SAME = "same"
    BARE = "bare"
    """Equal, but one side names no issuer: two hospitals may have counted alike."""
    OTHER = "other"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class StudyHeader:
    """What the images say of person and order; an issuer as the records write it.

    Attributes
    ----------
    numbers
        Patient ID and Other Patient IDs.
    study_at
        Aware UTC time of the study; None where the images say none.
    """

    study_uid: str
    accession_number: str = field(default="", repr=False)
    numbers: tuple[str, ...] = field(default=(), repr=False)
    issuer: str = ""
    name: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    study_at: datetime | None = None
    modality: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the numbers by which the ledger looks a study up."""
        plain = asdict(self) | {"study_at": utc_text(self.study_at) if self.study_at else None}
        return plain | {"patient_number": self.numbers[0] if self.numbers else ""}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Inverse of `to_json`."""
        known = {name: plain[name] for name in cls.__slots__ if name in plain}
        at = plain.get("study_at")
        return cls(
            **{**known, "numbers": tuple(plain.get("numbers", ())), "study_at": moment_of(at) if at else None}
        )


def judge_person(
    header: StudyHeader, person: PatientIdentity
) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """What speaks for and against this being the patient, and whether it is proven."""
    number = compare_numbers(header, person.identifiers)
    name = compare_names(header.name, person.name)
    born = compare_texts(header.birth_date, person.birth_date)
    sex = compare_texts(
        header.sex if header.sex in {"M", "F"} else "", person.sex if person.sex in {"M", "F"} else ""
    )
    speaks_for = [
        *([NUMBER] if number is NumberMatch.SAME else []),
        *([BARE_NUMBER] if number is NumberMatch.BARE else []),
    ]
    speaks_for += [text for text, found in ((NAME, name), (BORN, born)) if found is Agreement.AGREES]
    speaks_against = [OTHER_NUMBER] if number is NumberMatch.OTHER else []
    told = ((OTHER_NAME, name), (OTHER_BIRTH, born), (OTHER_SEX, sex))
    speaks_against += [text for text, found in told if found is Agreement.DIFFERS]
    is_proven = number is NumberMatch.SAME or name is born is Agreement.AGREES
    return tuple(speaks_for), tuple(speaks_against), is_proven and not speaks_against


def compare_numbers(header: StudyHeader, known: Sequence[Identifier]) -> NumberMatch:
    """Compare the numbers in the images with those of a patient of the records.

    >>> study = StudyHeader("1.2", numbers=("17",), issuer="BVTW")
    >>> [compare_numbers(study, [Identifier(*each)]).value for each in (("17", "hospital", "BVTW"), ("17",), ("18",))]
    ['same', 'bare', 'unclear']
    """
    equal = [each for each in known if each.value in header.numbers]
    if any(_same_issuer(header, each) for each in equal):
        return NumberMatch.SAME
    if any(not each.issuer or not header.issuer for each in equal):
        return NumberMatch.BARE
    if not header.numbers or not known:
        return NumberMatch.UNCLEAR
    mine = [each for each in known if each.kind is IdentifierKind.HOSPITAL]
    comparable = not header.issuer or any(each.issuer == header.issuer for each in mine)
    return NumberMatch.OTHER if mine and comparable else NumberMatch.UNCLEAR


def _same_issuer(header: StudyHeader, number: Identifier) -> bool:
    """Whether an equal number is the same number; a citizen's is unique in the nation, whoever writes it down."""
    if number.kind is IdentifierKind.CITIZEN:
        return True
    return bool(number.issuer) and number.issuer == header.issuer
