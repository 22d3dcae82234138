"""Changing orders and patients within one transaction; every change is noted, so that studies are matched again."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    Connection,
    RowMapping,
    bindparam,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from gateway.ledger.orders_tables import changes, identifiers, identities, merges, orders
from gateway.ledger.records import utc_text
from gateway.ledger.statements import insert_within
from gateway.ledger.visits_tables import visits
from gateway.orders.order import OrderNumber
from gateway.orders.person import Identifier, PatientIdentity

ORDER, IDENTITY = "order", "identity"

# Built once: building a statement takes longer than running it.
_NUMBER = tuple_(identifiers.c.value, identifiers.c.kind, identifiers.c.issuer)
_OWNERS = select(identifiers).where(_NUMBER.in_(bindparam("numbers", expanding=True)))
_MERGED_INTO = select(identities.c.merged_into).where(identities.c.key == bindparam("key"))
_SAME = {
    value: select(orders)
    .where(
        orders.c[value] == bindparam("value"),
        or_(orders.c[issuer] == bindparam("issuer"), orders.c[issuer] == "", bindparam("issuer") == ""),
    )
    .order_by(orders.c.step_id)
    for value, issuer in (
        ("placer", "placer_issuer"),
        ("filler", "filler_issuer"),
        ("accession_number", "accession_issuer"),
    )
}
"""Orders with a number; an issuer that one of the two does not name is any."""
_PERSON = select(identities).where(identities.c.key == bindparam("key"))

_EMPTY_ORDER: Mapping[str, Any] = {
    **dict.fromkeys(("placer", "placer_issuer", "filler", "filler_issuer"), ""),
    **dict.fromkeys(("accession_number", "accession_issuer", "procedure_id", "step_id"), ""),
    **dict.fromkeys(("modality", "station_ae", "study_uid", "referring_physician", "reason"), ""),
    "procedure": ["", "", ""],
    "priority": "routine",
    "scheduled_at": None,
    "ordered_at": None,
}


class Writing:
    """One message's changes; they become true together, when its transaction is committed."""

    def __init__(self, connection: Connection, inbox_id: int, now: datetime) -> None:
        self._connection = connection
        self._inbox_id = inbox_id
        self._now = utc_text(now)
        self._changed: dict[tuple[str, str], None] = {}

    def owners(self, numbers: Collection[Identifier]) -> dict[Identifier, str]:
        """Who has each of these numbers, after all merges; a number that nobody has is missing."""
        wanted = {(each.value, each.kind.value, each.issuer): each for each in numbers}
        found = self._connection.execute(_OWNERS, {"numbers": list(wanted)}).mappings().all()
        return {
            wanted[row["value"], row["kind"], row["issuer"]]: self.followed(row["identity_key"])
            for row in found
        }

    def followed(self, key: str) -> str:
        """The patient who is followed after all merges."""
        seen: set[str] = set()
        while key not in seen:
            seen.add(key)
            key = self._connection.execute(_MERGED_INTO, {"key": key}).scalar_one_or_none() or key
        return key

    def person(self, key: str) -> RowMapping:
        """A patient's name, birth date, sex and when that was told."""
        return self._connection.execute(_PERSON, {"key": key}).mappings().one()

    def register(self, identity: PatientIdentity, told_at: datetime) -> str:
        """A new patient; returns the key."""
        key = str(uuid4())
        demographics = {name: getattr(identity, name) for name in ("name", "birth_date", "sex")}
        row = {"key": key, **demographics, "told_at": utc_text(told_at)}
        self._connection.execute(insert(identities), row)
        self._note(IDENTITY, key)
        return key

    def correct(self, key: str, demographics: Mapping[str, str], told_at: datetime) -> None:
        """Change what is known of a patient."""
        values = {**demographics, "told_at": utc_text(told_at)}
        self._connection.execute(update(identities).where(identities.c.key == key).values(**values))
        self._note(IDENTITY, key)

    def give(self, key: str, numbers: Sequence[Identifier]) -> None:
        """Numbers that a patient has as well; one that somebody has already stays as it is."""
        for position, each in enumerate(numbers):
            row = {
                "value": each.value, "kind": each.kind.value, "issuer": each.issuer,
                "identity_key": key, "position": position,
            }  # fmt: skip
            if insert_within(self._connection, identifiers, row):
                self._note(IDENTITY, key)

    def arrive(self, key: str, arrived_at: datetime) -> None:
        """A patient came to the hospital; the same word twice is one."""
        row = {"identity_key": key, "arrived_at": utc_text(arrived_at), "told_at": self._now}
        insert_within(self._connection, visits, row)

    def merge(self, prior: str, surviving: str) -> None:
        """Two records are one patient from now on."""
        chosen = identities.c.key == prior
        self._connection.execute(update(identities).where(chosen).values(merged_into=surviving))
        row = {
            "from_key": prior, "into_key": surviving, "inbox_id": self._inbox_id, "merged_at": self._now
        }  # fmt: skip
        self._connection.execute(insert(merges), row)
        self._note(IDENTITY, prior)
        self._note(IDENTITY, surviving)

    def orders(
        self, placer: OrderNumber, filler: OrderNumber, accession: OrderNumber, step_id: str
    ) -> list[RowMapping]:
        """Orders that a message means: by the placer's number, else the filler's, else the accession number.

        A number that the message and an order both have, and that differs, speaks against it.
        """
        for name, number in (("placer", placer), ("filler", filler), ("accession_number", accession)):
            if not number.value:
                continue
            asked = {"value": number.value, "issuer": number.issuer}
            found = self._connection.execute(_SAME[name], asked).mappings().all()
            mine = [row for row in found if _may_be(row, name, placer, filler, step_id)]
            if mine:
                return mine
        return []

    def place(self, values: Mapping[str, Any]) -> str:
        """A new order; returns its key."""
        key = str(uuid4())
        self._connection.execute(insert(orders), {**_EMPTY_ORDER, **values, "key": key})
        self._note(ORDER, key)
        return key

    def change(self, key: str, values: Mapping[str, Any]) -> None:
        """Change an order."""
        self._connection.execute(update(orders).where(orders.c.key == key).values(**values))
        self._note(ORDER, key)

    def finish(self) -> None:
        """Note everything that was changed, each once."""
        if self._changed:
            told = {"inbox_id": self._inbox_id, "changed_at": self._now}
            notes = [{"subject": subject, "key": key, **told} for subject, key in self._changed]
            self._connection.execute(insert(changes), notes)
            self._changed.clear()

    def _note(self, subject: str, key: str) -> None:
        self._changed[subject, key] = None


def _may_be(row: RowMapping, found_by: str, placer: OrderNumber, filler: OrderNumber, step_id: str) -> bool:
    """Whether an order that has one of a message's numbers contradicts none of those that come before it."""
    if found_by != "placer" and placer.value and row["placer"]:
        return False
    if found_by == "accession_number" and filler.value and row["filler"]:
        return False
    return not step_id or row["step_id"] in {"", step_id}
