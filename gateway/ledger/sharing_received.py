"""Studies that partners have announced, and what of each is here."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import Engine, RowMapping, func, select, update

from gateway.ledger.records import CaseState, case_id_of, utc_text
from gateway.ledger.schema import cases
from gateway.ledger.sharing_alarms import note_within
from gateway.ledger.sharing_tables import received_shares
from gateway.ledger.statements import insert_within, rows, translated

TOLD = ("results", "maps", "images")
"""Stages of which a partner says that they are through."""


@dataclass(frozen=True, slots=True)
class ReceivedShare:
    """One revision of a study from one partner, with the partner's own result."""

    id: str
    partner: str
    study_uid: str
    case_id: str
    revision: int
    asked_by: str = field(repr=False)
    result: Mapping[str, Any] = field(repr=False)
    announced_at: str
    results_at: str | None
    maps_at: str | None
    images_at: str | None
    updated_at: str


def received_id_of(partner: str, study_uid: str, revision: int) -> str:
    """Identifier of a received handover, the same on every repeat."""
    return str(uuid5(NAMESPACE_OID, f"stroke-gateway|share|{partner}|{study_uid}|{revision}"))


class ReceivedShares:
    """Announced studies of all partners."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def announce(
        self,
        partner: str,
        study_uid: str,
        revision: int,
        result: Mapping[str, Any],
        by: str,
        over: Sequence[str],
        now: datetime,
        scanned_at: str | None = None,
    ) -> bool:
        """Write down an announcement and which stages are through; returns whether it was new.

        A study that has no case gets one, which is not analysed here: the partner's result is there. What is new is to be
        told to people, which `ReceivedAlarms` knows from the same transaction on.
        """
        at, key, case_id = utc_text(now), received_id_of(partner, study_uid, revision), case_id_of(study_uid)
        fresh = {"id": key, "partner": partner, "study_uid": study_uid, "case_id": case_id}
        said = {"revision": revision, "asked_by": by, "result": dict(result)}
        moments = {"announced_at": at, "updated_at": at}
        ours = {"id": case_id, "study_uid": study_uid, "state": CaseState.RECEIVED.value, "revision": 1}
        seen = {"reason": f"received from {partner}", "first_image_at": at, "last_image_at": at}
        with translated(), self._engine.begin() as connection:
            insert_within(connection, cases, {**ours, **seen})
            is_new = insert_within(connection, received_shares, {**fresh, **said, **moments})
            if is_new:
                note_within(connection, key, partner, case_id, revision, scanned_at)
            for stage in TOLD:
                column = received_shares.c[f"{stage}_at"]
                mine = (received_shares.c.id == key) & column.is_(None)
                if stage in over:
                    values = {column.name: at, "updated_at": at}
                    connection.execute(update(received_shares).where(mine).values(**values))
        return is_new

    def knows(self, partner: str, study_uid: str) -> bool:
        """Whether a partner has announced a study: nothing else of it is taken in."""
        mine = (received_shares.c.partner == partner) & (received_shares.c.study_uid == study_uid)
        return bool(rows(self._engine, select(received_shares.c.id).where(mine).limit(1)))

    def get(self, share_id: str) -> ReceivedShare | None:
        """Return one announced revision, or None."""
        found = rows(self._engine, select(received_shares).where(received_shares.c.id == share_id))
        return _received(found[0]) if found else None

    def latest(self, case_id: str, partner: str) -> ReceivedShare | None:
        """The newest revision that a partner has sent of a case, or None."""
        mine = (received_shares.c.case_id == case_id) & (received_shares.c.partner == partner)
        query = select(received_shares).where(mine).order_by(received_shares.c.revision.desc()).limit(1)
        found = rows(self._engine, query)
        return _received(found[0]) if found else None

    def of_cases(self, case_ids: Sequence[str]) -> dict[str, list[ReceivedShare]]:
        """What was announced of each case, by partner, the latest revision last."""
        query = select(received_shares).where(received_shares.c.case_id.in_(case_ids))
        ordered = query.order_by(received_shares.c.partner, received_shares.c.revision)
        found: dict[str, list[ReceivedShare]] = defaultdict(list)
        for row in rows(self._engine, ordered):
            found[row["case_id"]].append(_received(row))
        return found

    def marks(self, case_ids: Sequence[str]) -> dict[str, str]:
        """When anything changed of each case, last."""
        query = select(received_shares.c.case_id, func.max(received_shares.c.updated_at).label("latest"))
        grouped = query.where(received_shares.c.case_id.in_(case_ids)).group_by(received_shares.c.case_id)
        return {row["case_id"]: row["latest"] for row in rows(self._engine, grouped)}


def _received(row: RowMapping) -> ReceivedShare:
    return ReceivedShare(**row)
