"""The DICOM listener: C-ECHO and C-STORE; success is answered only for what is durable and recorded."""

import logging
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from dicom_scp.arrival import Arrival, AssociationEvent, Refusal
from dicom_scp.association import Association, House
from dicom_scp.audit import Audit
from dicom_scp.guard import BACKLOG, Door, Porch
from dicom_scp.policy import LOCAL_LIMIT_EXCEEDED, PeerRule, Policy, require_ae_title
from dicom_scp.reception import Callbacks, Reception
from dicom_scp.services import Service, handlers_of, offers_of
from dicom_scp.spool import Spool
from dicom_scp.tls import TlsSettings, server_context
from dicom_scp.wire import STALL_S, Wire, reject_pdu
from triage.errors import ConfigError

LOG = structlog.get_logger()

GIB = 1 << 30
LOWEST_PORT, HIGHEST_PORT = 0, 65_535

SHUTDOWN_S = 5.0
"""Time all associations together get to end when the listener stops."""


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """Where and for whom to listen.

    Attributes
    ----------
    port, tls_port
        0 lets the system choose. With `tls` but without `tls_port`, `port` speaks TLS and nothing else is open.
    calling_ae_titles
        Senders allowed; empty allows all.
    peers
        Who may come from where and do what; empty allows everybody everything on offer.
    maximum_associations, associations_per_peer
        Open at once, in all and from one address; beyond, a peer is told to come again.
    network_timeout_s
        Idle time after which an association is aborted; scanners that send while acquiring pause for minutes.
    acse_timeout_s
        Time from the connection to the end of the association request, TLS included.
    dimse_timeout_s
        Longest pause within a message.
    stall_s
        Longest time for one protocol data unit, and for the peer to take what we send.
    free_floor_bytes
        Below this much free space associations are rejected and instances are answered A700.
    largest_instance_bytes
        Longer instances are answered A700. Orthanc 1.10.1 took 3.18 GB and broke off 3.36 GB: what cannot be archived had
        better be refused at the door than kept waiting for ever.

    Raises
    ------
    ConfigError
        If a value is impossible.
    """

    host: str = "127.0.0.1"
    port: int = 11112
    ae_title: str = "STROKEGW"
    calling_ae_titles: tuple[str, ...] = ()
    peers: tuple[PeerRule, ...] = ()
    tls: TlsSettings | None = None
    tls_port: int | None = None
    maximum_associations: int = 32
    associations_per_peer: int = 24
    network_timeout_s: float = 900.0
    acse_timeout_s: float = 10.0
    dimse_timeout_s: float = 30.0
    stall_s: float = STALL_S
    maximum_pdu_bytes: int = 131_072
    free_floor_bytes: int = 2 * GIB
    largest_instance_bytes: int = 3 * GIB

    def __post_init__(self) -> None:
        for title in (self.ae_title, *self.calling_ae_titles):
            require_ae_title(title)
        for port in (self.port, self.tls_port or 0):
            if not LOWEST_PORT <= port <= HIGHEST_PORT:
                raise ConfigError(f"dicom port {port} is not a port")
        if self.tls_port is not None and self.tls is None:
            raise ConfigError("dicom.tls.port needs dicom.tls.certificate, key and authorities")
        if min(self.maximum_associations, self.associations_per_peer) < 1:
            raise ConfigError("maximum_associations and associations_per_peer must be at least 1")


class Hall:
    """The open associations, each on a thread of its own, and how many there may be."""

    def __init__(self, settings: ListenerSettings, house: House) -> None:
        self._settings = settings
        self._house = house
        self._open: dict[Association, tuple[threading.Thread, str]] = {}
        self._lock = threading.Lock()
        self.see_off: Callable[[socket.socket, str], None] = lambda sock, _address: sock.close()

    def admit(self, sock: socket.socket, address: str, request: bytes) -> bytes:
        """Give a connection its thread, or answer that there is none left (PS3.8 table 9-21)."""
        association = Association(Wire(sock, self._settings.stall_s), address, self._house)
        thread = threading.Thread(
            target=self._attend, args=(association, sock, address, request), name="dicom-association"
        )
        thread.daemon = True
        with self._lock:
            addresses = Counter(other for _, other in self._open.values())
            full = len(self._open) >= self._settings.maximum_associations
            if full or addresses[address] >= self._settings.associations_per_peer:
                self._house.turned_away(address, "", "too many associations")
                return reject_pdu(*LOCAL_LIMIT_EXCEEDED)
            self._open[association] = (thread, address)
        thread.start()
        return b""

    def _attend(self, association: Association, sock: socket.socket, address: str, request: bytes) -> None:
        try:
            association.attend(request)
        finally:
            with self._lock:
                del self._open[association]
            self.see_off(sock, address)

    def close(self) -> None:
        """Abort what is open and wait for it to end."""
        deadline = time.monotonic() + SHUTDOWN_S
        with self._lock:
            remaining = dict(self._open)
        for association in remaining:
            association.stop()
        for thread, _ in remaining.values():
            thread.join(max(deadline - time.monotonic(), 0))


