"""Whose record a report is filed in, and under which number: what a later letter has to keep, and what it has to take back.

Two patients are told apart by the number that addressed the first letter. It still addresses the same record as long as it is
the first of its kind and issuer that the patient has; a number that a merge has retired is not. A name, a birth date or a further
number makes nobody another patient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.emr.recipient import Recipient
from gateway.ledger.letters_addressees import Addressee
from gateway.orders.person import Identifier, IdentifierKind, PatientIdentity


@dataclass(frozen=True, slots=True)
class Filing:
    """One series of reports about the same patient.

    Attributes
    ----------
    number
        From 1 for each case and destination; another one for each change of the patient.
    under
        Number of the report and its issuer, as the first letter of the series carried them; empty before that.
    """

    number: int = 1
    under: tuple[str, str] = field(default=("", ""), repr=False)


def plain(recipient: Recipient, under: tuple[str, str]) -> dict[str, Any]:
    """A recipient for the ledger, with the number under which the report is filed."""
    return {**asdict(recipient), "under": list(under)}


def recipient_in(stored: Mapping[str, Any]) -> Recipient:
    """The recipient that `plain` has written."""
    fields = {name: value for name, value in stored.items() if name != "under"}
    person = dict(fields.pop("identity"))
    numbers = tuple(map(_number, person.pop("identifiers")))
    return Recipient(PatientIdentity(numbers, **person), **fields)


def _number(stored: Mapping[str, Any]) -> Identifier:
    return Identifier(stored["value"], IdentifierKind(stored["kind"]), stored["issuer"])


def number_in(stored: Mapping[str, Any]) -> tuple[str, str]:
    """The number and its issuer that `plain` has written."""
    number, issuer = stored["under"]
    return number, issuer


def filing_of(told: Sequence[Addressee], recipient: Recipient) -> Filing:
    """The filing that a report belongs to: that of the last letter if it was about the same patient, else a new one."""
    if not told:
        return Filing()
    last = told[-1]
    if last.withdrawn_by is None and is_same_patient(recipient_in(last.recipient), recipient):
        first = next(one for one in told if one.filing == last.filing)
        return Filing(last.filing, number_in(first.recipient))
    return Filing(max(one.filing for one in told) + 1)


def misfiled(told: Sequence[Addressee], recipient: Recipient) -> list[Addressee]:
    """The last letter of every filing that is about somebody else and was not taken back."""
    standing = {one.filing: one for one in told if one.withdrawn_by is None}
    return [one for one in standing.values() if not is_same_patient(recipient_in(one.recipient), recipient)]


def is_same_patient(former: Recipient, present: Recipient) -> bool:
    """Whether the number that addressed a former letter still addresses the present patient.

    >>> def whose(*numbers):
    ...     return Recipient(PatientIdentity(tuple(Identifier(number) for number in numbers)))
    >>> is_same_patient(whose("1"), whose("1", "2")), is_same_patient(whose("2"), whose("1", "2"))
    (True, False)
    """
    addressed = next(iter(_numbers(former)), None)
    if addressed is None:
        return False
    current: dict[tuple[IdentifierKind, str], Identifier] = {}
    for number in _numbers(present):
        current.setdefault((number.kind, number.issuer), number)
    return any(
        number.value.strip() == addressed.value.strip()
        and (number.issuer == addressed.issuer or not (number.issuer and addressed.issuer))
        for number in current.values()
    )


def _numbers(recipient: Recipient) -> list[Identifier]:
    return [number for number in recipient.identity.identifiers if number.value.strip()]
