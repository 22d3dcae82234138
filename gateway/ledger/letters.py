"""Letters to medical records: a queue for each destination, and how the destinations fare.

A letter is a delivery with a number: the editions of a case to one destination follow one another, and a newer one takes the
place of those before it that were not delivered. What a letter says is put together when it is sent.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    Update,
    bindparam,
    func,
    or_,
    select,
    update,
)

from gateway.ledger.deliveries import delivery_id_of
from gateway.ledger.letter import UNFINISHED, WANTED, Accepted, Cause, Letter, Standing
from gateway.ledger.letters_addressees import Addressees
from gateway.ledger.letters_tables import addressees, delivery_row, destinations, letter_row, letters
from gateway.ledger.moments import note
from gateway.ledger.records import DeliveryKind, DeliveryState, utc_text
from gateway.ledger.schema import cases, deliveries
from gateway.ledger.statements import insert_within, put, rows, run, translated


class Letters:
    """Letters of all cases to all destinations."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.addressees = Addressees(engine)

    def queue(
        self, case_id: str, revision: int, destination: str, cause: Cause, reason: str, now: datetime
    ) -> str | None:
        """Note that a letter is to be sent; returns its id, or None where one that waits will say the same.

        A revision has one letter with its result, whatever is repeated; others follow as often as they are asked for.
        """
        with translated(), self._engine.begin() as connection:
            former = _letters(connection, case_id, destination)
            told = [letter for letter in former if letter.cause is not Cause.WITHDRAWN]
            present = [letter for letter in told if letter.revision == revision]
            if cause is Cause.RESULT and present:
                return present[0].id
            if cause is not Cause.RESULT and any(_will_say_it(letter, cause) for letter in present[-1:]):
                return None
            edition = max((letter.edition for letter in former), default=0) + 1
            key = delivery_id_of(case_id, revision, DeliveryKind.EMR, destination)
            key = key if cause is Cause.RESULT else f"{key}:{edition}"
            # A delivery of an older release has no letter yet: it stands as it is, and gets one.
            insert_within(connection, deliveries, delivery_row(key, case_id, revision, destination, now))
            insert_within(connection, letters, letter_row(key, case_id, destination, edition, cause, reason))
        return key

    def adopt(self, destination: str) -> None:
        """Give the unfinished deliveries that an older release has queued their letters."""
        alone = select(deliveries).where(
            deliveries.c.kind == DeliveryKind.EMR.value,
            deliveries.c.target == destination,
            deliveries.c.state.in_(UNFINISHED),
            deliveries.c.id.not_in(select(letters.c.delivery_id)),
        )
        for row in rows(self._engine, alone):
            fresh = letter_row(row["id"], row["case_id"], destination, row["revision"], Cause.RESULT, "")
            with translated(), self._engine.begin() as connection:
                insert_within(connection, letters, fresh)

    def waiting(self, destination: str, limit: int, now: datetime | None = None) -> list[Letter]:
        """Letters that wait, those that wait longest first; with `now`, those whose turn it is."""
        query = _joined().where(letters.c.destination == destination, letters.c.is_open)
        if now is not None:
            due = or_(letters.c.due_at.is_(None), letters.c.due_at <= utc_text(now))
            query = query.where(due | (deliveries.c.state == DeliveryState.QUEUED.value))
        soonest = (func.coalesce(letters.c.due_at, ""), deliveries.c.queued_at, letters.c.delivery_id)
        return [_read(row) for row in rows(self._engine, query.order_by(*soonest).limit(limit))]

    def arrived_since(self, destination: str, moment: datetime, limit: int) -> list[Letter]:
        """Letters that were queued after a moment and never tried, oldest first."""
        fresh = (deliveries.c.queued_at > utc_text(moment)) & (deliveries.c.attempts == 0)
        query = _joined().where(letters.c.destination == destination, letters.c.is_open, fresh)
        return [_read(row) for row in rows(self._engine, query.order_by(deliveries.c.queued_at).limit(limit))]

    def of_case(self, case_id: str, destination: str) -> list[Letter]:
        """Letters of a case to a destination, oldest edition first."""
        with translated(), self._engine.connect() as connection:
            return _letters(connection, case_id, destination)

    def get(self, key: str) -> Letter | None:
        """Return a letter, or None."""
        found = rows(self._engine, _joined().where(letters.c.delivery_id == key))
        return _read(found[0]) if found else None

    def delivered(self, accepted: Sequence[Accepted]) -> None:
        """Receivers have these, in one durable transaction; what was still wanted of earlier editions is not any more."""
        if not accepted:
            return
        rows_ = [_as_row(one) for one in accepted]
        with translated(), self._engine.begin() as connection:
            for statement in (_DELIVERED, _CLOSED, _ACCEPTED, _SEEN):
                connection.execute(statement, rows_)
            for one in accepted:
                note(
                    connection, one.letter.case_id, one.letter.revision, {"emr_accepted_at": utc_text(one.at)}
                )
                if one.letter.edition > 1:
                    _supersede(connection, one.letter, one.at)

    def put_off(self, letter: Letter, until: datetime, now: datetime, detail: str, *, tried: bool) -> None:
        """It is tried again; `tried` when the receiver may have seen it."""
        values = {"state": DeliveryState.RETRYING.value, "detail": detail, "updated_at": utc_text(now)}
        attempts = deliveries.c.attempts + int(tried)
        mine = (deliveries.c.id == letter.id) & deliveries.c.state.in_(UNFINISHED)
        with translated(), self._engine.begin() as connection:
            connection.execute(update(deliveries).where(mine).values(attempts=attempts, **values))
            later = update(letters).where(letters.c.delivery_id == letter.id)
            connection.execute(later.values(due_at=utc_text(until)))

    def end(self, letter: Letter, state: DeliveryState, now: datetime, detail: str, *, tried: bool) -> None:
        """It is over without having been delivered."""
        ended = {
            "state": state.value,
            "detail": detail,
            "updated_at": utc_text(now),
            "done_at": utc_text(now),
        }
        mine = (deliveries.c.id == letter.id) & deliveries.c.state.in_(UNFINISHED)
        attempts = deliveries.c.attempts + int(tried)
        with translated(), self._engine.begin() as connection:
            connection.execute(update(deliveries).where(mine).values(attempts=attempts, **ended))
            connection.execute(_closing(letters.c.delivery_id == letter.id))

    def close(self, letter: Letter) -> None:
        """Its delivery was ended elsewhere."""
        with translated(), self._engine.begin() as connection:
            connection.execute(_closing(letters.c.delivery_id == letter.id))

    def reopen(self, key: str) -> None:
        """A person wants it once more; its turn is now."""
        opened = update(letters).where(letters.c.delivery_id == key).values(is_open=True, due_at=None)
        run(self._engine, opened)

    def wake(self, destination: str) -> None:
        """The destination is back: nobody waits for a turn that was set while it was away."""
        mine = (letters.c.destination == destination) & letters.c.is_open & letters.c.due_at.is_not(None)
        run(self._engine, update(letters).where(mine).values(due_at=None))

    def note(self, destination: str, **values: str | None) -> None:
        """Write down how a destination fares."""
        put(self._engine, destinations, [{"name": destination, **values}])

    def standing(self, destination: str) -> Standing:
        """How a destination fares, without counting what waits."""
        found = rows(self._engine, select(destinations).where(destinations.c.name == destination))
        return Standing(**found[0]) if found else Standing(destination)

    def standings(self, names: Sequence[str]) -> list[Standing]:
        """How these destinations fare, and what waits for each."""
        return [self._counted(name) for name in names]

    def _counted(self, name: str) -> Standing:
        mine = (letters.c.destination == name) & letters.c.is_open & deliveries.c.state.in_(UNFINISHED)
        queue = letters.join(deliveries, deliveries.c.id == letters.c.delivery_id)
        waiting = select(func.count().label("n"), func.min(deliveries.c.queued_at).label("oldest_at"))
        (waits,) = rows(self._engine, waiting.select_from(queue).where(mine))
        dead = (deliveries.c.kind == DeliveryKind.EMR.value) & (deliveries.c.target == name)
        failed = dead & (deliveries.c.state == DeliveryState.FAILED.value)
        (lost,) = rows(self._engine, select(func.count().label("n")).select_from(deliveries).where(failed))
        known = self.standing(name)
        return replace(known, waiting=waits["n"], oldest_at=waits["oldest_at"], failed=lost["n"])


