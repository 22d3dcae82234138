"""Which objects of a delivery its receiver has accepted, so that the next attempt sends only the others."""

from collections.abc import Collection

from sqlalchemy import Column, Engine, String, Table, delete, select

from gateway.ledger.schema import metadata
from gateway.ledger.statements import put, rows, run

handovers = Table(
    "handovers",
    metadata,
    Column("delivery_id", String(160), primary_key=True),
    Column("sop_instance_uid", String(64), primary_key=True),
)
"""A table of its own, so that older ledgers just get it; a delivery that is over has no rows."""


class Handovers:
    """Accepted objects of all deliveries that are under way."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def accepted(self, delivery_id: str) -> frozenset[str]:
        """SOP instances that the receiver has."""
        query = select(handovers.c.sop_instance_uid).where(handovers.c.delivery_id == delivery_id)
        return frozenset(row["sop_instance_uid"] for row in rows(self._engine, query))

    def note(self, delivery_id: str, sop_instance_uids: Collection[str]) -> None:
        """The receiver has these as well."""
        if sop_instance_uids:
            fresh = [{"delivery_id": delivery_id, "sop_instance_uid": uid} for uid in sop_instance_uids]
            put(self._engine, handovers, fresh)

    def forget(self, delivery_id: str) -> None:
        """The delivery is over: another one would begin anew."""
        run(self._engine, delete(handovers).where(handovers.c.delivery_id == delivery_id))
