"""Orders and patients as they are known now: every merge followed, every correction applied."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, RowMapping, Select, and_, func, or_, select, update

from gateway.ledger.orders_inbox import Inbox
from gateway.ledger.orders_matches import Matches
from gateway.ledger.orders_tables import changes, identifiers, identities, orders
from gateway.ledger.records import moment_of, utc_text
from gateway.ledger.statements import rows, translated
from gateway.orders.order import (
    OPEN,
    Order,
    OrderPriority,
    OrderStatus,
    Procedure,
    WorklistQuery,
    key_of_made_uid,
)
from gateway.orders.person import Identifier, IdentifierKind, PatientIdentity

_NOTHING = PatientIdentity()
_NARROWING = ("accession_number", "modality", "station_ae")
"""Fields of a query that are columns of an order, compared as they are."""


class Orders:
    """Everything the hospital has said of orders and patients; `inbox` holds how it was said."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.inbox = Inbox(engine)
        self.matches = Matches(engine)

    def get(self, key: str) -> Order | None:
        """Return an order, or None."""
        found = self._read(select(orders).where(orders.c.key == key))
        return found[0] if found else None

    def of_keys(self, keys: Collection[str]) -> dict[str, Order]:
        """Orders by key; a key that there is not is missing."""
        return {order.key: order for order in self._read(select(orders).where(orders.c.key.in_(keys)))}

    def worklist(self, query: WorklistQuery) -> list[Order]:
        """Orders that a scanner may ask for, the soonest first; those without a time come last and fit any time."""
        chosen = select(orders).where(orders.c.status.in_([status.value for status in query.statuses]))
        for name in _NARROWING:
            if wanted := getattr(query, name):
                chosen = chosen.where(orders.c[name] == wanted)
        if query.patient_number:
            chosen = chosen.where(orders.c.identity_key.in_(self._family_of_number(query.patient_number)))
        for bound, within in (
            (query.scheduled_from, orders.c.scheduled_at.__ge__),
            (query.scheduled_until, orders.c.scheduled_at.__le__),
        ):
            if bound is not None:
                chosen = chosen.where(orders.c.scheduled_at.is_(None) | within(utc_text(bound)))
        soonest = (orders.c.scheduled_at.is_(None), orders.c.scheduled_at, orders.c.key)
        return self._read(chosen.order_by(*soonest).limit(query.limit))

    def of_accession(self, number: str) -> list[Order]:
        """Orders with an accession number; more than one where two issuers count alike."""
        return self._read(select(orders).where(orders.c.accession_number == number)) if number else []

    def of_study(self, study_uid: str) -> list[Order]:
        """Orders that fix this study's UID, or whose entry in our worklist gave it."""
        same = or_(orders.c.study_uid == study_uid, orders.c.key == key_of_made_uid(study_uid))
        return self._read(select(orders).where(same)) if study_uid else []

    def of_numbers(self, numbers: Collection[str]) -> list[Order]:
        """Orders of every patient who has one of these numbers, whoever issued it."""
        keys = {key for number in numbers if number for key in self._family_of_number(number)}
        return self._read(select(orders).where(orders.c.identity_key.in_(keys))) if keys else []

    def expected_strokes(self, since: datetime) -> list[Order]:
        """Open stroke-code orders since a moment to which no study belongs yet, the latest first."""
        chosen = select(orders).where(
            orders.c.priority == OrderPriority.STROKE.value,
            orders.c.status.in_([status.value for status in OPEN]),
            func.coalesce(orders.c.ordered_at, orders.c.told_at) >= utc_text(since),
            orders.c.key.not_in(self.matches.orders_matched()),
        )
        return self._read(chosen.order_by(orders.c.told_at.desc()).limit(50))

    def meant_by(
        self, study_uid: str, accession_number: str, numbers: Collection[str]
    ) -> dict[str, tuple[Order, str]]:
        """Orders that a study may mean, by key: with its accession number, of its UID, of whoever has one of its numbers.

        Each comes with its patient's key after all merges.
        """
        keys = {key for number in numbers if number for key in self._family_of_number(number)}
        chosen = or_(
            and_(orders.c.accession_number == accession_number, orders.c.accession_number != ""),
            and_(orders.c.study_uid == study_uid, orders.c.study_uid != ""),
            orders.c.key == key_of_made_uid(study_uid),
            orders.c.identity_key.in_(keys),
        )
        found = rows(self._engine, select(orders).where(chosen))
        patients = {row["identity_key"] for row in found}
        heads, people = self.followed(patients), self.identities(patients)
        return {
            row["key"]: (_order(row, people[row["identity_key"]]), heads[row["identity_key"]])
            for row in found
        }

    def identity_keys(self, order_keys: Collection[str]) -> dict[str, str]:
        """The patient of each order after all merges."""
        query = select(orders.c.key, orders.c.identity_key).where(orders.c.key.in_(order_keys))
        found = {row["key"]: row["identity_key"] for row in rows(self._engine, query)}
        heads = self.followed(set(found.values()))
        return {key: heads[identity] for key, identity in found.items()}

    def set_status(self, key: str, status: OrderStatus, now: datetime) -> bool:
        """Note how far an order has come, as the scanner says; returns whether it was open."""
        chosen = orders.c.key == key, orders.c.status.in_([each.value for each in OPEN])
        with translated(), self._engine.begin() as connection:
            values = {"status": status.value}
            changed = connection.execute(update(orders).where(*chosen).values(**values)).rowcount > 0
            if changed:
                note = {"subject": "order", "key": key, "changed_at": utc_text(now)}
                connection.execute(changes.insert().values(**note))
        return changed

    def identity_of(self, study_uid: str) -> PatientIdentity | None:
        """The patient of the records to whom a study belongs, for messages; None unless that is certain."""
        match = self.matches.get(study_uid)
        if match is None or match.identity_key is None:
            return None
        return self.identities([match.identity_key])[match.identity_key]

    def order_of(self, study_uid: str) -> Order | None:
        """The order to which a study belongs, for messages; None unless that is certain."""
        match = self.matches.get(study_uid)
        return self.get(match.order_key) if match and match.order_key else None

    def patients_of_number(self, number: str) -> dict[str, PatientIdentity]:
        """Every patient who has a number, whoever issued it, by the key that is followed now."""
        query = select(identifiers.c.identity_key).where(identifiers.c.value == number)
        found = {row["identity_key"] for row in rows(self._engine, query)}
        return self.identities(set(self.followed(found).values()))

    def followed(self, keys: Collection[str]) -> dict[str, str]:
        """For each patient the one who is followed after all merges; a circle ends where it began."""
        heads = {key: key for key in keys}
        seen, open_keys = {key: {key} for key in keys}, set(keys)
        while open_keys:
            query = select(identities.c.key, identities.c.merged_into).where(
                identities.c.key.in_({heads[key] for key in open_keys}), identities.c.merged_into.is_not(None)
            )
            steps = {row["key"]: row["merged_into"] for row in rows(self._engine, query)}
            open_keys = {
                key for key in open_keys if heads[key] in steps and steps[heads[key]] not in seen[key]
            }
            for key in open_keys:
                heads[key] = steps[heads[key]]
                seen[key].add(heads[key])
        return heads

    def identities(self, keys: Collection[str]) -> dict[str, PatientIdentity]:
        """Patients by key: the demographics of whom is followed, with the numbers of all who were merged into one."""
        heads = self.followed(keys)
        families = self.families(set(heads.values()))
        members = {member for family in families.values() for member in family}
        people = {
            row["key"]: row
            for row in rows(self._engine, select(identities).where(identities.c.key.in_(families)))
        }
        numbers = select(identifiers).where(identifiers.c.identity_key.in_(members))
        known = rows(self._engine, numbers.order_by(identifiers.c.position, identifiers.c.value))
        return {key: _identity(people.get(head), head, families[head], known) for key, head in heads.items()}

    def families(self, heads: Collection[str]) -> dict[str, set[str]]:
        """Each of these patients with all who were merged into one, directly or not."""
        found = {head: {head} for head in heads}
        head_of, fresh = {head: head for head in heads}, set(heads)
        while fresh:
            query = select(identities.c.key, identities.c.merged_into).where(
                identities.c.merged_into.in_(fresh)
            )
            merged = {row["key"]: row["merged_into"] for row in rows(self._engine, query)}
            fresh = set(merged) - set(head_of)
            for key in fresh:
                head_of[key] = head_of[merged[key]]
                found[head_of[key]].add(key)
        return found

    def _family_of_number(self, number: str) -> set[str]:
        """Keys of every patient who has a number, with all who were merged into the same."""
        query = select(identifiers.c.identity_key).where(identifiers.c.value == number)
        heads = self.followed({row["identity_key"] for row in rows(self._engine, query)})
        return set().union(*self.families(set(heads.values())).values())

    def _read(self, statement: Select[Any]) -> list[Order]:
        found = rows(self._engine, statement)
        people = self.identities({row["identity_key"] for row in found})
        return [_order(row, people.get(row["identity_key"], _NOTHING)) for row in found]


def _identity(
    row: RowMapping | None, head: str, family: set[str], known: Sequence[RowMapping]
) -> PatientIdentity:
    if row is None:
        return _NOTHING
    mine = [number for number in known if number["identity_key"] in family]
    mine.sort(key=lambda number: number["identity_key"] != head)  # those of the surviving record stand first
    numbers = tuple(Identifier(each["value"], IdentifierKind(each["kind"]), each["issuer"]) for each in mine)
    return PatientIdentity(numbers, row["name"], row["birth_date"], row["sex"])


def _order(row: RowMapping, patient: PatientIdentity) -> Order:
    plain = {name: row[name] for name in row if name in Order.__slots__}
    return Order(
        **{
            **plain,
            "procedure": Procedure(*row["procedure"]),
            "priority": OrderPriority(row["priority"]),
            "status": OrderStatus(row["status"]),
            "scheduled_at": moment_of(row["scheduled_at"]) if row["scheduled_at"] else None,
            "ordered_at": moment_of(row["ordered_at"]) if row["ordered_at"] else None,
            "patient": patient,
        }
    )
