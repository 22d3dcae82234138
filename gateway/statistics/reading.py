"""Cases of a period out of the ledger; nothing here writes."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import tzinfo

from sqlalchemy import Engine, RowMapping, Select, select

from gateway.feedback.judgement import Judgement
from gateway.ledger.call import Call, CallState
from gateway.ledger.calls_tables import CALL_TIMES, calls
from gateway.ledger.judgements import judgement_of
from gateway.ledger.judgements_tables import judgements
from gateway.ledger.records import Case, CaseState, Delivery, DeliveryKind, DeliveryState, utc_text
from gateway.ledger.schema import TIMES, cases, deliveries, moments
from gateway.ledger.sources_phantoms import visible
from gateway.ledger.statements import rows
from gateway.statistics.doors import Told
from gateway.statistics.figures import Month, month_of
from gateway.statistics.months import CalendarMonth, Period
from gateway.statistics.records import CaseRecord
from gateway.team.contacts import ChannelKind

Chosen = Select[tuple[str]]
"""Identifiers of the cases of a period."""


def records_of(engine: Engine, period: Period) -> list[CaseRecord]:
    """Cases whose first image came within the period, in that order.

    Raises
    ------
    TemporaryError
        The database is away.
    """
    inside = (
        (cases.c.first_image_at >= utc_text(period.start))
        & (cases.c.first_image_at < utc_text(period.end))
        & visible(cases.c.study_uid)
    )
    chosen = select(cases.c.id).where(inside)
    found = rows(engine, select(cases).where(inside).order_by(cases.c.first_image_at, cases.c.id))
    times, handed = _moments(engine, chosen), _deliveries(engine, chosen)
    called, judged = _calls(engine, chosen), _judgements(engine, chosen)
    told = Told.of(engine, select(cases.c.study_uid).where(inside))
    return [
        CaseRecord.of(
            case,
            times.get(case.id, {}),
            tuple(handed.get(case.id, ())),
            tuple(called.get(case.id, ())),
            tuple(judged.get(case.id, ())),
            told.times(case),
        )
        for case in map(_case, found)
    ]


def _calls(engine: Engine, chosen: Chosen) -> Mapping[str, list[Call]]:
    found: dict[str, list[Call]] = defaultdict(list)
    for row in rows(engine, select(calls).where(calls.c.case_id.in_(chosen))):
        plain = {name: row[name] for name in Call.__slots__ if name != "times"}
        plain |= {"kind": ChannelKind(row["kind"]), "state": CallState(row["state"])}
        found[row["case_id"]].append(Call(**plain, times={name: row[name] for name in CALL_TIMES}))
    return found


def _judgements(engine: Engine, chosen: Chosen) -> Mapping[str, list[Judgement]]:
    found: dict[str, list[Judgement]] = defaultdict(list)
    mine = select(judgements).where(judgements.c.case_id.in_(chosen)).order_by(judgements.c.id)
    for row in rows(engine, mine):
        found[row["case_id"]].append(judgement_of(row))
    return found


def _moments(engine: Engine, chosen: Chosen) -> Mapping[str, Mapping[int, Mapping[str, str]]]:
    found: dict[str, dict[int, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows(engine, select(moments).where(moments.c.case_id.in_(chosen))):
        found[row["case_id"]][row["revision"]][row["name"]] = row["at"]
    return found


def _deliveries(engine: Engine, chosen: Chosen) -> Mapping[str, list[Delivery]]:
    found: dict[str, list[Delivery]] = defaultdict(list)
    for row in rows(engine, select(deliveries).where(deliveries.c.case_id.in_(chosen))):
        plain = {**row, "kind": DeliveryKind(row["kind"]), "state": DeliveryState(row["state"])}
        found[row["case_id"]].append(Delivery(**plain))
    return found


def _case(row: RowMapping) -> Case:
    plain = {name: row[name] for name in row if name not in TIMES}
    return Case(**{**plain, "state": CaseState(plain["state"])}, times={name: row[name] for name in TIMES})


def counted(engine: Engine, month: CalendarMonth, zone: tzinfo) -> Month:
    """The figures of a month by the clock of `zone`; raises as `records_of`."""
    return month_of(month, records_of(engine, month.period(zone)))
