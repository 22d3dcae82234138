"""A patient as records know one: several numbers with their issuers, a name, a birth date, a sex."""

from dataclasses import dataclass, field
from enum import StrEnum


class IdentifierKind(StrEnum):
    """What a number is."""

    HOSPITAL = "hospital"
    CITIZEN = "citizen"
    """The personal identification number of a citizen, 12 digits."""
    INSURANCE = "insurance"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Identifier:
    """One number of a patient; without its issuer it names nobody.

    Attributes
    ----------
    issuer
        Who gave the number, as the site's configuration writes it; empty where nobody says.
    """

    value: str = field(repr=False)
    kind: IdentifierKind = IdentifierKind.HOSPITAL
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class PatientIdentity:
    """Who a patient is; nothing here may be logged or put into a file name.

    Attributes
    ----------
    identifiers
        The hospital's number first.
    name
        As DICOM writes it: family, given, middle, prefix and suffix between ``^``.
    birth_date
        YYYYMMDD, or empty.
    sex
        M, F, O, or empty.
    """

    identifiers: tuple[Identifier, ...] = field(default=(), repr=False)
    name: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)

    def number(self, kind: IdentifierKind) -> Identifier | None:
        """The first number of a kind, or None.

        >>> PatientIdentity((Identifier("1", IdentifierKind.CITIZEN),)).number(IdentifierKind.CITIZEN).value
        '1'
        """
        return next((each for each in self.identifiers if each.kind is kind), None)
