"""The listener process: DIMSE on one side, spool and ledger on the other. It never computes.

With ``dicom.processes`` above one, the first process opens the port, forks those that serve it, and ends them all when
one of them dies: whoever starts the listener again then closes what was left open, and nobody else is connected.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Event

import structlog

from dicom_scp.arrival import AssociationEvent, Refusal
from dicom_scp.guard import Door
from dicom_scp.listener import Listener, ListenerSettings, open_doors, serve
from dicom_scp.negotiation import Permission
from dicom_scp.policy import PeerRule
from dicom_scp.services import Service
from dicom_scp.spool import Spool
from dicom_scp.tls import TlsSettings
from gateway.commitment.requests import service_of
from gateway.config import Config
from gateway.ledger.ledger import Ledger
from gateway.listening import DicomTls
from gateway.recording import ArrivalRecorder
from gateway.recovery import recover
from gateway.retrieval.services import services_of
from gateway.ris import services as ris
from gateway.ris.performed import catch_up
from gateway.silence.order import addresses_of

log = structlog.get_logger()


def settings_of(config: Config) -> ListenerSettings:
    """The listener's share of the configuration."""
    dicom = config.dicom
    rules = (
        PeerRule(peer.ae_title, peer.addresses, frozenset(map(Permission, peer.may))) for peer in dicom.peers
    )
    titles, ours = dicom.calling_ae_titles, _phantom_rules(config)
    return ListenerSettings(
        ae_title=dicom.ae_title,
        host=dicom.host,
        port=dicom.port,
        calling_ae_titles=(*titles, *(rule.ae_title for rule in ours)) if titles else (),
        peers=(*rules, *ours) if dicom.peers else (),
        tls=_tls_of(dicom.tls) if dicom.tls else None,
        tls_port=dicom.tls.port if dicom.tls else None,
        maximum_associations=dicom.maximum_associations,
        associations_per_peer=dicom.associations_per_peer,
        free_floor_bytes=dicom.free_bytes_floor,
    )


def _phantom_rules(config: Config) -> list[PeerRule]:
    """Our own phantom is let in, from this machine."""
    phantom, here = config.silence.phantom, addresses_of(config.dicom.host)
    return [PeerRule(phantom.ae_title, here, frozenset({Permission.STORE}))] if phantom.enabled else []


def _tls_of(tls: DicomTls) -> TlsSettings:
    return TlsSettings(tls.certificate, tls.key, tls.authorities)


def run(config: Config) -> None:
    """Listen until SIGTERM or SIGINT."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = settings_of(config)
    doors = open_doors(settings)
    _catch_up(config)
    if config.dicom.processes == 1:
        _serve(config, settings, doors, stop.wait)
        log.info("listener stopped")
        return
    _fork(config.dicom.processes, lambda until: _serve(config, settings, doors, until), stop)


def _catch_up(config: Config) -> None:
    """Account for what a kill or a power cut left: open associations, datasets without their row, orders behind their step."""
    ledger = Ledger.open(config.ledger_url)
    ledger.arrivals.close_orphans(datetime.now(UTC))
    if config.ris.performed_steps:
        catch_up(ledger, datetime.now(UTC))
    recorder = ArrivalRecorder(ledger.engine)
    recover(ledger, config.spool_dir, recorder)
    recorder.close()
    ledger.engine.dispose()


def _serve(
    config: Config, settings: ListenerSettings, doors: Sequence[Door], until: Callable[[], object]
) -> None:
    ledger, spool = Ledger.open(config.ledger_url), Spool(config.spool_dir)
    recorder = ArrivalRecorder(ledger.engine)
    handle = _listen(settings, doors, spool, ledger, recorder, services_of_site(config, ledger))
    log.info("listener ready", ae_title=settings.ae_title, port=handle.port, tls_port=handle.tls_port)
    until()
    handle.shutdown()
    recorder.close()
    spool.close()


def services_of_site(config: Config, ledger: Ledger) -> list[Service]:
    """What is served beside verification and storage."""
    commitment = [service_of(ledger.commitments)] if config.dicom.storage_commitment else []
    return [*commitment, *services_of(config), *ris.services_of(config, ledger)]


def _listen(
    settings: ListenerSettings,
    doors: Sequence[Door],
    spool: Spool,
    ledger: Ledger,
    recorder: ArrivalRecorder,
    services: Sequence[Service],
) -> Listener:
    def on_association(event: AssociationEvent) -> None:
        ledger.arrivals.record_association(event)

    def on_refusal(refusal: Refusal) -> None:
        log.warning(
            "instance refused", calling_ae=refusal.calling_ae, status=refusal.status, reason=refusal.reason
        )

    return serve(
        settings,
        spool,
        on_arrival=recorder.record,
        on_association=on_association,
        on_refusal=on_refusal,
        services=services,
        doors=doors,
    )


def _fork(count: int, serve_until: Callable[[Callable[[], object]], None], stop: Event) -> None:
    """Run `count` children until `stop` or the first death; children notice the end of this process by a pipe."""
    reading, writing = os.pipe()
    signal.signal(signal.SIGCHLD, lambda *_: stop.set())
    children = [_child(serve_until, reading, writing, stop) for _ in range(count)]
    stop.wait()
    os.close(writing)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    log.info("listener stopped", codes=codes)
    if any(codes):
        raise SystemExit(1)


def _child(
    serve_until: Callable[[Callable[[], object]], None], reading: int, writing: int, stop: Event
) -> int:
    """Fork a serving process; returns its number in the parent only."""
    child = os.fork()
    if child:
        return child
    os.close(writing)
    threading.Thread(target=_stop_with_parent, args=(reading, stop), daemon=True).start()
    code = 1
    try:
        serve_until(stop.wait)
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def _stop_with_parent(reading: int, stop: Event) -> None:
    os.read(reading, 1)
    stop.set()
