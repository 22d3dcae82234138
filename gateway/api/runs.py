"""Runs of the workflows: what is dead or stuck, another try, giving up."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Body, Query, Request
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.acting import who
from gateway.api.reception import Reception
from gateway.runs import acts
from gateway.runs.findings import Trouble
from gateway.runs.watch import Watch
from triage.errors import TemporaryError

log = structlog.get_logger()

LONGEST_KEY = 160
BY_API = "somebody with the access token"


class Chosen(BaseModel):
    """A run, and where it starts again."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(min_length=1, max_length=LONGEST_KEY)
    from_step: int | None = Field(default=None, ge=1)


class RunsCollector(Collector):
    """Runs that want a person; without a journal there is a gap and no zero."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield both metric families."""
        try:
            found = self._watch.look()
        except TemporaryError as exc:
            log.warning("runs are not counted", reason=str(exc))
            return
        text = "Runs and deliveries that ended badly and want a person."
        yield GaugeMetricFamily("stroke_gateway_dead_letters", text, len(found.dead))
        text = "Runs that wait too long for a worker, or are under way without a new step."
        yield GaugeMetricFamily("stroke_gateway_stuck_runs", text, len(found.stuck))


def trouble_json(trouble: Trouble) -> dict[str, Any]:
    """A trouble as the API shows it."""
    return {**asdict(trouble), "what": trouble.what, "case_id": trouble.case_id}


def routes(reception: Reception) -> APIRouter:
    """``/api/v1/jobs`` and below."""
    router = APIRouter(tags=["operation"])

    @router.get("/api/v1/jobs", summary="Runs of the workflow engine, youngest first")
    def list_jobs(limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> list[dict[str, Any]]:
        return [asdict(job) for job in reception.client.jobs(limit)]

    @router.get("/api/v1/jobs/troubles", summary="Dead letters and stuck runs, the urgent ones first")
    def list_troubles() -> list[dict[str, Any]]:
        return [trouble_json(trouble) for trouble in reception.watch.look().troubles]

    @router.post("/api/v1/jobs/replay", summary="Let a run, or a failed delivery, run again where it failed")
    def post_replay(request: Request, chosen: Annotated[Chosen, Body()]) -> dict[str, str]:
        now, by = reception.now(), who(request, otherwise=BY_API)
        done = acts.replay(
            reception.client, reception.ledger, chosen.key, now, by, from_step=chosen.from_step
        )
        reception.watch.forget()
        return {"key": chosen.key, "done": done}

    @router.post("/api/v1/jobs/cancel", summary="Give a run up: nothing tries it again by itself")
    def post_cancel(request: Request, chosen: Annotated[Chosen, Body()]) -> dict[str, str]:
        by = who(request, otherwise=BY_API)
        done = acts.cancel(reception.client, reception.ledger, chosen.key, reception.now(), by)
        reception.watch.forget()
        return {"key": chosen.key, "done": done}

    return router
