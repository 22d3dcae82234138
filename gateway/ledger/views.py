"""What the console and the API ask of the ledger, beside a single case; nothing here writes."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Engine, RowMapping, func, select

from gateway.ledger.calls import Calls
from gateway.ledger.judgements import Judgements
from gateway.ledger.orders_tables import matches
from gateway.ledger.records import IN_ARCHIVE, Delivery, DeliveryKind, DeliveryState, ObjectState
from gateway.ledger.schema import TIMES, arrivals, cases, conflicts, deliveries
from gateway.ledger.sharing import Sharing
from gateway.ledger.sources_phantoms import visible
from gateway.ledger.statements import rows
from gateway.ledger.thread import Thread

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
    query = (
        select(*_LIGHT).where(visible(cases.c.study_uid)).order_by(cases.c.first_image_at.desc()).limit(limit)
    )
    if case_id is not None:
        query = query.where(cases.c.id == case_id)
    found = rows(engine, query)
    ids = [row["id"] for row in found]
    handed = _delivery_marks(engine, ids)
    waiting = _pending(engine, [row["study_uid"] for row in found])
    decided = _decisions(engine, [row["study_uid"] for row in found])
    shared = Sharing(engine).marks(ids)
    said, called, judged = Thread(engine).marks(ids), Calls(engine).marks(ids), Judgements(engine).marks(ids)
    return {
        row["id"]: (
            *row.values(),
            *handed.get(row["id"], ()),
            waiting.get(row["study_uid"], 0),
            decided.get(row["study_uid"]),
            *shared.get(row["id"], ()),
            said.get(row["id"]),
            *called.get(row["id"], ()),
            judged.get(row["id"]),
        )
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


def _decisions(engine: Engine, study_uids: Sequence[str]) -> dict[str, str]:
    """When it was last decided which order each study belongs to."""
    query = select(matches.c.study_uid, matches.c.decided_at).where(matches.c.study_uid.in_(study_uids))
    return {row["study_uid"]: row["decided_at"] for row in rows(engine, query)}


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
    """Number of received objects of each study by forward state; what the archive holds is "forwarded"."""
    query = select(arrivals.c.study_uid, arrivals.c.forward_state, func.count().label("n"))
    grouped = query.where(arrivals.c.study_uid.in_(study_uids)).group_by(
        arrivals.c.study_uid, arrivals.c.forward_state
    )
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows(engine, grouped):
        held = row["forward_state"] in IN_ARCHIVE
        found[row["study_uid"]][ObjectState.FORWARDED if held else row["forward_state"]] += row["n"]
    return {study: dict(counts) for study, counts in found.items()}


def object_sums(engine: Engine) -> dict[str, tuple[int, int]]:
    """Number and bytes of all received objects by state."""
    query = select(
        arrivals.c.forward_state, func.count().label("n"), func.sum(arrivals.c.size_bytes).label("b")
    )
    found = rows(engine, query.group_by(arrivals.c.forward_state))
    return {row["forward_state"]: (row["n"], int(row["b"])) for row in found}


def conflict_counts(engine: Engine) -> tuple[int, int]:
    """Number of studies with conflicts, and of the SOP instances concerned."""
    query = select(
        func.count(conflicts.c.study_uid.distinct()).label("studies"),
        func.count(conflicts.c.sop_instance_uid.distinct()).label("instances"),
    )
    row = rows(engine, query)[0]
    return row["studies"], row["instances"]


def conflicts_of(engine: Engine, study_uids: Sequence[str]) -> dict[str, list[str]]:
    """SOP instances of each study under whose UID different images arrived, in the order of their names."""
    query = (
        select(conflicts).where(conflicts.c.study_uid.in_(study_uids)).order_by(conflicts.c.sop_instance_uid)
    )
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows(engine, query):
        found[row["study_uid"]].append(row["sop_instance_uid"])
    return found


def versions_of(engine: Engine, sop_instance_uids: Sequence[str]) -> dict[str, list[RowMapping]]:
    """What arrived under each of these UIDs, in the order in which it came."""
    columns = (arrivals.c.sop_instance_uid, arrivals.c.study_uid, arrivals.c.digest, arrivals.c.received_at)
    query = select(*columns).where(arrivals.c.sop_instance_uid.in_(sop_instance_uids)).order_by(arrivals.c.id)
    found: dict[str, list[RowMapping]] = defaultdict(list)
    for row in rows(engine, query):
        found[row["sop_instance_uid"]].append(row)
    return found


def some_path(engine: Engine, study_uid: str) -> str | None:
    """Spool path of one received object of a study, or None."""
    query = select(arrivals.c.path).where(arrivals.c.study_uid == study_uid).order_by(arrivals.c.id).limit(1)
    found = rows(engine, query)
    return found[0]["path"] if found else None
