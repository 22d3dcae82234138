"""Who lies on the table now: steps in progress of stroke-code orders, before a single image has come."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.ledger.ledger import Ledger
from gateway.ledger.records import case_id_of, utc_text
from gateway.orders.order import OrderPriority


@dataclass(frozen=True, slots=True)
class OnTable:
    """One stroke code at a scanner; names nobody.

    Attributes
    ----------
    since
        When the scanner told us, as the ledger writes times.
    case_id
        The case, once the first image has come.
    """

    station_ae: str
    since: str
    case_id: str | None


def on_the_table(ledger: Ledger, now: datetime, within_hours: float) -> list[OnTable]:
    """Stroke codes at a scanner, the latest first; a step that never ended is over after `within_hours`."""
    return list(_found(ledger, now - timedelta(hours=within_hours)))


def _found(ledger: Ledger, since: datetime) -> Iterator[OnTable]:
    for performed in ledger.performed.in_progress(since):
        orders = [order for key in performed.order_keys if key and (order := ledger.orders.get(key))]
        if any(order.priority is OrderPriority.STROKE for order in orders):
            studies = (entry.study_uid for entry in performed.step.scheduled)
            begun = [case_id for case_id in map(case_id_of, studies) if ledger.cases.get(case_id)]
            yield OnTable(performed.step.station_ae, utc_text(performed.begun_at), next(iter(begun), None))
