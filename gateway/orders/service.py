"""The process that listens for messages: orders and patients into the ledger, then acknowledged. It never computes.

A process of its own, because it has to answer while the worker is busy, dead or being replaced, and because nothing
that a foreign system sends may slow down or end the one that receives images.
"""

import asyncio
import signal
import ssl
from datetime import UTC, datetime

import structlog

from dicom_scp.tls import TlsSettings, server_context
from gateway.config import Config
from gateway.ledger.ledger import Ledger
from gateway.orders.listener import Listener
from gateway.orders.office import Office
from gateway.orders.settings import Orders as Settings
from gateway.orders.settings import OrdersTls
from triage.errors import ConfigError

log = structlog.get_logger()


def context_of(tls: OrdersTls, now: datetime) -> ssl.SSLContext:
    """TLS by the profile of the DICOM side; without authorities senders need no certificate.

    Raises
    ------
    ConfigError
        A file is missing, unreadable or does not fit, or the certificate is not valid now; the message names the key.
    """
    ours = TlsSettings(tls.certificate, tls.key, tls.authorities or tls.certificate, "orders.tls")
    context = server_context(ours, now)
    if tls.authorities is None:
        context.verify_mode = ssl.CERT_NONE
    return context


def run(config: Config) -> None:
    """Listen until SIGTERM or SIGINT.

    Raises
    ------
    ConfigError
        ``orders.port`` is missing or taken, or TLS is configured wrongly.
    """
    settings = config.orders
    if settings.port is None:
        raise ConfigError("orders.port: set it to the port on which messages are to be taken")
    ledger = Ledger.open(config.ledger_url)
    asyncio.run(_serve(ledger, settings))
    ledger.engine.dispose()


async def _serve(ledger: Ledger, settings: Settings) -> None:
    context = context_of(settings.tls, datetime.now(UTC)) if settings.tls else None
    listener = Listener(Office(ledger.engine, settings), settings, context)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await listener.open()
    except OSError as exc:
        raise ConfigError(f"orders.port: cannot listen on {settings.port}: {exc.strerror}") from exc
    log.info("orders ready", port=listener.port, tls=context is not None)
    await stop.wait()
    await listener.close()
    log.info("orders stopped")
