"""What the console shows of orders: those that are expected, those that are not certain, and messages that want a person."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.acting import who
from gateway.api.orders import apply_again, choose, expected_strokes, kept_message
from gateway.api.reception import Reception
from gateway.console import runs
from gateway.console.rendering import render
from gateway.ledger.orders_inbox import InboxState, Received
from gateway.ledger.records import Case, case_id_of, utc_text
from gateway.orders.command import text_of
from gateway.orders.evidence import StudyHeader
from gateway.orders.match import Candidate, Certainty, Match
from gateway.orders.order import Order, OrderPriority

SHOWN = 50
NONE_OF_THEM = "none"
LONGEST_NAME = 64

STATUSES = {
    "scheduled": "planned",
    "in_progress": "on the table",
    "completed": "done",
    "cancelled": "cancelled",
    "discontinued": "broken off",
}
CERTAINTIES = {
    Certainty.CERTAIN: ("good", "Order found"),
    Certainty.UNCERTAIN: ("warning", "Whose order?"),
    Certainty.NONE: ("none", "No order"),
}
"""Sign and word."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate as a page offers it."""

    candidate: Candidate
    order: Order

    @property
    def at(self) -> str:
        """When it was planned, or ordered, as the ledger writes it; empty where nobody says."""
        moment = self.order.scheduled_at or self.order.ordered_at
        return utc_text(moment) if moment else ""

    @property
    def status(self) -> str:
        """Where the order stands, in a word."""
        return STATUSES[self.order.status.value]


@dataclass(frozen=True, slots=True)
class OrderView:
    """The order of a study as its page shows it."""

    case_id: str
    match: Match
    order: Order | None
    choices: tuple[Choice, ...]
    is_stroke_code: bool
    header: StudyHeader
    """What the images say."""

    @property
    def light(self) -> tuple[str, str]:
        """How sure it is."""
        return CERTAINTIES[self.match.certainty]

    @property
    def is_uncertain(self) -> bool:
        """Whether a person has to say."""
        return self.match.certainty is Certainty.UNCERTAIN


def of_case(reception: Reception, case: Case) -> OrderView | None:
    """The order of a case; None while nobody has looked, or where no orders come."""
    match = reception.ledger.orders.matches.get(case.study_uid)
    silent = match is None or (match.certainty is Certainty.NONE and reception.config.orders.port is None)
    return None if match is None or silent else _view(reception, case.study_uid, match)


def _view(reception: Reception, study_uid: str, match: Match) -> OrderView:
    orders = reception.ledger.orders
    known = ((each, orders.get(each.order_key)) for each in match.candidates)
    header = orders.matches.headers([study_uid]).get(study_uid, {})
    return OrderView(
        case_id=case_id_of(study_uid),
        match=match,
        order=orders.get(match.order_key) if match.order_key else None,
        choices=tuple(Choice(each, order) for each, order in known if order is not None),
        is_stroke_code=orders.matches.priority_of(study_uid) is OrderPriority.STROKE,
        header=StudyHeader.from_json({**header, "study_uid": study_uid}),
    )


def uncertain(reception: Reception) -> list[OrderView]:
    """Studies of which a person has to say whose they are."""
    found = reception.ledger.orders.matches.uncertain(SHOWN)
    return [_view(reception, study_uid, match) for study_uid, match in found.items()]


def refused(reception: Reception) -> list[Received]:
    """Messages that want a person, the youngest first."""
    return reception.ledger.orders.inbox.latest(SHOWN, InboxState.REFUSED)


def expected(reception: Reception) -> list[Choice]:
    """Stroke codes that have no images yet."""
    return [Choice(Candidate(order.key), order) for order in expected_strokes(reception)]


def routes(reception: Reception) -> APIRouter:
    """The page of the orders, a message's own, and their buttons."""
    router = APIRouter()

    @router.get("/orders")
    def show_orders() -> HTMLResponse:
        page = render(
            "orders.html",
            expected=expected(reception),
            uncertain=uncertain(reception),
            refused=refused(reception),
            latest=reception.ledger.orders.inbox.latest(SHOWN),
            counts=reception.ledger.orders.inbox.counts(),
            port=reception.config.orders.port,
            now=reception.now(),
            banner=runs.banner(reception),
        )
        return HTMLResponse(page)

    @router.get("/orders/{number}")
    def show_message(number: int) -> HTMLResponse:
        kept = kept_message(reception, number)
        text = text_of(kept, reception.config)
        return HTMLResponse(render("message.html", kept=kept, text=text, now=reception.now()))

    @router.post("/orders/{number}/replay")
    def post_replay(number: int) -> Response:
        apply_again(reception, number)
        return RedirectResponse(f"/orders/{number}", HTTPStatus.SEE_OTHER)

    @router.post("/cases/{case_id}/order")
    def post_order(
        request: Request,
        case_id: str,
        order: Annotated[str, Form(min_length=1, max_length=36)],
        by: Annotated[str, Form(max_length=LONGEST_NAME)] = "",
    ) -> Response:
        chosen = None if order == NONE_OF_THEM else order
        choose(reception, reception.case(case_id), chosen, who(request, by))
        return RedirectResponse(f"/cases/{case_id}", HTTPStatus.SEE_OTHER)

    return router
