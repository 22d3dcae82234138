"""Cases of a period out of the ledger; nothing here writes."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import tzinfo

from sqlalchemy import Engine, RowMapping, Select, select

from gateway.ledger.records import Case, CaseState, Delivery, DeliveryKind, DeliveryState, utc_text
from gateway.ledger.schema import TIMES, cases, deliveries, moments
from gateway.ledger.statements import rows
from gateway.statistics.figures import Month, month_of
from gateway.statistics.months import CalendarMonth, Period
from gateway.statistics.records import CaseRecord


def records_of(engine: Engine, period: Period) -> list[CaseRecord]:
    """Cases whose first image came within the period, in that order.

    Raises
    ------
    TemporaryError
        The database is away.
    """
    inside = (cases.c.first_image_at >= utc_text(period.start)) & (
        cases.c.first_image_at < utc_text(period.end)
    )
    chosen = select(cases.c.id).where(inside)
    found = rows(engine, select(cases).where(inside).order_by(cases.c.first_image_at, cases.c.id))
    times, handed = _moments(engine, chosen), _deliveries(engine, chosen)
    return [
        CaseRecord.of(_case(row), times.get(row["id"], {}), tuple(handed.get(row["id"], ()))) for row in found
    ]


def _moments(engine: Engine, chosen: Select[tuple[str]]) -> Mapping[str, Mapping[int, Mapping[str, str]]]:
    found: dict[str, dict[int, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows(engine, select(moments).where(moments.c.case_id.in_(chosen))):
        found[row["case_id"]][row["revision"]][row["name"]] = row["at"]
    return found


def _deliveries(engine: Engine, chosen: Select[tuple[str]]) -> Mapping[str, list[Delivery]]:
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
