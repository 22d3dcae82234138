"""Orders over the interface: messages that came, studies whose order is not certain, stroke codes that are expected.

Nothing here names a person; a message's own text is on the console's page and on the command line only.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.acting import who
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.ledger.orders_inbox import InboxState, Received
from gateway.ledger.records import Case, case_id_of
from gateway.orders.command import message_of, replay
from gateway.orders.match import Match
from gateway.orders.matchmaker import Matchmaker
from gateway.orders.order import Order
from triage.errors import InputError

BY_API = "somebody with the access token"


class Chosen(BaseModel):
    """The order that a study belongs to; null says that it belongs to none of the candidates."""

    model_config = ConfigDict(extra="forbid")

    order_key: str | None = Field(max_length=36)
    by: str = Field(default="", max_length=64)


def message_json(kept: Received) -> dict[str, Any]:
    """A message without its text."""
    plain = {name: getattr(kept, name) for name in Received.__slots__ if name != "raw"}
    return {**plain, "state": kept.state.value, "remarks": list(kept.remarks)}


def match_json(match: Match | None) -> dict[str, Any] | None:
    """What is known of a study's order; null while nobody has looked."""
    if match is None:
        return None
    return {
        "certainty": match.certainty.value,
        "order_key": match.order_key,
        "reasons": list(match.reasons),
        "candidates": [asdict(each) for each in match.candidates],
        "confirmed_by": match.confirmed_by,
    }


def expected_json(order: Order) -> dict[str, Any]:
    """A stroke code without images."""
    at = order.scheduled_at or order.ordered_at
    return {
        "order_key": order.key,
        "procedure": order.procedure.text or order.procedure.code,
        "at": at.isoformat() if at else None,
        "status": order.status.value,
        "station_ae": order.station_ae,
    }


def expected_strokes(reception: Reception) -> list[Order]:
    """Stroke codes that have no images yet, the latest first."""
    since = reception.now() - timedelta(hours=reception.config.orders.expected_hours)
    return reception.ledger.orders.expected_strokes(since)


def choose(reception: Reception, case: Case, order_key: str | None, by: str) -> Match:
    """Note what a person has said of a case's order.

    Raises
    ------
    Problem
        409: the order is no candidate any more.
    """
    matchmaker = Matchmaker(reception.ledger, reception.config.orders)
    try:
        return matchmaker.confirm(case.study_uid, order_key, by, reception.now())
    except InputError as exc:
        raise Problem(HTTPStatus.CONFLICT, str(exc)) from exc


def kept_message(reception: Reception, number: int) -> Received:
    """A message of the inbox; raises `Problem` 404 where there is none of that number."""
    try:
        return message_of(reception.ledger, number)
    except InputError as exc:
        raise Problem(HTTPStatus.NOT_FOUND, str(exc)) from exc


def apply_again(reception: Reception, number: int) -> Mapping[str, Any]:
    """Apply a kept message again; returns it with what became of it."""
    kept = kept_message(reception, number)
    replay(reception.ledger, reception.config, kept.id, reception.now())
    return message_json(kept_message(reception, number))


def routes(reception: Reception) -> APIRouter:
    """``/api/v1/orders`` and the order of a case."""
    router = APIRouter(tags=["orders"])
    orders = reception.ledger.orders

    @router.get("/api/v1/orders/messages", summary="Messages of orders and patients, youngest first")
    def list_messages(
        *, refused: bool = False, limit: Annotated[int, Query(ge=1, le=1000)] = 200
    ) -> list[dict[str, Any]]:
        state = InboxState.REFUSED if refused else None
        return [message_json(kept) for kept in orders.inbox.latest(limit, state)]

    @router.get("/api/v1/orders/messages/{number}", summary="One message: what became of it, and why")
    def get_message(number: int) -> dict[str, Any]:
        return message_json(kept_message(reception, number))

    @router.post("/api/v1/orders/messages/{number}/replay", summary="Apply a kept message again")
    def post_replay(number: int) -> Mapping[str, Any]:
        return apply_again(reception, number)

    @router.get("/api/v1/orders/expected", summary="Stroke codes that have no images yet")
    def list_expected() -> list[dict[str, Any]]:
        return [expected_json(order) for order in expected_strokes(reception)]

    @router.get("/api/v1/orders/uncertain", summary="Studies of which a person has to say whose they are")
    def list_uncertain(limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> list[dict[str, Any]]:
        found = orders.matches.uncertain(limit)
        return [{"case_id": case_id_of(uid), "order": match_json(match)} for uid, match in found.items()]

    @router.get("/api/v1/cases/{case_id}/order", summary="What is known of the order of a case")
    def get_order(case_id: str) -> dict[str, Any]:
        study_uid = reception.case(case_id).study_uid
        priority = orders.matches.priority_of(study_uid).value
        return {"priority": priority, "match": match_json(orders.matches.get(study_uid))}

    @router.post(
        "/api/v1/cases/{case_id}/order", summary="Say which order a study belongs to, or that it has none"
    )
    def post_order(request: Request, case_id: str, chosen: Annotated[Chosen, Body()]) -> dict[str, Any]:
        by = who(request, chosen.by, BY_API)
        match = choose(reception, reception.case(case_id), chosen.order_key, by)
        return {"match": match_json(match)}

    return router
