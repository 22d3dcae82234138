"""To whom each letter was addressed, noted before it is sent: so that a report can be withdrawn where it does not belong.

The reports of a case to one destination that went to the same patient are one filing. When the patient turns out to be another
one, a new filing begins, and a letter of its own withdraws the former.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.ledger.letter import Cause, Letter
from gateway.ledger.letters_tables import addressees, delivery_row, letter_row, letters
from gateway.ledger.schema import deliveries
from gateway.ledger.statements import insert_within, rows, run, translated


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a letter was addressed to; it may have been sent, or was about to be.

    Attributes
    ----------
    filing
        From 1 for each case and destination; another one for each change of the patient.
    recipient
        Patient and order as they were written; nothing of it may be logged.
    withdrawn_by
        Id of the letter that withdraws it, or None.
    """

    delivery_id: str
    edition: int
    revision: int
    filing: int
    recipient: Mapping[str, Any] = field(repr=False)
    withdrawn_by: str | None = None


class Addressees:
    """Addressees of all letters."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, waiting: Sequence[Letter]) -> dict[str, Addressee]:
        """Begin to write letters: a change that comes from now on gets a letter of its own.

        Returns, by id of the letter, the addressees of those that were written once already.
        """
        fresh = [
            {"delivery_id": letter.id, "case_id": letter.case_id, "destination": letter.destination}
            for letter in waiting
            if not letter.is_written
        ]
        if fresh:
            insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
            with translated(), self._engine.begin() as connection:
                connection.execute(insert(addressees).on_conflict_do_nothing(), fresh)
        known = [letter.id for letter in waiting if letter.is_written]
        found = rows(self._engine, _KNOWN.where(addressees.c.delivery_id.in_(known))) if known else []
        return {row["delivery_id"]: Addressee(**row) for row in found}

    def address(self, written: Sequence[tuple[Letter, int, Mapping[str, Any]]]) -> None:
        """Note letter, filing and recipient of what is sent next, in one durable transaction."""
        told = [{"key": letter.id, "in_filing": filing, "to": to} for letter, filing, to in written]
        if told:
            with translated(), self._engine.begin() as connection:
                connection.execute(_ADDRESSED, told)

    def release(self, keys: Collection[str]) -> None:
        """These were not sent, or the receiver has said that it did not take them."""
        if keys:
            run(self._engine, delete(addressees).where(addressees.c.delivery_id.in_(keys)))

    def of_case(self, case_id: str, destination: str) -> list[Addressee]:
        """Everybody to whom the letters of a case may have gone, oldest edition first."""
        mine = (addressees.c.case_id == case_id) & (addressees.c.destination == destination)
        return [Addressee(**row) for row in rows(self._engine, _KNOWN.where(mine))]

    def withdrawn_by(self, key: str) -> Addressee | None:
        """The last letter that a withdrawal is about."""
        found = rows(self._engine, _KNOWN.where(addressees.c.withdrawn_by == key))
        return Addressee(**found[-1]) if found else None

    def withdraw(self, letter: Letter, former: Addressee, reason: str, now: datetime) -> bool:
        """Have a letter withdraw a former filing, and `letter` follow it; returns whether that was still to be done.

        Both happen together or not at all. Nothing happens where `letter` is not the newest any more.
        """
        key = f"{former.delivery_id}:w"
        mine = (addressees.c.case_id == letter.case_id) & (addressees.c.destination == letter.destination)
        same = mine & (addressees.c.filing == former.filing) & addressees.c.withdrawn_by.is_(None)
        all_ = (letters.c.case_id == letter.case_id) & (letters.c.destination == letter.destination)
        with translated(), self._engine.begin() as connection:
            newest = connection.execute(select(func.max(letters.c.edition)).where(all_)).scalar_one()
            if newest != letter.edition:
                return False
            if not connection.execute(update(addressees).where(same).values(withdrawn_by=key)).rowcount:
                return False
            later = update(letters).where(letters.c.delivery_id == letter.id)
            connection.execute(later.values(edition=letter.edition + 1))
            what = (letter.case_id, letter.destination)
            insert_within(connection, deliveries, delivery_row(key, what[0], former.revision, what[1], now))
            row = letter_row(key, *what, letter.edition, Cause.WITHDRAWN, reason)
            insert_within(connection, letters, row)
        return True


_KNOWN = (
    select(
        addressees.c.delivery_id,
        letters.c.edition,
        deliveries.c.revision,
        addressees.c.filing,
        addressees.c.recipient,
        addressees.c.withdrawn_by,
    )
    .join(letters, letters.c.delivery_id == addressees.c.delivery_id)
    .join(deliveries, deliveries.c.id == addressees.c.delivery_id)
    .where(addressees.c.filing.is_not(None))
    .order_by(letters.c.edition)
)
"""Whoever was written to; a letter that was only begun has no filing yet."""

_ADDRESSED = (
    update(addressees)
    .where(addressees.c.delivery_id == bindparam("key"))
    .values(filing=bindparam("in_filing"), recipient=bindparam("to"))
)
