"""Steps as scanners perform them: begun, changed, ended; and what follows from them for a study."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, RowMapping, Select, select, update

from dicom_scp.accounts import NO_ACCOUNT, PerformedCount
from dicom_scp.mpps import Scheduled, Series, Step, StepStatus
from gateway.ledger.performed_tables import links, remarks, steps
from gateway.ledger.records import moment_of, utc_text
from gateway.ledger.schema import arrivals
from gateway.ledger.statements import insert_within, put, rows, run, translated


@dataclass(frozen=True, slots=True)
class Performed:
    """One step and what we know beside what the scanner says.

    Attributes
    ----------
    order_keys
        By entry of the worklist; None where no order is known.
    begun_at
        When the scanner told us, by our clock.
    version
        Grows with every change.
    """

    step: Step
    calling_ae: str
    order_keys: tuple[str | None, ...]
    begun_at: datetime
    version: int


class PerformedSteps:
    """Steps of all scanners; what is final does not change any more."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, step: Step, calling_ae: str, order_keys: Sequence[str | None], now: datetime) -> bool:
        """Make a new step durable; returns whether there was none of its UID."""
        new = {
            "uid": step.uid,
            "calling_ae": calling_ae,
            "station_ae": step.station_ae,
            "modality": step.modality,
            "created_at": utc_text(now),
            "version": 1,
            **_changing(step, now),
        }
        with translated(), self._engine.begin() as connection:
            if not insert_within(connection, steps, new):
                return False
            for position, (entry, key) in enumerate(zip(step.scheduled, order_keys, strict=True)):
                insert_within(connection, links, _link(step.uid, position, entry, key))
        return True

    def change(self, seen: Performed, new: Step, now: datetime) -> bool:
        """Make a change durable; returns whether the step was still as it was seen."""
        chosen = (steps.c.uid == new.uid) & (steps.c.version == seen.version)
        values = {**_changing(new, now), "version": seen.version + 1}
        return run(self._engine, update(steps).where(chosen).values(**values)) > 0

    def get(self, uid: str) -> Performed | None:
        """Return a step, or None."""
        found = self._read(select(steps).where(steps.c.uid == uid))
        return found[0] if found else None

    def of_study(self, study_uid: str) -> list[Performed]:
        """Steps that say they belong to a study, the first begun first."""
        mine = select(links.c.uid).where(links.c.study_uid == study_uid)
        return self._read(select(steps).where(steps.c.uid.in_(mine)).order_by(steps.c.created_at))

    def mark(self, study_uid: str) -> tuple[tuple[str, int], ...]:
        """Equal marks: no step of the study has changed."""
        query = select(steps.c.uid, steps.c.version).join(links, links.c.uid == steps.c.uid)
        found = rows(self._engine, query.where(links.c.study_uid == study_uid).order_by(steps.c.uid))
        return tuple((row["uid"], row["version"]) for row in found)

    def in_progress(self, since: datetime) -> list[Performed]:
        """Steps that began since a moment and have not ended, the latest first."""
        chosen = steps.c.status == StepStatus.IN_PROGRESS.value, steps.c.created_at >= utc_text(since)
        return self._read(select(steps).where(*chosen).order_by(steps.c.created_at.desc()))

    def changed_since(self, moment: datetime) -> list[Performed]:
        """Steps that began or changed since a moment, what changed last comes last."""
        chosen = select(steps).where(steps.c.updated_at >= utc_text(moment))
        return self._read(chosen.order_by(steps.c.updated_at))

    def account(self, study_uid: str, series_uid: str) -> PerformedCount:
        """What the scanner says of a series, compared with what is here now."""
        known = [each.step for each in self.of_study(study_uid)]
        if not known:
            return NO_ACCOUNT
        mine = arrivals.c.study_uid == study_uid, arrivals.c.series_uid == series_uid
        here = rows(self._engine, select(arrivals.c.sop_instance_uid).where(*mine))
        return PerformedCount.of(known, series_uid, {row["sop_instance_uid"] for row in here})

    def remark(self, case_id: str, revision: int, texts: Sequence[str]) -> None:
        """Note what the scanner's account says against a scan; the last word stands."""
        put(self._engine, remarks, [{"case_id": case_id, "revision": revision, "texts": list(texts)}])

    def remarks_of(self, case_id: str, revision: int) -> tuple[str, ...]:
        """What was remarked of a scan."""
        query = select(remarks.c.texts).where(remarks.c.case_id == case_id, remarks.c.revision == revision)
        found = rows(self._engine, query)
        return tuple(found[0]["texts"]) if found else ()

    def _read(self, query: Select[Any]) -> list[Performed]:
        found = rows(self._engine, query)
        named = select(links).where(links.c.uid.in_([row["uid"] for row in found]))
        entries = rows(self._engine, named.order_by(links.c.position)) if found else []
        return [_performed(row, [entry for entry in entries if entry["uid"] == row["uid"]]) for row in found]


def _changing(step: Step, now: datetime) -> dict[str, Any]:
    return {
        "status": step.status.value,
        "series": [[each.series_uid, list(each.images), list(each.others)] for each in step.series],
        "started": list(step.started),
        "ended": list(step.ended),
        "reason_code": step.reason_code,
        "reason": step.reason,
        "updated_at": utc_text(now),
    }


def _link(uid: str, position: int, entry: Scheduled, order_key: str | None) -> dict[str, Any]:
    return {
        "uid": uid,
        "position": position,
        "study_uid": entry.study_uid,
        "accession_number": entry.accession_number,
        "procedure_id": entry.procedure_id,
        "step_id": entry.step_id,
        "order_key": order_key,
    }


def _performed(row: RowMapping, entries: Sequence[RowMapping]) -> Performed:
    step = Step(
        uid=row["uid"],
        status=StepStatus(row["status"]),
        station_ae=row["station_ae"],
        modality=row["modality"],
        scheduled=tuple(
            Scheduled(each["study_uid"], each["accession_number"], each["procedure_id"], each["step_id"])
            for each in entries
        ),
        series=tuple(Series(uid, tuple(images), tuple(others)) for uid, images, others in row["series"]),
        started=tuple(row["started"]),
        ended=tuple(row["ended"]),
        reason_code=row["reason_code"],
        reason=row["reason"],
    )
    keys = tuple(each["order_key"] for each in entries)
    return Performed(step, row["calling_ae"], keys, moment_of(row["created_at"]), row["version"])
