"""Of which studies other systems were told, and what can be had of a study."""

from collections import defaultdict
from datetime import datetime

from sqlalchemy import Engine, exists, func, select

from dicom_scp.commitment import Reference
from gateway.ledger.performed_tables import told
from gateway.ledger.records import IN_ARCHIVE, CaseState, ObjectState, utc_text
from gateway.ledger.schema import arrivals, cases
from gateway.ledger.sources_phantoms import visible
from gateway.ledger.statements import put, rows

MOST_AT_ONCE = 100
"""Studies that are told of in one turn."""


class Availabilities:
    """What others were told of each study; `number` counts how often."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def due(self, since: datetime, settled_before: datetime) -> list[tuple[str, str, int, int]]:
        """Case, study, next number and latest arrival of studies that have news, are at rest and in the archive.

        Those are passed over whose last image came before `since`: nobody waits for old studies when a node is new.
        """
        waiting = exists().where(
            arrivals.c.study_uid == cases.c.study_uid, arrivals.c.forward_state == ObjectState.PENDING.value
        )
        query = (
            select(cases.c.id, cases.c.study_uid, cases.c.seen_arrival_id, told.c.number)
            .join(told, told.c.study_uid == cases.c.study_uid, isouter=True)
            .where(
                cases.c.last_image_at.between(utc_text(since), utc_text(settled_before)),
                cases.c.seen_arrival_id > func.coalesce(told.c.seen_arrival_id, 0),
                cases.c.state != CaseState.RECEIVING.value,
                ~waiting,
                visible(cases.c.study_uid),
            )
            .limit(MOST_AT_ONCE)
        )
        return [
            (row["id"], row["study_uid"], (row["number"] or 0) + 1, row["seen_arrival_id"])
            for row in rows(self._engine, query)
        ]

    def told(self, study_uid: str, number: int, seen_arrival_id: int) -> None:
        """Everybody who is to be told has a delivery of this number."""
        values = {"study_uid": study_uid, "number": number, "seen_arrival_id": seen_arrival_id}
        put(self._engine, told, [values])

    def number(self, study_uid: str) -> int:
        """How often others were told of a study."""
        found = rows(self._engine, select(told.c.number).where(told.c.study_uid == study_uid))
        return int(found[0]["number"]) if found else 0

    def in_archive(self, study_uid: str) -> dict[str, list[Reference]]:
        """Instances of a study that the archive has, by series, each once, in the order in which they came."""
        states = [state.value for state in IN_ARCHIVE]
        query = select(
            arrivals.c.series_uid,
            arrivals.c.sop_instance_uid,
            arrivals.c.header["sop_class_uid"].as_string().label("sop_class_uid"),
        ).where(arrivals.c.study_uid == study_uid, arrivals.c.forward_state.in_(states))
        found: dict[str, dict[str, Reference]] = defaultdict(dict)
        for row in rows(self._engine, query.order_by(arrivals.c.id)):
            reference = Reference(row["sop_class_uid"] or "", row["sop_instance_uid"])
            found[row["series_uid"]].setdefault(reference.sop_instance_uid, reference)
        return {series: list(references.values()) for series, references in found.items()}
