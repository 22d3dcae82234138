"""The API process."""

import signal
import socket

import structlog
import uvicorn

from gateway.access import Access
from gateway.api.app import create_app
from gateway.api.events import Feed
from gateway.config import Config
from gateway.engine import Client
from gateway.ledger.ledger import Ledger
from triage.errors import ConfigError

log = structlog.get_logger()

BACKLOG = 128
GRACE_S = 5
"""A picture on its way may arrive; a viewer's endless stream may not keep us."""


class Server(uvicorn.Server):
    """Ends the live events as soon as it is asked to stop; they would never end by themselves."""

    def __init__(self, settings: uvicorn.Config, feed: Feed) -> None:
        super().__init__(settings)
        self._feed = feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Send the listeners away, then wait for everybody else."""
        self._feed.close()
        await super().shutdown(sockets)


def listening(host: str, port: int) -> socket.socket:
    """A socket on which nobody is served yet.

    Raises
    ------
    ConfigError
        The address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as exc:
        raise ConfigError(f"http: cannot listen on {host} port {port}: {exc.strerror or exc}") from exc


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT."""
    door = listening(config.http.host, config.http.port)
    access = Access.open(config.site.data_dir)
    ledger = Ledger.open(config.ledger_url)
    client = Client(config.engine_url)
    app = create_app(config, ledger, client, access)
    settings = uvicorn.Config(
        app,
        log_config=None,  # our own records are structured
        access_log=False,  # addresses carry study UIDs
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn raises the signal again after a graceful stop
    log.info("api ready", host=config.http.host, port=door.getsockname()[1])
    Server(settings, app.state.feed).run(sockets=[door])
    client.close()
    log.info("api stopped")
