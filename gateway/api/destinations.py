"""Destinations of results: how they fare, pause and resume."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request

from gateway.api.acting import who
from gateway.api.reception import Reception
from gateway.api.runs import BY_API
from gateway.emr import acts


def described(reception: Reception) -> list[dict[str, Any]]:
    """Every destination with its kind and how it fares."""
    kinds = {destination.name: destination.kind for destination in reception.config.emr.destinations}
    return [
        {**asdict(standing), "kind": kinds[standing.name]}
        for standing in reception.ledger.letters.standings(list(kinds))
    ]


def routes(reception: Reception) -> APIRouter:
    """``/api/v1/destinations`` and below."""
    router = APIRouter(tags=["operation"])

    @router.get("/api/v1/destinations", summary="Medical records that get results, and what waits for each")
    def list_destinations() -> list[dict[str, Any]]:
        return described(reception)

    @router.post("/api/v1/destinations/{name}/pause", summary="Send nothing more; the queue is kept")
    def post_pause(request: Request, name: str) -> dict[str, str]:
        by = who(request, otherwise=BY_API)
        done = acts.pause(reception.config, reception.ledger, name, by, reception.now())
        return {"name": name, "done": done}

    @router.post("/api/v1/destinations/{name}/resume", summary="Let the queue go on")
    def post_resume(request: Request, name: str) -> dict[str, str]:
        done = acts.resume(reception.config, reception.ledger, name, who(request, otherwise=BY_API))
        return {"name": name, "done": done}

    return router
