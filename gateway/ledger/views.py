"""What the console and the API ask of the ledger, beside a single case; nothing here writes."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Engine, func, select

from gateway.ledger.records import Delivery, DeliveryKind, DeliveryState
from gateway.ledger.schema import TIMES, arrivals, cases, deliveries
from gateway.ledger.statements import rows

PENDING = "pending"

Mark = tuple[str | int | None, ...]
"""Equal marks: nothing about the case has changed."""

_LIGHT = (
    *(cases.c.id, cases.c.study_uid, cases.c.state, cases.c.revision),
    *(cases.c.seen_arrival_id, cases.c.acknowledged_by),
    *(cases.c[name] for name in TIMES),
)
"""Columns of a case that change whenever it does; the result itself changes with them and stays unread."""


def marks(engine: Engine, limit: int, case_id: str | None = None) -> dict[str, Mark]:
    """The mark of each of the latest `limit` cases, youngest first, or of one case."""
    query = select(*_LIGHT).order_by(cases.c.first_image_at.desc()).limit(limit)
    if case_id is not None:
        query = query.where(cases.c.id == case_id)
    found = rows(engine, query)
    handed = _delivery_marks(engine, [row["id"] for row in found])
    waiting = _pending(engine, [row["study_uid"] for row in found])
    return {
        row["id"]: (*row.values(), *handed.get(row["id"], ()), waiting.get(row["study_uid"], 0))
        for row in found
    }


def _delivery_marks(engine: Engine, case_ids: Sequence[str]) -> dict[str, Mark]:
    query = select(
        deliveries.c.case_id,
        func.count().label("n"),
        func.max(deliveries.c.updated_at).label("latest"),
        func.sum(deliveries.c.attempts).label("attempts"),
    )
    grouped = query.where(deliveries.c.case_id.in_(case_ids)).group_by(deliveries.c.case_id)
    return {
        row["case_id"]: (int(row["n"]), row["latest"], int(row["attempts"])) for row in rows(engine, grouped)
    }


def _pending(engine: Engine, study_uids: Sequence[str]) -> dict[str, int]:
    query = select(arrivals.c.study_uid, func.count().label("n")).where(
        arrivals.c.forward_state == PENDING, arrivals.c.study_uid.in_(study_uids)
    )
    return {row["study_uid"]: row["n"] for row in rows(engine, query.group_by(arrivals.c.study_uid))}


def deliveries_of(engine: Engine, case_ids: Sequence[str]) -> dict[str, list[Delivery]]:
    """Deliveries of each case, oldest first."""
    query = select(deliveries).where(deliveries.c.case_id.in_(case_ids)).order_by(deliveries.c.queued_at)
    found: dict[str, list[Delivery]] = defaultdict(list)
    for row in rows(engine, query):
        plain = {**row, "kind": DeliveryKind(row["kind"]), "state": DeliveryState(row["state"])}
        found[row["case_id"]].append(Delivery(**plain))
    return found


def image_counts(engine: Engine, study_uids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Number of received objects of each study by forward state."""
    query = select(arrivals.c.study_uid, arrivals.c.forward_state, func.count().label("n"))
    grouped = query.where(arrivals.c.study_uid.in_(study_uids)).group_by(
        arrivals.c.study_uid, arrivals.c.forward_state
    )
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows(engine, grouped):
        found[row["study_uid"]][row["forward_state"]] = row["n"]
    return found


def some_path(engine: Engine, study_uid: str) -> str | None:
    """Spool path of one received object of a study, or None."""
    query = select(arrivals.c.path).where(arrivals.c.study_uid == study_uid).order_by(arrivals.c.id).limit(1)
    found = rows(engine, query)
    return found[0]["path"] if found else None
