"""What was handed to whom, how often it was tried, and what came back."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine, RowMapping, func, select, update

from gateway.ledger.records import Delivery, DeliveryKind, DeliveryState, utc_text
from gateway.ledger.schema import deliveries
from gateway.ledger.statements import insert_once, rows, run

TEAM = "team"
"""The target that stands for everybody, where nobody answered: there is nothing to deliver again."""

_UNFINISHED = (DeliveryState.QUEUED.value, DeliveryState.RETRYING.value)


def delivery_id_of(case_id: str, revision: int, kind: DeliveryKind, target: str) -> str:
    """Key of a delivery; it reaches the receiver, so a repeat can be told from news."""
    return f"{kind.value}:{case_id}:r{revision}:{target}"


class Deliveries:
    """Deliveries of all cases."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def queue(self, case_id: str, revision: int, kind: DeliveryKind, target: str, now: datetime) -> str:
        """Note that something is to be delivered; returns the delivery's id, the same on a repeat."""
        key = delivery_id_of(case_id, revision, kind, target)
        new = {
            "id": key,
            "case_id": case_id,
            "revision": revision,
            "kind": kind.value,
            "target": target,
            "state": DeliveryState.QUEUED.value,
            "attempts": 0,
            "queued_at": utc_text(now),
            "updated_at": utc_text(now),
        }
        insert_once(self._engine, deliveries, new)
        return key

    def delivered(self, key: str, now: datetime, detail: str | None = None) -> None:
        """The receiver has it."""
        self._note(key, DeliveryState.DELIVERED, detail, now, done_at=utc_text(now))

    def retrying(self, key: str, now: datetime, detail: str) -> None:
        """An attempt failed; another follows."""
        self._note(key, DeliveryState.RETRYING, detail, now)

    def failed(self, key: str, now: datetime, detail: str) -> None:
        """Nobody will try again by itself: a person must look."""
        self._note(key, DeliveryState.FAILED, detail, now, done_at=utc_text(now))

    def superseded(self, key: str, now: datetime, detail: str) -> None:
        """A newer revision took its place before it was delivered."""
        self._note(key, DeliveryState.SUPERSEDED, detail, now, done_at=utc_text(now))

    def stranded(self, key: str, now: datetime, detail: str) -> bool:
        """The run that should deliver is dead; returns whether anybody still relied on it."""
        return self._end_by_hand(key, _UNFINISHED, DeliveryState.FAILED, detail, now)

    def cancelled(self, key: str, now: datetime, detail: str) -> bool:
        """A person gave it up; returns whether it was still wanted."""
        wanted = (*_UNFINISHED, DeliveryState.FAILED.value)
        return self._end_by_hand(key, wanted, DeliveryState.CANCELLED, detail, now)

    def requeue(self, seen: Delivery, now: datetime) -> bool:
        """Wait again, unless something became of it since it was seen."""
        unchanged = (deliveries.c.id == seen.id) & (deliveries.c.updated_at == seen.updated_at)
        fresh = {"state": DeliveryState.QUEUED.value, "updated_at": utc_text(now), "done_at": None}
        return run(self._engine, update(deliveries).where(unchanged).values(**fresh)) > 0

    def _end_by_hand(
        self, key: str, states: Sequence[str], state: DeliveryState, detail: str, now: datetime
    ) -> bool:
        chosen = (deliveries.c.id == key) & deliveries.c.state.in_(states)
        ended = {
            "state": state.value,
            "detail": detail,
            "updated_at": utc_text(now),
            "done_at": utc_text(now),
        }
        return run(self._engine, update(deliveries).where(chosen).values(**ended)) > 0

    def _note(self, key: str, state: DeliveryState, detail: str | None, now: datetime, **also: str) -> None:
        values = {"state": state.value, "detail": detail, "updated_at": utc_text(now), **also}
        statement = update(deliveries).where(deliveries.c.id == key)
        run(self._engine, statement.values(attempts=deliveries.c.attempts + 1, **values))

    def of_case(self, case_id: str) -> list[Delivery]:
        """Deliveries of a case, oldest first."""
        query = select(deliveries).where(deliveries.c.case_id == case_id).order_by(deliveries.c.queued_at)
        return [_delivery(row) for row in rows(self._engine, query)]

    def get(self, key: str) -> Delivery | None:
        """Return the delivery, or None."""
        found = rows(self._engine, select(deliveries).where(deliveries.c.id == key))
        return _delivery(found[0]) if found else None

    def dead_letters(self) -> list[Delivery]:
        """Failed deliveries of which there is none of a newer result, oldest first."""
        newer = deliveries.alias("newer")
        same = (newer.c.case_id == deliveries.c.case_id) & (newer.c.kind == deliveries.c.kind)
        replaced = select(newer.c.id).where(same, newer.c.revision > deliveries.c.revision).exists()
        failed = (deliveries.c.state == DeliveryState.FAILED.value) & (deliveries.c.target != TEAM)
        query = select(deliveries).where(failed, ~replaced).order_by(deliveries.c.updated_at)
        return [_delivery(row) for row in rows(self._engine, query)]

    def counts(self) -> dict[tuple[str, str], int]:
        """Number of deliveries by (kind, state)."""
        query = select(deliveries.c.kind, deliveries.c.state, func.count().label("n"))
        grouped = query.group_by(deliveries.c.kind, deliveries.c.state)
        return {(row["kind"], row["state"]): row["n"] for row in rows(self._engine, grouped)}


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(**{**row, "kind": DeliveryKind(row["kind"]), "state": DeliveryState(row["state"])})
