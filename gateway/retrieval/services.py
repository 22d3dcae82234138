"""Query and retrieve as services of the listener."""

from dicom_scp.dimse import Field
from dicom_scp.negotiation import Permission
from dicom_scp.queries import FIND, GET, MOVE, sop_classes
from dicom_scp.requestor import Callee
from dicom_scp.services import Service
from gateway.config import Config
from gateway.retrieval.archive import Archive
from gateway.retrieval.finding import Finder
from gateway.retrieval.sending import Sender
from triage.errors import ConfigError


def services_of(config: Config) -> list[Service]:
    """C-FIND, C-MOVE and C-GET, where they are switched on.

    Raises
    ------
    ConfigError
        The archive's address is missing, or nobody may ask.
    """
    if not config.dicom.query_retrieve:
        return []
    if not config.orthanc.url:
        raise ConfigError(
            "orthanc.url: dicom.query_retrieve needs the archive's address in the listener, too"
        )
    if not any("query" in peer.may for peer in config.dicom.peers):
        raise ConfigError(
            'dicom.query_retrieve: nobody may query; add may = ["store", "query"] to dicom.peers'
        )
    archive = Archive(config.orthanc)
    finder, sender = Finder(archive, config.dicom.ae_title), Sender(archive, callees(config))
    offered = (
        (Field.C_FIND, FIND, finder.find),
        (Field.C_MOVE, MOVE, sender.move),
        (Field.C_GET, GET, sender.get),
    )
    return [
        Service(operation, tuple(sop_classes(name)), handler, Permission.QUERY)
        for operation, name, handler in offered
    ]


def callees(config: Config) -> dict[str, Callee]:
    """Peers that can be called, by title."""
    return {
        peer.ae_title.strip(): Callee(
            peer.ae_title.strip(), peer.host, peer.port, config.dicom.ae_title.strip()
        )
        for peer in config.dicom.peers
        if peer.host and peer.port
    }