def _will_say_it(letter: Letter, cause: Cause) -> bool:
    """Whether a letter that nobody has begun to write will carry a change by itself."""
    unsent = letter.state.value in UNFINISHED and letter.attempts == 0 and not letter.is_written
    return unsent and (cause is Cause.CORRECTED or letter.cause is cause)


def _supersede(connection: Connection, letter: Letter, now: datetime) -> None:
    former = (
        (letters.c.case_id == letter.case_id)
        & (letters.c.destination == letter.destination)
        & (letters.c.edition < letter.edition)
        & (
            letters.c.cause != Cause.WITHDRAWN.value
        )  # what went to the wrong record is withdrawn whatever follows
    )
    keys = select(letters.c.delivery_id).where(former)
    mine = deliveries.c.id.in_(keys) & deliveries.c.state.in_(WANTED)
    told = f"edition {letter.edition} took its place"
    values = {"state": DeliveryState.SUPERSEDED.value, "detail": told}
    moments = {"updated_at": utc_text(now), "done_at": utc_text(now)}
    connection.execute(update(deliveries).where(mine).values(**values, **moments))
    connection.execute(_closing(former))


def _closing(chosen: ColumnElement[bool]) -> Update:
    return update(letters).where(chosen).values(is_open=False, due_at=None)