class Listener:
    """A running listener; made by `serve`."""

    def __init__(self, doors: Sequence[Door], porch: Porch, hall: Hall) -> None:
        self._doors = doors
        self._porch = porch
        self._hall = hall
        self._thread = threading.Thread(target=porch.run, name="dicom-porch", daemon=True)
        self._thread.start()
        self.port: int = doors[0].sock.getsockname()[1]
        self.tls_port: int | None = next((d.sock.getsockname()[1] for d in doors if d.tls is not None), None)

    def shutdown(self) -> None:
        """Stop accepting, abort what is still open, and wait for the associations to end."""
        self._porch.shut_doors()
        self._hall.close()
        self._porch.close()
        self._thread.join(SHUTDOWN_S)
        for door in self._doors:
            door.sock.close()
        LOG.info("listener_stopped", port=self.port)


def open_doors(settings: ListenerSettings) -> list[Door]:
    """Bind the addresses; several processes may serve the same doors after a fork.

    Raises
    ------
    ConfigError
        An address cannot be bound, or the TLS files are wrong.
    """
    tls = server_context(settings.tls, datetime.now(UTC)) if settings.tls else None
    if settings.tls_port is None:
        return [_door(settings.host, settings.port, tls)]
    return [_door(settings.host, settings.port, None), _door(settings.host, settings.tls_port, tls)]


def _door(host: str, port: int, tls: ssl.SSLContext | None) -> Door:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return Door(socket.create_server((host, port), family=family, backlog=BACKLOG), tls)
    except OSError as exc:
        raise ConfigError(f"cannot listen on {host} port {port}: {exc.strerror}") from exc


def serve(
    settings: ListenerSettings,
    spool: Spool,
    *,
    on_arrival: Callable[[Arrival], None],
    on_association: Callable[[AssociationEvent], None],
    is_accepting: Callable[[], bool] = lambda: True,
    on_refusal: Callable[[Refusal], None] = lambda _refusal: None,
    services: Sequence[Service] = (),
    doors: Sequence[Door] = (),
) -> Listener:
    """Start to listen; returns at once.

    Parameters
    ----------
    on_arrival
        Called for each instance after its bytes are durable and before success is answered. TemporaryError makes the
        answer A700 and ends the association, so that the sender knows.
    on_association
        Called when an association opens, and exactly once more when it is released or aborted, after its last arrival.
    is_accepting
        While false, new associations are rejected as transient.
    on_refusal
        Called for each instance that was not taken.
    services
        What is served beside verification and storage.
    doors
        Listening sockets from `open_doors`; by default they are opened here.

    Raises
    ------
    ConfigError
        If the address cannot be bound.
    """
    _silence_library()
    callbacks = Callbacks(on_arrival, on_association, is_accepting, on_refusal)
    audit = Audit()
    house = House(
        policy=Policy(settings.ae_title, settings.calling_ae_titles, settings.peers),
        offers=offers_of(services),
        handlers=handlers_of(services),
        reception=Reception(spool, callbacks, settings.free_floor_bytes),
        turned_away=audit,
        maximum_pdu_bytes=settings.maximum_pdu_bytes,
        largest_instance_bytes=settings.largest_instance_bytes,
        idle_s=settings.network_timeout_s,
        message_s=settings.dimse_timeout_s,
    )
    opened = doors or open_doors(settings)
    hall = Hall(settings, house)
    porch = Porch(opened, hall.admit, audit, settings.acse_timeout_s)
    hall.see_off = porch.see_off
    listener = Listener(opened, porch, hall)
    LOG.info("listener_started", host=settings.host, port=listener.port, ae_title=settings.ae_title)
    return listener


def _silence_library() -> None:
    """Keep the DICOM library's own messages out of the log: they quote what datasets say."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
