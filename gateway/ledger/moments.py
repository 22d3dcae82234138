"""How long the stages of a case take: counted from times that are written once and never changed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.ledger.records import moment_of
from gateway.ledger.schema import cases, moments
from gateway.ledger.sources_phantoms import visible
from gateway.ledger.statements import rows


@dataclass(frozen=True, slots=True)
class Stage:
    """What lies between two times of a case."""

    name: str
    text: str
    start: str
    end: str


STAGES = (
    Stage(
        "wait_for_proof", "Last perfusion image to proof", start="last_perfusion_image_at", end="complete_at"
    ),
    Stage("queue", "Proof to start of computing", start="complete_at", end="compute_started_at"),
    Stage("compute", "Computing", start="compute_started_at", end="compute_ended_at"),
    Stage("hand_over", "Computed to alert", start="compute_ended_at", end="alert_sent_at"),
    Stage("last_image_to_alert", "Last image to alert", start="last_image_at", end="alert_sent_at"),
    Stage("alert_to_delivered", "Alert to first channel", start="alert_sent_at", end="alert_delivered_at"),
    Stage("delivered_to_opened", "Delivered to opened", start="alert_delivered_at", end="alert_opened_at"),
    Stage("opened_to_acknowledged", "Opened to acknowledged", start="alert_opened_at", end="acknowledged_at"),
    Stage("alert_to_archive", "Alert to result in the archive", start="alert_sent_at", end="published_at"),
    Stage("alert_to_emr", "Alert to acceptance by the EMR", start="alert_sent_at", end="emr_accepted_at"),
)
"""Each ends once per revision. The last image is that of the study as it was when its completeness was proven."""


@dataclass(frozen=True, slots=True)
class Lap:
    """One stage of one revision of a case; `number` grows in the order in which laps became known."""

    number: int
    stage: str
    seconds: float
    ended_at: str


def note(connection: Connection, case_id: str, revision: int, times: Mapping[str, str | None]) -> None:
    """Write down times that have happened, within the caller's transaction; the first of a name stands."""
    new = [
        {"case_id": case_id, "revision": revision, "name": name, "at": at} for name, at in times.items() if at
    ]
    insert = postgresql.insert(moments) if connection.dialect.name == "postgresql" else sqlite.insert(moments)
    if new:
        connection.execute(insert.on_conflict_do_nothing(), new)


def laps_after(engine: Engine, number: int) -> list[Lap]:
    """Laps that became known after the one of this number; reads the cases concerned and no others."""
    return [lap for lap in _laps(engine, touched=moments.c.id > number) if lap.number > number]


def laps_since(engine: Engine, moment: str) -> list[Lap]:
    """Laps that ended at `moment` or later, in no order."""
    return [lap for lap in _laps(engine, touched=moments.c.at >= moment) if lap.ended_at >= moment]


def _laps(engine: Engine, touched: ColumnElement[bool]) -> Iterator[Lap]:
    """Every lap of the cases of which a moment is `touched`."""
    made_up = select(cases.c.id).where(~visible(cases.c.study_uid))
    concerned = select(moments.c.case_id).where(touched, moments.c.case_id.not_in(made_up))
    revisions: dict[tuple[str, int], dict[str, RowMapping]] = defaultdict(dict)
    for row in rows(engine, select(moments).where(moments.c.case_id.in_(concerned))):
        revisions[row["case_id"], row["revision"]][row["name"]] = row
    for known in revisions.values():
        yield from _laps_of(known)


def _laps_of(known: Mapping[str, RowMapping]) -> Iterator[Lap]:
    for stage in STAGES:
        start, end = known.get(stage.start), known.get(stage.end)
        if start and end:
            seconds = (moment_of(end["at"]) - moment_of(start["at"])).total_seconds()
            yield Lap(max(start["id"], end["id"]), stage.name, max(0.0, seconds), end["at"])
