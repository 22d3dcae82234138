"""Telling other systems that the images of a study are in the archive, durably and again until they have heard."""

from datetime import timedelta
from uuid import NAMESPACE_OID, uuid5

from dicom_scp.availability import LATER, NOTIFICATION, TAKEN, notification, request_values
from dicom_scp.dimse import Element
from dicom_scp.requestor import Callee, Proposal, associated
from dicom_scp.services import UNCOMPRESSED
from dicom_scp.tls import TlsSettings, client_context
from gateway.desk import Desk
from gateway.ledger.records import Case, DeliveryKind
from gateway.ris.settings import AvailabilityNode
from gateway.steps.ordering import order
from triage.errors import ConfigError, InputError, TemporaryError

HORIZON = timedelta(hours=72)
"""Older studies are not told of: as long as objects stay in the spool at least."""


def announce(desk: Desk) -> None:
    """Order deliveries for every study that has come to rest; a repeat orders nothing twice."""
    settings = desk.config.ris
    if not settings.availability:
        return
    now = desk.now()
    settled_before = now - timedelta(seconds=settings.settled_after_s)
    for case_id, study_uid, number, seen in desk.ledger.availability.due(now - HORIZON, settled_before):
        for node in settings.availability:
            order(desk, case_id, number, DeliveryKind.AVAILABILITY, node.name)
        desk.ledger.availability.told(study_uid, number, seen)


def send(desk: Desk, case: Case, target: str, key: str) -> str:
    """Tell one node what the archive has of a study.

    Raises
    ------
    TemporaryError
        It is away, or cannot take it now.
    InputError
        It refuses, or is no longer configured.
    """
    node = _node(desk, target)
    found = desk.ledger.availability.in_archive(case.study_uid)
    if not found:
        return "the archive has nothing of this study; nothing to tell"
    steps = desk.ledger.performed.of_study(case.study_uid)
    step_uid = steps[0].step.uid if len(steps) == 1 else None
    retrieve_ae = (node.retrieve_ae_title or desk.config.dicom.ae_title).strip()
    with associated(_callee(desk, node), [Proposal(NOTIFICATION, UNCOMPRESSED)]) as peer:
        context = peer.context_for(NOTIFICATION, UNCOMPRESSED)
        if context is None:
            raise TemporaryError(f"{node.ae_title} accepts no encoding of the notification")
        raw = notification(case.study_uid, found, retrieve_ae, step_uid, context.transfer_syntax)
        # A repeat bears the same UID, so that the node can tell it from news.
        values = request_values(f"2.25.{uuid5(NAMESPACE_OID, f'stroke-gateway|{key}').int}")
        status = peer.request(context.context_id, values, raw).number(Element.STATUS)
    if status not in TAKEN:
        kind = TemporaryError if status in LATER else InputError
        raise kind(f"{node.ae_title} answers the notification with status {status:04X}")
    return f"{sum(map(len, found.values()))} instances in {len(found)} series"


def _node(desk: Desk, name: str) -> AvailabilityNode:
    for node in desk.config.ris.availability:
        if node.name == name:
            return node
    raise InputError(f"ris.availability: {name} is no longer configured")


def _callee(desk: Desk, node: AvailabilityNode) -> Callee:
    """Whom to call; files of TLS that do not serve are mended by a person, and then it goes on."""
    tls = None
    if node.tls:
        named = f"ris.availability ({node.name}).tls"
        settings = TlsSettings(node.tls.certificate, node.tls.key, node.tls.authorities, named)
        try:
            tls = client_context(settings, desk.now(), check_host=node.tls.check_host)
        except ConfigError as exc:
            raise TemporaryError(str(exc)) from exc
    return Callee(node.ae_title.strip(), node.host, node.port, desk.config.dicom.ae_title.strip(), tls)
