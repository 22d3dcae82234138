"""The application: every route behind one door."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from gateway.access import Access
from gateway.api import (
    aligned,
    archive,
    audit,
    calls,
    cases,
    destinations,
    docs,
    events,
    exchange,
    feedback,
    health,
    identity,
    invoke,
    login,
    me,
    metrics,
    objects,
    orders,
    passes,
    people,
    phone,
    phone_devices,
    problems,
    proxy,
    reports,
    rota,
    runs,
    sharing,
    sources,
    statistics,
    tiles,
    viewer,
    welcome,
)
from gateway.api.guard import Guard
from gateway.api.reception import Reception
from gateway.api.silence_metrics import SilenceCollector
from gateway.config import Config
from gateway.console import pages
from gateway.console import phone as phone_pages
from gateway.console.rendering import STATIC
from gateway.engine import Client
from gateway.ledger.ledger import Ledger
from gateway.runs.watch import Watch

DESCRIPTION = "CT perfusion triage of acute stroke. Research use. Not for primary diagnosis."


def create_app(config: Config, ledger: Ledger, client: Client, access: Access) -> FastAPI:
    """Put the application together; `app.state.feed` must be closed before a server can stop.

    Raises
    ------
    ConfigError
        ``viewer.ohif_dir`` is not a built viewer.
    """
    reception = Reception(config, ledger, client, access, Watch(client, ledger, config.runs))
    feed = events.Feed(reception)
    connections = proxy.client_for(config)
    secure = config.http.base_url.startswith("https:")

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        feed.close()
        await connections.aclose()

    app = FastAPI(
        title="stroke-gateway",
        version=version("stroke-gateway"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.feed = feed
    problems.install(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in (
        health.routes(reception),
        metrics.routes(ledger, config, runs.RunsCollector(reception.watch), SilenceCollector(ledger)),
        login.routes(reception, secure=secure),
        welcome.routes(reception, secure=secure),
        identity.routes(reception, secure=secure),
        passes.routes(reception, secure=secure),
        events.routes(feed),
        phone.routes(reception, feed, phone_pages.drawer(reception)),
        phone_devices.routes(reception),
        phone_pages.routes(reception),
        phone_pages.taps(reception),
        cases.routes(reception),
        calls.routes(reception),
        aligned.routes(reception),
        tiles.routes(reception),
        objects.routes(reception),
        orders.routes(reception),
        reports.routes(reception),
        runs.routes(reception),
        sharing.routes(reception),
        exchange.routes(reception),
        destinations.routes(reception),
        sources.routes(reception),
        statistics.routes(reception),
        rota.routes(reception),
        people.routes(reception),
        me.routes(reception),
        audit.routes(reception),
        archive.routes(reception),
        feedback.routes(reception),
        proxy.routes(reception, connections),
        invoke.routes(reception),
        viewer.routes(viewer.installed(config)),
        pages.routes(reception),
        docs.routes(app),
    ):
        app.include_router(router)
    app.add_middleware(events.Nudge, feed=feed)
    app.add_middleware(Guard, reception=reception)
    return app
