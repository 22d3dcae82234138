"""One row per study: where it stands, what was found, when things happened."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, RowMapping, ScalarSelect, Update, func, select, update

from gateway.ledger.moments import note
from gateway.ledger.records import Case, CaseState, case_id_of, utc_text
from gateway.ledger.schema import TIMES, arrivals, cases
from gateway.ledger.sources_phantoms import visible
from gateway.ledger.statements import insert_once, rows, run, translated

ALERT_TIMES = ("alert_sent_at", "alert_delivered_at", "alert_opened_at", "acknowledged_at")
"""Times that belong to an alert: it stands, answered or not, until a revision rings anew."""

REVISION_TIMES = tuple(name for name in TIMES if name not in {"first_image_at", *ALERT_TIMES})
"""Times that start anew when late images re-open a case."""


UNTIL_COMPLETE = ("first_image_at", "last_perfusion_image_at", "last_image_at", "complete_at")
"""Times that are settled, as far as this revision's result goes, when its images are complete."""


def _last_image_of(series_uid: str) -> ScalarSelect[str]:
    """When the last image of a case's series came, of the images that are accounted for."""
    query = select(arrivals.c.received_at).where(
        arrivals.c.study_uid == cases.c.study_uid,
        arrivals.c.series_uid == series_uid,
        arrivals.c.id <= cases.c.seen_arrival_id,
    )
    return query.order_by(arrivals.c.id.desc()).limit(1).correlate(cases).scalar_subquery()


def _case(row: RowMapping) -> Case:
    plain = {name: row[name] for name in row if name not in TIMES}
    plain["state"] = CaseState(plain["state"])
    return Case(**plain, times={name: row[name] for name in TIMES})


