"""Who sends images and when: visits counted from the arrivals, so that nobody reads millions of rows to know."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, RowMapping, Select, delete, func, select

from dicom_scp.clocks import Clock
from gateway.ledger.records import moment_of, utc_text
from gateway.ledger.schema import arrivals
from gateway.ledger.sources_phantoms import RECOVERED, visible
from gateway.ledger.sources_tables import tallies, unexpected, visits
from gateway.ledger.statements import insert_once, put, rows, run

TALLY = "visits"
BATCH = 5_000
"""Arrivals read at once."""

PAUSE = timedelta(minutes=5)
"""Longer ones end a visit: some senders never close their association."""

LagOf = Callable[[float, datetime], float | None]
"""From what a header shows, in seconds of local time since 1 January of year 1, and when it was received, to the lag."""


@dataclass(frozen=True, slots=True)
class SourceVisit:
    """Images of one association without a pause; `lag_s` is the least time by which one came after its own time."""

    association_id: str
    source: str
    began_at: str
    ended_at: str
    images: int
    lag_s: float | None

    def with_image(self, at: str, lag_s: float | None) -> "SourceVisit":
        """With one more image."""
        lags = [lag for lag in (self.lag_s, lag_s) if lag is not None]
        return replace(
            self,
            ended_at=max(self.ended_at, at),
            images=self.images + 1,
            lag_s=min(lags, default=None),
        )


class Sources:
    """Visits of the scanners."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def tally(self, lag_of: LagOf) -> int:
        """Count the next arrivals; returns how many there were."""
        found = rows(self._engine, select(tallies.c.arrival_id).where(tallies.c.name == TALLY))
        start = found[0]["arrival_id"] if found else 0
        news = rows(self._engine, _images_after(start))
        if news:
            known = self._of_associations({row["association_id"] for row in news})
            put(self._engine, visits, [_plain(visit) for visit in _extended(known, news, lag_of)])
            put(self._engine, tallies, [{"name": TALLY, "arrival_id": news[-1]["id"]}])
        return len(news)

    def all(self) -> dict[str, tuple[datetime, datetime, int]]:
        """Everybody who ever sent an image: the first and the last, and how many visits."""
        query = select(
            visits.c.source,
            func.min(visits.c.began_at).label("first"),
            func.max(visits.c.ended_at).label("last"),
            func.count().label("n"),
        ).group_by(visits.c.source)
        return {
            row["source"]: (moment_of(row["first"]), moment_of(row["last"]), row["n"])
            for row in rows(self._engine, query)
        }

    def visits(self, source: str, since: datetime) -> list[SourceVisit]:
        """Visits of a scanner since a moment, the first first."""
        query = select(visits).where(visits.c.source == source, visits.c.ended_at >= utc_text(since))
        return [SourceVisit(**row) for row in rows(self._engine, query.order_by(visits.c.began_at))]

    def forget(self, source: str, before: datetime) -> int:
        """Delete a scanner's visits before a moment; returns how many."""
        old = (visits.c.source == source) & (visits.c.ended_at < utc_text(before))
        return run(self._engine, delete(visits).where(old))

    def unexpected(self) -> dict[str, tuple[str, str]]:
        """Scanners that nobody waits for: who said so, and when."""
        return {row["source"]: (row["by"], row["since"]) for row in rows(self._engine, select(unexpected))}

    def expect_no_more(self, source: str, by: str, now: datetime) -> None:
        """A person says that nothing more is to come."""
        insert_once(self._engine, unexpected, {"source": source, "by": by, "since": utc_text(now)})

    def expect_again(self, source: str) -> None:
        """A person waits for it again."""
        run(self._engine, delete(unexpected).where(unexpected.c.source == source))

    def _of_associations(self, ids: Iterable[str]) -> list[SourceVisit]:
        query = select(visits).where(visits.c.association_id.in_(sorted(ids)))
        return [SourceVisit(**row) for row in rows(self._engine, query)]


def _images_after(arrival_id: int) -> Select[Any]:
    """Who sent what when, with what the header's clocks show: content time, which is the latest, else any."""
    header = arrivals.c.header
    return (
        select(
            arrivals.c.id,
            arrivals.c.association_id,
            arrivals.c.calling_ae,
            arrivals.c.received_at,
            header["acquired_at_s"].as_float().label("acquired_s"),
            header[("clocks_s", int(Clock.CONTENT))].as_float().label("content_s"),
        )
        .where(arrivals.c.id > arrival_id, arrivals.c.calling_ae != RECOVERED, visible(arrivals.c.study_uid))
        .order_by(arrivals.c.id)
        .limit(BATCH)
    )


def _extended(known: Sequence[SourceVisit], news: Sequence[RowMapping], lag_of: LagOf) -> list[SourceVisit]:
    """Visits that are new or longer now."""
    latest: dict[str, SourceVisit] = {}
    for visit in sorted(known, key=lambda one: one.began_at):
        latest[visit.association_id] = visit
    changed: dict[tuple[str, str], SourceVisit] = {}
    for row in news:
        name, at = row["association_id"], row["received_at"]
        known_one = latest.get(name)
        goes_on = known_one is not None and moment_of(at) - moment_of(known_one.ended_at) <= PAUSE
        visit = known_one if known_one and goes_on else SourceVisit(name, row["calling_ae"], at, at, 0, None)
        visit = visit.with_image(at, _lag_s(row, lag_of))
        latest[name] = changed[name, visit.began_at] = visit
    return list(changed.values())


def _lag_s(row: RowMapping, lag_of: LagOf) -> float | None:
    """By the clock that comes nearest: the image was made after it was acquired."""
    received = moment_of(row["received_at"])
    lags = [lag_of(row[name], received) for name in ("acquired_s", "content_s") if row[name] is not None]
    return min((lag for lag in lags if lag is not None), default=None)


def _plain(visit: SourceVisit) -> Mapping[str, Any]:
    return {name: getattr(visit, name) for name in visit.__slots__}
