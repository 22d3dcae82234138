"""The made-up patients that we sent ourselves: which studies are one, and what became of each.

A study is made up when three things say so: its UID lies under our own root, we noted that UID before we sent its first
image, and nobody but us has sent an image of it. Whoever borrows the calling title hides nothing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, RowMapping, delete, exists, func, select, update

from dicom_scp.file_meta import IMPLEMENTATION_CLASS_UID
from gateway.ledger.orders_tables import matches
from gateway.ledger.performed_tables import remarks, told
from gateway.ledger.records import case_id_of, utc_text
from gateway.ledger.schema import arrivals, associations, cases, conflicts, holdings, moments
from gateway.ledger.sources_tables import phantoms
from gateway.ledger.statements import insert_once, rows, run, translated

ROOT = f"{IMPLEMENTATION_CLASS_UID}.7."
"""Studies under this one are made up, if all else says so too."""

RECOVERED = "RECOVERED"
"""Title of images whose rows a power cut took (`gateway.recovery`): of a study that we noted, they are ours."""


def visible(study_uid: ColumnElement[str]) -> ColumnElement[bool]:
    """The study is a patient's, for queries that show or count patients."""
    return study_uid.not_in(select(phantoms.c.study_uid).where(phantoms.c.disowned_at.is_(None)))


@dataclass(frozen=True, slots=True)
class Walk:
    """One made-up patient on the way; `numbers` as they came out."""

    study_uid: str
    calling_ae: str
    to_archive: bool
    begun_at: str
    sent_at: str | None = None
    cancelled_at: str | None = None
    ended_at: str | None = None
    outcome: str | None = None
    detail: str | None = None
    seconds: float | None = None
    numbers: Mapping[str, Any] | None = None
    removed_at: str | None = None
    disowned_at: str | None = None

    @property
    def case_id(self) -> str:
        """Of its case."""
        return case_id_of(self.study_uid)


class Phantoms:
    """Phantoms of the site; rows stay for a while after every other trace is gone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, study_uid: str, calling_ae: str, now: datetime, *, to_archive: bool) -> Walk:
        """Note a study before its first image is sent; `to_archive` says how far its images go."""
        walk = Walk(study_uid, calling_ae, to_archive, utc_text(now))
        insert_once(self._engine, phantoms, asdict(walk))
        return walk

    def owns(self, study_uid: str) -> bool:
        """Whether a study is made up; one that somebody else has sent an image of is a patient's from then on."""
        if not study_uid.startswith(ROOT):
            return False
        walk = self.get(study_uid)
        if walk is None or walk.disowned_at is not None:
            return False
        query = select(arrivals.c.id).where(
            arrivals.c.study_uid == study_uid, arrivals.c.calling_ae.not_in([walk.calling_ae, RECOVERED])
        )
        if not rows(self._engine, query.limit(1)):
            return True
        self._stamp(study_uid, disowned_at=func.coalesce(phantoms.c.disowned_at, walk.begun_at))
        return False

    def get(self, study_uid: str) -> Walk | None:
        """Return the phantom of this study, or None."""
        found = self._read(phantoms.c.study_uid == study_uid)
        return found[0] if found else None

    def unremoved(self) -> list[Walk]:
        """Those that may have left traces, the oldest first."""
        return self._read(phantoms.c.removed_at.is_(None), phantoms.c.disowned_at.is_(None))

    def come_back(self) -> list[Walk]:
        """Those that were removed and of which something is here again, as after a power cut."""
        again = exists().where(arrivals.c.study_uid == phantoms.c.study_uid)
        return self._read(phantoms.c.removed_at.is_not(None), phantoms.c.disowned_at.is_(None), again)

    def latest(self, limit: int) -> list[Walk]:
        """The latest, youngest first."""
        query = select(phantoms).order_by(phantoms.c.begun_at.desc()).limit(limit)
        return [_walk(row) for row in rows(self._engine, query)]

    def sent(self, study_uid: str, now: datetime) -> None:
        """All images were accepted."""
        self._stamp(study_uid, sent_at=utc_text(now))

    def cancel(self, study_uid: str, now: datetime) -> None:
        """A patient came: nothing more is done for this one."""
        chosen = (phantoms.c.study_uid == study_uid) & phantoms.c.cancelled_at.is_(None)
        run(self._engine, update(phantoms).where(chosen).values(cancelled_at=utc_text(now)))

    def is_cancelled(self, study_uid: str) -> bool:
        """Whether it has given way to a patient."""
        walk = self.get(study_uid) if study_uid.startswith(ROOT) else None
        return walk is not None and walk.cancelled_at is not None

    def end(
        self,
        walk: Walk,
        outcome: str,
        detail: str,
        now: datetime,
        numbers: Mapping[str, Any] | None = None,
    ) -> None:
        """What became of it."""
        seconds = (now - datetime.fromisoformat(walk.begun_at)).total_seconds()
        values = {"outcome": outcome, "detail": detail, "seconds": seconds, "numbers": numbers}
        self._stamp(walk.study_uid, ended_at=utc_text(now), **values)

    def stays_here(self, study_uid: str) -> bool:
        """Whether its images are kept from the archive."""
        walk = self.get(study_uid) if self.owns(study_uid) else None
        return walk is not None and not walk.to_archive

    def received(self, study_uid: str) -> int:
        """How many of its images have arrived."""
        query = select(func.count().label("n")).where(arrivals.c.study_uid == study_uid)
        return int(rows(self._engine, query)[0]["n"])

    def paths(self, study_uid: str) -> list[str]:
        """Where its images lie, below the spool."""
        query = select(arrivals.c.path).where(arrivals.c.study_uid == study_uid)
        return [row["path"] for row in rows(self._engine, query)]

    def wipe(self, walk: Walk, now: datetime) -> None:
        """Delete every row of it but its own, in one transaction; its files are gone already."""
        mine = select(arrivals.c.id).where(arrivals.c.study_uid == walk.study_uid)
        brought = select(arrivals.c.association_id).where(arrivals.c.study_uid == walk.study_uid)
        with translated(), self._engine.begin() as connection:
            for statement in (
                delete(holdings).where(holdings.c.arrival_id.in_(mine)),
                delete(associations).where(associations.c.id.in_(brought)),
                *(
                    delete(table).where(table.c.study_uid == walk.study_uid)
                    for table in (conflicts, matches, told, cases, arrivals)
                ),
                delete(remarks).where(remarks.c.case_id == walk.case_id),
                delete(moments).where(moments.c.case_id == walk.case_id),
                update(phantoms)
                .where(phantoms.c.study_uid == walk.study_uid)
                .values(removed_at=utc_text(now)),
            ):
                connection.execute(statement)

    def forget(self, before: datetime) -> int:
        """Delete the rows of those that were removed long ago; returns how many."""
        old = phantoms.c.removed_at < utc_text(before)
        return run(self._engine, delete(phantoms).where(old))

    def _stamp(self, study_uid: str, **values: Any) -> None:
        run(self._engine, update(phantoms).where(phantoms.c.study_uid == study_uid).values(**values))

    def _read(self, *chosen: ColumnElement[bool]) -> list[Walk]:
        query = select(phantoms).where(*chosen).order_by(phantoms.c.begun_at)
        return [_walk(row) for row in rows(self._engine, query)]


def _walk(row: RowMapping) -> Walk:
    return Walk(**row)