class Cases:
    """State of the studies. Every change names the state it starts from, so a repeat changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open(self, study_uid: str, first_image_at: datetime) -> Case:
        """Begin a case for a study unless it has one; returns it."""
        new = {
            "id": case_id_of(study_uid),
            "study_uid": study_uid,
            "state": CaseState.RECEIVING.value,
            "revision": 1,
            "first_image_at": utc_text(first_image_at),
            "last_image_at": utc_text(first_image_at),
        }
        insert_once(self._engine, cases, new)
        return _case(rows(self._engine, select(cases).where(cases.c.study_uid == study_uid))[0])

    def get(self, case_id: str) -> Case | None:
        """Return the case, or None."""
        found = rows(self._engine, select(cases).where(cases.c.id == case_id))
        return _case(found[0]) if found else None

    def of_ids(self, case_ids: Collection[str]) -> dict[str, Case]:
        """Cases by id, in one query; one that there is not is missing."""
        found = rows(self._engine, select(cases).where(cases.c.id.in_(case_ids)))
        return {row["id"]: _case(row) for row in found}

    def of_study(self, study_uid: str) -> Case | None:
        """Return the study's case, or None."""
        return self.get(case_id_of(study_uid))

    def latest(self, limit: int = 100) -> list[Case]:
        """Cases, youngest first."""
        query = select(cases).where(visible(cases.c.study_uid)).order_by(cases.c.first_image_at.desc())
        return [_case(row) for row in rows(self._engine, query.limit(limit))]

    def receiving(self) -> list[Case]:
        """Cases that wait for images."""
        query = select(cases).where(cases.c.state == CaseState.RECEIVING.value)
        return [_case(row) for row in rows(self._engine, query)]

    def analysing(self) -> list[Case]:
        """Cases whose analysis was ordered and has not reported."""
        query = select(cases).where(cases.c.state == CaseState.ANALYSING.value)
        return [_case(row) for row in rows(self._engine, query)]

    def counts(self) -> dict[str, int]:
        """Number of cases by state."""
        query = select(cases.c.state, func.count().label("n")).where(visible(cases.c.study_uid))
        return {row["state"]: row["n"] for row in rows(self._engine, query.group_by(cases.c.state))}

    def saw(self, case_id: str, arrival_id: int, last_image_at: datetime) -> None:
        """Images up to `arrival_id` are accounted for."""
        values = {"seen_arrival_id": arrival_id, "last_image_at": utc_text(last_image_at)}
        run(self._engine, update(cases).where(cases.c.id == case_id).values(**values))

    def complete(self, case_id: str, revision: int, series_uid: str, proof: str, now: datetime) -> bool:
        """All images are there: order the analysis."""
        ordered = {
            "state": CaseState.ANALYSING.value,
            "perfusion_series_uid": series_uid,
            "proof": proof,
            "last_perfusion_image_at": _last_image_of(series_uid),
            "complete_at": utc_text(now),
        }
        return self._move(case_id, revision, CaseState.RECEIVING, ordered, noted=UNTIL_COMPLETE)

    def close_without_perfusion(self, case_id: str, revision: int, reason: str, now: datetime) -> bool:
        """Nothing to analyse: the study is stored and forwarded, and says so."""
        closed = {"state": CaseState.NO_PERFUSION.value, "reason": reason, "complete_at": utc_text(now)}
        return self._move(case_id, revision, CaseState.RECEIVING, closed)

    def conclude(
        self,
        case_id: str,
        revision: int,
        result: Mapping[str, Any],
        now: datetime,
        ended_at: datetime | None = None,
    ) -> bool:
        """Record the result of an analysis, and when its computation ended; `result["status"]` is the new state."""
        concluded = {
            "state": CaseState(result["status"]).value,
            "result": dict(result),
            "reason": result["reason"],
            "compute_ended_at": ended_at and utc_text(ended_at),
            "analysed_at": utc_text(now),
        }
        noted = ("compute_ended_at", "analysed_at")
        return self._move(case_id, revision, CaseState.ANALYSING, concluded, noted=noted)

    def reopen(self, case: Case) -> bool:
        """Late images: receive again; a case that had a result gets a new revision."""
        had_result = case.state in {CaseState.ANALYSED, CaseState.NOT_ANALYSED}
        fresh: dict[str, Any] = dict.fromkeys(REVISION_TIMES)
        del fresh["last_image_at"]
        fresh |= {"reason": None, "proof": None}
        fresh |= {"state": CaseState.RECEIVING.value, "revision": case.revision + had_result}
        return self._move(case.id, case.revision, case.state, fresh)

    def stamp(self, case_id: str, revision: int, name: str, now: datetime, **also: Any) -> bool:
        """Record that `name` (one of `TIMES`) happened; the first time stands."""
        statement = update(cases).where(
            cases.c.id == case_id, cases.c.revision == revision, cases.c[name].is_(None)
        )
        return self._change(statement.values(**{name: utc_text(now)}, **also), (name,))

    def forward_run_ended(self, case_id: str, run_number: int) -> None:
        """The run is over; the next one gets the next number."""
        statement = update(cases).where(cases.c.id == case_id, cases.c.forward_runs == run_number)
        run(self._engine, statement.values(forward_runs=run_number + 1))

    def _move(
        self,
        case_id: str,
        revision: int,
        start: CaseState,
        values: Mapping[str, Any],
        noted: Sequence[str] = (),
    ) -> bool:
        statement = update(cases).where(
            cases.c.id == case_id, cases.c.revision == revision, cases.c.state == start.value
        )
        return self._change(statement.values(**values), noted)

    def _change(self, statement: Update, noted: Sequence[str]) -> bool:
        """Change at most one case, and note its times of these names for good, in one durable transaction."""
        found = statement.returning(cases.c.id, cases.c.revision, *(cases.c[name] for name in noted))
        with translated(), self._engine.begin() as connection:
            row = connection.execute(found).mappings().first()
            if row is not None:
                note(connection, row["id"], row["revision"], {name: row[name] for name in noted})
        return row is not None
