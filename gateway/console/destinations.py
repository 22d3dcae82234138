"""The page of the destinations: which are there, what waits for them, and a switch to hold each back."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.acting import who
from gateway.api.destinations import described
from gateway.api.reception import Reception
from gateway.console import runs
from gateway.console.rendering import render
from gateway.emr import acts

KINDS: Mapping[str, str] = {
    "oru": "HL7 observations",
    "mdm": "HL7 document",
    "fhir": "FHIR server",
    "webhook": "Signed JSON",
}


def light_of(plain: Mapping[str, Any]) -> tuple[str, str]:
    """Colour and word of how a destination fares.

    >>> light_of({"paused_at": None, "away_since": "2026"}), light_of({"paused_at": None, "away_since": None})
    (('severe', 'Away'), ('good', 'There'))
    """
    if plain["paused_at"]:
        return "warning", "Paused"
    return ("severe", "Away") if plain["away_since"] else ("good", "There")


def routes(reception: Reception) -> APIRouter:
    """The page and its switch."""
    router = APIRouter()

    @router.get("/destinations")
    def show_destinations() -> HTMLResponse:
        known = [(plain, KINDS[plain["kind"]], *light_of(plain)) for plain in described(reception)]
        banner = runs.banner(reception)
        page = render("destinations.html", destinations=known, now=reception.now(), banner=banner)
        return HTMLResponse(page)

    @router.post("/destinations/{name}/pause")
    def post_pause(request: Request, name: str) -> Response:
        acts.pause(reception.config, reception.ledger, name, who(request), reception.now())
        return RedirectResponse("/destinations", HTTPStatus.SEE_OTHER)

    @router.post("/destinations/{name}/resume")
    def post_resume(request: Request, name: str) -> Response:
        acts.resume(reception.config, reception.ledger, name, who(request))
        return RedirectResponse("/destinations", HTTPStatus.SEE_OTHER)

    return router
