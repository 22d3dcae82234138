"""What a case's page says of other hospitals: what went there, what came from there, and the answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from gateway.alerts.wording import Words
from gateway.api.acting import who
from gateway.api.reception import Reception
from gateway.api.sharing import Answering, Handing, give_answer, hand_over
from gateway.console.view import CaseView
from gateway.ledger.records import Case
from gateway.ledger.sharing_answers import HELD, Word
from gateway.sharing.asking import CONCLUDED, receivers
from gateway.sharing.receiving import LONGEST_NAME, LONGEST_REMARK
from gateway.team.people import Role
from viewer_bridge.report.wording.language import Language

STAGES: Mapping[str, str] = {"announced": "Numbers", "results": "Results", "maps": "Maps", "images": "Images"}
"""What a handover consists of, as the page calls it."""

WAYS: Mapping[str, str] = {
    "queued": "waiting for the line",
    "retrying": "the line is poor or broken: it goes on by itself",
    "delivered": "all is there",
    "failed": "failed",
    "superseded": "replaced by a newer result",
    "cancelled": "given up by a person",
}
"""How a handover fares."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a handover: when it was through, or how far it is."""

    name: str
    at: str | None
    how: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A handover to a partner."""

    plain: Mapping[str, Any]

    @property
    def steps(self) -> list[Step]:
        """Its stages."""
        stages = [name for name in STAGES if name != "images" or self.plain["with_images"]]
        return [Step(STAGES[name], self.plain[f"{name}_at"], self._how(name)) for name in stages]

    def _how(self, name: str) -> str:
        under_way = self.plain["stage"] == name and self.plain["objects"]
        return f"{self.plain['accepted']} of {self.plain['objects']}" if under_way else "to come"

    @property
    def held(self) -> str:
        """Who there has the case."""
        verb = "says" if self.plain["held"]["word"] == Word.NOT_STROKE else "by"
        return f"{verb} {_who(self.plain['held'])} at {self.plain['title']}"

    @property
    def way(self) -> str:
        """How it fares."""
        begun = self.plain["state"] == "queued" and self.plain["announced_at"]
        return "on its way" if begun else WAYS[self.plain["state"]]


@dataclass(frozen=True, slots=True)
class Received:
    """What a partner handed over; `view` shows its numbers as ours are shown."""

    plain: Mapping[str, Any]
    view: CaseView

    @property
    def steps(self) -> list[Step]:
        """Its stages."""
        return [Step(title, self.plain[f"{name}_at"], "to come") for name, title in STAGES.items()]

    @property
    def held(self) -> str:
        """Who has the case here, as they were told."""
        who = _who(self.plain["held"])
        return f"{who} says no stroke" if self.plain["held"]["word"] == Word.NOT_STROKE else f"{who} has it"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A case's dealings with other hospitals."""

    sent: Sequence[Sent]
    received: Sequence[Received]
    receivers: Sequence[str]
    """Partners that it may be handed to now."""
    titles: Mapping[str, str]
    """How their hospitals are called."""

    @property
    def words(self) -> frozenset[str]:
        """Answers that a person gives."""
        return frozenset(word.value for word in Word if word not in HELD)


def _who(held: Mapping[str, Any]) -> str:
    """Somebody by role."""
    return Words(Language.ENGLISH).who(Role(held["by"]) if held["by"] else None)


def exchange_of(reception: Reception, case: Case, view: CaseView) -> Exchange:
    """What the page shows."""
    may_go = case.state in CONCLUDED
    settings = reception.config.sharing
    names = [partner.name for partner in receivers(settings)] if may_go else []
    came = view.plain["exchange"]["received"]
    return Exchange(
        [Sent(plain) for plain in view.plain["exchange"]["sent"]],
        [Received(plain, view.with_result_of(plain)) for plain in came],
        names,
        {name: settings.title_of(name) for name in names},
    )


def routes(reception: Reception) -> APIRouter:
    """The buttons."""
    router = APIRouter()
    name = Annotated[str, Form(max_length=LONGEST_NAME)]

    @router.post("/cases/{case_id}/share")
    def post_share(request: Request, case_id: str, partner: name, by: name = "") -> Response:
        hand_over(reception, case_id, Handing(partner=partner, by=who(request, by, "")))
        return RedirectResponse(f"/cases/{case_id}", HTTPStatus.SEE_OTHER)

    @router.post("/cases/{case_id}/answer")
    def post_answer(
        request: Request,
        case_id: str,
        partner: name,
        answer: Annotated[Word, Form()],
        remark: Annotated[str, Form(max_length=LONGEST_REMARK)] = "",
        by: name = "",
    ) -> Response:
        given = Answering(partner=partner, answer=answer, remark=remark, by=who(request, by, ""))
        give_answer(reception, case_id, given)
        return RedirectResponse(f"/cases/{case_id}", HTTPStatus.SEE_OTHER)

    return router