def _joined() -> Select[tuple[object, ...]]:
    columns = (deliveries.c[name] for name in ("id", "revision", "state", "attempts", "queued_at"))
    mine = (letters.c[name] for name in ("destination", "case_id", "edition", "cause", "reason", "due_at"))
    is_written = addressees.c.delivery_id.is_not(None).label("is_written")
    last = letters.alias("last")
    same = (last.c.case_id == letters.c.case_id) & (last.c.destination == letters.c.destination)
    newest = select(func.max(last.c.edition)).where(same).scalar_subquery().label("newest")
    found = select(*columns, *mine, newest, is_written).join(
        letters, letters.c.delivery_id == deliveries.c.id
    )
    return found.outerjoin(addressees, addressees.c.delivery_id == deliveries.c.id)


_DELIVERED = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("key"))
    .values(
        state=DeliveryState.DELIVERED.value,
        attempts=deliveries.c.attempts + 1,
        detail=bindparam("said"),
        updated_at=bindparam("at"),
        done_at=bindparam("at"),
    )
)
_CLOSED = update(letters).where(letters.c.delivery_id == bindparam("key")).values(is_open=False, due_at=None)
_ACCEPTED = (
    update(cases)
    .where(
        cases.c.id == bindparam("of_case"),
        cases.c.revision == bindparam("of_revision"),
        cases.c.emr_accepted_at.is_(None),
    )
    .values(emr_accepted_at=bindparam("at"))
)
_SEEN = (
    update(destinations)
    .where(destinations.c.name == bindparam("receiver"))
    .values(delivered_at=bindparam("at"), tried_at=bindparam("at"))
)
"""What an acceptance changes, for many at once."""


def _as_row(one: Accepted) -> dict[str, object]:
    letter = one.letter
    of_case = {"of_case": letter.case_id, "of_revision": letter.revision, "receiver": letter.destination}
    return {"key": letter.id, "at": utc_text(one.at), "said": one.detail, **of_case}


def _letters(connection: Connection, case_id: str, destination: str) -> list[Letter]:
    mine = (letters.c.case_id == case_id) & (letters.c.destination == destination)
    found = connection.execute(_joined().where(mine).order_by(letters.c.edition)).mappings()
    return [_read(row) for row in found]


def _read(row: RowMapping) -> Letter:
    return Letter(**{**row, "state": DeliveryState(row["state"]), "cause": Cause(row["cause"])})
