"""What a message tells, applied to what is known: within one transaction, so that it happens whole or not at all.

Nobody is ever taken for somebody else here. A number that is known keeps its owner; a message whose name and birth date
both contradict what is known of that owner is refused, unless it is itself a correction; and what is older than
what is known changes nothing, whenever it comes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping

from gateway.hl7.grammar import MessageError
from gateway.ledger.orders_writing import Writing
from gateway.ledger.records import moment_of, utc_text
from gateway.orders.names import Agreement, compare_names, compare_texts
from gateway.orders.order import OrderStatus
from gateway.orders.person import Identifier, IdentifierKind, PatientIdentity
from gateway.orders.told import MergeTold, OrderTold, PatientTold, Told, Weight

UNKNOWN_KEY, DUPLICATE_KEY = "204", "205"
"""Conditions of HL7 table 0357."""

PID_3 = "PID^1^3"

OLDER = "it is older than what is known, which stays"
OTHER_OWNER = (
    "a number of the patient is known as another patient's; it stays that one's until a merge says otherwise"
)
NOT_TAKEN = (
    "name or birth date differ from what is known of the patient, which stays: an order corrects nobody"
)
COMPLETED = "the order is completed already and stays so"

KEYS = frozenset({IdentifierKind.HOSPITAL, IdentifierKind.CITIZEN, IdentifierKind.INSURANCE})
"""Numbers by which a patient is found."""

Remarks = list[str]


def apply(told: Sequence[Told], writing: Writing) -> tuple[str, ...]:
    """Apply everything that one message tells; returns remarks that name nobody.

    Raises
    ------
    MessageError
        It contradicts what is known, or speaks of what is not; then nothing of it may be committed.
    """
    remarks: Remarks = []
    for each in told:
        _VERBS[type(each)](each, writing, remarks)
    writing.finish()
    return tuple(dict.fromkeys(remarks))


def _apply_patient(told: PatientTold, writing: Writing, remarks: Remarks) -> str:
    """Find or register the patient, and take what is news; returns the key."""
    numbers = told.identity.identifiers
    owners = writing.owners([each for each in numbers if each.kind in KEYS])
    key = _owner(told, owners, writing)
    if key is None:
        key = writing.register(told.identity, told.told_at)
    else:
        _take_news(key, told, writing, remarks)
    writing.give(key, [number for number in numbers if number not in owners])
    if any(owner != key for owner in owners.values()):
        remarks.append(OTHER_OWNER)
    if told.arrived_at is not None:
        writing.arrive(key, told.arrived_at)
    return key


def _owner(told: PatientTold, owners: Mapping[Identifier, str], writing: Writing) -> str | None:
    """Who is meant: by the hospital's number, else by another one that nothing speaks against."""
    hospital = [key for number, key in owners.items() if number.kind is IdentifierKind.HOSPITAL]
    if hospital:
        key = hospital[0]
        name, born = _agreements(told.identity, writing.person(key))
        if name is born is Agreement.DIFFERS and told.weight < Weight.CORRECTION:
            reason = "the number belongs to somebody with another name and birth date; correct the patient first (A08)"
            raise MessageError(reason, DUPLICATE_KEY, PID_3)
        return key
    for key in owners.values():
        if Agreement.DIFFERS not in _agreements(told.identity, writing.person(key)):
            return key
    return None


def _agreements(identity: PatientIdentity, known: RowMapping) -> tuple[Agreement, Agreement]:
    return compare_names(identity.name, known["name"]), compare_texts(
        identity.birth_date, known["birth_date"]
    )


def _take_news(key: str, told: PatientTold, writing: Writing, remarks: Remarks) -> None:
    known = writing.person(key)
    fresh = {name: getattr(told.identity, name) for name in ("name", "birth_date", "sex")}
    news = {name: value for name, value in fresh.items() if value and value != known[name]}
    if told.weight is Weight.MENTION:
        if any(known[name] for name in news):
            remarks.append(NOT_TAKEN)
        news = {name: value for name, value in news.items() if not known[name]}
        if news:
            writing.correct(key, news, moment_of(known["told_at"]))
        return
    if utc_text(told.told_at) < known["told_at"]:
        news = {name: value for name, value in news.items() if not known[name]}
        remarks.append(OLDER)
    if news:
        writing.correct(key, news, told.told_at)


def _apply_merge(told: MergeTold, writing: Writing, remarks: Remarks) -> None:
    """The record of the prior numbers goes into the surviving one; either may be new here."""
    prior_owners = writing.owners(told.prior)
    prior_keys = set(prior_owners.values())
    own = [number for number in told.patient.identity.identifiers if number not in set(told.prior)]
    if not own:
        raise MessageError("the merge names the same number twice (PID-3, MRG-1)", DUPLICATE_KEY, "MRG^1^1")
    owners = writing.owners([each for each in own if each.kind in KEYS])
    surviving = next((key for number in own if (key := owners.get(number)) and key not in prior_keys), None)
    if surviving is None:
        hospital = next((owners[n] for n in own if n in owners and n.kind is IdentifierKind.HOSPITAL), None)
        surviving = hospital or writing.register(told.patient.identity, told.patient.told_at)
    _take_news(surviving, told.patient, writing, remarks)
    writing.give(surviving, own)
    for key in prior_keys - {surviving}:
        writing.merge(key, surviving)
    # Numbers that nobody had yet: whoever still uses them means the survivor.
    writing.give(surviving, [number for number in told.prior if number not in prior_owners])


def _apply_order(told: OrderTold, writing: Writing, remarks: Remarks) -> None:
    patient = _apply_patient(told.patient, writing, remarks)
    known = writing.orders(told.placer, told.filler, told.accession, told.step_id)
    if any(writing.followed(row["identity_key"]) != patient for row in known):
        reason = "the order is known for another patient: cancel it there and order anew"
        raise MessageError(reason, DUPLICATE_KEY, told.place)
    if not known and told.control not in {"NW", "XO"}:
        raise MessageError("there is no such order here", UNKNOWN_KEY, told.place)
    fresh = {
        **told.values,
        **_numbers(told),
        "told_at": utc_text(told.patient.told_at),
    }
    if not known:
        writing.place({**fresh, "identity_key": patient, "status": told.status.value})
    for row in known:
        if row["told_at"] > fresh["told_at"]:
            remarks.append(OLDER)
            continue
        status = _status(told, OrderStatus(row["status"]), remarks)
        writing.change(row["key"], {**fresh, "status": status.value})


def _numbers(told: OrderTold) -> dict[str, str]:
    """Numbers that the message has; one that it lacks stays as it is."""
    found: dict[str, str] = {}
    for name, number in (("placer", told.placer), ("filler", told.filler)):
        if number.value:
            found |= {name: number.value, f"{name}_issuer": number.issuer}
    return found


def _status(told: OrderTold, known: OrderStatus, remarks: Remarks) -> OrderStatus:
    """Where a known order stands after a message."""
    if told.control == "XO":
        return known
    if told.control == "NW":
        ended = known in {OrderStatus.CANCELLED, OrderStatus.DISCONTINUED}
        return told.status if ended else known
    if told.control in {"CA", "DC"} and known is OrderStatus.COMPLETED:
        remarks.append(COMPLETED)
        return known
    return told.status


_VERBS: Mapping[type, Callable[[Any, Writing, Remarks], object]] = {
    PatientTold: _apply_patient,
    OrderTold: _apply_order,
    MergeTold: _apply_merge,
}
