"""One attempt to hand one thing to one receiver, whatever the kind."""

from collections.abc import Callable, Mapping

import structlog

from gateway.desk import Desk
from gateway.ledger.deliveries import delivery_id_of
from gateway.ledger.records import Case, DeliveryKind
from gateway.ris import availability
from gateway.steps import aligning, nodes, publishing, shared_channels, signing_off
from triage.errors import GatewayError, TemporaryError

log = structlog.get_logger()

Sender = Callable[[Desk, Case, str, str], str]
"""(desk, case, target, key) to a detail for the console."""

SENDERS: Mapping[DeliveryKind, Sender] = {
    DeliveryKind.ALERT: shared_channels.send,
    DeliveryKind.PUBLISH: publishing.publish,
    DeliveryKind.NODE: nodes.send,
    DeliveryKind.ALIGNED: aligning.publish,
    DeliveryKind.SIGNOFF: signing_off.publish,
    DeliveryKind.AVAILABILITY: availability.send,
}

CURRENT: Mapping[DeliveryKind, Callable[[Desk, Case, int], int]] = {
    # An alert stands until a revision rings anew, whatever was published in between.
    DeliveryKind.ALERT: lambda desk, case, _: desk.ledger.announcements.standing(case),
    # A delivery may run before its number is noted.
    DeliveryKind.AVAILABILITY: lambda desk, case, mine: max(
        mine, desk.ledger.availability.number(case.study_uid)
    ),
}
"""The revision that is to be delivered, where that is not the case's own."""


def attempt(desk: Desk, kind: str, case_id: str, revision: int, target: str) -> bool:
    """Try once; returns whether the delivery is over, well or badly."""
    what = DeliveryKind(kind)
    if what is DeliveryKind.EMR:  # a run of an older release: its letter has a courier now
        return True
    key = delivery_id_of(case_id, revision, what, target)
    case = desk.case(case_id)
    current = CURRENT[what](desk, case, revision) if what in CURRENT else case.revision
    if current != revision:
        desk.ledger.deliveries.superseded(key, desk.now(), f"revision {current} took its place")
        return True
    try:
        detail = SENDERS[what](desk, case, target, key)
    except TemporaryError as exc:
        desk.ledger.deliveries.retrying(key, desk.now(), str(exc))
        log.warning(
            "delivery will be tried again", case_id=case_id, kind=kind, target=target, reason=str(exc)
        )
        return False
    except GatewayError as exc:
        desk.ledger.deliveries.failed(key, desk.now(), str(exc))
        log.exception("delivery failed", case_id=case_id, kind=kind, target=target, reason=str(exc))
        return True
    desk.ledger.deliveries.delivered(key, desk.now(), detail)
    return True
