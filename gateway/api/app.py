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
    cases,
    destinations,
    docs,
    events,
    exchange,
    health,
    invoke,
    login,
    metrics,
    objects,
    orders,
    passes,
    problems,
    proxy,
    reports,
    runs,
    sharing,
    statistics,
    tiles,
    viewer,
)
from gateway.api.guard import Guard
from gateway.api.reception import Reception
from gateway.config import Config
from gateway.console import pages
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
        metrics.routes(ledger, config, runs.RunsCollector(reception.watch)),
        login.routes(access, secure=secure),
        passes.routes(reception, secure=secure),
        events.routes(feed),
        cases.routes(reception),
        aligned.routes(reception),
        tiles.routes(reception),
        objects.routes(reception),
        orders.routes(reception),
        reports.routes(reception),
        runs.routes(reception),
        sharing.routes(reception),
        exchange.routes(reception),
        destinations.routes(reception),
        statistics.routes(reception),
        archive.routes(reception),
        proxy.routes(reception, connections),
        invoke.routes(reception),
        viewer.routes(viewer.installed(config)),
        pages.routes(reception),
        docs.routes(app),
    ):
        app.include_router(router)
    app.add_middleware(Guard, access=access, public_url=config.http.public_url)
    return app
