"""The listener process: DIMSE on one side, spool and ledger on the other. It never computes."""

import signal
from datetime import UTC, datetime
from threading import Event

import structlog

from dicom_scp.arrival import Arrival, AssociationEvent, Refusal
from dicom_scp.listener import ListenerSettings, serve
from dicom_scp.spool import Spool
from gateway.config import Config
from gateway.ledger.ledger import Ledger

log = structlog.get_logger()


def settings_of(config: Config) -> ListenerSettings:
    """The listener's share of the configuration."""
    return ListenerSettings(
        ae_title=config.dicom.ae_title,
        host=config.dicom.host,
        port=config.dicom.port,
        calling_ae_titles=config.dicom.calling_ae_titles,
        maximum_associations=config.dicom.maximum_associations,
        free_floor_bytes=config.dicom.free_bytes_floor,
    )


def run(config: Config) -> None:
    """Listen until SIGTERM or SIGINT."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    ledger = Ledger.open(config.ledger_url)
    ledger.arrivals.close_orphans(datetime.now(UTC))

    def on_arrival(arrival: Arrival) -> None:
        ledger.arrivals.record(arrival)

    def on_association(event: AssociationEvent) -> None:
        ledger.arrivals.record_association(event)

    def on_refusal(refusal: Refusal) -> None:
        log.warning(
            "instance refused", calling_ae=refusal.calling_ae, status=refusal.status, reason=refusal.reason
        )

    handle = serve(
        settings_of(config),
        Spool(config.spool_dir),
        on_arrival=on_arrival,
        on_association=on_association,
        on_refusal=on_refusal,
    )
    log.info("listener ready", ae_title=config.dicom.ae_title, port=handle.port)
    stop.wait()
    handle.shutdown()
    log.info("listener stopped")
