"""What the console says of runs that want a person: a line on every page, and the page of the runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.acting import who
from gateway.api.orders import expected_strokes
from gateway.api.reception import Reception
from gateway.console.rendering import environment, render
from gateway.emr import watch
from gateway.journal import Job
from gateway.ledger.letter import Standing
from gateway.ledger.records import utc_text
from gateway.orders.match import Certainty
from gateway.orders.order import Order, OrderStatus
from gateway.ris.table import OnTable, on_the_table
from gateway.runs import acts
from gateway.runs.findings import Findings, Kind, Trouble, moment
from triage.errors import TemporaryError

log = structlog.get_logger()

JOBS_SHOWN = 200
LONGEST_KEY = 160

STATES = {
    "ENQUEUED": ("○", "waiting"),
    "DELAYED": ("○", "waiting"),
    "PENDING": ("◔", "under way"),
    "SUCCESS": ("✓", "done"),
    "ERROR": ("▲", "dead"),
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": ("▲", "dead"),
    "CANCELLED": ("–", "given up"),
}
"""Sign and word of the engine's states."""

Key = Annotated[str, Form(min_length=1, max_length=LONGEST_KEY)]


def as_text(at: datetime | int | None) -> str:
    """A moment as the ledger writes it; the journal's are milliseconds.

    >>> as_text(0)
    '1970-01-01T00:00:00.000000Z'
    """
    return utc_text(at if isinstance(at, datetime) else moment(at or 0))


environment().filters["text"] = as_text


def look(reception: Reception) -> Findings | None:
    """What is known now; nothing while the journal cannot be read, which ``/readyz`` tells."""
    try:
        return reception.watch.look()
    except TemporaryError as exc:
        log.warning("runs cannot be looked at", reason=str(exc))
        return None


@dataclass(frozen=True, slots=True)
class Banner:
    """What every page says: what wants a person, who lies on the table and who is expected; each may be nothing."""

    wants: str
    tables: Sequence[OnTable]
    expected: Sequence[Order]
    """Stroke codes that are not on a table yet."""
    unsure: int
    """Studies of which a person has to say whose they are."""
    held_up: Sequence[Standing]
    """Medical records that are away or held back while letters wait."""
    now: datetime
    troubles: int
    """Scanners, channels, clocks that want a person of IT."""


def banner(reception: Reception) -> Banner:
    """The lines for every page."""
    now = reception.now()
    tables = on_the_table(reception.ledger, now, reception.config.ris.on_table_hours)
    expected = [order for order in expected_strokes(reception) if order.status is OrderStatus.SCHEDULED]
    unsure = reception.ledger.orders.matches.counts().get(Certainty.UNCERTAIN, 0)
    held_up = watch.held_up(reception.config, reception.ledger, now)
    troubles = len(reception.ledger.troubles.open_now())
    wants = sentence(look(reception) or Findings())
    return Banner(wants, tables, expected, unsure, held_up, now, troubles)


def sentence(found: Findings) -> str:
    """How many want a person.

    >>> sentence(Findings())
    ''
    """
    dead = [trouble for trouble in found.dead if not trouble.passes_by_itself]
    counted = ((dead, "dead letter", "dead letters"), (found.stuck, "run stands still", "runs stand still"))
    return " and ".join(
        f"{len(some)} {one if len(some) == 1 else more}" for some, one, more in counted if some
    )


def of_case(reception: Reception, case_id: str) -> list[Trouble]:
    """Troubles that a case's page does not show already as a failed delivery."""
    found = (look(reception) or Findings()).of_case(case_id)
    return [trouble for trouble in found if trouble.kind is Kind.STUCK or trouble.workflow != "deliver"]


def listed(jobs: Sequence[Job]) -> list[tuple[Job, str, str]]:
    """Runs with sign and word of their state."""
    return [(job, *STATES.get(job.status, ("", job.status.lower()))) for job in jobs]


def latest(reception: Reception) -> list[Job]:
    """The latest runs; none while the journal cannot be read."""
    try:
        return reception.client.jobs(JOBS_SHOWN)
    except TemporaryError:
        return []


def routes(reception: Reception) -> APIRouter:
    """The page of the runs, its two buttons, and the line on every page."""
    router = APIRouter()

    @router.get("/jobs")
    def show_jobs() -> HTMLResponse:
        found = look(reception)
        page = render(
            "jobs.html",
            known=found is not None,
            troubles=found.troubles if found else (),
            jobs=listed(latest(reception)),
            keep_days=reception.config.runs.keep_days,
            now=reception.now(),
        )
        return HTMLResponse(page)

    @router.get("/parts/banner")
    def part_banner() -> HTMLResponse:
        return HTMLResponse(render("banner.html", banner=banner(reception)))

    @router.post("/jobs/replay")
    def post_replay(request: Request, key: Key) -> Response:
        acts.replay(reception.client, reception.ledger, key, reception.now(), who(request))
        reception.watch.forget()
        return RedirectResponse("/jobs", HTTPStatus.SEE_OTHER)

    @router.post("/jobs/cancel")
    def post_cancel(request: Request, key: Key) -> Response:
        acts.cancel(reception.client, reception.ledger, key, reception.now(), who(request))
        reception.watch.forget()
        return RedirectResponse("/jobs", HTTPStatus.SEE_OTHER)

    return router
