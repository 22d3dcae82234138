"""What was received, by whom, and whether the archive has it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, select, update

from dicom_scp.arrival import Arrival, AssociationEvent, AssociationKind
from dicom_scp.headers import ImageHeader
from gateway.ledger.records import StoredImage, moment_of, utc_text
from gateway.ledger.schema import arrivals, associations, cases
from gateway.ledger.statements import insert_once, rows, run


def row_of(arrival: Arrival) -> dict[str, Any]:
    """The row of an arrival, its header as plain values."""
    header = arrival.header
    return {
        "study_uid": header.study_uid,
        "series_uid": header.series_uid,
        "sop_instance_uid": header.sop_instance_uid,
        "digest": arrival.digest,
        "path": arrival.path,
        "size_bytes": arrival.size_bytes,
        "transfer_syntax_uid": arrival.transfer_syntax_uid,
        "received_at": utc_text(arrival.received_at),
        "calling_ae": arrival.calling_ae,
        "called_ae": arrival.called_ae,
        "association_id": arrival.association_id,
        "header": header.to_json(),
        "forward_state": "pending",
    }


class Arrivals:
    """Received objects; the same bytes under the same UID are one arrival."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, arrival: Arrival) -> bool:
        """Make an arrival durable; returns whether it was new."""
        return insert_once(self._engine, arrivals, row_of(arrival))

    def record_association(self, event: AssociationEvent) -> None:
        """Note that an association opened or how it ended."""
        if event.kind is AssociationKind.OPENED:
            opened = {
                "id": event.association_id,
                "calling_ae": event.calling_ae,
                "opened_at": utc_text(event.at),
            }
            insert_once(self._engine, associations, opened)
            return
        ended = {"closed_at": utc_text(event.at), "outcome": event.kind.value}
        run(
            self._engine,
            update(associations).where(associations.c.id == event.association_id).values(**ended),
        )

    def close_orphans(self, now: datetime) -> int:
        """At the listener's start nobody can be sending: end what a crash left open."""
        ended = {"closed_at": utc_text(now), "outcome": AssociationKind.ABORTED.value}
        return run(
            self._engine, update(associations).where(associations.c.closed_at.is_(None)).values(**ended)
        )

    def news(self, after_id: int) -> list[tuple[str, int]]:
        """Studies with arrivals younger than `after_id`, each with the id of its youngest."""
        query = (
            select(arrivals.c.study_uid, func.max(arrivals.c.id).label("latest"))
            .where(arrivals.c.id > after_id)
            .group_by(arrivals.c.study_uid)
        )
        return [(row["study_uid"], row["latest"]) for row in rows(self._engine, query)]

    def unaccounted(self) -> list[tuple[str, int]]:
        """Studies whose youngest arrival no case has seen: what a restart has to catch up with."""
        latest = (
            select(arrivals.c.study_uid, func.max(arrivals.c.id).label("latest"))
            .group_by(arrivals.c.study_uid)
            .subquery()
        )
        query = (
            select(latest)
            .join(cases, cases.c.study_uid == latest.c.study_uid, isouter=True)
            .where(latest.c.latest > func.coalesce(cases.c.seen_arrival_id, 0))
        )
        return [(row["study_uid"], row["latest"]) for row in rows(self._engine, query)]

    def images(self, study_uid: str, after_id: int = 0) -> list[StoredImage]:
        """Arrivals of a study in the order in which they came."""
        query = (
            select(arrivals)
            .where(arrivals.c.study_uid == study_uid, arrivals.c.id > after_id)
            .order_by(arrivals.c.id)
        )
        return [
            StoredImage(
                arrival_id=row["id"],
                header=ImageHeader.from_json(row["header"]),
                path=row["path"],
                received_at=moment_of(row["received_at"]),
                association_id=row["association_id"],
            )
            for row in rows(self._engine, query)
        ]

    def series_paths(self, study_uid: str, series_uid: str) -> list[str]:
        """Spool paths of a series, first arrival of every SOP instance."""
        query = (
            select(func.min(arrivals.c.id).label("first"), arrivals.c.sop_instance_uid)
            .where(arrivals.c.study_uid == study_uid, arrivals.c.series_uid == series_uid)
            .group_by(arrivals.c.sop_instance_uid)
            .subquery()
        )
        paths = select(arrivals.c.path).join(query, arrivals.c.id == query.c.first).order_by(arrivals.c.id)
        return [row["path"] for row in rows(self._engine, paths)]

    def open_associations(self, ids: Sequence[str]) -> int:
        """How many of these associations are still open."""
        query = select(func.count().label("n")).where(
            associations.c.id.in_(ids), associations.c.closed_at.is_(None)
        )
        return int(rows(self._engine, query)[0]["n"])

    def senders_connected(self, ids: Sequence[str]) -> bool:
        """Whether a title that opened one of these associations has one open now."""
        titles = select(associations.c.calling_ae).where(associations.c.id.in_(ids))
        query = select(func.count().label("n")).where(
            associations.c.calling_ae.in_(titles), associations.c.closed_at.is_(None)
        )
        return bool(rows(self._engine, query)[0]["n"])

    def aborted_associations(self, ids: Sequence[str]) -> set[str]:
        """Which of these associations ended without a release."""
        query = select(associations.c.id).where(
            associations.c.id.in_(ids), associations.c.outcome == AssociationKind.ABORTED.value
        )
        return {row["id"] for row in rows(self._engine, query)}

    def studies_to_forward(self) -> list[str]:
        """Studies with at least one object waiting for the archive."""
        query = select(arrivals.c.study_uid).where(arrivals.c.forward_state == "pending").distinct()
        return [row["study_uid"] for row in rows(self._engine, query)]

    def mark_forwarded(self, arrival_ids: Sequence[int], now: datetime) -> None:
        """The archive took these objects."""
        values = {"forward_state": "forwarded", "forward_reason": None, "forwarded_at": utc_text(now)}
        run(self._engine, update(arrivals).where(arrivals.c.id.in_(arrival_ids)).values(**values))

    def mark_refused(self, arrival_id: int, reason: str) -> None:
        """The archive will not take this object; it stays in the spool, visible with its reason."""
        values = {"forward_state": "refused", "forward_reason": reason}
        run(self._engine, update(arrivals).where(arrivals.c.id == arrival_id).values(**values))

    def forward_counts(self, study_uid: str | None = None) -> dict[str, int]:
        """Number of objects by forward state, of one study or of all."""
        query = select(arrivals.c.forward_state, func.count().label("n")).group_by(arrivals.c.forward_state)
        if study_uid is not None:
            query = query.where(arrivals.c.study_uid == study_uid)
        return {row["forward_state"]: row["n"] for row in rows(self._engine, query)}
