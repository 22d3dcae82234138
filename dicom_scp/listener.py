"""The DICOM listener: C-ECHO and C-STORE; success is answered only for what is durable and recorded."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from pynetdicom import AE, _config, evt

from dicom_scp.arrival import Arrival, AssociationEvent, Refusal
from dicom_scp.guard import Server, bound_connection
from dicom_scp.reception import Callbacks, Reception
from dicom_scp.services import presentation_contexts
from dicom_scp.spool import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, Spool
from triage.errors import ConfigError

LOG = structlog.get_logger()

GIB = 1 << 30
LOWEST_PORT, HIGHEST_PORT = 0, 65_535
LONGEST_AE_TITLE = 16

SHUTDOWN_S = 5.0
"""Time all associations together get to end when the listener stops."""


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """Where and for whom to listen.

    Attributes
    ----------
    port
        0 lets the system choose.
    calling_ae_titles
        Senders allowed; empty allows all.
    network_timeout_s
        Idle time after which an association is aborted; scanners that send while acquiring pause for minutes.
    free_floor_bytes
        Below this much free space associations are rejected and instances are answered A700.
    largest_instance_bytes
        Bytes of one instance held in memory at most.

    Raises
    ------
    ConfigError
        If a value is impossible.
    """

    host: str = "127.0.0.1"
    port: int = 11112
    ae_title: str = "STROKEGW"
    calling_ae_titles: tuple[str, ...] = ()
    maximum_associations: int = 32
    network_timeout_s: float = 900.0
    acse_timeout_s: float = 10.0
    dimse_timeout_s: float = 30.0
    maximum_pdu_bytes: int = 131_072
    free_floor_bytes: int = 2 * GIB
    largest_instance_bytes: int = GIB // 2

    def __post_init__(self) -> None:
        for title in (self.ae_title, *self.calling_ae_titles):
            if not (title.isascii() and title.isprintable() and 0 < len(title.strip()) <= LONGEST_AE_TITLE):
                raise ConfigError(
                    f"AE title {title!r} must have 1 to {LONGEST_AE_TITLE} printable characters"
                )
        if not LOWEST_PORT <= self.port <= HIGHEST_PORT:
            raise ConfigError(f"dicom port {self.port} is not a port")
        if self.maximum_associations < 1:
            raise ConfigError("maximum_associations must be at least 1")


class Listener:
    """A running listener; made by `serve`."""

    def __init__(self, server: Server, thread: threading.Thread) -> None:
        self._server = server
        self._thread = thread
        self.port: int = server.server_address[1]

    def shutdown(self) -> None:
        """Stop accepting, abort what is still open, and wait for the associations to end."""
        associations = self._server.active_associations
        self._server.shutdown()
        for association in associations:
            association.abort(block=False)
        deadline = time.monotonic() + SHUTDOWN_S
        for thread in (*associations, self._thread):
            thread.join(max(deadline - time.monotonic(), 0))
        LOG.info("listener_stopped", port=self.port)


def serve(
    settings: ListenerSettings,
    spool: Spool,
    *,
    on_arrival: Callable[[Arrival], None],
    on_association: Callable[[AssociationEvent], None],
    is_accepting: Callable[[], bool] = lambda: True,
    on_refusal: Callable[[Refusal], None] = lambda _refusal: None,
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

    Raises
    ------
    ConfigError
        If the address cannot be bound.
    """
    _silence_library()
    callbacks = Callbacks(on_arrival, on_association, is_accepting, on_refusal)
    reception = Reception(spool, callbacks, settings.free_floor_bytes)
    handlers = [
        (evt.EVT_CONN_OPEN, bound_connection, [settings.largest_instance_bytes]),
        *reception.handlers(),
    ]
    try:
        server = _application_entity(settings).make_server(
            (settings.host, settings.port), evt_handlers=handlers, server_class=Server
        )
    except OSError as exc:
        raise ConfigError(f"cannot listen on {settings.host} port {settings.port}: {exc.strerror}") from exc
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="dicom-listener"
    )
    thread.daemon = True
    thread.start()
    listener = Listener(server, thread)
    LOG.info("listener_started", host=settings.host, port=listener.port, ae_title=settings.ae_title)
    return listener


def _silence_library() -> None:
    """Keep the DICOM libraries' own messages out of the log: they quote what peers and datasets say."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    for name in ("pynetdicom", "pydicom"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _application_entity(settings: ListenerSettings) -> AE:
    entity = AE(ae_title=settings.ae_title)
    entity.supported_contexts = presentation_contexts()
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.require_called_aet = True
    entity.require_calling_aet = list(settings.calling_ae_titles)
    entity.maximum_associations = settings.maximum_associations
    entity.maximum_pdu_size = settings.maximum_pdu_bytes
    entity.network_timeout = settings.network_timeout_s
    entity.acse_timeout = settings.acse_timeout_s
    entity.dimse_timeout = settings.dimse_timeout_s
    return entity
