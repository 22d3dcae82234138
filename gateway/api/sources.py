"""Where images come from and by what alerts go: scanners, channels, our clock and the phantom, with their health."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request

from gateway.api.acting import who
from gateway.api.reception import Reception
from gateway.api.runs import BY_API
from gateway.ledger.records import utc_text
from gateway.ledger.sources_health import ClockReference, Probe
from gateway.ledger.sources_phantoms import Walk
from gateway.ledger.troubles import Trouble
from gateway.silence.scanner_watch import ScannerWatch
from gateway.silence.scanners import ScannerLook

LONGEST_TITLE = 16
CLOSED_SHOWN, WALKS_SHOWN = 20, 24

Title = Annotated[str, Form(min_length=1, max_length=LONGEST_TITLE)]


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that the silence watch knows, as it is now."""

    open: tuple[Trouble, ...]
    closed: tuple[Trouble, ...]
    scanners: tuple[ScannerLook, ...]
    channels: tuple[Probe, ...]
    clocks: tuple[ClockReference, ...]
    walks: tuple[Walk, ...]


def overview(reception: Reception, scanners: ScannerWatch, now: datetime) -> Overview:
    """Read it; nothing is judged that the watch would judge otherwise.

    Raises
    ------
    TemporaryError
        The ledger is away.
    """
    ledger = reception.ledger
    latest = ledger.troubles.latest(CLOSED_SHOWN)
    return Overview(
        tuple(ledger.troubles.open_now()),
        tuple(trouble for trouble in latest if trouble.closed_at is not None),
        tuple(scanners.look(now)),
        tuple(ledger.health.channels()),
        tuple(ledger.health.clocks()),
        tuple(walk for walk in ledger.phantoms.latest(WALKS_SHOWN) if walk.outcome),
    )


def due_at(reception: Reception, walks: tuple[Walk, ...]) -> str | None:
    """When the next phantom is due, as far as that is known."""
    phantom = reception.config.silence.phantom
    if not phantom.enabled or not walks:
        return None
    return utc_text(datetime.fromisoformat(walks[0].begun_at) + timedelta(minutes=phantom.every_minutes))


def _plain(found: Overview) -> dict[str, Any]:
    return {
        "troubles": [asdict(trouble) for trouble in found.open],
        "closed": [asdict(trouble) for trouble in found.closed],
        "scanners": [asdict(look) for look in found.scanners],
        "channels": [asdict(probe) for probe in found.channels],
        "clocks": [asdict(look) for look in found.clocks],
        "phantoms": [
            {
                name: getattr(walk, name)
                for name in ("begun_at", "ended_at", "outcome", "detail", "seconds", "numbers")
            }
            for walk in found.walks
        ],
    }


def routes(reception: Reception) -> APIRouter:
    """``/api/v1/sources`` and below."""
    router = APIRouter(tags=["operation"])
    scanners = ScannerWatch(reception.config, reception.ledger)

    @router.get("/api/v1/sources", summary="Scanners, channels, clocks and the phantom, with their health")
    def list_sources() -> dict[str, Any]:
        return _plain(overview(reception, scanners, reception.now()))

    @router.post("/api/v1/sources/expect-no-more", summary="Nobody waits for images of this scanner any more")
    def post_no_more(request: Request, name: Title) -> dict[str, str]:
        reception.ledger.sources.expect_no_more(name, who(request, otherwise=BY_API), reception.now())
        return {"name": name, "done": "not expected"}

    @router.post("/api/v1/sources/expect-again", summary="Images of this scanner are waited for again")
    def post_again(name: Title) -> dict[str, str]:
        reception.ledger.sources.expect_again(name)
        return {"name": name, "done": "expected"}

    return router
