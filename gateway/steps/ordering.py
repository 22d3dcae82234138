"""Ordering a delivery: noted in the ledger first, then given to a run of its own."""

from gateway.desk import Desk
from gateway.lanes import Priority, Queue
from gateway.ledger.records import DeliveryKind


def order(desk: Desk, case_id: str, revision: int, kind: DeliveryKind, target: str) -> None:
    """Note a delivery and start its workflow; a repeat is the same delivery."""
    key = desk.ledger.deliveries.queue(case_id, revision, kind, target, desk.now())
    priority = Priority.URGENT if kind is DeliveryKind.ALERT else Priority.NORMAL
    queue = Queue.URGENT if kind is DeliveryKind.ALERT else Queue.DELIVER
    desk.client.submit("deliver", key, kind.value, case_id, revision, target, queue=queue, priority=priority)
