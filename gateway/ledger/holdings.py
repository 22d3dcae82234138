"""What became of the bytes of every received object: seen in the archive, removed here, damaged, quarantined."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, RowMapping, Select, exists, func, or_, select, text, update

from gateway.ledger.records import (
    HELD_BACK,
    IN_ARCHIVE,
    CaseState,
    Cause,
    DeliveryState,
    ObjectState,
    Round,
    Stored,
    moment_of,
    utc_text,
)
from gateway.ledger.schema import arrivals, cases, conflicts, deliveries, holdings, rounds
from gateway.ledger.sources_phantoms import visible
from gateway.ledger.statements import put, rows, run, translated

RETRIED = "a person let it be tried again"
"""Why an object waits a second time."""

_WALK_BATCH = 5_000

_UNFINISHED_CASES = (CaseState.RECEIVING.value, CaseState.ANALYSING.value)
_UNFINISHED_DELIVERIES = (DeliveryState.QUEUED.value, DeliveryState.RETRYING.value)


def _stored(row: RowMapping) -> Stored:
    return Stored(
        arrival_id=row["id"],
        study_uid=row["study_uid"],
        sop_instance_uid=row["sop_instance_uid"],
        sop_class_uid=row["sop_class_uid"] or "",
        transfer_syntax_uid=row["transfer_syntax_uid"],
        digest=row["digest"],
        size_bytes=row["size_bytes"],
        path=row["path"],
        received_at=moment_of(row["received_at"]),
        state=ObjectState(row["forward_state"]),
        reason=row["forward_reason"],
        cause=Cause(row["cause"]) if row["cause"] else None,
        archive_id=row["archive_id"],
        archive_deaths=row["archive_deaths"] or 0,
    )


_EVERYTHING = select(
    *(column for column in arrivals.c if column.name != "header"),
    arrivals.c.header["sop_class_uid"].as_string().label("sop_class_uid"),
    *(holdings.c.archive_id, holdings.c.archive_deaths, holdings.c.cause),
).join(holdings, holdings.c.arrival_id == arrivals.c.id, isouter=True)


class Holdings:
    """The bytes of all arrivals. Every change names the state it starts from, so a repeat changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, arrival_id: int) -> Stored | None:
        """Return one object, or None."""
        return next(iter(self._find(_EVERYTHING.where(arrivals.c.id == arrival_id))), None)

    def to_forward(self, study_uid: str, limit: int) -> list[Stored]:
        """Objects that the archive has not taken, oldest first; those it may have died of come last."""
        query = _EVERYTHING.where(
            arrivals.c.study_uid == study_uid, arrivals.c.forward_state == ObjectState.PENDING.value
        )
        deaths = func.coalesce(holdings.c.archive_deaths, 0)
        return self._find(query.order_by(deaths, arrivals.c.id).limit(limit))

    def of_series(self, study_uid: str, series_uid: str) -> list[Stored]:
        """Objects of a series that may be analysed: the first arrival of every SOP instance, none in quarantine."""
        usable = arrivals.c.forward_state != ObjectState.QUARANTINED.value
        inside = (arrivals.c.study_uid == study_uid) & (arrivals.c.series_uid == series_uid)
        first = select(func.min(arrivals.c.id)).where(inside, usable).group_by(arrivals.c.sop_instance_uid)
        return self._find(_EVERYTHING.where(arrivals.c.id.in_(first)).order_by(arrivals.c.id))

    def by_digest(self, study_uid: str, digest: str) -> Stored | None:
        """Return the object of a study with this digest, or None."""
        query = _EVERYTHING.where(arrivals.c.study_uid == study_uid, arrivals.c.digest == digest)
        return next(iter(self._find(query.limit(1))), None)

    def held_back(self, limit: int | None = None) -> list[Stored]:
        """Objects that want a person, youngest first."""
        query = _EVERYTHING.where(arrivals.c.forward_state.in_([state.value for state in HELD_BACK]))
        return self._find(query.order_by(arrivals.c.id.desc()).limit(limit))

    def after(self, position: int, limit: int) -> list[Stored]:
        """The next objects of a walk over everything that was ever received from a patient."""
        query = _EVERYTHING.where(arrivals.c.id > position, visible(arrivals.c.study_uid))
        return self._find(query.order_by(arrivals.c.id).limit(limit))

    def digests(self) -> Iterator[str]:
        """Digests of everything that was ever received, in batches by which no writer is held up."""
        columns, position = select(arrivals.c.id, arrivals.c.digest).order_by(arrivals.c.id), 0
        while found := rows(self._engine, columns.where(arrivals.c.id > position).limit(_WALK_BATCH)):
            yield from (row["digest"] for row in found)
            position = found[-1]["id"]

    def is_recorded(self, path: str) -> bool:
        """Whether any arrival names this file of the spool; asks the whole table."""
        return bool(rows(self._engine, select(arrivals.c.id).where(arrivals.c.path == path).limit(1)))

    @contextmanager
    def while_nobody_records(self) -> Iterator[None]:
        """Hold the ledger so that no arrival can be committed, anywhere.

        Raises
        ------
        TemporaryError
            The database is away or stays locked.
        """
        with (
            translated(),
            self._engine.begin() as connection,
        ):  # SQLite: the one write lock, from the beginning
            if self._engine.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE arrivals IN SHARE ROW EXCLUSIVE MODE"))
            yield

    def never_seen(self, limit: int) -> list[Stored]:
        """Forwarded objects at which nobody has looked in the archive since, oldest first."""
        query = _EVERYTHING.where(
            arrivals.c.forward_state == ObjectState.FORWARDED.value,
            holdings.c.first_seen_at.is_(None),
            visible(arrivals.c.study_uid),
        )
        return self._find(query.order_by(arrivals.c.id).limit(limit))

    def seen_once(self, before: datetime, limit: int) -> list[Stored]:
        """Objects whose first sighting was before a moment, oldest first."""
        query = _EVERYTHING.where(
            arrivals.c.forward_state == ObjectState.FORWARDED.value,
            holdings.c.first_seen_at < utc_text(before),
            visible(arrivals.c.study_uid),
        )
        return self._find(query.order_by(arrivals.c.id).limit(limit))

    def removable(self, received_before: datetime, limit: int) -> list[Stored]:
        """Objects seen twice, of cases at rest, oldest first; one of every series stays, it names the patient."""
        kept = select(func.min(arrivals.c.id)).group_by(arrivals.c.study_uid, arrivals.c.series_uid)
        at_work = exists().where(
            cases.c.study_uid == arrivals.c.study_uid,
            or_(cases.c.state.in_(_UNFINISHED_CASES), _waits_for_a_receiver()),
        )
        query = _EVERYTHING.where(
            arrivals.c.forward_state == ObjectState.SEEN.value,
            arrivals.c.received_at < utc_text(received_before),
            arrivals.c.id.not_in(kept),
            ~at_work,
        )
        return self._find(query.order_by(arrivals.c.id).limit(limit))

    def unremoved(self, limit: int) -> list[Stored]:
        """Archived objects whose file a crash may have left behind."""
        query = _EVERYTHING.where(
            arrivals.c.forward_state == ObjectState.ARCHIVED.value, holdings.c.removed_at.is_(None)
        )
        return self._find(query.limit(limit))

    def forwarded(self, archive_ids: Mapping[int, str], now: datetime) -> None:
        """The archive took these objects, and calls them so."""
        fresh = {"first_seen_at": None, "archive_deaths": 0, "cause": None}
        named = [{"arrival_id": key, "archive_id": name, **fresh} for key, name in archive_ids.items()]
        put(self._engine, holdings, named)
        taken = {"forward_state": "forwarded", "forward_reason": None, "forwarded_at": utc_text(now)}
        self._change(list(archive_ids), None, **taken)

    def died_of(self, arrival_ids: Sequence[int]) -> None:
        """The archive died while it was being given these."""
        self._note(arrival_ids)
        statement = update(holdings).where(holdings.c.arrival_id.in_(arrival_ids))
        run(self._engine, statement.values(archive_deaths=holdings.c.archive_deaths + 1))

    def quarantine(self, arrival_id: int, cause: Cause, reason: str) -> None:
        """Keep an object away from archive and analysis; it stays in the spool, visible with its reason."""
        self._note([arrival_id], cause=cause.value)
        state = ObjectState.QUARANTINED.value
        self._change([arrival_id], None, forward_state=state, forward_reason=reason)

    def saw(self, arrival_ids: Sequence[int], now: datetime) -> None:
        """First sighting in the archive."""
        self._note(arrival_ids, first_seen_at=utc_text(now))

    def saw_again(self, arrival_ids: Sequence[int], now: datetime) -> None:
        """Second sighting, a good while after the first."""
        self._note(arrival_ids, seen_again_at=utc_text(now))
        self._change(arrival_ids, IN_ARCHIVE, forward_state=ObjectState.SEEN.value)

    def shadowed(self, arrival_id: int, reason: str) -> None:
        """The archive holds something else under this UID."""
        self._change(
            [arrival_id], IN_ARCHIVE, forward_state=ObjectState.SHADOWED.value, forward_reason=reason
        )

    def forward_again(self, arrival_ids: Sequence[int], reason: str | None = None) -> None:
        """Start over: pending, never seen."""
        self._note(arrival_ids, first_seen_at=None, seen_again_at=None, removed_at=None, cause=None)
        self._change(arrival_ids, None, forward_state=ObjectState.PENDING.value, forward_reason=reason)

    def retry(self, arrival_ids: Sequence[int]) -> int:
        """A person lets held-back objects be tried again, with nothing held against them; returns how many were."""
        pending = ObjectState.PENDING.value
        retried = self._change(arrival_ids, HELD_BACK, forward_state=pending, forward_reason=RETRIED)
        if retried:
            self._note(arrival_ids, first_seen_at=None, seen_again_at=None, cause=None, archive_deaths=0)
        return retried

    def doubt_recent_sightings(self) -> None:
        """After a start, perhaps after a power cut: whoever was seen only once is looked for anew."""
        recent = select(arrivals.c.id).where(arrivals.c.forward_state == ObjectState.FORWARDED.value)
        run(
            self._engine, update(holdings).where(holdings.c.arrival_id.in_(recent)).values(first_seen_at=None)
        )

    def archived(self, arrival_ids: Sequence[int]) -> None:
        """From now on the archive alone holds these; what calls this removes the files next."""
        self._note(arrival_ids, removed_at=None)
        self._change(arrival_ids, [ObjectState.SEEN], forward_state=ObjectState.ARCHIVED.value)

    def removed(self, arrival_ids: Sequence[int], now: datetime) -> None:
        """The files are gone."""
        self._note(arrival_ids, removed_at=utc_text(now))

    def back(self, arrival_ids: Sequence[int]) -> None:
        """The files are here again, byte for byte, and the archive has them as well; sightings start over."""
        self._note(arrival_ids, first_seen_at=None, seen_again_at=None, removed_at=None, cause=None)
        self._change(arrival_ids, None, forward_state=ObjectState.FORWARDED.value, forward_reason=None)

    def round(self, name: str) -> Round:
        """How far a walk has come."""
        found = rows(self._engine, select(rounds).where(rounds.c.name == name))
        return Round(**{key: value for key, value in found[0].items() if key != "name"}) if found else Round()

    def save_round(self, name: str, state: Round) -> None:
        """Make a walk's progress durable."""
        put(self._engine, rounds, [{"name": name, **asdict(state)}])

    def note_conflicts(self, study_uid: str, after_id: int) -> bool:
        """Flag SOP instances under whose UID something else had arrived before; returns whether there are any."""
        other = arrivals.alias("other")
        same_uid = (other.c.sop_instance_uid == arrivals.c.sop_instance_uid) & (other.c.id != arrivals.c.id)
        query = (
            select(arrivals.c.sop_instance_uid, other.c.study_uid.label("elsewhere"))
            .join(other, same_uid)
            .where(arrivals.c.study_uid == study_uid, arrivals.c.id > after_id)
            .distinct()
        )
        found = rows(self._engine, query)
        flags = {(study, row["sop_instance_uid"]) for row in found for study in (study_uid, row["elsewhere"])}
        put(
            self._engine,
            conflicts,
            [{"study_uid": study, "sop_instance_uid": uid} for study, uid in sorted(flags)],
        )
        return bool(found)

    def _find(self, query: Select[Any]) -> list[Stored]:
        return [_stored(row) for row in rows(self._engine, query)]

    def _note(self, arrival_ids: Sequence[int], **values: Any) -> None:
        put(self._engine, holdings, [{"arrival_id": key, **values} for key in arrival_ids])

    def _change(
        self, arrival_ids: Sequence[int], start: Sequence[ObjectState] | None, **values: str | None
    ) -> int:
        chosen: ColumnElement[bool] = arrivals.c.id.in_(arrival_ids)
        if start is not None:
            chosen &= arrivals.c.forward_state.in_([state.value for state in start])
        return run(self._engine, update(arrivals).where(chosen).values(**values))


def _waits_for_a_receiver() -> ColumnElement[bool]:
    return exists().where(deliveries.c.case_id == cases.c.id, deliveries.c.state.in_(_UNFINISHED_DELIVERIES))
