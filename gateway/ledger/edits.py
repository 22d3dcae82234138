"""Segmentations that came back: who stored them, and what became of each."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy import Engine, func, select

from gateway.feedback.judgement import EditState
from gateway.ledger.judgements_tables import bringers, edits
from gateway.ledger.records import utc_text
from gateway.ledger.statements import insert_once, put, rows


@dataclass(frozen=True, slots=True)
class Edit:
    """One segmentation; `reason` says why it was not counted."""

    sop_instance_uid: str
    case_id: str
    series_uid: str
    state: EditState
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class Bringer:
    """Whoever stored a segmentation through our own origin."""

    person_id: str | None
    name: str = field(repr=False)


class Edits:
    """Segmentations of all cases."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, sop_instance_uid: str) -> Edit | None:
        """What became of a segmentation; None where nothing has yet."""
        found = rows(self._engine, select(edits).where(edits.c.sop_instance_uid == sop_instance_uid))
        return Edit(**{**found[0], "state": EditState(found[0]["state"])}) if found else None

    def note(self, new: Edit) -> bool:
        """Write down what became of one; the first word stands."""
        return insert_once(self._engine, edits, asdict(new))

    def of_case(self, case_id: str) -> list[Edit]:
        """Every segmentation that came back to a case, oldest first."""
        query = select(edits).where(edits.c.case_id == case_id).order_by(edits.c.at)
        return [Edit(**{**row, "state": EditState(row["state"])}) for row in rows(self._engine, query)]

    def counts(self, case_ids: Sequence[str]) -> dict[str, int]:
        """How many came back, by case; one without is missing."""
        query = select(edits.c.case_id, func.count().label("n")).where(edits.c.case_id.in_(case_ids))
        return {row["case_id"]: row["n"] for row in rows(self._engine, query.group_by(edits.c.case_id))}

    def bring(self, sop_instance_uid: str, who: Bringer, now: datetime) -> None:
        """Note who is about to store a segmentation; the last who did counts."""
        put(
            self._engine,
            bringers,
            [{"sop_instance_uid": sop_instance_uid, **asdict(who), "at": utc_text(now)}],
        )

    def brought_by(self, sop_instance_uid: str) -> Bringer | None:
        """Who stored it; None for a C-STORE, where nobody says who sends."""
        found = rows(self._engine, select(bringers).where(bringers.c.sop_instance_uid == sop_instance_uid))
        return Bringer(found[0]["person_id"], found[0]["name"]) if found else None
