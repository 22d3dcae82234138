"""The motion-corrected series of a case, for those who ask for it."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import APIRouter

from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.api.summary import delivery_json
from gateway.lanes import Priority, Queue
from gateway.ledger.records import Case, CaseState, DeliveryKind

log = structlog.get_logger()

ARCHIVE = "archive"
CONCLUDED = (CaseState.ANALYSED, CaseState.NOT_ANALYSED)


def ask(reception: Reception, case: Case) -> str:
    """Order the series of the present revision, once however often it is asked for; returns the delivery's key.

    Raises
    ------
    Problem
        409: there is no perfusion series that was looked at.
    """
    if case.state not in CONCLUDED or not case.perfusion_series_uid:
        raise Problem(HTTPStatus.CONFLICT, "there is no analysed perfusion series in this case, or not yet")
    kind = DeliveryKind.ALIGNED
    key = reception.ledger.deliveries.queue(case.id, case.revision, kind, ARCHIVE, reception.now())
    what = (kind.value, case.id, case.revision, ARCHIVE)
    reception.client.submit("deliver", key, *what, queue=Queue.DELIVER, priority=Priority.NORMAL)
    log.info("aligned series asked for", case_id=case.id, revision=case.revision)
    return key


def routes(reception: Reception) -> APIRouter:
    """``/api/v1/cases/ID/aligned``."""
    router = APIRouter(tags=["cases"])

    @router.post(
        "/api/v1/cases/{case_id}/aligned",
        status_code=HTTPStatus.ACCEPTED,
        summary="Bring the motion-corrected series and its maximum over time into the archive; in no hurry",
    )
    def post_aligned(case_id: str) -> dict[str, Any]:
        key = ask(reception, reception.case(case_id))
        delivery = reception.ledger.deliveries.get(key)
        return delivery_json(delivery) if delivery else {}

    return router
