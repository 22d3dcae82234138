"""The worker process: the workflow engine of one slot, the intake that feeds it, the keeper of the bytes and the watchman of the runs."""

import os
import signal
import sys
import threading
from threading import Event

import structlog

from gateway import pipeline
from gateway.analysts import Analysts
from gateway.config import Config
from gateway.desk import Desk
from gateway.emr import courier
from gateway.engine import Client, Worker
from gateway.intake import Intake
from gateway.ledger.ledger import Ledger
from gateway.orders.registrar import Registrar
from gateway.runs.watchman import Watchman
from gateway.sharing import courier as sharing_courier
from gateway.signing import asking
from gateway.silence import service as silence
from gateway.storage.keeper import Keeper
from triage.errors import ConfigError
from viewer_bridge.archive.orthanc import Orthanc

log = structlog.get_logger()

WRONG_MODELS_EXIT = 2
"""As for every wrong configuration."""


def open_desk(config: Config) -> Desk:
    """Open everything a worker needs.

    Raises
    ------
    ConfigError
        The ledger or the archive's address is missing or wrong.
    """
    if not config.orthanc.url:
        raise ConfigError(
            "orthanc.url: a worker needs the archive's address; `stroke-gateway run` starts a private one"
        )
    orthanc = Orthanc(config.orthanc.url, config.orthanc.username, config.orthanc.password)
    analysts = Analysts(config.worker.analysis_threads, config.models)
    return Desk(config, Ledger.open(config.ledger_url), Client(config.engine_url), orthanc, analysts)


def _require_models(desk: Desk) -> None:
    """Let a wrong model stop us at the start, not at the first patient.

    It takes a second, in which an alert may be due: so the engine runs already, whose runs would keep an ordinary exit waiting.
    """
    try:
        desk.analysts.require_models()
    except ConfigError as exc:
        sys.stderr.write(f"stroke-gateway: {exc}\n")
        sys.stderr.flush()
        os._exit(WRONG_MODELS_EXIT)


def run(config: Config) -> None:
    """Work until SIGTERM or SIGINT."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    desk = open_desk(config)
    asking.require_key(config.signing)
    pipeline.register(desk)
    worker = Worker(config.engine_url, config.worker.slot)
    _require_models(desk)
    threading.Thread(target=Keeper(desk).run, args=(stop,), name="keeper", daemon=True).start()
    courier.serve_all(desk, stop)
    sharing_courier.serve_all(desk, stop)
    silence.begin(desk, stop)
    threading.Thread(target=Registrar(desk).run, args=(stop,), name="registrar", daemon=True).start()
    watchman = Watchman(desk.client, desk.ledger, config.runs)
    threading.Thread(target=watchman.run, args=(stop,), name="watchman", daemon=True).start()
    log.info("worker ready", slot=config.worker.slot)
    Intake(desk.ledger, desk.client, config.intake, config.worker.analysis_timeout_s, desk).run(stop)
    worker.stop()
    log.info("worker stopped", slot=config.worker.slot)
    sys.stderr.flush()
    os._exit(0)  # runs that wait for an answer hold threads; they are durable and go on after the next start
